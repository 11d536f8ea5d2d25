"""Step time of vLLM: the parts of `vllm_parts` for one replica, with the constants of its version (catalog/calibration/vllm.yaml)."""

import re
from dataclasses import dataclass, field

from advisor.domain.calibration import Arithmetic, ErrorLevel, VllmCalibration, VllmGeneration
from advisor.domain.deployment import Candidate
from advisor.domain.engine import VllmSettings
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import reached_bandwidth
from advisor.estimate.start_up import start_time
from advisor.estimate.step_time_base import Parts, StepTimeModel, speed_range
from advisor.estimate.vllm_parts import VllmConstants, VllmRates, cache_s, decode_parts, mixed_prompt_parts, prompt_parts, vllm_rates
from advisor.estimate.vllm_rank import VllmRank, vllm_rank


@dataclass(slots=True, kw_only=True)
class VllmSteps(StepTimeModel):
    """Step times of one vLLM replica (of one data-parallel rank, where there are several)."""

    rank: VllmRank = field(repr=False)
    rates: VllmRates = field(repr=False)
    mixed_fixed_s: float  # what prompts add to a decode step whatever their length …
    mixed_token_s: float  # … and per token, without attention

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
        """The chunk's arithmetic and launches: its weights are read by the decode step it rides with."""
        attention = tokens * self.rank.work.attention_flops.mean_over(context_tokens, tokens / prompts)
        return self.mixed_fixed_s + tokens * self.mixed_token_s + attention / self.rates.attention_flops_per_s

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
    fixed_s, token_s = _mixed_line(rank, rates)
    return VllmSteps(
        source=f"fit of {calibration.as_of} for vLLM {generation.name}",
        speed=speed_range(calibration, decode=level, prefill=level, measured_architecture=measured),
        request_floor_s=calibration.first_token_floor_s.value,
        start_s=start_time(candidate, weights, calibration.start_up, source=f"start-up of vLLM, {calibration.as_of}"),
        rank=rank,
        rates=rates,
        mixed_fixed_s=fixed_s,
        mixed_token_s=token_s,
    )


def _mixed_line(rank: VllmRank, rates: VllmRates) -> tuple[float, float]:
    """All of `mixed_prompt_parts` but attention is a line in the tokens: simulations ask for it thousands of times."""
    none, one = (mixed_prompt_parts(rank.prompt_work(tokens, 0.0), rates) for tokens in (0.0, 1.0))
    fixed_s = sum(none.values())
    return fixed_s, sum(one.values()) - one["attention"] - fixed_s


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
