"""Measured points as scales: each is predicted as it was measured, and those of one setup must agree with each other."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from advisor.catalog import Catalog
from advisor.domain.deployment import Candidate, Deployment
from advisor.domain.engine import LlamaCppSettings, Parallelism
from advisor.domain.hardware import Node
from advisor.domain.measured import MeasuredPoint
from advisor.domain.model import Model
from advisor.domain.near import Scale
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.measured_scale import MeasuredCandidate, scale_of
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time import step_time_model
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate
from advisor.intake.models import find_model
from advisor.units import gib_text, significant

_LENGTH_UNKNOWN: Final = "say with which lengths: input_tokens=…,output_tokens=…"
_SAME_LOAD: Final = 1.1  # a load up to this factor away is the same one
_CONTRADICT: Final = 1.5  # times apart at the same load
_APART: Final = 4.0  # times apart, measured over predicted, at any loads of one setup
_SAME_MODEL: Final = 1.06  # parameters: some count a tied head or a vision tower, some do not
_SAME_BYTES: Final = 1.15  # neighbouring formats differ by more


_Scaled = tuple[MeasuredPoint, Scale]


@dataclass(frozen=True, slots=True)
class Known:
    """What a point may name beyond the catalog: machines and models of the question, by id."""

    catalog: Catalog
    nodes: Mapping[str, Node] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)

    def node(self, device: str, devices: int) -> Node:
        """Raises UserInputError for a device that nobody knows, such as another machine."""
        return self.nodes[device] if device in self.nodes else self.catalog.node(device, devices)

    def model(self, name: str) -> Model:
        """Raises UserInputError for a model that nobody knows."""
        return self.models.get(name) or self.catalog.yardsticks.model(name) or find_model(name, self.catalog)


def scales_of(points: Sequence[MeasuredPoint], known: Known) -> tuple[Scale, ...]:
    """What the points say about what was measured. Raises UserInputError for those that are impossible or contradict each other."""
    found: list[_Scaled] = []
    for point in points:
        found.append(_scaled(point, known, found))
    return tuple(scale for _, scale in found)


def usable(points: Iterable[MeasuredPoint], known: Known) -> tuple[MeasuredPoint, ...]:
    """Of points that nobody named for this question, those that mean something here; a later one that contradicts is left out."""
    found: list[_Scaled] = []
    for point in points:
        with suppress(UserInputError):
            found.append(_scaled(point, known, found))
    return tuple(point for point, _ in found)


def _scaled(point: MeasuredPoint, known: Known, others: Iterable[_Scaled]) -> _Scaled:
    scale = scale_of(point, measured_candidate(point, known))
    for other, second in others:
        if second.setup == scale.setup:
            _require_agreement(other, second, point, scale)
    return point, scale


def of_candidate(
    point: MeasuredPoint, candidate: Candidate, settings: Mapping[str, Any] | None = None, *, lengths: Mapping[str, int | None]
) -> MeasuredPoint:
    """A point with what it does not say of its subject and lengths taken from this candidate and its load."""
    runtime, spread = candidate.runtime, candidate.parallelism
    asked: dict[str, Any] = {
        "engine": runtime.engine,
        "runtime": runtime.runtime,
        "version": runtime.version,
        "backend": runtime.backend,
        "model": candidate.model.id,
        "quantization": candidate.checkpoint.quantization,
        "device": candidate.node.device.id,
    }
    filled = {name: value for name, value in asked.items() if getattr(point, name) is None}
    filled |= {name: value for name, value in lengths.items() if getattr(point, name) is None and not point.bare}
    if {"engine", "model", "device"} <= filled.keys():
        filled |= {"devices": spread.devices, "tensor": spread.tensor, "pipeline": spread.pipeline, "data": spread.data}
        filled |= {"settings": dict(settings or {})} if not point.settings else {}
    return replace(point, **filled)


def measured_candidate(point: MeasuredPoint, known: Known) -> MeasuredCandidate:
    """The point's deployment, unscaled. Raises UserInputError where something of it is not known."""
    if point.missing:
        raise UserInputError(f"{point.source}: of what was it measured? {', '.join(f'{name}=…' for name in point.missing)}")
    if not point.bare and (point.input_tokens is None or point.output_tokens is None):
        raise UserInputError(f"{point.source}: {_LENGTH_UNKNOWN}")
    catalog, node = known.catalog, known.node(str(point.device), point.devices)
    llama_cpp = point.engine == "llama.cpp"
    try:
        candidate = build_candidate(
            catalog,
            model=known.model(str(point.model)),
            quantization=point.quantization,
            engine=str(point.engine),
            runtime=_program(point, catalog),
            version=point.version,
            node=node,
            devices=point.devices,
            parallelism=Parallelism() if llama_cpp else Parallelism(point.tensor, point.pipeline, point.data),
            flags=point.settings or _room(point),
        )
    except UserInputError as error:
        raise UserInputError(f"{point.source}: {error}") from None
    return _sized(candidate, point, catalog)


