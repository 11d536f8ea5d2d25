"""One estimate from what a user names: the answer to `advisor estimate`, before it is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from advisor.catalog import Catalog
from advisor.document_faults import shown
from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Candidate, Deployment
from advisor.domain.engine import EngineSettings, LlamaCppSettings, Parallelism
from advisor.domain.engine_record import EngineRecord
from advisor.domain.estimate import CostEstimate, Estimate, MemoryEstimate, PerformanceEstimate
from advisor.domain.hardware import Available, Node
from advisor.domain.measured import MeasuredPoint
from advisor.domain.model import Model
from advisor.domain.quantity import Quantity
from advisor.domain.weights import WeightBytes
from advisor.domain.witness import Ask, Testimony
from advisor.domain.workload import CostTerms, Load
from advisor.errors import UserInputError
from advisor.estimate.cost import estimate_cost
from advisor.estimate.load import estimate_performance
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import StepTimeModel, step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.estimate.witnessed import with_witness
from advisor.intake.calibrated import NAME, ThisMachine, calibrated_machine
from advisor.intake.candidate import build_candidate
from advisor.intake.measured import Known, of_candidate, scales_of
from advisor.intake.named_model import named_model

_MOST: Final = 10**9  # of tokens, requests: beyond any service, and where a slip of units shows
_MOST_DEVICES: Final = 1024  # of one replica
_MOST_WEIGHTS_BYTES: Final = 10**15
_MOST_USD_PER_HOUR: Final = 10**9
_MOST_MB_PER_S: Final = 10**6


@dataclass(frozen=True, slots=True)
class Program:
    """Which engine; its default runtime and version where none is named."""

    engine: str
    runtime: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """Which weights; None is what the model's only checkpoint has."""

    quantization: str | None = None
    imatrix: bool = False
    weights_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Equal requests: always `concurrency` in flight, or `requests_per_s` arriving; one in flight when only lengths are given."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    concurrency: int | None = None
    requests_per_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("input_tokens", "output_tokens", "concurrency", "requests_per_s"):
            _check_positive(name, getattr(self, name))
        if (self.input_tokens is None) != (self.output_tokens is None):
            raise UserInputError("--input-tokens and --output-tokens belong together: latency needs both")
        if self.concurrency is not None and self.requests_per_s is not None:
            raise UserInputError("--concurrency and --request-rate: give one of them")
        if self.input_tokens is None and (self.concurrency or self.requests_per_s):
            raise UserInputError("--concurrency and --request-rate need --input-tokens and --output-tokens: the length decides the time")

    @property
    def request_tokens(self) -> int | None:
        """Tokens of one request from its first to its last, where they were given."""
        return None if self.input_tokens is None else self.input_tokens + (self.output_tokens or 0)

    @property
    def demand(self) -> Demand:
        """The same as a workload's demand."""
        rate = self.requests_per_s
        load = Load(in_flight=self.concurrency or 1) if rate is None else Load(requests_per_s=rate)
        sent, generated = self.input_tokens or 1, self.output_tokens or 1
        return Demand(load, Lengths(sent, sent, sent), Lengths(generated, generated, generated))


@dataclass(frozen=True, slots=True)
class EstimateRequest:
    """What was asked. `flags` are the engine's settings; `devices` follows from the parallelism where it is None."""

    model: str
    device: str
    program: Program
    weights: WeightFiles = field(default_factory=WeightFiles)
    parallelism: Parallelism = field(default_factory=Parallelism)
    traffic: Traffic = field(default_factory=Traffic)
    flags: Mapping[str, object] = field(default_factory=dict)
    devices: int | None = None
    usd_per_hour: float | None = None
    like: str | None = None  # the model whose architecture a private one has
    measured: tuple[MeasuredPoint, ...] = ()  # what was measured of it, or near it
    download_mb_per_s: float | None = None  # the weights are fetched first

    def __post_init__(self) -> None:
        _check_positive("devices", self.devices, most=_MOST_DEVICES)
        _check_positive("weights_bytes", self.weights.weights_bytes, most=_MOST_WEIGHTS_BYTES)
        for name in ("tensor", "pipeline", "data"):
            _check_positive(f"{name}_parallel", getattr(self.parallelism, name), most=_MOST_DEVICES)
        _check_positive("devices", self.parallelism.devices, most=_MOST_DEVICES)
        _check_positive("download_speed", self.download_mb_per_s, most=_MOST_MB_PER_S)
        if self.usd_per_hour is not None and not 0 <= self.usd_per_hour <= _MOST_USD_PER_HOUR:
            raise UserInputError(f"price-per-hour: {self.usd_per_hour:g} is not a price")


def _check_positive(name: str, value: float | None, most: float = _MOST) -> None:
    if value is not None and not 0 < value <= most:
        should = f"is above {most:,}, the most that is reckoned with" if value > most else "must be above 0"
        raise UserInputError(f"{name.replace('_', '-')}: {shown(value)} {should}")


@dataclass(frozen=True, slots=True)
class EstimateAnswer:
    """The estimate with what it is of. `start_s` is known without any load; `testimony` where the engine itself was asked."""

    candidate: Candidate
    record: EngineRecord
    model: Model
    estimate: Estimate
    request_tokens: int | None
    start_s: Quantity
    weights: WeightBytes
    testimony: Testimony | None = None


