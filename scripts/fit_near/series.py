"""Published runs as series: what was measured over what is predicted of each, without anything near."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import exp, log
from statistics import median

from advisor.accuracy.case import Case
from advisor.accuracy.errors import grouped, quantile
from advisor.accuracy.llama_cpp_cases import is_bench
from advisor.accuracy.predict import case_demand, case_deployment, case_memory, predict, steps_of
from advisor.catalog import Catalog
from advisor.domain.calibration import Metric
from advisor.domain.measurement import Split
from advisor.domain.near import Loads, NearSeries, Setup
from advisor.errors import UserInputError
from advisor.estimate.load import estimate_performance
from advisor.estimate.scaling import setup_of

MOST_IN_FLIGHT = 16  # above it a first token is mostly queueing
_METRICS: Mapping[str, Metric] = {"tpot_s": "decode", "prefill_s": "prefill", "ttft_s": "prefill"}


@dataclass(frozen=True, slots=True)
class Residual:
    """One metric of one run: the logarithm of measured over predicted, and its load."""

    metric: Metric
    log_ratio: float
    concurrency: float
    input_tokens: float
    output_tokens: float


@dataclass(frozen=True, slots=True)
class Series:
    """All runs of one setup by one source."""

    setup: Setup
    source_id: str
    source: str
    date: str
    split: Split
    residuals: tuple[Residual, ...]

    @property
    def group(self) -> tuple[str, str, str]:
        """Source, device and model: what errors are counted by."""
        return self.source_id, self.setup.device, self.setup.model

    def logs(self, metric: Metric) -> list[float]:
        """Of one metric."""
        return [row.log_ratio for row in self.residuals if row.metric == metric]

    def middle(self, metric: Metric) -> float | None:
        """The median logarithm of measured over predicted."""
        logs = self.logs(metric)
        return median(logs) if logs else None

    def row(self) -> NearSeries:
        """The same as a line of the table."""
        setup, rows, decode = self.setup, self.residuals, self.logs("decode")
        loads = Loads(*(_ends(getattr(row, name) for row in rows) for name in ("concurrency", "input_tokens", "output_tokens")))
        return NearSeries(
            engine=setup.engine,
            backend=setup.backend,
            device=setup.device,
            devices=setup.devices,
            model=setup.model,
            experts=setup.experts,
            quantization=setup.quantization,
            tensor=setup.tensor,
            version=setup.version,
            source=self.source,
            date=self.date,
            rows=len(rows),
            concurrency_least=loads.concurrency[0],
            concurrency_most=loads.concurrency[1],
            input_tokens_least=loads.input_tokens[0],
            input_tokens_most=loads.input_tokens[1],
            output_tokens_least=loads.output_tokens[0],
            output_tokens_most=loads.output_tokens[1],
            decode_scale=_scale(self.middle("decode")),
            prefill_scale=_scale(self.middle("prefill")),
            spread=round(exp(quantile(decode, 0.9) - quantile(decode, 0.1)), 3) if len(decode) > 2 else None,
        )


def _ends(values: Iterable[float]) -> tuple[float, float]:
    found = [round(value, 1) for value in values]
    return min(found), max(found)


def _scale(log_ratio: float | None) -> float | None:
    return None if log_ratio is None else round(exp(log_ratio), 4)


def series_of(cases: Iterable[Case], catalog: Catalog) -> list[Series]:
    """Every series with something that can be compared; partial offload is nobody's neighbour and left out."""
    found = []
    for own in grouped(cases, lambda case: (case.row.source_id, setup_of(case.candidate))).values():
        residuals = tuple(residual for case in own for residual in _residuals(case, catalog))
        if residuals:
            row = own[0].row
            found.append(Series(setup_of(own[0].candidate), row.source_id, row.source, row.source_date, row.split, residuals))
    return found


def _residuals(case: Case, catalog: Catalog) -> Iterator[Residual]:
    try:
        predicted = _predicted(case, catalog)
    except UserInputError:
        return
    for name, metric in _METRICS.items():
        measured, expected = case.measured.get(name), predicted.get(name)  # type: ignore[call-overload]
        queued = name == "ttft_s" and (case.in_flight or MOST_IN_FLIGHT + 1) > MOST_IN_FLIGHT
        if measured and expected and name not in case.unreliable and not queued:
            loads = (float(case.in_flight or 0), case.input_tokens + case.depth_tokens, case.output_tokens)
            yield Residual(metric, log(measured / expected), *loads)


def _predicted(case: Case, catalog: Catalog) -> Mapping[str, float]:
    """By the step-time model alone. Raises UserInputError for what would not start."""
    if is_bench(case):
        return {name: quantity.value for name, quantity in predict(case, catalog, near=False).metrics.items()}
    if case.in_flight is None:
        return {}
    steps, demand, memory = steps_of(case, catalog, near=False), case_demand(case), case_memory(case, catalog)
    found = estimate_performance(case_deployment(case), demand, memory=memory, steps=steps, replicas_up=1, ranges=False)
    return {"tpot_s": found.tpot_s.p50.value, "ttft_s": found.ttft_s.p50.value}
