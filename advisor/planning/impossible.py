"""Latency limits that even an idle replica cannot keep on the hardware that is allowed: by how much, and the nearest that can be kept."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from advisor.assess import Case, size
from advisor.domain.assessment import Assessment
from advisor.domain.hardware import Node
from advisor.domain.workload import Workload
from advisor.estimate.floors import prefill_floor
from advisor.planning.decision import Decision, Impossible
from advisor.planning.describe import plain

_LOOSER: Final = (1.5, 2.0, 3.0, 4.5, 7.0, 10.0, 20.0, 50.0)  # times the floor: real software under the real load
Limit = Literal["ttft_p95_s", "tpot_p95_s", "e2e_p95_s"]
_LIMITS: Final[tuple[Limit, ...]] = ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s")
Decide = Callable[..., Decision]


@dataclasses.dataclass(frozen=True, slots=True)
class _Granted:
    """A deployment that keeps every other requirement, what it takes at least, and what it is expected to take."""

    deployment: str
    devices: str
    floor_s: float
    alone_s: float
    expected_s: float
    prompt_tokens: int
    answer_tokens: int
    prefix: bool


def impossible_limits(case: Case, machine: Node | None, decide: Decide, insist: Mapping[str, str]) -> Iterator[Impossible]:
    """One sentence a limit below what a request takes alone on the best deployment without that limit; nothing where nothing would do.

    Before them a request that is longer than the context of every model.
    """

    def again(name: Limit, limit_s: float | None) -> _Granted | None:
        workload = _with_limit(case.workload, name, limit_s)
        other = decide(workload, case.catalog, case.rules, machine=machine, insist=insist, explore=False)
        return _measured(case, other.chosen, name) if other.feasible and other.chosen is not None else None

    yield from _too_long(case)
    for name in _LIMITS:
        limit_s = getattr(case.workload.service_level, name)
        without = None if limit_s is None else again(name, None)
        if without is None or limit_s >= without.alone_s:
            continue
        tried = (again(name, without.floor_s * factor) for factor in _LOOSER)
        nearest = next((found for found in tried if found is not None), without)
        if limit_s < nearest.alone_s:
            yield Impossible(("service_level", name), _sentence(name, limit_s, nearest))


def _too_long(case: Case) -> Iterator[Impossible]:
    """More tokens than the longest context of the models that are allowed."""
    named, demand = case.workload.models, case.demand
    models = case.catalog.models.values() if named in (None, "any") else [case.catalog.model(name) for name in named or ()]
    longest = max(models, key=lambda model: model.architecture.max_context_tokens, default=None)
    if longest is None or demand.longest_tokens <= longest.architecture.max_context_tokens:
        return
    most, sent = longest.architecture.max_context_tokens, demand.input_tokens.max
    text = f"the longest request has {demand.longest_tokens:,} tokens ({sent:,} in + {demand.output_tokens.max:,} out)"
    works = f"Nearest that works: max {most - sent:,}" if sent < most else f"Nearest that works: at most {most - 1:,} tokens sent"
    yield Impossible(("request", "output_tokens"), f"{text}; {longest.id}, the longest of the models allowed, holds {most:,}. {works}")


def _with_limit(workload: Workload, name: Limit, limit_s: float | None) -> Workload:
    changed: dict[str, Any] = {name: limit_s}
    return dataclasses.replace(workload, service_level=dataclasses.replace(workload.service_level, **changed))


def _measured(case: Case, chosen: Assessment, name: Limit) -> _Granted:
    candidate, estimate = chosen.deployment.candidate, chosen.estimate
    steps = size(candidate, case).steps
    prompt_tokens = max(case.demand.input_tokens.p95 - case.demand.shared_prefix_tokens, 1)
    context_tokens = case.demand.input_tokens.p50
    loads = [performance for performance in (estimate.performance, estimate.performance_degraded) if performance is not None]
    floor = prefill_floor(candidate.model.architecture, candidate.node.device, candidate.parallelism.devices, prompt_tokens)
    first_floor_s, first_s = floor.value if floor else 0.0, steps.prefill_s(prompt_tokens)
    token_floor_s, token_s = steps.floor_decode_s(1, context_tokens), steps.decode_s(1, context_tokens)
    answer_tokens = case.demand.output_tokens.p95
    times = {
        "ttft_p95_s": (first_floor_s, first_s),
        "tpot_p95_s": (token_floor_s, token_s),
        "e2e_p95_s": (answer_tokens * token_floor_s, answer_tokens * token_s),
    }
    figure = name.replace("_p95_s", "_s")
    return _Granted(
        deployment=f"{candidate.model.id.split('/')[-1]} {candidate.checkpoint.quantization}",
        devices=f"{candidate.parallelism.devices} x {candidate.node.device.id}",
        floor_s=times[name][0],
        alone_s=times[name][1],
        expected_s=max((getattr(one, figure).p95.value for one in loads), default=math.inf),
        prompt_tokens=prompt_tokens,
        answer_tokens=answer_tokens,
        prefix=case.demand.shared_prefix_tokens > 0,
    )


def _sentence(name: Limit, limit_s: float, nearest: _Granted) -> str:
    works_s = _rounded_up(nearest.expected_s)
    below = "physics allows" if limit_s < nearest.floor_s else "one request takes alone"
    begin = f"{plain(limit_s, ' s')} is below what {below}"
    times = f"{plain(nearest.floor_s, ' s')} at the peak of {nearest.devices}, about {plain(_rounded_up(nearest.alone_s), ' s')} really"
    works = f"Nearest that works: {plain(works_s, ' s')}"
    if name == "tpot_p95_s":
        return f"{begin}: reading the weights of {nearest.deployment} for one token takes {times}. {works}"
    if name == "e2e_p95_s":
        shorter = f", or answers up to about {int(nearest.answer_tokens * limit_s / works_s):,} tokens"
        return f"{begin}: {nearest.answer_tokens:,} tokens of answer (p95) of {nearest.deployment} take {times}. {works}{shorter}"
    fitting = int(float(f"{nearest.prompt_tokens * limit_s / works_s:.1e}"))
    shorter = f", or prompts up to about {fitting:,} tokens" if fitting else ""
    prompt = f"{nearest.prompt_tokens:,} prompt tokens (p95{', shared prefix left out' if nearest.prefix else ''}) of {nearest.deployment}"
    return f"{begin}: {prompt} take {times}. {works}{shorter}{' [LAT002]' if limit_s < nearest.floor_s else ''}"


def _rounded_up(value: float) -> float:
    """To two digits, never below the value: a limit that is quoted as one that works must work."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step) * step:.2g}")
