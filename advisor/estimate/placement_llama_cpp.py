"""Which layer of a model lies where in llama.cpp: --n-gpu-layers, --n-cpu-moe, --split-mode and --tensor-split as bytes a place."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.weights import WeightBytes
from advisor.estimate.memory_parts import runs_on_cpu


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

    def on(self, place: int | None) -> tuple[int, ...]:
        """The layers at this place."""
        return tuple(index for index, at in enumerate(self.layers) if at == place)


def place(candidate: Candidate, settings: LlamaCppSettings) -> Placement:
    """The last N of layers + 1 (the one is the output layer) go to the devices, contiguous pieces in proportion to the split.

    src/llama-model.cpp:1589 (b11549): device of layer i = upper_bound(cumulative split, (i - first) / N). CPU candidates: all on the host.
    """
    layers = candidate.model.architecture.layers
    devices = 0 if runs_on_cpu(candidate) else candidate.parallelism.devices
    asked = settings.n_gpu_layers if settings.n_gpu_layers >= 0 else layers + 1  # -1: everything
    offloaded = min(asked, layers + 1) if devices else 0
    if not offloaded:
        return Placement((None,) * layers, None, devices, 0)
    first = layers + 1 - offloaded
    proportions = _proportions(settings, devices)
    cuts = [0.0] * devices if settings.split_mode == "row" else list(accumulate(proportions))[:-1]
    places = [bisect_right(cuts, (index - first) / offloaded) for index in range(first, layers + 1)]
    if settings.split_mode != "layer":
        places = [0] * offloaded
    at = (*(None for _ in range(first)), *places)
    shares = proportions if settings.split_mode == "row" else ()
    return Placement(at[:-1], at[-1], devices, min(settings.n_cpu_moe, layers), shares)


def _proportions(settings: LlamaCppSettings, devices: int) -> tuple[float, ...]:
    """--tensor-split as fractions of one; equal devices share equally."""
    given = (*settings.tensor_split, *([0.0] * devices))[:devices]
    whole = sum(given)
    return tuple(part / whole for part in given) if whole else (1 / devices,) * devices


def device_weights(placement: Placement, weights: WeightBytes) -> tuple[int, ...]:
    """Weight bytes on each device. Tied embeddings are held a second time by the device with the output layer."""
    held = [0] * placement.devices
    for index, (at, layer) in enumerate(zip(placement.layers, weights.layers, strict=True)):
        if at is not None:
            held[at] += layer.dense_bytes + (0 if index < placement.cpu_expert_layers else layer.experts_bytes)
    if placement.output is not None:
        held[placement.output] += weights.output_bytes + weights.other_bytes
    if placement.shares:
        return tuple(round(sum(held) * share) for share in placement.shares)
    return tuple(held)


def host_weights(placement: Placement, weights: WeightBytes) -> int:
    """Weight bytes in host memory: the embedding table always (its look-up runs on the CPU), and whatever is not offloaded."""
    held = weights.token_embedding_bytes
    for index, (at, layer) in enumerate(zip(placement.layers, weights.layers, strict=True)):
        if at is None:
            held += layer.dense_bytes + layer.experts_bytes
        elif index < placement.cpu_expert_layers:
            held += layer.experts_bytes
    if placement.output is None:
        held += weights.other_bytes + (0 if weights.tied else weights.output_bytes)
    return held


def repacked_weights(placement: Placement, weights: WeightBytes) -> int:
    """Bytes copied into the CPU's own layout: the repackable tensors of layers wholly on the host.

    Expert tensors moved there by --n-cpu-moe keep their layout (a buffer override names the plain CPU buffer).
    """
    layer_bytes = [layer.dense_bytes + layer.experts_bytes for layer in weights.layers]
    on_host = sum(layer_bytes[index] for index in placement.on(None))
    return round(weights.repackable_bytes * on_host / sum(layer_bytes))