def _sized(candidate: Candidate, point: MeasuredPoint, catalog: Catalog) -> MeasuredCandidate:
    quantization = catalog.quantization(candidate.checkpoint.quantization)
    spread = Parallelism() if isinstance(candidate.settings, LlamaCppSettings) else candidate.parallelism
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, quantization, parallelism=spread)
    _require_same_model(point, candidate, weights)
    tokens = (point.input_tokens or 0) + (point.output_tokens or 0) or (point.prompt_tokens or 1)
    memory = estimate_memory(candidate, weights, constants=catalog.memory_constants, typical_tokens=tokens, longest_tokens=tokens)
    steps = step_time_model(candidate, weights, catalog.calibrations[candidate.runtime.engine], quantization=quantization)
    return MeasuredCandidate(Deployment("measured", candidate, replicas=1), memory, steps)


def _program(point: MeasuredPoint, catalog: Catalog) -> str | None:
    """The runtime with its backend, as far as they are known."""
    if point.backend is None or point.engine != "llama.cpp":
        return point.runtime
    return f"{point.runtime or catalog.engine(point.engine).default_runtime}/{point.backend}"


def _require_same_model(point: MeasuredPoint, candidate: Candidate, weights: WeightBytes) -> None:
    """By its size, where the engine said it: file names may say anything."""
    told, model = point.parameters, candidate.model
    if told is not None and _ratio(told, model.architecture.parameters_total) > _SAME_MODEL:
        taken = f"{model.architecture.parameters_total / 1e9:.2f} billion of {model.id}"
        raise UserInputError(f"{point.source}: is of a model of {told / 1e9:.2f} billion parameters, not the {taken}")
    if point.weights_bytes is not None and _ratio(point.weights_bytes, weights.total_bytes) > _SAME_BYTES:
        taken = f"{candidate.checkpoint.quantization} would have {gib_text(weights.total_bytes, 2)}"
        raise UserInputError(f"{point.source}: is of {gib_text(point.weights_bytes, 2)} of weights; {taken}: name the measured format")


def _room(point: MeasuredPoint) -> dict[str, object]:
    """Settings that hold the load, where those it was measured with are not known."""
    tokens = (point.input_tokens or 0) + (point.output_tokens or 0) + (point.prompt_tokens or 0) or 1
    if point.engine == "llama.cpp":
        return {"ctx_size": tokens * point.concurrency, "parallel": point.concurrency, "kv_unified": False}
    return {"max_model_len": tokens, "max_num_seqs": max(point.concurrency // point.data, 1)}


# ---- agreement


def _require_agreement(one: MeasuredPoint, first: Scale, other: MeasuredPoint, second: Scale) -> None:
    for name, times, scales in (
        ("tpot_s", (one.tpot_s, other.tpot_s), (first.decode, second.decode)),
        ("ttft_s", (one.ttft_s, other.ttft_s), (first.prefill, second.prefill)),
    ):
        if (_same_load(one, other) and _apart(times, _CONTRADICT)) or _apart(scales, _APART):
            said = [f"{significant(time or 0)} at {point.pace} ({point.source})" for time, point in zip(times, (one, other), strict=True)]
            raise UserInputError(f"{name}: {' and '.join(said)} contradict each other: give those of one deployment")


def _apart(values: tuple[float | None, float | None], most: float) -> bool:
    one, other = values
    return one is not None and other is not None and _ratio(one, other) > most


def _same_load(one: MeasuredPoint, other: MeasuredPoint) -> bool:
    names = ("concurrency", "input_tokens", "output_tokens", "prompt_tokens")
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return all(a == b or (a and b and _ratio(a, b) <= _SAME_LOAD) for a, b in pairs)


def _ratio(one: float, other: float) -> float:
    return max(one / other, other / one)
