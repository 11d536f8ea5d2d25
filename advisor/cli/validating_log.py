"""`advisor validate --log`: a start-up log against the plan; nothing is started, nothing is asked."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from advisor.cli.asked import Asked
from advisor.cli.dates import today
from advisor.domain.evidence import EvidenceFile
from advisor.errors import UserInputError
from advisor.files.plan import read_plan
from advisor.planning.case import case_of, workload_of
from advisor.validation.log.run import require_no_other_source, validate_log
from advisor.validation.prepare import Machine, choose, prepare

_STDIN = "-"
_ELSEWHERE = Machine("elsewhere", offloads=lambda: False)  # a log says itself where it was written; nothing of this machine is looked at


def run_on_log(asked: Asked, source: str) -> EvidenceFile:
    """The evidence in a log. Raises UserInputError for flags that belong to a run, and for a log that cannot be read."""

    require_no_other_source("--log reads a log", asked.of_a_run())
    plan, _ = read_plan(asked.plan)
    day = today()
    planned = choose(plan, asked.deployment)
    workload, _ = workload_of(plan, asked.plan)
    case = case_of(workload, [], plan)
    subject = prepare(plan, planned, case, _ELSEWHERE)
    try:
        with _opened(source) as log:
            return validate_log(subject, log, case.catalog, today=day)
    except (OSError, UserInputError) as error:
        raise UserInputError(f"--log{' ' if source else ''}{source}: {getattr(error, 'strerror', None) or error}") from None


def _opened(source: str) -> AbstractContextManager[BinaryIO]:
    """The file, or what is piped in."""
    if not source:
        raise UserInputError("give a file, or - for what is piped in")
    if source != _STDIN:
        try:
            return Path(source).open("rb")
        except ValueError as error:  # a null byte in the name
            raise UserInputError(f"not a file name: {error}") from None
    if sys.stdin is None or sys.stdin.isatty():
        raise UserInputError("nothing is piped in; for example: kubectl logs deploy/NAME | advisor validate plan.yaml --log -")
    return nullcontext(sys.stdin.buffer)
