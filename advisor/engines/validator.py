"""Speaks to a validator: one JSON request on stdin, one JSON report as the last line of stdout, progress on stderr.

A validator is a stand-alone file in /validators, run by the engine's own interpreter. It returns raw numbers and lines; what they
mean is decided in the advisor.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from advisor.engines.process import Finished, Limits, Progress, run
from advisor.engines.process_end import last_words
from advisor.errors import EngineFailed, NotProven
from advisor.resources import folder

_NO_ENGINE: Final = 3  # what a validator ends with when its interpreter has no engine


def ask_validator(
    python: Path,
    validator: str,
    request: Mapping[str, Any],
    *,
    name: str,
    limits: Limits,
    progress: Progress | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The report of one run; `name` is what errors call the engine.

    Raises EngineFailed also for a report that is not one, TimedOut, NotProven, Interrupted.
    """
    command = [str(python), str((folder("validators") / validator).absolute())]
    text = json.dumps(request, allow_nan=False)
    done = run(command, name=name, limits=limits, request=text, progress=progress, environment=environment, explains_refusal=True)
    return _report(done, name)


def _report(done: Finished, name: str) -> dict[str, Any]:
    """The last line as an object; a report may itself say that the engine refused (`error`), with exit status 3 where there is none."""
    line, said = done.last_line, last_words(done.last_words)
    try:
        report = json.loads(line, parse_constant=_refuse_constant)
    except ValueError:
        shown = f"{line[:80]!r}" if line else "nothing"
        raise EngineFailed(f"{name}: ended without a report; its last line was {shown}.{said}") from None
    if not isinstance(report, dict):
        raise EngineFailed(f"{name}: reported {line[:80]!r} where an object was expected.{said}")
    if done.status or report.get("error"):
        kind = NotProven if done.status == _NO_ENGINE else EngineFailed
        raise kind(f"{name} refused: {str(report.get('error', f'exit status {done.status}'))[:600]}{said}")
    return report


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)
