"""A result file of `vllm bench serve --save-result --save-detailed`, read by the reader of our own runs of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from advisor.errors import UserInputError
from advisor.validation.benchmark.loads import BenchmarkLoad, BenchmarkResult
from advisor.validation.served.vllm_bench import read_vllm_bench

_NAME: Final = "vllm bench serve"
_WITHOUT_LIMIT: Final = "inf"  # vllm/benchmarks/serve.py writes it for requests that are all sent at once


def is_vllm_bench(document: Mapping[str, Any]) -> bool:
    """Its results name the endpoint type and the rate."""
    return {"endpoint_type", "request_rate", "model_id"} <= document.keys()


def read_vllm_result(document: Mapping[str, Any]) -> BenchmarkResult:
    """Raises UserInputError for one that was saved without its requests, EngineFailed or ValueError and the like for a misshapen one."""
    if "ttfts" not in document:
        raise UserInputError(f"a result of {_NAME} without its single requests: run it again with --save-detailed")
    answers = read_vllm_bench(document)
    rate, at_once = document["request_rate"], document.get("max_concurrency")
    open_loop = rate != _WITHOUT_LIMIT
    load = BenchmarkLoad(
        answers,
        concurrency=None if open_loop else int(at_once) if at_once is not None else len(answers),
        rate_per_s=float(rate) if open_loop else None,
    )
    model = document["model_id"]
    return BenchmarkResult(_NAME, model if isinstance(model, str) else None, _day(document.get("date")), (load,))


def _day(told: object) -> str | None:
    """`20261128-020505` as a date."""
    try:
        return datetime.strptime(str(told)[:8], "%Y%m%d").date().isoformat()  # the day of the machine that measured
    except ValueError:
        return None
