"""Which weights of a llama.cpp replica lie on the devices and which in host memory, for the time they take to read.

llama.cpp `src/llama-model.cpp`: the last `n_gpu_layers` of layers + 1 go to the devices, the output layer being the +1; the experts of
the first `n_cpu_moe` layers stay on the host; the token embedding is looked up on the host.
"""

from dataclasses import dataclass

from advisor.domain.engine import LlamaCppSettings
from advisor.domain.weights import WeightBytes
from advisor.estimate.device_rates import ReadBytes, head_bytes


@dataclass(frozen=True, slots=True)
class Placement:
    """Bytes read on either side, and how many layers have work on the host."""

    device: ReadBytes
    host: ReadBytes
    layers: int
    host_layers: int  # whole layers, their cache and attention included
    host_expert_layers: int  # layers on the devices whose experts are on the host
    head_on_host: bool

    @property
    def host_dense_share(self) -> float:
        """Share of dense arithmetic on the host."""
        return _share(self.host.dense, self.device.dense)

    @property
    def host_expert_share(self) -> float:
        """Share of the experts' arithmetic on the host."""
        return _share(self.host.experts, self.device.experts)

    @property
    def host_cache_share(self) -> float:
        """Share of cache reading on the host."""
        return self.host_layers / self.layers


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part else 0.0


def everything_on_one_side(weights: WeightBytes) -> Placement:
    """All weights in one memory."""
    read = ReadBytes(
        sum(layer.dense_bytes for layer in weights.layers) + head_bytes(weights), sum(layer.experts_bytes for layer in weights.layers)
    )
    return Placement(read, ReadBytes(0, 0), len(weights.layers), 0, 0, False)


def placement(weights: WeightBytes, settings: LlamaCppSettings) -> Placement:
    """Where the settings put each layer, its experts and the output head."""
    layers = len(weights.layers)
    on_devices = max(settings.n_gpu_layers, 0) if settings.n_gpu_layers >= 0 else layers + 1  # -1: everything
    first = max(layers + 1 - on_devices, 0)
    experts_from = max(first, settings.n_cpu_moe)
    head_on_host = on_devices == 0
    head = head_bytes(weights)
    device = ReadBytes(
        sum(layer.dense_bytes for layer in weights.layers[first:]) + (0 if head_on_host else head),
        sum(layer.experts_bytes for layer in weights.layers[experts_from:]),
    )
    host = ReadBytes(
        sum(layer.dense_bytes for layer in weights.layers[:first]) + (head if head_on_host else 0),
        sum(layer.experts_bytes for layer in weights.layers[:experts_from]),
    )
    with_experts = sum(1 for layer in weights.layers[first:experts_from] if layer.experts_bytes)
    return Placement(device, host, layers, min(first, layers), with_experts, head_on_host)
