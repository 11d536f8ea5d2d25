"""One llama.cpp replica before any constant: what it reads, unpacks and multiplies at each place, and its nominal rates."""

from dataclasses import dataclass
from typing import Final

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.calibration import Fitted
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import ggml_type
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import ReadBytes, head_bytes, sixteen_bit_rate
from advisor.estimate.llama_cpp_parts import DecodeWork, PromptWork, ReplicaTraits
from advisor.estimate.placement_llama_cpp import StepReads, place, step_reads
from advisor.estimate.token_work import TokenWork, expected_experts_share, token_work

_REFERENCE_BANDWIDTH: Final = 500e9  # bytes/s of the device for which an unpacking time is stated
_REFERENCE_VECTORS: Final = 1e12  # FLOP/s of such a CPU
_BYTES_PER_FLOAT: Final = 4  # integer products of a vector unit: as many more (VNNI, dot product instructions)
_SIXTEEN_BIT: Final = 15.0  # bits per weight: of a format that is multiplied as it stands


@dataclass(frozen=True, slots=True)
class LlamaCppReplica:
    """Weights, cache and arithmetic by place. A replica on a CPU has all of them on its `device`, and nothing beside it."""

    work: TokenWork
    device: ReadBytes
    host: ReadBytes
    host_cache_share: float
    host_dense_share: float
    host_expert_share: float
    head_on_host: bool
    micro_batch_tokens: int
    traits: ReplicaTraits
    nominal_bytes_per_s: float
    nominal_host_bytes_per_s: float
    peak_flops_per_s: float

    def decode_work(self, batch: float) -> DecodeWork:
        """One token for each of `batch` sequences, without their caches."""
        share = expected_experts_share(self.work, batch)
        return DecodeWork(
            sequences=batch,
            dense_bytes=self.device.dense,
            experts_bytes=self.device.experts * share,
            flops=self.work.decode_flops - self._host_flops(head=True),
            host_bytes=self.host.dense + self.host.experts * share,
            host_flops=self._host_flops(head=True),
        )

    def prompt_work(self, tokens: float, context_tokens: float, prompts: int = 1) -> PromptWork:
        """So many tokens of prompts, each behind `context_tokens` that are cached already."""
        micro_tokens = max(min(float(self.micro_batch_tokens), tokens), 1.0)
        share = expected_experts_share(self.work, micro_tokens)
        dense, experts = 2 * self.work.dense_parameters, 2 * self.work.expert_parameters
        return PromptWork(
            micro_batches=tokens / micro_tokens,
            dense_bytes=self.device.dense,
            experts_bytes=self.device.experts * share,
            dense_flops=tokens * dense,
            experts_flops=tokens * experts,
            attention_flops=tokens * self.work.attention_flops.mean_over(context_tokens, tokens / prompts),
            host_bytes=self.host.dense + self.host.experts * share,
            host_flops=tokens * self._host_flops(head=False),
        )

    def _host_flops(self, *, head: bool) -> float:
        """Linear arithmetic of one token of the weights on the host beside a device."""
        work = self.work
        parameters = work.dense_parameters * self.host_dense_share + work.expert_parameters * self.host_expert_share
        return 2 * (parameters + (work.head_parameters if head and self.head_on_host else 0.0))

    def cache_bytes(self, context_tokens: float) -> tuple[float, float]:
        """Keys, values and state of one sequence, read in each step: on the devices, and on the host."""
        read = self.work.cache_bytes.at(context_tokens) + self.work.state_bytes
        return read * (1 - self.host_cache_share), read * self.host_cache_share

    def floor_decode_s(self, batch: int, context_tokens: float) -> float:
        """Bytes at nominal bandwidths, or arithmetic at the peak, whichever takes longer; one expert set hit by all tokens."""
        share = expected_experts_share(self.work, 1)
        on_device, on_host = self.cache_bytes(context_tokens)
        read = (self.device.dense + self.device.experts * share + batch * on_device) / self.nominal_bytes_per_s
        read += (self.host.dense + self.host.experts * share + batch * on_host) / self.nominal_host_bytes_per_s
        flops = self.work.decode_flops - self._host_flops(head=True)
        return max(read, batch * flops / self.peak_flops_per_s)

    def floor_prefill_s(self, tokens: float) -> float:
        """The prompt's linear arithmetic at the fastest peak of the device."""
        return tokens * self.work.prefill_flops / self.peak_flops_per_s


