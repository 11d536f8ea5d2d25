"""Does this engine load this model in this format on this device? Answered with the record's own reason, or yes."""

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.engine_record import EngineRecord, Platform
from advisor.domain.hardware import Device
from advisor.domain.quantization import Quantization


def refusal(
    record: EngineRecord, quantization: Quantization, *, architecture: ModelArchitecture, device: Device, backend: str
) -> str | None:
    """Why it would not start, in one sentence; None when nothing known is against it."""
    if quantization.format not in record.formats:
        return f"{quantization.id} is a {quantization.format} format: {record.format_note}"
    if not supports_architecture(record, architecture):
        name = architecture.gguf_name if record.id == "llama.cpp" else architecture.name
        return f"{record.title} does not know the architecture {name or architecture.name}"
    platform = record.platform(backend)
    if platform is None or (platform.vendors and device.vendor not in platform.vendors):
        runs_on = ", ".join(each.backend for each in record.platforms)
        return f"{record.title} does not run on {device.id} with {backend}; its backends: {runs_on}"
    return _platform_refusal(platform, quantization, architecture) or _capability_refusal(record, quantization, device, backend)


def supports_architecture(record: EngineRecord, architecture: ModelArchitecture) -> bool:
    """True when the record lists the architecture: llama.cpp by its GGUF name, others by the Hugging Face model type."""
    if record.id == "llama.cpp":
        return architecture.gguf_name in record.architectures
    return architecture.name in record.architectures or architecture.name.removesuffix("_text") in record.architectures


def _platform_refusal(platform: Platform, quantization: Quantization, architecture: ModelArchitecture) -> str | None:
    reason = platform.refused.get(quantization.id)
    if reason is None and architecture.experts:
        reason = platform.refused_for_moe.get(quantization.id)
    if reason is None and platform.quantizations and quantization.id not in platform.quantizations:
        reason = f"only {', '.join(platform.quantizations)} are known to run on {platform.backend}"
    return f"{quantization.id} does not run on {platform.backend}: {reason}" if reason else None


def _capability_refusal(record: EngineRecord, quantization: Quantization, device: Device, backend: str) -> str | None:
    platform, capability = record.platform(backend), device.compute_capability
    if platform is None or capability is None or device.vendor not in platform.vendors:
        return None
    needed = record.compute_capability.get(quantization.id)
    least = max(platform.min_compute_capability or 0.0, needed or 0.0)
    if capability < least:
        return f"{quantization.id} needs compute capability {least}; {device.id} has {capability}"
    return None
