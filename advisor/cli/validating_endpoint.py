"""`advisor validate --endpoint`: a server that already runs against the plan."""

import typer

from advisor.cli.asked import Asked, AskedEndpoint, asked_pace
from advisor.cli.dates import today
from advisor.cli.output import printable
from advisor.domain.evidence import EvidenceFile
from advisor.engines.find_vllm import find_vllm
from advisor.errors import NotProven, UserInputError
from advisor.files.plan import read_plan
from advisor.intake.machine import this_machine
from advisor.planning.case import case_of, workload_of
from advisor.validation.endpoint.look import look_at
from advisor.validation.endpoint.run import EndpointTerms, validate_endpoint
from advisor.validation.prepare import Machine, choose, prepare
from advisor.validation.sampled import Sampling
from advisor.validation.served.vllm_bench import BenchProgram
from advisor.validation.subject import Subject


def run_on_endpoint(asked: Asked, endpoint: AskedEndpoint) -> EvidenceFile:
    """The whole run. Raises UserInputError for flags that belong to an engine of our own, and what its parts raise."""

    ours = asked.of_a_run() | {"--log": asked.log is not None, "--concurrency": False, "--request-rate": False}
    if endpoint.vllm_bench:
        ours["--engine-python"] = False
    if wrong := [flag for flag, value in ours.items() if value]:
        raise UserInputError(f"--endpoint measures a server that runs already: leave out {', '.join(wrong)}")
    concurrency = asked_pace(asked)
    plan, _ = read_plan(asked.plan)
    workload, _ = workload_of(plan, asked.plan)
    case = case_of(workload, [], plan)
    machine = Machine(this_machine(case.catalog).id, offloads=lambda: False)
    subject = prepare(plan, choose(plan, asked.deployment), case, machine)
    records = case.catalog.engines.values()
    looked = look_at(endpoint.url, subject, records, api_key=endpoint.api_key, served_model=asked.served_model)
    bench = _bench(asked, endpoint, subject) if endpoint.vllm_bench else None
    sampling = Sampling(workload.service_level, concurrency, asked.request_rate_per_s)
    terms = EndpointTerms(looked, sampling, asked.time_limit_s, today(), endpoint.api_key, busy_is_fine=asked.yes, bench=bench)
    return validate_endpoint(subject, terms, announce=_say, progress=None if asked.quiet else _say_step)


def _bench(asked: Asked, endpoint: AskedEndpoint, subject: Subject) -> BenchProgram:
    found = find_vllm(asked.start.engine_python)
    program = found.program()
    if program is None:
        raise NotProven(f"--load-generator vllm-bench: {found.python} has vLLM without its program `vllm`")
    return BenchProgram(program, endpoint.tokenizer or subject.planned.model.repo_id or subject.planned.model.id)


def _say(text: str) -> None:
    typer.echo(printable(text), err=True)


def _say_step(step: str) -> None:
    typer.echo(f"  measuring {step}", err=True)