def estimate_request(request: EstimateRequest, catalog: Catalog, ask: Ask | None = None) -> EstimateAnswer:
    """Memory always; latency where lengths were given; money where a price was. Raises UserInputError for what cannot be served.

    What `ask` is told of the memory takes the place of what was computed; it raises what it raises.
    """
    here = calibrated_machine(catalog) if request.device == NAME else None
    candidate = _candidate(request, catalog, here)
    catalog = _with_measured(request, candidate, catalog, here.points if here else ())
    quantization = catalog.quantizations[candidate.checkpoint.quantization]
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, quantization, parallelism=_ranks(candidate))
    whole = context_per_request_tokens(candidate.settings)
    asked = request.traffic.request_tokens or whole
    memory = estimate_memory(candidate, weights, constants=catalog.memory_constants, typical_tokens=asked, longest_tokens=asked)
    record, testimony = catalog.engine(candidate.runtime.engine), None
    if ask is not None:
        memory, testimony = with_witness(memory, ask(candidate, quantization, record), candidate=candidate, weights=weights)
    calibration = catalog.calibrations[candidate.runtime.engine]
    steps = step_time_model(candidate, weights, calibration, quantization=quantization, near=catalog.near)
    _require_use(request.measured, steps)
    deployment = Deployment("estimate", candidate, replicas=1)
    performance = _performance(request, deployment, memory, steps)
    cost = _cost(request, deployment, performance)
    estimate = Estimate(memory, performance, None, cost)
    return EstimateAnswer(candidate, record, candidate.model, estimate, request.traffic.request_tokens, steps.start_s, weights, testimony)


def _with_measured(request: EstimateRequest, candidate: Candidate, catalog: Catalog, here: Sequence[MeasuredPoint]) -> Catalog:
    """The catalog with what was measured; a point that does not say of what is of what is asked."""
    traffic = request.traffic
    lengths = {"input_tokens": traffic.input_tokens, "output_tokens": traffic.output_tokens}
    points = [of_candidate(point, candidate, request.flags, lengths=lengths) for point in request.measured]
    known = Known(catalog, {candidate.node.device.id: candidate.node}, {candidate.model.id: candidate.model})
    return catalog.with_measured(scales_of((*points, *here), known))


def _require_use(points: Sequence[MeasuredPoint], steps: StepTimeModel) -> None:
    """Raises UserInputError where measurements were given and none is near what is asked."""
    if points and not any(one.origin == "own" for one in steps.applied.values()):
        raise UserInputError(f"{points[0].source}: of another engine, device or kind of model: nothing that is asked is near it")


def context_per_request_tokens(settings: EngineSettings) -> int:
    """The longest request that the settings allow, before the engine rounds it."""
    if isinstance(settings, LlamaCppSettings):
        return settings.ctx_size if settings.kv_unified else max(1, settings.ctx_size // settings.parallel)
    return settings.max_model_len


def _candidate(request: EstimateRequest, catalog: Catalog, here: ThisMachine | None) -> Candidate:
    devices = request.devices or request.parallelism.devices
    node = _with_download(here.node if here else catalog.node(request.device, devices), request.download_mb_per_s)
    if here and devices > node.devices:
        raise UserInputError(f"devices: {devices} are asked for, this machine has {node.devices}")
    if devices > 1 and node.device.slices_per_card is not None:
        raise UserInputError(f"device {node.device.id}: {devices} slices exchange nothing; use a larger one for one copy [ENG004]")
    return build_candidate(
        catalog,
        model=named_model(request.model, catalog, request.like),
        quantization=request.weights.quantization,
        engine=request.program.engine,
        runtime=request.program.runtime,
        version=request.program.version,
        node=node,
        devices=devices,
        parallelism=request.parallelism,
        flags=request.flags,
        imatrix=request.weights.imatrix,
        weights_bytes=request.weights.weights_bytes,
    )


def _with_download(node: Node, mb_per_s: float | None) -> Node:
    return node if mb_per_s is None else replace(node, host=replace(node.host, download_bytes_per_s=mb_per_s * 1e6))


def _ranks(candidate: Candidate) -> Parallelism:
    """llama.cpp's weights are counted whole and placed afterwards."""
    return Parallelism() if isinstance(candidate.settings, LlamaCppSettings) else candidate.parallelism


def _performance(
    request: EstimateRequest, deployment: Deployment, memory: MemoryEstimate, steps: StepTimeModel
) -> PerformanceEstimate | None:
    """None without lengths, and for what does not start."""
    tokens = request.traffic.request_tokens
    if tokens is None or memory.fits is False:
        return None
    if tokens > memory.context_per_request_tokens:
        raise UserInputError(
            f"a request of {tokens:,} tokens does not fit in the {memory.context_per_request_tokens:,} that one may use: raise --context"
        )
    return estimate_performance(deployment, request.traffic.demand, memory=memory, steps=steps, replicas_up=1)


def _cost(request: EstimateRequest, deployment: Deployment, performance: PerformanceEstimate | None) -> CostEstimate | None:
    if request.usd_per_hour is None:
        return None
    available = Available(deployment.candidate.node, nodes=1, acquisition="rent")
    terms = CostTerms(price_usd_per_hour=request.usd_per_hour)
    return estimate_cost(deployment, available, demand=request.traffic.demand, terms=terms, performance=performance)
