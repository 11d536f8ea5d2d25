"""An estimate and its requirements as facts, each with the basis of its number."""

from collections.abc import Iterable

from advisor.domain.claim_labels import label_of
from advisor.domain.demand import Demand
from advisor.domain.deployment import Candidate
from advisor.domain.engine import VllmSettings
from advisor.domain.estimate import DeviceMemory, Estimate, MemoryEstimate, PerformanceEstimate
from advisor.domain.quantity import Basis, Quantity, total, weakest
from advisor.domain.verdict import Requirement, Standing
from advisor.estimate.floors import prefill_floor
from advisor.rules.facts import EstimateFacts, RequirementFacts
from advisor.units import GIB, significant


def estimate_facts(estimate: Estimate | None, candidate: Candidate | None, demand: Demand) -> tuple[EstimateFacts, dict[str, Basis]]:
    """The estimate's facts, and the basis of each by dotted path. Null where nothing was computed."""
    numbers = _numbers(estimate, candidate, demand)
    plain = {name: None if number is None else number.value for name, number in numbers.items()}
    basis = {f"estimate.{name}": number.basis for name, number in numbers.items() if number is not None}
    if estimate is not None:
        basis["estimate.fits"] = weakest(d.required_bytes.basis for d in estimate.memory.devices)
    performance = estimate.performance if estimate else None
    if performance is not None:
        basis["estimate.saturated"] = performance.capacity_requests_per_s.basis
    facts = EstimateFacts(
        fits=estimate.memory.fits if estimate else None,
        saturated=performance.saturated if performance else None,
        **plain,
    )
    return facts, basis


def _numbers(estimate: Estimate | None, candidate: Candidate | None, demand: Demand) -> dict[str, Quantity | None]:
    numbers: dict[str, Quantity | None] = {}
    if candidate is not None:
        tokens = max(0, demand.input_tokens.p95 - demand.shared_prefix_tokens)
        numbers["ttft_floor_s"] = prefill_floor(candidate.model.architecture, candidate.node.device, candidate.parallelism.devices, tokens)
    if estimate is not None:
        numbers |= _memory(estimate.memory, candidate)
    if estimate is not None and estimate.performance is not None:
        numbers |= _performance(estimate.performance)
    return numbers


def _memory(memory: MemoryEstimate, candidate: Candidate | None) -> dict[str, Quantity | None]:
    device = max(memory.devices, key=lambda d: d.required_bytes.value - d.usable_bytes.value)
    host = memory.host
    required, host_required = device.required_bytes, host.required_bytes
    return {
        "bound_gib": _gib(_bound(device, memory, candidate)),
        "required_gib": _gib(required),
        "required_low_gib": _gib(_end(required, required.low)),
        "required_high_gib": _gib(_end(required, required.high)),
        "reserved_gib": _gib(device.reserved_bytes),
        "usable_gib": _gib(device.usable_bytes),
        "host_required_gib": _gib(host_required),
        "host_required_low_gib": _gib(_end(host_required, host_required.low)),
        "host_usable_gib": _gib(host.usable_bytes),
        "kv_cache_capacity_tokens": memory.kv_cache_capacity_tokens,
        "requests_held_typical": memory.requests_held_typical,
        "requests_held_longest": memory.requests_held_longest,
    }


def _bound(device: DeviceMemory, memory: MemoryEstimate, candidate: Candidate | None) -> Quantity:
    """Weights, state and cache of one full-length request, with everything that is fitted taken as zero: it cannot take less.

    vLLM's `kv_cache_bytes` is the pool, so one request counts as its marginal byte times its length (a window's share is left out).
    """
    cache = device.kv_cache_bytes
    if candidate is not None and isinstance(candidate.settings, VllmSettings):
        cache = memory.kv_cache_bytes_per_token.times(memory.context_per_request_tokens)
    bound = total((device.weights_bytes, device.recurrent_state_bytes, cache), "weights + state + one full-length request")
    return _end(bound, bound.low)


def _end(quantity: Quantity, value: float) -> Quantity:
    return Quantity(value, value, value, quantity.basis, quantity.source)


def _gib(quantity: Quantity) -> Quantity:
    return quantity.times(1 / GIB)


def _performance(performance: PerformanceEstimate) -> dict[str, Quantity | None]:
    return {
        "utilization": performance.utilization,
        "in_flight": performance.in_flight,
        "capacity_requests_per_s": performance.capacity_requests_per_s,
        "ttft_p95_s": performance.ttft_s.p95,
        "tpot_p95_s": performance.tpot_s.p95,
        "e2e_p95_s": performance.e2e_s.p95,
    }


# ---- requirements


def requirement_facts(requirements: Iterable[Requirement]) -> tuple[RequirementFacts, dict[str, Basis]]:
    """Hard requirements that break or are unlikely, apart from those with replicas down; each list has its weakest basis."""
    lists: dict[str, list[Requirement]] = {"breaks": [], "unlikely": [], "breaks_down": [], "unlikely_down": []}
    words = {Standing.BREAKS: "breaks", Standing.UNLIKELY: "unlikely"}
    for requirement in requirements:
        word = words.get(requirement.standing)
        if word is not None and requirement.hard:
            lists[f"{word}_down" if requirement.name.endswith("_down") else word].append(requirement)
    names = {key: tuple(r.name for r in found) for key, found in lists.items()}
    texts = {f"{key}_text": "; ".join(_sentence(r) for r in found) for key, found in lists.items()}
    basis = {f"requirements.{key}": weakest(r.given.basis for r in found if r.given) for key, found in lists.items() if found}
    return RequirementFacts(**names, **texts), basis  # type: ignore[arg-type]


def _sentence(requirement: Requirement) -> str:
    """`first token p95 7.7 s (5.1-9.8, scaled), at most 2 s`."""
    label, unit = label_of(requirement.name)
    label = label.partition(",")[0]  # the rule that speaks of replicas down says how many
    given = requirement.given.show(unit) if requirement.given else "unknown"
    bounds = [("at most", requirement.at_most), ("at least", requirement.at_least)]
    limits = " and ".join(f"{word} {significant(value, 3)}{unit}" for word, value in bounds if value is not None)
    return f"{label} {given}, {limits}"
