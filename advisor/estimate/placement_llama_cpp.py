"""Which layer of a model, which experts and which head lie where in llama.cpp, and the bytes held and read at each place.

`src/llama-model.cpp`: the last --n-gpu-layers of layers + 1 go to the devices, the output layer being the +1; the experts of the first
--n-cpu-moe layers stay in host memory; the token embedding is looked up there. Memory and step time both read `Placement`.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.weights import WeightBytes
from advisor.estimate.device_rates import ReadBytes, head_bytes

_REMEMBERED: Final = 4096  # of what many candidates share


@dataclass(frozen=True, slots=True)
class Placement:
    """`layers[i]` is the device index of layer i, None for the host; `output` the same for the output layer.

    `shares` are the devices' parts of every matrix under --split-mode row, empty otherwise.
    """

    layers: tuple[int | None, ...]
    output: int | None
    devices: int
    cpu_expert_layers: int
    shares: tuple[float, ...] = ()

    @property
    def all_on_devices(self) -> bool:
        """True when no layer computes on the host."""
        return self.output is not None and None not in self.layers and self.cpu_expert_layers == 0

    @property
    def one_place(self) -> bool:
        """True when all layers are where the output layer is."""
        return self.layers.count(self.output) == len(self.layers)

    def on(self, place: int | None) -> tuple[int, ...]:
        """The layers at this place."""
        return tuple(index for index, at in enumerate(self.layers) if at == place)

    def experts_at(self, layer: int) -> int | None:
        """Where the experts of this layer are."""
        return None if layer < self.cpu_expert_layers else self.layers[layer]


def place(candidate: Candidate, settings: LlamaCppSettings) -> Placement:
    """The last N of layers + 1 (the one is the output layer) go to the devices, contiguous pieces in proportion to the split.

    src/llama-model.cpp:1589 (b11549): device of layer i = upper_bound(cumulative split, (i - first) / N). CPU candidates: all on the host.
    """
    layers = candidate.model.architecture.layers
    devices = 0 if candidate.on_cpu else candidate.parallelism.devices
    asked = settings.n_gpu_layers if settings.n_gpu_layers >= 0 else layers + 1  # -1: everything
    offloaded = min(asked, layers + 1) if devices else 0
    if not offloaded:
        return _on_host(layers, devices)
    shares = _proportions(settings, devices)
    return _placed(layers, offloaded, settings.split_mode, shares, min(settings.n_cpu_moe, layers))


@lru_cache(_REMEMBERED)
def _on_host(layers: int, devices: int) -> Placement:
    return Placement((None,) * layers, None, devices, 0)


@lru_cache(_REMEMBERED)
def _placed(layers: int, offloaded: int, split_mode: str, proportions: tuple[float, ...], cpu_expert_layers: int) -> Placement:
    first, devices = layers + 1 - offloaded, len(proportions)
    cuts = list(accumulate(proportions))[:-1] if split_mode == "layer" else []
    at = (*(None for _ in range(first)), *(bisect_right(cuts, index / offloaded) for index in range(offloaded)))
    shares = proportions if split_mode == "row" else ()
    return Placement(at[:-1], at[-1], devices, cpu_expert_layers, shares)


def _proportions(settings: LlamaCppSettings, devices: int) -> tuple[float, ...]:
    """--tensor-split as fractions of one; equal devices share equally."""
    given = (*settings.tensor_split, *([0.0] * devices))[:devices]
    whole = sum(given)
    return tuple(part / whole for part in given) if whole else (1 / devices,) * devices


def _layer_bytes(placement: Placement, weights: WeightBytes) -> tuple[Counter[int | None], Counter[int | None]]:
    """The layers' bytes by place: the dense parts, and the experts."""
    dense: Counter[int | None] = Counter()
    experts: Counter[int | None] = Counter()
    experts[None] += weights.experts_until[placement.cpu_expert_layers]
    for at, first, end in _runs(placement):
        moved = min(max(first, placement.cpu_expert_layers), end)
        dense[at] += weights.dense_until[end] - weights.dense_until[first]
        experts[at] += weights.experts_until[end] - weights.experts_until[moved]
    return dense, experts


def _runs(placement: Placement) -> list[tuple[int | None, int, int]]:
    """Neighbouring layers at one place: the place, the first, and the one after the last."""
    found, layers, first = [], placement.layers, 0
    while first < len(layers):
        end = first + layers.count(layers[first])
        found.append((layers[first], first, end))
        first = end
    return found


# ---- bytes held


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """Weight bytes on each device, on the host, and those that the host copies into its processor's layout."""

    devices: tuple[int, ...]
    host: int
    repacked: int


def held_bytes(placement: Placement, weights: WeightBytes) -> HeldBytes:
    """Tied embeddings are held a second time by the device with the output layer; the embedding table is on the host always (its
    look-up runs on the CPU), and so is whatever is not offloaded."""
    dense, experts = _layer_bytes(placement, weights)
    devices = [dense[index] + experts[index] for index in range(placement.devices)]
    host = weights.token_embedding_bytes + dense[None] + experts[None]
    if placement.output is None:
        host += weights.other_bytes + (0 if weights.tied else weights.output_bytes)
    else:
        devices[placement.output] += weights.output_bytes + weights.other_bytes
    if placement.shares:
        devices = [round(sum(devices) * share) for share in placement.shares]
    return HeldBytes(tuple(devices), host, _repacked(placement, weights))


def _repacked(placement: Placement, weights: WeightBytes) -> int:
    """Bytes copied into the CPU's own layout: the repackable tensors of layers wholly on the host.

    Expert tensors moved there by --n-cpu-moe keep their layout (a buffer override names the plain CPU buffer).
    """
    on_host = placement.layers.count(None)  # the first ones
    return round(weights.repackable_bytes * (weights.dense_until[on_host] + weights.experts_until[on_host]) / weights.layers_bytes)


# ---- bytes read in a step


@dataclass(frozen=True, slots=True)
class StepReads:
    """Bytes read on either side, as shares of the whole where arithmetic goes with them, and how many layers have work on the host."""

    device: ReadBytes
    host: ReadBytes
    host_cache_share: float
    host_layers: int  # with any work on the host: whole, or their experts alone
    head_on_host: bool

    @property
    def host_dense_share(self) -> float:
        """Share of dense arithmetic on the host."""
        return _share(self.host.dense, self.device.dense)

    @property
    def host_expert_share(self) -> float:
        """Share of the experts' arithmetic on the host."""
        return _share(self.host.experts, self.device.experts)


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part else 0.0


def step_reads(placement: Placement, weights: WeightBytes) -> StepReads:
    """What a step reads on the devices together and on the host: the layers and the output head."""
    dense, experts = _layer_bytes(placement, weights)
    head, head_on_host = head_bytes(weights), placement.output is None
    whole = placement.on(None)
    only_experts = [i for i, layer in enumerate(weights.layers) if layer.experts_bytes and placement.experts_at(i) != placement.layers[i]]
    return StepReads(
        device=ReadBytes(dense.total() - dense[None] + (0 if head_on_host else head), experts.total() - experts[None]),
        host=ReadBytes(dense[None] + (head if head_on_host else 0), experts[None]),
        host_cache_share=len(whole) / len(placement.layers),
        host_layers=len(whole) + len(only_experts),
        head_on_host=head_on_host,
    )