def llama_cpp_replica(candidate: Candidate, weights: WeightBytes, *, flops_per_byte: Fitted, cpu_flops_per_byte: Fitted) -> LlamaCppReplica:
    """The replica of a candidate; `flops_per_byte` is for devices without published arithmetic.

    Raises UserInputError for settings of another engine.
    """
    settings = candidate.settings
    if not isinstance(settings, LlamaCppSettings):
        raise UserInputError(f"{candidate.runtime.runtime} needs llama.cpp settings")
    work, reads, on_cpu = _work(candidate, settings), step_reads(place(candidate, settings), weights), candidate.on_cpu
    bandwidth = _bandwidth(candidate)
    peaks = _peaks(candidate, bandwidth, flops_per_byte=cpu_flops_per_byte if on_cpu else flops_per_byte)
    return LlamaCppReplica(
        work=work,
        device=_together(reads) if on_cpu else reads.device,
        host=ReadBytes(0, 0) if on_cpu else reads.host,
        host_cache_share=0.0 if on_cpu else reads.host_cache_share,
        host_dense_share=0.0 if on_cpu else reads.host_dense_share,
        host_expert_share=0.0 if on_cpu else reads.host_expert_share,
        head_on_host=reads.head_on_host and not on_cpu,
        micro_batch_tokens=settings.ubatch_size,
        traits=_traits(candidate, work, peaks, host_layers=reads.host_layers, bits=_read_bits(candidate.model.architecture, weights)),
        nominal_bytes_per_s=bandwidth,
        nominal_host_bytes_per_s=candidate.node.host.memory_bandwidth_bytes_per_s,
        peak_flops_per_s=peaks[1] * (_BYTES_PER_FLOAT if on_cpu else 1),
    )


def _traits(candidate: Candidate, work: TokenWork, peaks: tuple[float, float], *, host_layers: int, bits: float) -> ReplicaTraits:
    """What the fitted rates depend on."""
    (sixteen, fastest), bandwidth, host, on_cpu = peaks, _bandwidth(candidate), candidate.node.host, candidate.on_cpu
    return ReplicaTraits(
        bandwidth_bytes_per_s=bandwidth,
        unpack_basis=sixteen / _REFERENCE_VECTORS if on_cpu else bandwidth / _REFERENCE_BANDWIDTH,
        sixteen_flops_per_s=sixteen,
        weight_flops_per_s=sixteen if bits > _SIXTEEN_BIT else fastest,
        bits_per_weight=bits,
        moe=float(work.experts > 0),
        layers=work.layers,
        moe_layers=work.moe_layers,
        state_layers=work.state_layers,
        latent_layers=work.latent_layers,
        host_bandwidth_bytes_per_s=host.memory_bandwidth_bytes_per_s,
        host_layers=0 if on_cpu else host_layers,
        link_bytes_per_s=host.device_link_bytes_per_s,
    )


def _read_bits(architecture: ModelArchitecture, weights: WeightBytes) -> float:
    """Mean bits of the weights that steps read: layers and head, without a lookup table of its own."""
    table = 0 if architecture.tied_embeddings else architecture.vocab_size * architecture.hidden_size
    read = sum(layer.dense_bytes + layer.experts_bytes for layer in weights.layers) + head_bytes(weights)
    return read * 8 / (architecture.parameters_total - table)


def _work(candidate: Candidate, settings: LlamaCppSettings) -> TokenWork:
    key, value = (ggml_type(name) for name in (settings.cache_type_k, settings.cache_type_v))
    return token_work(
        candidate.model.architecture, key_bytes=key.bytes_per_block / key.block, value_bytes=value.bytes_per_block / value.block
    )


def _together(reads: StepReads) -> ReadBytes:
    return ReadBytes(reads.device.dense + reads.host.dense, reads.device.experts + reads.host.experts)


def _bandwidth(candidate: Candidate) -> float:
    """Of the memory where the weights lie."""
    node = candidate.node
    in_host = candidate.on_cpu and not node.device.is_cpu
    return node.host.memory_bandwidth_bytes_per_s if in_host else node.device.memory_bandwidth_bytes_per_s


def _peaks(candidate: Candidate, bandwidth: float, *, flops_per_byte: Fitted) -> tuple[float, float]:
    """The peak of 16-bit products (of a CPU: of its vectors), and the fastest that products with weights may reach."""
    device = candidate.node.device
    if candidate.on_cpu:
        own = (device.bf16_flops_per_s or device.vector_flops_per_s) if device.is_cpu else None
        vectors = own or bandwidth * flops_per_byte.value
        return vectors, vectors
    sixteen = sixteen_bit_rate(device, flops_per_byte=flops_per_byte).flops_per_s
    return sixteen, max(sixteen, device.int8_ops_per_s or 0.0, device.fp8_flops_per_s or 0.0)
