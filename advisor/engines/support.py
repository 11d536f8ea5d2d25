"""Does this engine load this model in this format on this device? Answered with the record's own reason, or yes."""

from collections.abc import Iterator

from advisor.domain.architecture import GatedDeltaNet, Mamba2, ModelArchitecture, MoeFfn
from advisor.domain.engine_record import EngineRecord, Platform, ProcessorNeed
from advisor.domain.hardware import Device, ProcessorFeature
from advisor.domain.quantization import Quantization


def refusal(
    record: EngineRecord, quantization: Quantization, *, architecture: ModelArchitecture, device: Device, backend: str, split: int = 1
) -> str | None:
    """Why it would not start, in one sentence; None when nothing known is against it. Each expert is split over `split` ranks."""
    if quantization.format not in record.formats:
        return f"{quantization.id} is a {quantization.format} format: {record.format_note}"
    if not supports_architecture(record, architecture):
        name = architecture.gguf_name if record.id == "llama.cpp" else architecture.name
        return f"{record.title} does not know the architecture {name or architecture.name}"
    platform = record.platform(backend)
    if platform is None or (platform.vendors and device.vendor not in platform.vendors):
        runs_on = ", ".join(each.backend for each in record.platforms)
        return f"{record.title} does not run on {device.id} with {backend}; its backends: {runs_on}"
    return (
        _platform_refusal(platform, quantization, architecture)
        or _processor_refusal(platform, quantization, architecture, device)
        or _width_refusal(platform, quantization, architecture, split)
        or _capability_refusal(record, quantization, device, backend)
    )


def processor_needs(
    record: EngineRecord, quantization: Quantization, *, architecture: ModelArchitecture, backend: str
) -> tuple[ProcessorFeature, ...]:
    """What a processor must have for this engine to load this model in this format on this backend."""
    platform = record.platform(backend)
    return tuple(need.feature for need in _needs(platform, quantization, architecture)) if platform else ()


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


def _needs(platform: Platform, quantization: Quantization, architecture: ModelArchitecture) -> Iterator[ProcessorNeed]:
    for need in platform.needs_processor:
        if quantization.id in need.quantizations and (architecture.experts or not need.experts):
            yield need


def _processor_refusal(platform: Platform, quantization: Quantization, architecture: ModelArchitecture, device: Device) -> str | None:
    """Only where the processor is known to lack it; a rule warns where nobody has said what it has."""
    for need in _needs(platform, quantization, architecture):
        if device.has(need.feature) is False:
            return f"{quantization.id} needs a processor with {need.feature}, which {device.id} has not: {need.why}"
    return None


def _width_refusal(platform: Platform, quantization: Quantization, architecture: ModelArchitecture, split: int) -> str | None:
    for need in platform.needs_widths:
        if quantization.id not in need.quantizations or (need.architectures and architecture.name not in need.architectures):
            continue
        for width in _widths(architecture, need.part):
            if width % (split * need.multiple):
                what = f"{need.part} of {width / split:g} columns a rank"
                return f"{quantization.id} does not run on {platform.backend} with {what}, no multiple of {need.multiple}: {need.why}"
    return None


def _widths(architecture: ModelArchitecture, part: str) -> Iterator[int]:
    for group in architecture.layer_groups:
        mixer, ffn = group.mixer, group.ffn
        if part == "experts" and isinstance(ffn, MoeFfn):
            yield ffn.expert_width
        elif part == "projections" and isinstance(mixer, Mamba2):
            yield 2 * mixer.heads * mixer.head_dim + 2 * mixer.groups * mixer.state_dim + mixer.heads
        elif part == "projections" and isinstance(mixer, GatedDeltaNet):
            yield 2 * mixer.value_heads


def _capability_refusal(record: EngineRecord, quantization: Quantization, device: Device, backend: str) -> str | None:
    platform, capability = record.platform(backend), device.compute_capability
    if platform is None or capability is None or device.vendor not in platform.vendors:
        return None
    needed = record.compute_capability.get(quantization.id)
    least = max(platform.min_compute_capability or 0.0, needed or 0.0)
    if capability < least:
        return f"{quantization.id} needs compute capability {least}; {device.id} has {capability}"
    return None
