"""Step time of vLLM: a sum of weights, KV cache, arithmetic, layers, sequences and all-reduces (constants: catalog/calibration)."""

import re
from dataclasses import dataclass, field
from typing import Final

from advisor.domain.calibration import ErrorLevel, VllmCalibration, VllmGeneration
from advisor.domain.deployment import Candidate
from advisor.domain.engine import VllmSettings
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import Rate, ReadBytes, arithmetic_rate, reached_bandwidth, read_bytes, sixteen_bit_rate
from advisor.estimate.start_up import start_time
from advisor.estimate.step_time_base import Parts, StepTimeModel, speed_range
from advisor.estimate.token_work import TokenWork, expected_experts_share, token_work

_ONE_BYTE_CACHE: Final = ("fp8", "int8")  # kv_cache_dtype begins with


@dataclass(frozen=True, slots=True)
class VllmRank:
    """One tensor-parallel rank in effective units: efficiencies are already applied."""

    work: TokenWork
    read: ReadBytes
    tensor: int
    pipeline: int
    expert_tokens_per_sequence: int  # data-parallel ranks share their experts
    weights_bytes_per_s: float
    cache_bytes_per_s: float
    decode_flops_per_s: float
    prefill_flops_per_s: float
    attention_flops_per_s: float
    layers_s: float
    sequence_s: float
    all_reduce_s: float
    link_bytes_per_s: float
    nominal_bytes_per_s: float
    peak_flops_per_s: float


@dataclass(slots=True, kw_only=True)
class VllmSteps(StepTimeModel):
    """Step times of one vLLM replica (of one data-parallel rank, where there are several)."""

    rank: VllmRank = field(repr=False)

    def batch_parts_s(self, batch: int) -> Parts:
        """Weights are read once a step, of experts those that the step's tokens hit: E (1 - (1 - k/E)^n)."""
        rank = self.rank
        stage_batch = max(1.0, batch / rank.pipeline)  # a micro-batch per stage
        share = expected_experts_share(rank.work, stage_batch * rank.expert_tokens_per_sequence)
        return {
            "weights": rank.read.dense / rank.weights_bytes_per_s,
            "experts": rank.read.experts * share / rank.weights_bytes_per_s,
            "compute": stage_batch * rank.work.decode_flops / rank.tensor / rank.decode_flops_per_s,
            "layers": rank.layers_s,
            "sequences": batch * rank.sequence_s,
            "all_reduce": self._all_reduce_s(stage_batch),
        }

    def cache_s(self, context_tokens: float) -> float:
        """One sequence's keys, values and state at the cache's bandwidth, and its attention."""
        work = self.rank.work
        read = (work.cache_bytes.at(context_tokens) + work.state_bytes) / self.rank.cache_bytes_per_s
        return read + work.attention_flops.at(context_tokens) / self.rank.decode_flops_per_s

    def prefill_parts_s(self, tokens: float, context_tokens: float, prompts: int = 1) -> Parts:
        """Arithmetic against reading and launches as a 3-norm (they overlap), then the all-reduces."""
        parts = self._prompt_parts_s(tokens, context_tokens, prompts)
        compute = parts["compute"] + parts["attention"]
        share = expected_experts_share(self.rank.work, tokens * self.rank.expert_tokens_per_sequence)
        read = (self.rank.read.dense + self.rank.read.experts * share) / self.rank.weights_bytes_per_s + self.rank.layers_s
        parts["weights"] = (compute**3 + read**3) ** (1 / 3) - compute
        return parts

    def mixed_prefill_s(self, tokens: float, context_tokens: float, *, prompts: int, batch: int) -> float:
        """The chunk's arithmetic: its weights are read by the decode step it rides with."""
        return sum(self._prompt_parts_s(tokens, context_tokens, prompts).values())

    def _prompt_parts_s(self, tokens: float, context_tokens: float, prompts: int) -> Parts:
        rank = self.rank
        attention = tokens * rank.work.attention_flops.mean_over(context_tokens, tokens / prompts)
        return {
            "compute": tokens * rank.work.prefill_flops / rank.tensor / rank.prefill_flops_per_s,
            "attention": attention / rank.attention_flops_per_s,
            "all_reduce": self._all_reduce_s(tokens),
        }

    def _all_reduce_s(self, tokens: float) -> float:
        """Two per layer: latency, and 2 (n-1)/n of tokens x hidden x 2 bytes over the link (ring)."""
        rank = self.rank
        if rank.tensor == 1:
            return 0.0
        message = tokens * rank.work.hidden_size * 2
        transfer = 2 * (rank.tensor - 1) / rank.tensor * message / rank.link_bytes_per_s
        return 2 * rank.work.layers * (rank.all_reduce_s + transfer)

    def floor_decode_s(self, batch: int, context_tokens: float) -> float:
        """Bytes at nominal bandwidth or arithmetic at the peak, whichever takes longer; one expert set hit by all tokens."""
        rank = self.rank
        share = expected_experts_share(rank.work, 1)
        cache = batch * (rank.work.cache_bytes.at(context_tokens) + rank.work.state_bytes)
        read = (rank.read.dense + rank.read.experts * share + cache) / rank.nominal_bytes_per_s
        return max(read, batch / rank.pipeline * rank.work.decode_flops / rank.tensor / rank.peak_flops_per_s)

    def floor_prefill_s(self, tokens: float) -> float:
        """The prompt's linear arithmetic at the peak of all ranks."""
        return tokens * self.rank.work.prefill_flops / self.rank.tensor / self.rank.pipeline / self.rank.peak_flops_per_s


