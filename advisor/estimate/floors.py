"""What no software can beat: bounds from dimensions and data-sheet peaks alone. They may block; estimates with efficiencies may not."""

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.hardware import Device
from advisor.domain.quantity import Quantity, exact


def peak_flops_per_s(device: Device) -> float | None:
    """The device's highest published peak of all formats, because engines may multiply in a smaller one than weights are stored in.

    A CPU has none: its rate is that of its vectors in 32 bits at base clock, which integer products and higher clocks pass (an
    i5-1135G7 of 0.31 TFLOP/s computes prompts at 0.44 in catalog/measurements/llama.cpp).
    """
    peaks = (device.bf16_flops_per_s, device.fp8_flops_per_s, device.fp4_flops_per_s, device.int8_ops_per_s)
    return None if device.is_cpu else max((peak for peak in peaks if peak is not None), default=None)


def prefill_floor(architecture: ModelArchitecture, device: Device, devices: int, tokens: int) -> Quantity | None:
    """Seconds that the matrix multiplications of a prompt of `tokens` take at the devices' highest peak; None without a published peak.

    Attention scores, tables and communication are left out: the true time is longer.
    """
    peak = peak_flops_per_s(device)
    if peak is None or tokens == 0:
        return None
    tables = architecture.vocab_size * architecture.hidden_size * (1 if architecture.tied_embeddings else 2)
    multiplied = max(0, architecture.parameters_active - tables)
    # t >= 2 * P * T / FLOP/s  (two operations per parameter and token: Kaplan et al. 2020, https://arxiv.org/abs/2001.08361, table 1)
    return exact(
        2 * multiplied * tokens / (peak * devices), f"2 x {multiplied:,} parameters x {tokens:,} tokens at {peak:.3g}/s x {devices}"
    )
