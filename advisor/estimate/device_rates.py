"""Which arithmetic a device really uses for a weight format, and its rate; what is read of the weights in a step."""

from dataclasses import dataclass

from advisor.domain.calibration import Arithmetic, Fitted
from advisor.domain.deployment import Candidate
from advisor.domain.hardware import Device, Node
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes

MEASURED_MACHINE = "machine-"  # ids of machines that were measured rather than looked up


@dataclass(frozen=True, slots=True)
class Rate:
    """Dense arithmetic of a device in one number format; `published` is False where it was inferred from the bandwidth."""

    arithmetic: Arithmetic
    flops_per_s: float
    published: bool


def arithmetic_rate(device: Device, quantization: Quantization, *, flops_per_byte: Fitted) -> Rate:
    """The rate of the format's own arithmetic where the device has it, else of 16 bits."""
    native = quantization.native_compute_capability
    able = native is None or device.compute_capability is None or device.compute_capability >= native
    rates: dict[Arithmetic, float | None] = {
        "fp8": device.fp8_flops_per_s,
        "int8": device.int8_ops_per_s,
        "fp4": device.fp4_flops_per_s,
    }
    own = rates.get(quantization.compute) if able else None
    if own is not None:
        return Rate(quantization.compute, own, True)
    return sixteen_bit_rate(device, flops_per_byte=flops_per_byte)


def sixteen_bit_rate(device: Device, *, flops_per_byte: Fitted) -> Rate:
    """The dense 16-bit rate; inferred from the bandwidth where none is published."""
    if device.bf16_flops_per_s is not None:
        return Rate("16bit", device.bf16_flops_per_s, True)
    return Rate("16bit", device.memory_bandwidth_bytes_per_s * flops_per_byte.value, False)


def reached_bandwidth(node: Node, share: Fitted) -> float:
    """Bytes/s that a CPU's memory really gives: a measured machine's figure stands, of a nominal one only `share` is reached."""
    bandwidth = node.device.memory_bandwidth_bytes_per_s if node.device.is_cpu else node.host.memory_bandwidth_bytes_per_s
    return bandwidth if node.id.startswith(MEASURED_MACHINE) else bandwidth * share.value


@dataclass(frozen=True, slots=True)
class ReadBytes:
    """Bytes read per step of one rank: the dense part always, of the experts those that are hit. Lookup tables are not read."""

    dense: float
    experts: float


def read_bytes(candidate: Candidate, weights: WeightBytes) -> ReadBytes:
    """Layers and output head; with pipeline stages, those of all stages, because a token passes through each."""
    stages = candidate.model.architecture.layers / max(len(weights.layers), 1)
    dense = sum(layer.dense_bytes for layer in weights.layers) * stages + head_bytes(weights)
    return ReadBytes(dense, sum(layer.experts_bytes for layer in weights.layers) * stages)


def head_bytes(weights: WeightBytes) -> int:
    """The output head, which is read once a step; of tied models it is the embedding table."""
    return weights.output_bytes or (weights.token_embedding_bytes if weights.tied else 0)
