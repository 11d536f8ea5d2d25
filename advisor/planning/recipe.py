"""A model in a format: what any software must hold, read and multiply of it at least."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from advisor.assess import Case
from advisor.domain.architecture import ModelArchitecture, MoeFfn
from advisor.domain.hardware import Available, Device
from advisor.domain.model import Checkpoint, Model
from advisor.domain.quantization import Quantization
from advisor.planning.option import narrowest_bits

MICRO_BATCH_TOKENS: Final = 512  # llama.cpp's n_ubatch where nobody sets another (common/common.h); no size that is planned here does


@dataclass(frozen=True, slots=True)
class Recipe:
    """Bytes and operations from below: the narrowest type that the bulk of the weights may have."""

    model: Model
    checkpoint: Checkpoint
    rank: int
    runtime: str
    weights_bytes: float  # at least
    read_bytes: float  # per token at batch 1, at least
    expert_bytes: float  # of the weights, at least
    expert_share: float  # of the experts, read per token
    flops_per_token: float

    @property
    def split(self) -> bool:
        """True when a layer is shared by several devices, which then read and multiply at once."""
        return self.checkpoint.format == "safetensors"


def distinct_checkpoints(case: Case, model: Model, insist: Mapping[str, str]) -> list[Checkpoint]:
    """One checkpoint for formats that store and compute alike, published ones first; `insist` keeps one engine or one quantization."""
    found: dict[object, Checkpoint] = {}
    for checkpoint in sorted(model.checkpoints, key=lambda c: (not c.published, c.weights_bytes is None)):
        engine = "llama.cpp" if checkpoint.format == "gguf" else "vllm"
        if insist.get("engine", engine) == engine and insist.get("quantization", checkpoint.quantization) == checkpoint.quantization:
            found.setdefault(_stored_as(case.catalog.quantization(checkpoint.quantization)), checkpoint)
    return list(found.values())


def _stored_as(quantization: Quantization) -> object:
    """Equal for formats that differ in how their scales were found, not in bits, arithmetic or quality lost."""
    scheme = quantization.scheme
    return quantization.id if scheme is None else (scheme.weight_bits, quantization.compute, quantization.loss)


def recipe_of(case: Case, model: Model, checkpoint: Checkpoint, rank: int) -> Recipe:
    """The recipe of a checkpoint; `rank` is the model's place in its owner's list."""
    architecture = model.architecture
    bytes_each = narrowest_bits(case.catalog.quantization(checkpoint.quantization)) / 8
    multiplied = architecture.parameters_active - architecture.vocab_size * architecture.hidden_size
    engine = "llama.cpp" if checkpoint.format == "gguf" else "vllm"
    runtime = case.catalog.engine(engine).default_runtime
    weights, share = architecture.parameters_total * bytes_each, _expert_share(architecture)
    idle = architecture.parameters_total - architecture.parameters_active - architecture.lookup_parameters
    experts = idle / (1 - share) * bytes_each
    return Recipe(model, checkpoint, rank, runtime, weights, multiplied * bytes_each, experts, share, 2.0 * multiplied)


def _expert_share(architecture: ModelArchitecture) -> float:
    """Experts per token over experts; 0 for a dense model."""
    used = max((group.ffn.experts_per_token for group in architecture.layer_groups if isinstance(group.ffn, MoeFfn)), default=0)
    return used / architecture.experts if architecture.experts else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds at full bandwidth: the weights of one token, and what the host holds of those of a whole prompt.

    llama.cpp reads or streams the host's part once a micro-batch.
    """

    token_s: float
    prompt_s: float = 0.0
    on_host_share: float = 0.0


def reading_of(recipe: Recipe, available: Available, devices: int, prompt_tokens: int) -> Reading:
    """From the devices, and what they cannot hold from the host: experts first, of which n tokens read 1 - (1 - k/E)^n."""
    device, host = available.node.device, available.node.host
    rate = device.memory_bandwidth_bytes_per_s * (devices if recipe.split else 1)
    on_host = max(0.0, recipe.weights_bytes - devices * device.memory_bytes)
    if on_host == 0:
        return Reading(recipe.read_bytes / rate)
    experts = min(on_host, recipe.expert_bytes)
    of_token = experts * recipe.expert_share + on_host - experts
    batches = prompt_tokens / MICRO_BATCH_TOKENS
    of_batch = experts * (1 - (1 - recipe.expert_share) ** min(prompt_tokens, MICRO_BATCH_TOKENS)) + on_host - experts
    host_rate = host.memory_bandwidth_bytes_per_s
    prompt_s = max(batches, 1.0) * of_batch / max(host_rate, host.device_link_bytes_per_s)
    return Reading((recipe.read_bytes - of_token) / rate + of_token / host_rate, prompt_s, on_host / recipe.weights_bytes)


def peak_flops(device: Device) -> float | None:
    """The highest peak of all formats: engines may multiply in a smaller one than the weights are stored in."""
    rates = [device.bf16_flops_per_s, device.fp8_flops_per_s, device.fp4_flops_per_s, device.int8_ops_per_s]
    return max((rate for rate in rates if rate is not None), default=None)
