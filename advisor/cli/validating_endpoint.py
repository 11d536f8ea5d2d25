"""`advisor validate --endpoint`: a server that already runs against the plan."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from advisor.cli.output import printable
from advisor.domain.evidence import EvidenceFile
from advisor.errors import UserInputError
from advisor.files.plan import read_plan
from advisor.intake.machine import this_machine
from advisor.planning.case import case_of, workload_of
from advisor.validation.endpoint import EndpointTerms, validate_endpoint
from advisor.validation.endpoint_look import look_at
from advisor.validation.prepare import Machine, choose, parse_concurrency, prepare

if TYPE_CHECKING:
    from advisor.cli.validating import Asked


@dataclass(frozen=True, slots=True)
class AskedEndpoint:
    """The address, the key, and the model's name there, as given."""

    url: str
    api_key: str | None
    served_model: str | None


def run_on_endpoint(asked: "Asked", endpoint: AskedEndpoint) -> EvidenceFile:
    """The whole run. Raises UserInputError for flags that belong to an engine of our own, and what its parts raise."""
    from advisor.cli.validating import today

    ours: dict[str, object] = {
        "--model": asked.model,
        "--synthetic": asked.synthetic,
        "--engine-python": asked.engine_python,
        "--engine-binary": asked.engine_binary,
        "--in-process": asked.in_process,
        "--port": asked.port,
        "--log": asked.log,
    }
    if wrong := [flag for flag, value in ours.items() if value]:
        raise UserInputError(f"--endpoint measures a server that runs already: leave out {', '.join(wrong)}")
    concurrency = parse_concurrency(asked.concurrency)
    plan, _ = read_plan(asked.plan)
    workload, _ = workload_of(plan, asked.plan)
    case = case_of(workload, [])
    machine = Machine(this_machine(case.catalog).id, offloads=lambda: False)
    subject = prepare(plan, choose(plan, asked.deployment), case, machine)
    records = case.catalog.engines.values()
    looked = look_at(endpoint.url, subject, records, api_key=endpoint.api_key, served_model=endpoint.served_model)
    terms = EndpointTerms(
        looked, workload.service_level, concurrency, asked.time_limit_s, today(), api_key=endpoint.api_key, busy_is_fine=asked.yes
    )
    return validate_endpoint(subject, terms, announce=_say, progress=None if asked.quiet else _say_step)


def _say(text: str) -> None:
    typer.echo(printable(text), err=True)


def _say_step(step: str) -> None:
    typer.echo(f"  measuring {step}", err=True)
