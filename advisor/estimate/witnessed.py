"""A memory estimate after the engine was asked: its numbers in the place of the predicted ones, sums made anew. Pure arithmetic.

A total that the engine confirms is confirmed for every place's share of it; one that differs moves all shares alike, which is exact
only where one place holds it all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from advisor.domain.deployment import Candidate
from advisor.domain.estimate import DeviceMemory, HostMemory, MemoryEstimate
from advisor.domain.quantity import Basis, Quantity, exact, total, weakest
from advisor.domain.weights import WeightBytes
from advisor.domain.witness import Testimony, Told, Witness
from advisor.estimate.memory_parts import fits, memory_pairs

_PARTS: Final = ("weights_bytes", "kv_cache_bytes", "recurrent_state_bytes", "compute_buffer_bytes", "output_buffer_bytes")
_COUNTS: Final = ("kv_cache_capacity_tokens", "num_blocks", "max_concurrency_x")
_CONTEXT: Final = ("context_total_tokens", "context_per_request_tokens")
_SAME: Final = 1e-9
_SETTINGS: Final = "the settings"
Place = TypeVar("Place", DeviceMemory, HostMemory)


def with_witness(
    memory: MemoryEstimate, witness: Witness, *, candidate: Candidate, weights: WeightBytes
) -> tuple[MemoryEstimate, Testimony]:
    """The estimate with what the engine told, and the comparison. `weights` are those that the estimate was made of."""
    told = {name: _told(name, predicted, witness) for name, predicted in _predicted(memory, witness, candidate, weights).items()}
    expected = {name: one for name, one in told.items() if one.predicted.high > 0}  # what nobody expected counts once, on the first device
    devices = tuple(_replaced(device, expected if index else told, witness) for index, device in enumerate(memory.devices))
    host = _replaced(memory.host, expected, witness) if witness.scope == "replica" else memory.host
    pairs = memory_pairs(devices, host, unified=candidate.node.device.unified_memory and not candidate.on_cpu)
    changed: dict[str, Any] = {name: exact(told[name].told, witness.source) for name in _COUNTS if name in told}
    changed |= {name: int(told[name].told) for name in _CONTEXT if name in told}
    asked = replace(memory, devices=devices, host=host, fits=fits(pairs), **changed)
    return asked, Testimony(witness.source, tuple(told.values()), witness.remarks)


def _predicted(memory: MemoryEstimate, witness: Witness, candidate: Candidate, weights: WeightBytes) -> dict[str, Quantity]:
    """What was predicted of everything that the engine told and that holds for these devices."""
    whole = witness.scope == "replica"
    places: list[DeviceMemory | HostMemory] = [*memory.devices, memory.host] if whole else [memory.devices[0]]
    known = {name: total([getattr(place, name) for place in places], "sum over devices and host") for name in _PARTS}
    if whole:  # every tensor once: where it is placed, a tied table may lie twice
        size = weights.total_bytes
        known["weights_bytes"] = Quantity(size, size, size, weights.basis, weights.source)
    known |= {name: quantity for name in _COUNTS if (quantity := getattr(memory, name)) is not None}
    known |= {name: exact(getattr(memory, name), _SETTINGS) for name in _CONTEXT}
    if whole and not candidate.on_cpu:
        del known["compute_buffer_bytes"]
    return {name: quantity for name, quantity in known.items() if getattr(witness, name) is not None}


def _told(name: str, predicted: Quantity, witness: Witness) -> Told:
    figure = float(getattr(witness, name))
    slack = max(witness.rounding_bytes if name in _PARTS else 0.0, _SAME * abs(figure))
    return Told(name, predicted, figure, predicted.low - slack <= figure <= predicted.high + slack)


# ---- one place


def _replaced(place: Place, told: Mapping[str, Told], witness: Witness) -> Place:
    """The place with its share of what was told, `required` and `reserved` moved by the change."""
    before: dict[str, Quantity] = {name: getattr(place, name) for name in _PARTS if name in told}
    after = {name: _share(part, told[name], witness) for name, part in before.items()}
    parts = [after.get(name, getattr(place, name)) for name in (*_PARTS, "runtime_overhead_bytes")]
    sums = ["required_bytes"]
    if isinstance(place, DeviceMemory) and place.reserved_bytes != place.usable_bytes:  # equal: a pool takes whatever is left
        sums.append("reserved_bytes")
    changed: dict[str, Any] = {name: _moved(getattr(place, name), before.values(), after.values(), parts) for name in sums}
    return replace(place, **{**changed, **after})


def _share(part: Quantity, told: Told, witness: Witness) -> Quantity:
    """One place's part of a total that was told: confirmed to the byte, the whole of it, or moved like the others."""
    predicted = told.predicted
    if part.high == 0 < predicted.high or (told.agrees and part.basis is Basis.EXACT):
        return replace(part, source=witness.source) if part.high else part
    if part.value == predicted.value:
        return exact(round(told.told), witness.source)
    return replace(part.times(told.told / predicted.value), basis=Basis.SCALED, source=f"{witness.source}: its total, split as predicted")


def _moved(whole: Quantity, before: Iterable[Quantity], after: Iterable[Quantity], parts: Iterable[Quantity]) -> Quantity:
    """A sum after some of its parts changed. The basis is the weakest of what it now consists of."""
    old, new = total(before, ""), total(after, "")
    value, low, high = (max(0.0, getattr(whole, end) - getattr(old, end) + getattr(new, end)) for end in ("value", "low", "high"))
    basis = weakest(part.basis for part in parts if part.high > 0)
    return Quantity(value, min(low, value), max(high, value), basis, whole.source)