def vllm_steps(candidate: Candidate, weights: WeightBytes, calibration: VllmCalibration, *, quantization: Quantization) -> VllmSteps:
    """The step-time model of one vLLM replica. Raises UserInputError for settings or a version of another engine."""
    settings = candidate.settings
    if not isinstance(settings, VllmSettings):
        raise UserInputError(f"{candidate.runtime.runtime} needs vLLM settings")
    generation = _generation(candidate.runtime.version, calibration)
    on_cpu = candidate.on_cpu
    measured = candidate.runtime.backend in calibration.measured_backends and not on_cpu and not settings.enforce_eager
    level: ErrorLevel = "group" if measured else "device"
    kinds = set(candidate.model.architecture.kinds) <= set(calibration.measured_kinds)
    rank = (_cpu_rank if on_cpu else _gpu_rank)(candidate, weights, calibration, generation, quantization)
    return VllmSteps(
        source=f"fit of {calibration.as_of} for vLLM {generation.name}",
        speed=speed_range(calibration, decode=level, prefill=level, measured_architecture=kinds),
        request_floor_s=generation.first_token_floor_s.value,
        start_s=start_time(candidate, weights, calibration.start_up, source=f"start-up of vLLM, {calibration.as_of}"),
        rank=rank,
    )


def _generation(version: str, calibration: VllmCalibration) -> VllmGeneration:
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


def _work(candidate: Candidate, tensor: int) -> TokenWork:
    assert isinstance(candidate.settings, VllmSettings)  # noqa: S101 - checked by the caller
    element_bytes = 1 if candidate.settings.kv_cache_dtype.startswith(_ONE_BYTE_CACHE) else 2
    return token_work(candidate.model.architecture, key_bytes=element_bytes, value_bytes=element_bytes, ranks=tensor)


def _gpu_rank(
    candidate: Candidate, weights: WeightBytes, calibration: VllmCalibration, generation: VllmGeneration, quantization: Quantization
) -> VllmRank:
    device, parallel = candidate.node.device, candidate.parallelism
    work = _work(candidate, parallel.tensor)
    moe = work.experts > 0
    rate = arithmetic_rate(device, quantization, flops_per_byte=calibration.flops_per_byte)
    bandwidth = device.memory_bandwidth_bytes_per_s
    fast = (device.link or "").startswith(tuple(calibration.fast_links))
    link = device.link_among_bytes_per_s(parallel.tensor) or candidate.node.host.device_link_bytes_per_s
    prefill_mfu = _prefill_mfu(rate, parallel.tensor, calibration, moe=moe)
    sixteen = sixteen_bit_rate(device, flops_per_byte=calibration.flops_per_byte)
    layer_s = generation.layer_s.value * (calibration.layer_factor_moe.value if moe else 1.0)
    return VllmRank(
        work=work,
        read=read_bytes(candidate, weights),
        tensor=parallel.tensor,
        pipeline=parallel.pipeline,
        expert_tokens_per_sequence=parallel.data if parallel.expert else 1,
        weights_bytes_per_s=bandwidth * (calibration.weights_efficiency_moe if moe else calibration.weights_efficiency).value,
        cache_bytes_per_s=bandwidth * generation.kv_efficiency.value,
        decode_flops_per_s=rate.flops_per_s * (calibration.decode_mfu_moe if moe else calibration.decode_mfu).value,
        prefill_flops_per_s=rate.flops_per_s * prefill_mfu,
        attention_flops_per_s=sixteen.flops_per_s * calibration.prefill_mfu["16bit"].value,
        layers_s=work.layers * layer_s,
        sequence_s=generation.sequence_s.value,
        all_reduce_s=(calibration.all_reduce_fast_s if fast else calibration.all_reduce_slow_s).value,
        link_bytes_per_s=link * calibration.link_efficiency.value,
        nominal_bytes_per_s=bandwidth,
        peak_flops_per_s=rate.flops_per_s,
    )


def _prefill_mfu(rate: Rate, tensor: int, calibration: VllmCalibration, *, moe: bool) -> float:
    """Share of the peak that long prompts reach: it falls with tensor parallelism, and is several times lower for experts."""
    factor = calibration.prefill_mfu_moe_factor.value if moe else 1.0
    return float(calibration.prefill_mfu[rate.arithmetic].value * factor / tensor**calibration.prefill_tensor_exponent.value)


def _cpu_rank(
    candidate: Candidate, weights: WeightBytes, calibration: VllmCalibration, generation: VllmGeneration, quantization: Quantization
) -> VllmRank:
    cpu, parallel, device = calibration.cpu, candidate.parallelism, candidate.node.device
    work = _work(candidate, parallel.tensor)
    bandwidth = reached_bandwidth(candidate.node, cpu.reached_bandwidth)
    rate = arithmetic_rate(device, quantization, flops_per_byte=cpu.flops_per_byte)
    flops = rate.flops_per_s * cpu.mfu.value if rate.published else bandwidth * cpu.flops_per_byte.value
    return VllmRank(
        work=work,
        read=read_bytes(candidate, weights),
        tensor=parallel.tensor,
        pipeline=parallel.pipeline,
        expert_tokens_per_sequence=1,
        weights_bytes_per_s=bandwidth * cpu.weights_efficiency.value,
        cache_bytes_per_s=bandwidth * generation.kv_efficiency.value,
        decode_flops_per_s=flops,
        prefill_flops_per_s=flops,
        attention_flops_per_s=flops,
        layers_s=work.layers * cpu.layer_s.value,
        sequence_s=cpu.sequence_s.value,
        all_reduce_s=calibration.all_reduce_slow_s.value,
        link_bytes_per_s=bandwidth * calibration.link_efficiency.value,
        nominal_bytes_per_s=device.memory_bandwidth_bytes_per_s,
        peak_flops_per_s=max(rate.flops_per_s, flops),
    )
