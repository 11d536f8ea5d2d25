"""The command line: parses flags, calls one function, prints its answer, ends with a documented exit code."""

import sys

_READER_WENT_AWAY = 141


def main() -> None:
    """Run the advisor. Every expected failure is one sentence on stderr and an exit code; a traceback is a defect."""
    from advisor.cli.app import app
    from advisor.errors import AdvisorError

    try:
        app(standalone_mode=True)
    except AdvisorError as error:
        print(str(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # `advisor … | head`: typer ends with 1, which would be a negative answer
            sys.exit(_READER_WENT_AWAY)
        raise
