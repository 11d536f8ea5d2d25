"""Speaks to a validator: one JSON request on stdin, one JSON report as the last line of stdout, progress on stderr.

A validator is a stand-alone file in /validators, run by the engine's own interpreter. It returns raw numbers and lines; what they
mean is decided in the advisor.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.engines.process import Limits, Progress, run
from advisor.engines.process_end import last_words
from advisor.errors import EngineFailed
from advisor.resources import folder


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
    done = run(command, name=name, limits=limits, request=text, progress=progress, environment=environment)
    return _report(done.last_line, name, done.last_words)


def _report(line: str, name: str, words: tuple[str, ...]) -> dict[str, Any]:
    """The last line as an object; a report may itself say that the engine refused (`error`)."""
    try:
        report = json.loads(line, parse_constant=_refuse_constant)
    except ValueError:
        shown = f"{line[:80]!r}" if line else "nothing"
        raise EngineFailed(f"{name}: ended without a report; its last line was {shown}.{last_words(words)}") from None
    if not isinstance(report, dict):
        raise EngineFailed(f"{name}: reported {line[:80]!r} where an object was expected.{last_words(words)}")
    if report.get("error"):
        raise EngineFailed(f"{name} refused: {str(report['error'])[:600]}{last_words(words)}")
    return report


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)
