"""A file's mean time per weight on a processor whose kernels were measured: its matrices by storage type, each at its type's time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from advisor.domain.ggml_types import ggml_type
from advisor.domain.kernels import KernelTimes, ProductCost
from advisor.domain.weights import WeightBytes
from advisor.estimate.llama_cpp_parts import LlamaCppRates

_LEAST_S: Final = 1e-16  # per weight; so that a further sequence that was seen to cost nothing still is a rate


@dataclass(frozen=True, slots=True)
class KernelMeans:
    """Seconds per weight: of a step with one sequence, of each further sequence in it, and of each token of a prompt."""

    one_s: float
    further_s: float
    prompt_s: float


def kernel_means(weights: WeightBytes, kernels: Sequence[KernelTimes]) -> KernelMeans | None:
    """Over all matrices that a step multiplies by; a type that was not measured counts as the one nearest in bits. None: none was."""
    if not kernels or not weights.matrices:
        return None
    timed = [(matrices, _nearest(kernels, matrices.type)) for matrices in weights.matrices]
    total = sum(matrices.weights for matrices in weights.matrices)

    def mean(cost: Callable[[KernelTimes], ProductCost]) -> float:
        return max(sum(cost(times).of(matrices) for matrices, times in timed) / total, _LEAST_S)

    return KernelMeans(mean(lambda times: times.one), mean(lambda times: times.further), mean(lambda times: times.prompt))


def _nearest(kernels: Sequence[KernelTimes], wanted: str) -> KernelTimes:
    return min(kernels, key=lambda times: (times.type != wanted, abs(_bits(times.type) - _bits(wanted))))


def _bits(name: str) -> float:
    storage = ggml_type(name)
    return 8 * storage.bytes_per_block / storage.block


def measured_rates(rates: LlamaCppRates, means: KernelMeans, *, bits_per_weight: float) -> LlamaCppRates:
    """The rates with what was measured in place of what was fitted: a multiplication and an addition per weight and token.

    Further sequences cost what they were seen to add to a step, so that nothing overlaps any more.
    """
    prefill = 2 / means.prompt_s
    return replace(
        rates,
        weights_bytes_per_s=bits_per_weight / 8 / means.one_s,
        batch_flops_per_s=2 / means.further_s,
        batch_norm=1.0,
        prefill_flops_per_s=prefill,
        experts_prefill_flops_per_s=rates.experts_prefill_flops_per_s * prefill / rates.prefill_flops_per_s,
    )
