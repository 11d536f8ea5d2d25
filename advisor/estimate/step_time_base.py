"""Seconds of one engine step from weights, cache and arithmetic: the shape that both engines share.

A step generates one token for each of `batch` sequences, computes a chunk of a prompt, or both at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from advisor.domain.calibration import Calibration, ErrorBand, ErrorLevel, Metric, error_band
from advisor.domain.estimate import StepTime
from advisor.domain.near import Nearest
from advisor.domain.quantity import Basis, Quantity
from advisor.estimate.scaling import METRICS, Applied, in_words

Parts = dict[str, float]
Scheduling = Literal["mixed", "ahead", "separate"]


@dataclass(frozen=True, slots=True)
class SpeedRange:
    """80 % range of true time over predicted time, of decode and of prefill."""

    decode: ErrorBand
    prefill: ErrorBand

    def of(self, metric: Metric) -> ErrorBand:
        """The range of one side."""
        return self.decode if metric == "decode" else self.prefill


def speed_range(
    calibration: Calibration, *, decode: ErrorLevel, prefill: ErrorLevel, measured_architecture: bool, backend: str | None = None
) -> SpeedRange:
    """The error bands that apply; an unmeasured kind of architecture raises the slow end only, because misses are nearly all slower."""
    bands = SpeedRange(error_band(calibration, "decode", decode, backend), error_band(calibration, "prefill", prefill, backend))
    if measured_architecture:
        return bands
    factor = calibration.unmeasured_kind_factor
    return SpeedRange(replace(bands.decode, high=bands.decode.high * factor), replace(bands.prefill, high=bands.prefill.high * factor))


@dataclass(slots=True)
class StepTimeModel(ABC):
    """Step times of one replica. Parts are memoised: the load simulation asks for the same batch thousands of times.

    `request_floor_s` is spent per request outside the engine's steps. `scheduling`: `ahead` puts a step together while the one before it
    runs, so that a request waits for both; `separate` computes prompts in steps in which nobody generates. `applied` is what was measured
    near, by which it was scaled; `nearest` is named also where it scales nothing.
    """

    source: str
    speed: SpeedRange
    request_floor_s: float
    start_s: Quantity
    scheduling: Scheduling = "mixed"
    decode_scale: float = 1.0
    prefill_scale: float = 1.0
    applied: Mapping[Metric, Applied] = field(default_factory=dict)
    nearest: Nearest | None = None
    _decode_by_batch: dict[int, float] = field(default_factory=dict, repr=False)
    _added_by_chunk: dict[tuple[float, float, int, int], float] = field(default_factory=dict, repr=False)

    @abstractmethod
    def batch_parts_s(self, batch: int) -> Parts:
        """Parts of a decode step that depend on the batch alone."""

    @abstractmethod
    def cache_s(self, context_tokens: float) -> float:
        """Time of one sequence's cache and attention in a decode step."""

    @abstractmethod
    def prefill_parts_s(self, tokens: float, context_tokens: float, prompts: int = 1) -> Parts:
        """Parts of a step that computes `tokens` of so many prompts, each behind `context_tokens` that are cached already."""

    @abstractmethod
    def mixed_prefill_s(self, tokens: float, context_tokens: float, *, prompts: int, batch: int) -> float:
        """What a prompt chunk adds to a decode step of `batch` sequences."""

    @abstractmethod
    def floor_decode_s(self, batch: int, context_tokens: float) -> float:
        """A time no engine can beat: the bytes of a decode step at nominal bandwidth, or its arithmetic at the peak."""

    @abstractmethod
    def floor_prefill_s(self, tokens: float) -> float:
        """A time no engine can beat: the arithmetic of a prompt at the device's peak."""

    def rescaled(self, decode_scale: float, prefill_scale: float) -> Self:
        """The same replica, slower (above 1) or faster than expected; the memoised parts are unscaled, so all share them."""
        return replace(self, decode_scale=self.decode_scale * decode_scale, prefill_scale=self.prefill_scale * prefill_scale)

    def scaled_by(self, found: Mapping[Metric, Applied]) -> Self:
        """The same replica as measurements near it say it is, with the ranges that they leave."""
        if not found:
            return self
        factors = {metric: one.factor for metric, one in found.items()}
        speed = SpeedRange(*(found[metric].band if metric in found else self.speed.of(metric) for metric in METRICS))
        scaled = self.rescaled(factors.get("decode", 1.0), factors.get("prefill", 1.0))
        return replace(scaled, source=f"{self.source}; {in_words(found)}", speed=speed, applied=found)

    def basis(self, metric: Metric, concurrency: float, input_tokens: float, output_tokens: float) -> Basis:
        """Where the times of one side are known from, under such a load."""
        one = self.applied.get(metric)
        return Basis.MODELLED if one is None else one.basis(concurrency, input_tokens, output_tokens)

    def decode_s(self, batch: int, context_tokens: float) -> float:
        """Seconds of a step that generates one token for each of `batch` sequences of `context_tokens` on average."""
        fixed = self._decode_by_batch.get(batch)
        if fixed is None:
            fixed = self._decode_by_batch[batch] = sum(self.batch_parts_s(batch).values())
        return (fixed + batch * self.cache_s(context_tokens)) * self.decode_scale

    def prefill_s(self, tokens: float, context_tokens: float = 0.0) -> float:
        """Seconds of computing `tokens` of a prompt alone, behind `context_tokens` that are cached."""
        return sum(self.prefill_parts_s(tokens, context_tokens).values()) * self.prefill_scale

    def mixed_step_s(
        self, batch: int, context_tokens: float, *, prefill_tokens: float, prefill_context_tokens: float = 0.0, prompts: int = 1
    ) -> float:
        """Seconds of a step that does both: one token for each of `batch` sequences, and a chunk of prompts."""
        if prefill_tokens <= 0:
            return self.decode_s(batch, context_tokens)
        chunk = (prefill_tokens, prefill_context_tokens, prompts, batch)
        added = self._added_by_chunk.get(chunk)
        if added is None:
            added = self._added_by_chunk[chunk] = self._added_s(*chunk)
        return (self.decode_s(batch, context_tokens) if batch else 0.0) + added * self.prefill_scale

    def _added_s(self, tokens: float, context_tokens: float, prompts: int, batch: int) -> float:
        if batch == 0:
            return sum(self.prefill_parts_s(tokens, context_tokens, prompts).values())
        return self.mixed_prefill_s(tokens, context_tokens, prompts=prompts, batch=batch)

    def decode(self, batch: int, context_tokens: float) -> StepTime:
        """A decode step with its named parts and its range."""
        parts = self.batch_parts_s(batch) | {"kv": batch * self.cache_s(context_tokens)}
        return self._step(parts, self.decode_scale, "decode")

    def prefill(self, tokens: float, context_tokens: float = 0.0, prompts: int = 1) -> StepTime:
        """So many prompts of `tokens` together computed alone, with their named parts and their range."""
        return self._step(self.prefill_parts_s(tokens, context_tokens, prompts), self.prefill_scale, "prefill")

    def _step(self, parts: Parts, scale: float, metric: Metric) -> StepTime:
        scaled = {name: seconds * scale for name, seconds in parts.items() if seconds > 0}
        value, band = sum(scaled.values()), self.speed.of(metric)
        known = "a measured" if band.level in ("point", "group", "model") else "an unmeasured"
        text = self.source if metric in self.applied else f"{self.source}; {known} class of device"
        basis = Basis.SCALED if metric in self.applied else Basis.MODELLED
        return StepTime(Quantity(value, value * band.low, value * band.high, basis, text), scaled)
