"""The requests of a simulation: lengths, pauses and gaps drawn once per demand and seed, so that all candidates meet the same requests."""

import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import NormalDist, fmean
from typing import Final

from advisor.domain.demand import Demand, Lengths

DRAWN: Final = 2048  # requests in a stream; a longer simulation starts over
_BLOCK: Final = 128  # lengths are stratified within blocks: each block has the whole distribution
_P95: Final = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True, slots=True)
class RequestStream:
    """Request i has `input_tokens[i]` and `output_tokens[i]`; `pauses` are exponential with mean 1, `gaps` have mean 1 too."""

    input_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    pauses: tuple[float, ...]
    gaps: tuple[float, ...]
    mean_input_tokens: float
    mean_output_tokens: float


class SimulatedRequest:
    """One request; times are None until they happen. `cached_tokens` is what attention reads, as of `joined_tick` or the last chunk.

    What has not happened is a default of the class: thousands are made, and most of it never happens.
    """

    generated_tokens = 0
    cached_tokens = 0
    shared_blocks = 0  # of its cache, held for all
    joined_tick = 0
    place = 0  # in the order of admission, or the slot
    left: tuple[int, int] | None = None  # full blocks when preempted, and how many the pool will have given out before the first of them
    silent_since_s: float | None = None
    preemptions = 0
    measured = False
    failed = False
    admitted_s: float | None = None
    first_token_s: float | None = None
    finished_s: float | None = None

    def __init__(self, arrived_s: float, input_tokens: int, output_tokens: int) -> None:
        self.arrived_s = arrived_s
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.prompt_tokens = input_tokens  # to be cached before the next token; after a preemption with what was generated


def drawn(stream: RequestStream, index: int, arrived_s: float, longest_tokens: int) -> SimulatedRequest:
    """Request `index` of a stream, cut to what a replica takes; after the last the stream starts over."""
    at = index % DRAWN
    prompt, output = stream.input_tokens[at], stream.output_tokens[at]
    if prompt + output > longest_tokens:
        prompt = max(min(prompt, longest_tokens - 1), 1)
        output = max(min(output, longest_tokens - prompt), 1)
    return SimulatedRequest(arrived_s, prompt, output)


def request_stream(demand: Demand, seed: int) -> RequestStream:
    """The stream of a demand: log-normal lengths through p50 and p95, cut at the longest; gaps exponential, or gamma in bursts."""
    return _stream(demand.input_tokens, demand.output_tokens, demand.load.gaps_cv or 1.0, seed)


@lru_cache(maxsize=64)
def _stream(inputs: Lengths, outputs: Lengths, gaps_cv: float, seed: int) -> RequestStream:
    random = Random(seed)  # noqa: S311 - a simulation, not a secret
    prompt = _lengths(inputs, random)
    output = _lengths(outputs, random)
    pauses = tuple(random.expovariate(1.0) for _ in range(DRAWN))
    gaps = _gaps(gaps_cv, random)
    return RequestStream(prompt, output, pauses, gaps, fmean(prompt), fmean(output))


def _gaps(cv: float, random: Random) -> tuple[float, ...]:
    """Gamma-distributed with mean 1: shape 1 / cv^2, scale cv^2; cv 1 is the exponential of a Poisson stream. The sample mean is 1."""
    if cv == 1.0:
        return tuple(random.expovariate(1.0) for _ in range(DRAWN))
    drawn = [random.gammavariate(1.0 / cv**2, cv**2) for _ in range(DRAWN)]
    mean = fmean(drawn)  # of few long gaps: the rate must not be the draw's
    return tuple(gap / mean for gap in drawn)


def _lengths(lengths: Lengths, random: Random) -> tuple[int, ...]:
    """Log-normal: ln p50 + z ln(p95 / p50) / 1.645; each block of quantiles is complete and shuffled."""
    sigma = math.log(max(lengths.p95, lengths.p50) / lengths.p50) / _P95
    normal = NormalDist()
    ladder = [normal.inv_cdf((i + 0.5) / _BLOCK) for i in range(_BLOCK)]
    drawn: list[int] = []
    while len(drawn) < DRAWN:
        random.shuffle(ladder)
        drawn += [max(1, min(lengths.max, round(lengths.p50 * math.exp(sigma * z)))) for z in ladder]
    return tuple(drawn)
