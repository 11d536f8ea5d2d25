"""`advisor validate --benchmark`: a result that another load generator wrote against the plan; nothing is started, nothing is sent."""

from pathlib import Path

from advisor.cli.asked import Asked
from advisor.cli.dates import today
from advisor.domain.evidence import EvidenceFile
from advisor.files.plan import read_plan
from advisor.planning.case import case_of, workload_of
from advisor.validation.benchmark.result import read_result
from advisor.validation.benchmark.run import BenchmarkTerms, validate_benchmark
from advisor.validation.log.run import require_no_other_source
from advisor.validation.prepare import Machine, choose, prepare

_ELSEWHERE = Machine("elsewhere", offloads=lambda: False)  # the file does not say where it was measured


def run_on_benchmark(asked: Asked, path: Path) -> EvidenceFile:
    """The evidence in a result. Raises UserInputError for flags that belong to a run, and for a file that is no result."""
    require_no_other_source("--benchmark reads a result", asked.of_a_run() | {"--log": asked.log is not None})
    plan, _ = read_plan(asked.plan)
    workload, _ = workload_of(plan, asked.plan)
    subject = prepare(plan, choose(plan, asked.deployment), case_of(workload, [], plan), _ELSEWHERE)
    terms = BenchmarkTerms(workload.service_level, asked.served_model, today())
    return validate_benchmark(subject, read_result(path), terms)
