"""Step time of llama.cpp: reading, launches and cache as a sum over devices and host (constants: catalog/calibration/llama.cpp.yaml).

Batched decode is a p-norm of reading and arithmetic, anchored at one stream. Layers split over devices run in turn, so their times add up.
"""

from dataclasses import dataclass, field

from advisor.estimate.device_rates import ReadBytes
from advisor.estimate.step_time_base import Parts, StepTimeModel
from advisor.estimate.token_work import TokenWork, expected_experts_share


@dataclass(frozen=True, slots=True)
class Place:
    """Weights in one memory, in effective units: efficiencies are already applied."""

    read: ReadBytes
    weights_bytes_per_s: float
    token_flops: float  # of one generated token
    decode_flops_per_s: float
    anchored: bool  # the time of one stream holds its arithmetic already
    stream_experts_share: float  # of the experts, read for one token
    cache_share: float
    cache_bytes_per_s: float

    def read_s(self, experts_share: float) -> float:
        """Reading the dense weights and a share of the experts once."""
        return (self.read.dense + self.read.experts * experts_share) / self.weights_bytes_per_s

    def step_s(self, batch: int, experts_share: float, norm: float) -> tuple[float, float]:
        """Reading, and what arithmetic adds to it: (W^p + C^p)^(1/p) - W, scaled to no addition at one stream where anchored."""
        read = self.read_s(experts_share)
        compute = batch * self.token_flops / self.decode_flops_per_s
        together: float = (read**norm + compute**norm) ** (1 / norm)
        if self.anchored and compute > 0:
            alone_read, alone = self.read_s(self.stream_experts_share), compute / batch
            together *= alone_read / (alone_read**norm + alone**norm) ** (1 / norm) if alone_read else 1.0
        return read, max(together - read, 0.0)


@dataclass(frozen=True, slots=True)
class PromptRates:
    """Prompt processing in effective units; `moe_factor` is the experts' share of the dense efficiency."""

    flops_per_s: float
    moe_factor: float
    attention_flops_per_s: float
    weights_bytes_per_s: float
    layers_s: float  # per micro-batch
    link_bytes_per_s: float  # streaming host weights to the device, per micro-batch
    micro_batch_tokens: int


@dataclass(frozen=True, slots=True)
class LlamaCppReplica:
    """Everything the step times of one replica depend on."""

    work: TokenWork
    device: Place
    host: Place | None  # next to a device; a CPU replica has its weights in `device`
    prompt: PromptRates
    overhead_s: float  # launches, per step
    host_sync_s: float
    norm: float
    nominal_bytes_per_s: float
    nominal_host_bytes_per_s: float
    peak_flops_per_s: float


@dataclass(slots=True, kw_only=True)
class LlamaCppSteps(StepTimeModel):
    """Step times of one llama.cpp replica."""

    replica: LlamaCppReplica = field(repr=False)

    def batch_parts_s(self, batch: int) -> Parts:
        """Dense weights once, of experts those that the step's tokens hit, on each side; then launches."""
        r = self.replica
        share = expected_experts_share(r.work, batch)
        dense = r.device.read.dense / r.device.weights_bytes_per_s
        read, compute = r.device.step_s(batch, share, r.norm)
        host_read, host_compute = r.host.step_s(batch, share, r.norm) if r.host else (0.0, 0.0)
        return {
            "weights": dense,
            "experts": read - dense,
            "compute": compute,
            "layers": r.overhead_s,
            "host_offload": host_read + host_compute + r.host_sync_s,
        }

    def cache_s(self, context_tokens: float) -> float:
        """One sequence's keys, values and state, on the side where its layers are."""
        r = self.replica
        read = r.work.cache_bytes.at(context_tokens) + r.work.state_bytes
        return sum(read * p.cache_share / p.cache_bytes_per_s for p in (r.device, r.host) if p)

    def prefill_parts_s(self, tokens: float, context_tokens: float, prompts: int = 1) -> Parts:
        """Arithmetic, attention, and per micro-batch: the weights once, the launches, and the host's weights over the link."""
        r, prompt = self.replica, self.replica.prompt
        micro_tokens = min(float(prompt.micro_batch_tokens), tokens)
        micro_batches = tokens / micro_tokens if micro_tokens else 0.0
        share = expected_experts_share(r.work, micro_tokens)
        flops = 2 * (r.work.dense_parameters + r.work.expert_parameters / prompt.moe_factor)
        return {
            "compute": tokens * flops / prompt.flops_per_s,
            "attention": tokens * r.work.attention_flops.mean_over(context_tokens, tokens / prompts) / prompt.attention_flops_per_s,
            "weights": micro_batches * (r.device.read.dense + r.device.read.experts * share) / prompt.weights_bytes_per_s,
            "layers": micro_batches * prompt.layers_s,
            "host_offload": micro_batches * self._host_prompt_s(micro_tokens, share),
        }

    def _host_prompt_s(self, micro_tokens: float, share: float) -> float:
        """Host weights of one micro-batch: streamed to the device, or computed on the host where that is faster."""
        host = self.replica.host
        if host is None:
            return 0.0
        streamed = (host.read.dense + host.read.experts * share) / self.replica.prompt.link_bytes_per_s
        computed = sum(host.step_s(round(micro_tokens), share, self.replica.norm))
        return min(streamed, computed) + self.replica.host_sync_s

    def mixed_prefill_s(self, tokens: float, context_tokens: float, *, prompts: int, batch: int) -> float:
        """Generated tokens ride in the prompt's micro-batches: what the step takes beyond the decode step alone."""
        whole = self.prefill_parts_s(tokens + batch, context_tokens, prompts)
        alone = self.decode_s(batch, 0) / self.decode_scale
        own = self.prefill_parts_s(tokens, context_tokens, prompts)
        return max(sum(whole.values()) - alone, own["compute"] + own["attention"])

    def floor_decode_s(self, batch: int, context_tokens: float) -> float:
        """Bytes at nominal bandwidths, or arithmetic at the peak, whichever takes longer; one expert set hit by all tokens."""
        r = self.replica
        share = expected_experts_share(r.work, 1)
        cache = batch * (r.work.cache_bytes.at(context_tokens) + r.work.state_bytes)
        read = (r.device.read.dense + r.device.read.experts * share + cache * r.device.cache_share) / r.nominal_bytes_per_s
        if r.host:
            host_bytes = r.host.read.dense + r.host.read.experts * share + cache * r.host.cache_share
            read += host_bytes / r.nominal_host_bytes_per_s
        return max(read, batch * r.device.token_flops / r.peak_flops_per_s)

    def floor_prefill_s(self, tokens: float) -> float:
        """The prompt's linear arithmetic at the device's peak (of integer arithmetic where that is faster)."""
        return tokens * self.replica.work.prefill_flops / self.replica.peak_flops_per_s
