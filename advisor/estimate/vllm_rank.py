"""One tensor-parallel rank of a vLLM replica before any constant: what it reads, multiplies and sends, and its device's nominal rates."""

from dataclasses import dataclass
from typing import Final

from advisor.domain.calibration import Fitted
from advisor.domain.deployment import Candidate
from advisor.domain.engine import VllmSettings
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import Rate, ReadBytes, arithmetic_rate, read_bytes, sixteen_bit_rate
from advisor.estimate.token_work import TokenWork, expected_experts_share, token_work
from advisor.estimate.vllm_parts import DecodeWork, PromptWork, RankTraits

_ACTIVATION_BYTES: Final = 2  # 16 bits between ranks, whatever the weights
_ONE_BYTE_CACHE: Final = ("fp8", "int8")  # kv_cache_dtype begins with


@dataclass(frozen=True, slots=True)
class VllmRank:
    """Its share of the model and the nominal rates that it has for it. Data-parallel ranks share their experts."""

    work: TokenWork
    read: ReadBytes
    tensor: int
    pipeline: int
    data: int
    bandwidth_bytes_per_s: float
    rate: Rate  # of the weights' own arithmetic
    sixteen: Rate
    link: str
    link_bytes_per_s: float
    desktop: bool  # made for a desk, not for a rack

    def stage_tokens(self, batch: float) -> float:
        """Tokens that one pipeline stage computes at a time: a micro-batch per stage."""
        return max(1.0, batch / self.pipeline)

    def experts_bytes(self, tokens: float) -> float:
        """Bytes of the experts that so many tokens of each data-parallel rank hit."""
        return self.read.experts * expected_experts_share(self.work, tokens * self.data)

    def cache_bytes(self, context_tokens: float) -> float:
        """Keys, values and state of one sequence, read in each step."""
        return self.work.cache_bytes.at(context_tokens) + self.work.state_bytes

    def traits(self, *, fast_links: tuple[str, ...]) -> RankTraits:
        """What the fitted rates depend on."""
        return RankTraits(
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            flops_per_s=self.rate.flops_per_s,
            sixteen_flops_per_s=self.sixteen.flops_per_s,
            link_bytes_per_s=self.link_bytes_per_s,
            tensor=self.tensor,
            layers=self.work.layers,
            moe=float(self.work.experts > 0),
            fast_link=float(self.link.startswith(fast_links)),
            desktop=float(self.desktop),
        )

    def decode_work(self, batch: float) -> DecodeWork:
        """One token for each of `batch` sequences, without their caches. Pipeline stages take micro-batches in turn."""
        tokens = self.stage_tokens(batch)
        return DecodeWork(
            dense_bytes=self.read.dense,
            experts_bytes=self.experts_bytes(tokens),
            flops=tokens * self.work.decode_flops / self.tensor,
            sequences=batch,
            message_bytes=self._message_bytes(tokens),
        )

    def prompt_work(self, tokens: float, context_tokens: float, prompts: int = 1) -> PromptWork:
        """`tokens` of so many prompts, each behind `context_tokens` that are cached already."""
        share = 2 * tokens / self.tensor
        return PromptWork(
            dense_bytes=self.read.dense,
            experts_bytes=self.experts_bytes(tokens),
            dense_flops=share * self.work.dense_parameters,
            experts_flops=share * self.work.expert_parameters,
            attention_flops=tokens * self.work.attention_flops.mean_over(context_tokens, tokens / prompts),
            message_bytes=self._message_bytes(tokens),
        )

    def _message_bytes(self, tokens: float) -> float:
        return tokens * self.work.hidden_size * _ACTIVATION_BYTES

    def floor_decode_s(self, batch: float, context_tokens: float) -> float:
        """Bytes at nominal bandwidth or arithmetic at the peak, whichever takes longer; one expert set hit by all tokens."""
        read = self.read.dense + self.read.experts * expected_experts_share(self.work, 1) + batch * self.cache_bytes(context_tokens)
        flops = batch / self.pipeline * self.work.decode_flops / self.tensor
        return max(read / self.bandwidth_bytes_per_s, flops / self.rate.flops_per_s)

    def floor_prefill_s(self, tokens: float) -> float:
        """The prompt's linear arithmetic at the peak of all ranks."""
        return tokens * self.work.prefill_flops / self.tensor / self.pipeline / self.rate.flops_per_s


def vllm_rank(candidate: Candidate, weights: WeightBytes, quantization: Quantization, *, flops_per_byte: Fitted) -> VllmRank:
    """The rank of a candidate. Raises UserInputError for settings of another engine."""
    settings, device, parallel = candidate.settings, candidate.node.device, candidate.parallelism
    if not isinstance(settings, VllmSettings):
        raise UserInputError(f"{candidate.runtime.runtime} needs vLLM settings")
    element_bytes = 1 if settings.kv_cache_dtype.startswith(_ONE_BYTE_CACHE) else 2
    return VllmRank(
        work=token_work(candidate.model.architecture, key_bytes=element_bytes, value_bytes=element_bytes, ranks=parallel.tensor),
        read=read_bytes(candidate, weights),
        tensor=parallel.tensor,
        pipeline=parallel.pipeline,
        data=parallel.data if parallel.expert else 1,
        bandwidth_bytes_per_s=device.memory_bandwidth_bytes_per_s,
        rate=arithmetic_rate(device, quantization, flops_per_byte=flops_per_byte),
        sixteen=sixteen_bit_rate(device, flops_per_byte=flops_per_byte),
        link=device.link or "",
        desktop=device.device_class != "gpu-datacenter",
        link_bytes_per_s=device.link_among_bytes_per_s(parallel.tensor) or candidate.node.host.device_link_bytes_per_s,
    )
