"""Step time of vLLM: the parts of `vllm_parts` for one replica, with the constants of its version (catalog/calibration/vllm.yaml)."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from advisor.domain.calibration import Arithmetic, ErrorLevel, VllmCalibration, VllmGeneration
from advisor.domain.deployment import Candidate
from advisor.domain.engine import VllmSettings
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import reached_bandwidth
from advisor.estimate.start_up import start_time
from advisor.estimate.step_time_base import Parts, Scheduling, StepTimeModel, speed_range
from advisor.estimate.vllm_parts import (
    VllmConstants,
    VllmRates,
    all_reduce_s,
    cache_s,
    decode_parts,
    linear_s,
    overlapped,
    prompt_parts,
    vllm_rates,
)
from advisor.estimate.vllm_rank import VllmRank, vllm_rank


class _Product(NamedTuple):
    """Seconds of a decode step's products with the weights: reading these, the arithmetic, and both as they overlap."""

    read_s: float
    compute_s: float
    both_s: float


@dataclass(slots=True, kw_only=True)
class VllmSteps(StepTimeModel):
    """Step times of one vLLM replica (of one data-parallel rank, where there are several)."""

    rank: VllmRank = field(repr=False)
    rates: VllmRates = field(repr=False)
    linear_token_s: float  # arithmetic of a prompt's token
    message_token_s: float  # its share of the all-reduces
    prompts_fixed_s: float  # what prompts add to a decode step whatever their length
    _products: dict[int, _Product] = field(default_factory=dict, repr=False)  # by batch

    def batch_parts_s(self, batch: int) -> Parts:
        """Weights are read once a step, of experts those that the step's tokens hit: E (1 - (1 - k/E)^n)."""
        return decode_parts(self.rank.decode_work(batch), self.rates)

    def cache_s(self, context_tokens: float) -> float:
        """One sequence's keys, values and state at the cache's bandwidth, and its attention."""
        return cache_s(self.rank.cache_bytes(context_tokens), self.rank.work.attention_flops.at(context_tokens), self.rates)

    def prefill_parts_s(self, tokens: float, context_tokens: float, prompts: int = 1) -> Parts:
        """Arithmetic against reading, launches, and the all-reduces."""
        return prompt_parts(self.rank.prompt_work(tokens, context_tokens, prompts), self.rates)

    def mixed_prefill_s(self, tokens: float, context_tokens: float, *, prompts: int, batch: int) -> float:
        """`mixed_prompt_parts` added up, with what hangs on the batch alone looked up: simulations ask for it thousands of times."""
        product = self._products.get(batch) or self._product(batch)
        work, rates, read_s = self.rank.work, self.rates, product.read_s
        if work.experts:
            read_s = max(read_s, (self.rank.read.dense + self.rank.experts_bytes(tokens)) / rates.weights_bytes_per_s)
        compute_s = overlapped(read_s, product.compute_s + tokens * self.linear_token_s, rates.overlap_norm) - product.both_s
        attention = tokens * work.attention_flops.mean_over(context_tokens, tokens / prompts)
        return compute_s + attention / rates.attention_flops_per_s + self.prompts_fixed_s + tokens * self.message_token_s

    def _product(self, batch: int) -> _Product:
        work, rates = self.rank.decode_work(batch), self.rates
        read_s = (work.dense_bytes + work.experts_bytes) / rates.weights_bytes_per_s
        compute_s = work.flops / rates.decode_flops_per_s
        found = self._products[batch] = _Product(read_s, compute_s, overlapped(read_s, compute_s, rates.overlap_norm))
        return found

    def floor_decode_s(self, batch: int, context_tokens: float) -> float:
        """Bytes at nominal bandwidth or arithmetic at the peak, whichever takes longer."""
        return self.rank.floor_decode_s(batch, context_tokens)

    def floor_prefill_s(self, tokens: float) -> float:
        """The prompt's linear arithmetic at the peak of all ranks."""
        return self.rank.floor_prefill_s(tokens)


def vllm_steps(candidate: Candidate, weights: WeightBytes, calibration: VllmCalibration, *, quantization: Quantization) -> VllmSteps:
    """The step-time model of one vLLM replica. Raises UserInputError for settings or a version of another engine."""
    settings = candidate.settings
    if not isinstance(settings, VllmSettings):
        raise UserInputError(f"{candidate.runtime.runtime} needs vLLM settings")
    generation = vllm_generation(candidate.runtime.version, calibration)
    on_cpu = candidate.on_cpu
    level, measured = error_level(candidate, settings, calibration)
    rank, rates = (_cpu if on_cpu else _gpu)(candidate, weights, calibration, generation, quantization)
    none, one = (rank.prompt_work(tokens, 0.0) for tokens in (0.0, 1.0))
    message_s = all_reduce_s(none.message_bytes, rates)
    return VllmSteps(
        source=f"fit of {calibration.as_of} for vLLM {generation.name}",
        speed=speed_range(calibration, decode=level, prefill=level, measured_architecture=measured),
        request_floor_s=calibration.first_token_floor_s.value,
        start_s=start_time(candidate, weights, calibration.start_up, source=f"start-up of vLLM, {calibration.as_of}"),
        scheduling=scheduling(candidate, calibration),
        rank=rank,
        rates=rates,
        linear_token_s=linear_s(one, rates),
        message_token_s=all_reduce_s(one.message_bytes, rates) - message_s,
        prompts_fixed_s=rates.prompt_layers_s + message_s,
    )


