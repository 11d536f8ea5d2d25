"""The command line: parses flags, calls one function, prints its answer, ends with a documented exit code."""

import contextlib
import gc
import os
import sys
import traceback
from pathlib import Path
from typing import Final

_BROKEN_PIPE: Final = 141  # 128 + SIGPIPE, as the shell counts it
_OBJECTS: Final = 50_000  # new ones before Python looks for cycles: a plan makes a million that are in none


def main() -> None:
    """Run the advisor. Every expected failure is one sentence on stderr and an exit code; a traceback is a defect."""
    from advisor.errors import AdvisorError, Interrupted

    gc.set_threshold(_OBJECTS)
    _lenient_encoding()
    code = 2
    try:
        code = _run()
    except AdvisorError as error:
        _say(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        _say(str(Interrupted()))
        code = Interrupted().exit_code
    except BrokenPipeError:
        code = _BROKEN_PIPE
    except OSError as error:
        _say(_system_sentence(error))
    except Exception as error:
        _say(_defect_sentence(error))
    sys.exit(_delivered(code))


def _run() -> int:
    """The command's exit code; SIGINT and SIGTERM unwind as `Interrupted`, so that every `finally` runs."""
    from advisor.cli.app import app
    from advisor.engines.interruption import raised

    try:
        with raised():
            app(standalone_mode=True, prog_name="advisor")
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer makes a 1 of it, which would be a negative answer
            return _BROKEN_PIPE
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 2
    return 0


def _lenient_encoding() -> None:
    """A terminal that cannot show a character shows a question mark."""
    with contextlib.suppress(AttributeError):  # no output stream at all, or not a real one
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def _say(text: str) -> None:
    """On stderr, with what came from files made harmless; nobody may be listening any more."""
    from advisor.cli.output import printable

    with contextlib.suppress(OSError):
        print(printable(text), file=sys.stderr)


def _system_sentence(error: OSError) -> str:
    _debug()
    place = error.filename if error.filename is not None else "cannot read or write"
    return f"{place}: {error.strerror or error}"


def _defect_sentence(error: Exception) -> str:
    _debug()
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {str(error)[:300]}. This is a defect of advisor, "
        "not of your input: please report it with the command and its files. ADVISOR_DEBUG=1 shows the traceback."
    )


def _debug() -> None:
    if os.environ.get("ADVISOR_DEBUG"):
        traceback.print_exc()


def _delivered(code: int) -> int:
    """The exit code, once everything printed has left this process: a full disk or a closed pipe shows only here."""
    if sys.stdout is None:  # closed by the caller: `>&-`
        return code
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter tries once more, with a traceback
        if not isinstance(error, BrokenPipeError):
            _say(f"standard output: {error.strerror or error}: the answer is incomplete")
        return _BROKEN_PIPE if isinstance(error, BrokenPipeError) else 2
    return code
