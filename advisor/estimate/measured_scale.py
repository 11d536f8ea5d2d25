"""From one measured load to the scale that makes the step-time model predict it: decode from the time per token, prefill from the first.

Both are found together, because a token also waits for other requests' prompts, and a first token for others' tokens. Whether a load
generator kept its requests in step (all prompts together, then all tokens) or they were spread is not told: of both readings the one
counts that needs the smaller correction. At any other reading than the true one the two sides are far from each other.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from advisor.domain.demand import Demand, Lengths
from advisor.domain.deployment import Deployment
from advisor.domain.engine import EngineSettings, LlamaCppSettings
from advisor.domain.estimate import MemoryEstimate
from advisor.domain.measured import MeasuredPoint
from advisor.domain.near import Loads, Scale
from advisor.domain.workload import Load
from advisor.errors import UserInputError
from advisor.estimate.device_rates import MEASURED_MACHINE
from advisor.estimate.load import estimate_performance
from advisor.estimate.scaling import setup_of
from advisor.estimate.step_time_base import StepTimeModel
from advisor.units import significant

_ROUNDS: Final = 12
_CLOSE: Final = 0.005  # relative: the prediction then is the measurement
_FARTHEST: Final = 10.0  # times slower or faster than predicted: a slip of units or of the subject
_BELOW_FLOOR: Final = 0.95  # of the floor: nominal rates are exceeded by boost clocks, hardly by more


@dataclass(frozen=True, slots=True)
class MeasuredCandidate:
    """What was measured as the advisor knows it, unscaled."""

    deployment: Deployment
    memory: MemoryEstimate
    steps: StepTimeModel


def scale_of(point: MeasuredPoint, subject: MeasuredCandidate) -> Scale:
    """Measured over predicted. Raises UserInputError for times that physics forbids, or that are absurdly far from the prediction."""
    _require_possible(point, subject)
    decode, prefill = (_bare if point.bare else _served)(point, subject)
    for name, measured, scale in (("tpot_s", point.tpot_s, decode), ("ttft_s", point.ttft_s, prefill)):
        if scale is not None and not 1 / _FARTHEST <= scale <= _FARTHEST:
            far = f"more than {_FARTHEST:.0f} times {'slower' if scale > 1 else 'faster'}"
            raise UserInputError(f"{point.source}: {name} {significant(measured or 0)} at {point.pace} is {far} than predicted: {_DOUBT}")
    loads = Loads(*((float(value or 0),) * 2 for value in (point.concurrency, point.input_tokens, point.output_tokens)))
    candidate = subject.deployment.candidate
    return Scale(setup_of(candidate), "own", decode, prefill, loads, point.source)


_DOUBT: Final = "is it of this model, format and device, and in seconds?"


def _require_possible(point: MeasuredPoint, subject: MeasuredCandidate) -> None:
    """By published rates: those of a machine that was measured itself, or of a processor's arithmetic, are no law."""
    candidate, steps, context = subject.deployment.candidate, subject.steps, (point.input_tokens or 0) + (point.output_tokens or 0) / 2
    if candidate.node.id.startswith(MEASURED_MACHINE):
        return
    prompt = point.prompt_tokens or point.input_tokens or 1
    published = candidate.node.device.bf16_flops_per_s is not None and not candidate.on_cpu
    prompt_s = steps.floor_prefill_s(prompt) if published else 0.0
    floors = (("tpot_s", point.tpot_s, steps.floor_decode_s(1, context)), ("ttft_s", point.ttft_s, prompt_s))
    for name, measured, floor_s in floors:
        if measured is not None and measured < _BELOW_FLOOR * floor_s:
            why = "reading the weights once at nominal bandwidth" if name == "tpot_s" else "the prompt's arithmetic at the device's peak"
            raise UserInputError(
                f"{point.source}: {name} {significant(measured)} at {point.pace} is below {significant(floor_s)} s, {why}: "
                "another model or device, warm prefixes, or speculative decoding, which this is no measurement of"
            )


def _bare(point: MeasuredPoint, subject: MeasuredCandidate) -> tuple[float | None, float | None]:
    steps, cached, together = subject.steps, float(point.input_tokens or 0), point.concurrency
    decode = prefill = None
    if point.tpot_s is not None:
        decode = point.tpot_s / steps.decode_s(together, cached + (point.output_tokens or 0) / 2)
    if point.ttft_s is not None:
        parts_s = steps.prefill_parts_s((point.prompt_tokens or 1) * together, cached, together)
        prefill = point.ttft_s / sum(parts_s.values())
    return decode, prefill


def _served(point: MeasuredPoint, subject: MeasuredCandidate) -> tuple[float | None, float | None]:
    spread = _spread(point, subject)
    if point.concurrency == 1 or point.tpot_s is None or point.ttft_s is None:
        return spread
    return min(spread, _in_step(point, subject), key=_correction)


def _correction(scales: tuple[float | None, float | None]) -> float:
    return sum(abs(math.log(scale)) for scale in scales if scale is not None)


def _in_step(point: MeasuredPoint, subject: MeasuredCandidate) -> tuple[float | None, float | None]:
    """All prompts at once: in one step where they fit one, else one after the other, and the median request waits for half of them."""
    steps, together, sent = subject.steps, point.concurrency, point.input_tokens or 1
    in_one = together * sent <= _step_tokens(subject.deployment.candidate.settings)
    prompts = together if in_one else (together + 1) // 2
    first_s = sum(steps.prefill_parts_s(sent * prompts, 0.0, prompts).values()) + steps.request_floor_s
    token_s = steps.decode_s(together, sent + (point.output_tokens or 0) / 2)
    return (point.tpot_s or token_s) / token_s, (point.ttft_s or first_s) / first_s


def _step_tokens(settings: EngineSettings) -> int:
    return settings.batch_size if isinstance(settings, LlamaCppSettings) else settings.max_num_batched_tokens


def _spread(point: MeasuredPoint, subject: MeasuredCandidate) -> tuple[float | None, float | None]:
    """As the load model has it: each request somewhere else in its answer."""
    predict = _load_model(point, subject)
    decode = prefill = 1.0
    for _ in range(_ROUNDS):
        tpot_s, ttft_s = predict(decode, prefill)
        token = point.tpot_s / tpot_s if point.tpot_s else 1.0
        first = point.ttft_s / ttft_s if point.ttft_s else 1.0
        decode, prefill = _within(decode * token), _within(prefill * first)
        if abs(token - 1) < _CLOSE and abs(first - 1) < _CLOSE:
            break
    return decode if point.tpot_s else None, prefill if point.ttft_s else None


def _within(scale: float) -> float:
    """Just beyond what is believed, so that it is refused and nothing runs away."""
    return min(max(scale, 0.99 / _FARTHEST), 1.01 * _FARTHEST)


def _load_model(point: MeasuredPoint, subject: MeasuredCandidate) -> Callable[[float, float], tuple[float, float]]:
    """Median times per token and to the first token at this load, by how much slower decode and prefill are."""
    sent, generated = point.input_tokens or 1, max(point.output_tokens or 2, 2)
    demand = Demand(Load(in_flight=point.concurrency), Lengths(sent, sent, sent), Lengths(generated, generated, generated))

    def predict(decode: float, prefill: float) -> tuple[float, float]:
        steps = subject.steps.rescaled(decode, prefill)
        found = estimate_performance(subject.deployment, demand, memory=subject.memory, steps=steps, replicas_up=1, ranges=False)
        return found.tpot_s.p50.value, found.ttft_s.p50.value

    return predict