def error_level(candidate: Candidate, settings: VllmSettings, calibration: VllmCalibration) -> tuple[ErrorLevel, bool]:
    """What was held out from the fit in cases that were known as little as this one, and whether any case was like it.

    A measured device with a measured kind of model counts as a group; another device of a measured backend as a device. A backend, the
    CPU, or steps without captured graphs inherit the constants, with the range of a stranger's server, raised further.
    """
    if candidate.on_cpu or settings.enforce_eager or candidate.runtime.backend not in calibration.measured_backends:
        return "source", False
    kinds = set(candidate.model.architecture.kinds) <= set(calibration.measured_kinds)
    return ("group" if candidate.node.device.card in calibration.measured_devices else "device"), kinds


def vllm_generation(version: str, calibration: VllmCalibration) -> VllmGeneration:
    """The constants of this version; a nightly build counts as the newest. Raises UserInputError for what is no version."""
    number = _release(version)
    for generation in calibration.generations:
        if generation.before is None or (number is not None and number < (_release(generation.before) or ())):
            return generation
    raise UserInputError(f"vLLM version {version!r} is after every generation of the calibration")


def scheduling(candidate: Candidate, calibration: VllmCalibration) -> Scheduling:
    """How its version puts steps together.

    `async_scheduling` is the default from a version on, but not on a CPU (`platforms/cpu.py`) nor in stages (`config/vllm.py`).
    """
    if vllm_generation(candidate.runtime.version, calibration).separate_prompts:
        return "separate"
    version = _release(candidate.runtime.version)
    recent = version is None or version >= (_release(calibration.async_scheduling_since) or ())
    return "ahead" if recent and not candidate.on_cpu and candidate.parallelism.pipeline == 1 else "mixed"


def _release(version: str) -> tuple[int, ...] | None:
    if version == "nightly":
        return None
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    if match is None:
        raise UserInputError(f"vLLM version {version!r} is not a version such as 0.33.0")
    return tuple(int(part) for part in match[1].split("."))


def _gpu(
    candidate: Candidate, weights: WeightBytes, calibration: VllmCalibration, generation: VllmGeneration, quantization: Quantization
) -> tuple[VllmRank, VllmRates]:
    rank = vllm_rank(candidate, weights, quantization, flops_per_byte=calibration.flops_per_byte)
    constants = vllm_constants(calibration, generation, rank.rate.arithmetic)
    return rank, vllm_rates(rank.traits(fast_links=calibration.fast_links), constants)


def vllm_constants(calibration: VllmCalibration, generation: VllmGeneration, arithmetic: Arithmetic) -> VllmConstants:
    """The values that hold for a version and an arithmetic."""
    return VllmConstants(
        weights_efficiency=generation.weights_efficiency.value,
        kv_efficiency=calibration.kv_efficiency.value,
        layer_s=generation.layer_s.value,
        layer_factor_moe=generation.layer_factor_moe.value,
        sequence_s=generation.sequence_s.value,
        all_reduce_fast_s=calibration.all_reduce_fast_s.value,
        all_reduce_slow_s=calibration.all_reduce_slow_s.value,
        link_efficiency=calibration.link_efficiency.value,
        decode_mfu=calibration.decode_mfu.value,
        decode_mfu_moe=calibration.decode_mfu_moe.value,
        prefill_mfu=calibration.prefill_mfu[arithmetic].value,
        prefill_mfu_moe_factor=calibration.prefill_mfu_moe_factor.value,
        prefill_tensor_exponent=calibration.prefill_tensor_exponent.value,
        prefill_peak_exponent=calibration.prefill_peak_exponent.value,
        prefill_desktop_factor=calibration.prefill_desktop_factor.value,
        attention_mfu=calibration.attention_mfu.value,
        prompt_layer_s=calibration.prompt_layer_s.value,
        overlap_norm=calibration.overlap_norm,
    )


def _cpu(
    candidate: Candidate, weights: WeightBytes, calibration: VllmCalibration, generation: VllmGeneration, quantization: Quantization
) -> tuple[VllmRank, VllmRates]:
    cpu = calibration.cpu
    rank = vllm_rank(candidate, weights, quantization, flops_per_byte=cpu.flops_per_byte)
    bandwidth = reached_bandwidth(candidate.node, cpu.reached_bandwidth)
    flops = rank.rate.flops_per_s * cpu.mfu.value if rank.rate.published else bandwidth * cpu.flops_per_byte.value
    return rank, VllmRates(
        weights_bytes_per_s=bandwidth * cpu.weights_efficiency.value,
        cache_bytes_per_s=bandwidth * calibration.kv_efficiency.value,
        decode_flops_per_s=flops,
        prefill_flops_per_s=flops,
        experts_prefill_flops_per_s=flops,
        attention_flops_per_s=flops,
        layers_s=rank.work.layers * cpu.layer_s.value,
        prompt_layers_s=0.0,
        sequence_s=cpu.sequence_s.value,
        all_reduces=2.0 * rank.work.layers * (rank.tensor > 1),
        all_reduce_s=calibration.all_reduce_slow_s.value,
        transfer_s_per_byte=2 * (rank.tensor - 1) / rank.tensor / (bandwidth * calibration.link_efficiency.value),
        overlap_norm=1.0,
    )
