"""Why a pool is not the predicted one: which part of the device's memory took more or less, in tokens of the pool."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from advisor.domain.evidence import ClaimResult
from advisor.domain.quantity import Quantity
from advisor.units import GIB, gib_text
from advisor.validation.subject import Subject

# an allocator rounds up, a log rounds to hundredths: 61.03 GiB in logs of 61.02 GiB of weights, 14.99 of 14.96
SIZE_PCT: Final = 1.0


def why_missed(subject: Subject, claims: Sequence[ClaimResult], parts_bytes: Mapping[str, float]) -> tuple[str, ...]:
    """One sentence where the pool missed its prediction; `parts_bytes` are what the log says took the budget of one device."""
    pool = next((claim for claim in claims if claim.name == "kv_capacity_tokens" and claim.prediction == "outside"), None)
    if pool is None:
        return ()
    reasons = ". ".join(_parts_missed(subject, parts_bytes)) or "the log does not break the memory down"
    held = pool.requirement == "proven" and pool.at_least
    affected = f"; {pool.at_least:,.0f} needed: the requirement holds all the same" if held else ""
    return (f"why kv_capacity_tokens missed: {reasons}{affected}",)


def _parts_missed(subject: Subject, parts_bytes: Mapping[str, float]) -> Iterator[str]:
    for name, predicted in _predicted(subject).items():
        measured, slack = parts_bytes.get(name), predicted.value * SIZE_PCT / 100
        if measured is not None and not predicted.low - slack <= measured <= predicted.high + slack:
            yield _missed(name, predicted, measured, subject.memory.kv_cache_bytes_per_token.value)


def _predicted(subject: Subject) -> dict[str, Quantity]:
    device = subject.memory.devices[0]
    return {
        "activation peak": device.compute_buffer_bytes,
        "weights": device.weights_bytes,
        "CUDA graphs and memory outside PyTorch": device.runtime_overhead_bytes,
        "budget": device.usable_bytes,
    }


def _missed(name: str, predicted: Quantity, measured: float, bytes_per_token: float) -> str:
    """`the log's activation peak is 8.6 GiB, predicted 5.6 (4.7-6.1): 3.0 GiB = 12,288 tokens`."""
    apart = abs(measured - predicted.value)
    ranged = f" ({predicted.low / GIB:.1f}-{predicted.high / GIB:.1f})" if predicted.low != predicted.high else ""
    tokens = f" = {apart / bytes_per_token:,.0f} tokens" if bytes_per_token else ""
    return f"the log's {name} is {gib_text(measured)}, predicted {predicted.value / GIB:.1f}{ranged}: {gib_text(apart)}{tokens}"
