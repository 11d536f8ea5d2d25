"""From a llama.cpp candidate and the calibration to the effective rates of its step-time model."""

from dataclasses import dataclass

from advisor.domain.calibration import LlamaCppBackend, LlamaCppCalibration, LlamaCppCell, LlamaCppFormat
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, build_number
from advisor.domain.ggml_types import ggml_type
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import reached_bandwidth, read_bytes, sixteen_bit_rate
from advisor.estimate.placement_llama_cpp import StepReads, place, step_reads
from advisor.estimate.start_up import start_time
from advisor.estimate.step_time_base import speed_range
from advisor.estimate.step_time_llama_cpp import LlamaCppReplica, LlamaCppSteps, Place, PromptRates
from advisor.estimate.token_work import TokenWork, expected_experts_share, token_work


@dataclass(frozen=True, slots=True)
class _Fit:
    """The constants that apply to one candidate."""

    backend: LlamaCppBackend
    format: LlamaCppFormat
    cell: LlamaCppCell | None
    layer_factor: float


def llama_cpp_steps(
    candidate: Candidate, weights: WeightBytes, calibration: LlamaCppCalibration, *, quantization: Quantization
) -> LlamaCppSteps:
    """The step-time model of one llama.cpp replica. Raises UserInputError for settings, a version or a backend of another engine."""
    settings = candidate.settings
    if not isinstance(settings, LlamaCppSettings):
        raise UserInputError(f"{candidate.runtime.runtime} needs llama.cpp settings")
    build = _build(candidate.runtime.version)
    on_cpu = candidate.on_cpu
    cell = None if on_cpu else _cell(candidate, calibration)
    known = cell is not None and cell.known
    kinds = calibration.measured_kinds.get("cpu" if on_cpu else candidate.runtime.backend, ())
    return LlamaCppSteps(
        source=f"fit of {calibration.as_of} for llama.cpp on {'CPUs' if on_cpu else candidate.runtime.backend}",
        speed=speed_range(
            calibration,
            decode="group" if known else "device",
            prefill="group" if known and candidate.node.device.bf16_flops_per_s is not None else "device",
            measured_architecture=set(candidate.model.architecture.kinds) <= set(kinds),
        ),
        request_floor_s=calibration.request_floor_s.value,
        start_s=start_time(candidate, weights, calibration.start_up, source=f"start-up of llama.cpp, {calibration.as_of}"),
        replica=_cpu_replica(candidate, weights, calibration)
        if on_cpu
        else _device_replica(candidate, weights, calibration, _fit(candidate, weights, calibration, quantization, cell=cell, build=build)),
    )


def _build(version: str) -> int:
    build = build_number(version)
    if build is None:
        raise UserInputError(f"llama.cpp version {version!r} is not a build such as b11549")
    return build


def _cell(candidate: Candidate, calibration: LlamaCppCalibration) -> LlamaCppCell | None:
    device = candidate.node.device
    for cell in calibration.cells:
        vendor = cell.vendor is None or cell.vendor.casefold() == device.vendor.casefold()
        fast = device.memory_bandwidth_bytes_per_s >= cell.min_bandwidth_bytes_per_s
        if cell.backend == candidate.runtime.backend and cell.device_class == device.device_class and vendor and fast:
            return cell
    return None


def _fit(
    candidate: Candidate,
    weights: WeightBytes,
    calibration: LlamaCppCalibration,
    quantization: Quantization,
    *,
    cell: LlamaCppCell | None,
    build: int,
) -> _Fit:
    backend = calibration.backends.get(candidate.runtime.backend)
    if backend is None:
        raise UserInputError(f"llama.cpp backend {candidate.runtime.backend} is not timed; known: cpu, {', '.join(calibration.backends)}")
    bits = weights.total_bytes * 8 / candidate.model.architecture.parameters_total
    old = next((g.layer_factor.value for g in calibration.generations if build < g.before_build), 1.0)
    return _Fit(backend, _format(calibration, quantization, bits), cell, old)


def _format(calibration: LlamaCppCalibration, quantization: Quantization, bits: float) -> LlamaCppFormat:
    """The format's own entry, else the class of its mean bits per weight."""
    for entry in calibration.formats:
        if quantization.id in entry.quantizations or (not entry.quantizations and bits < entry.below_bits):
            return entry
    raise UserInputError(f"{quantization.id}: {bits:.1f} bits per weight is above every format of the calibration")


def _work(candidate: Candidate) -> TokenWork:
    settings = candidate.settings
    assert isinstance(settings, LlamaCppSettings)  # noqa: S101 - checked by the caller
    key, value = (ggml_type(name) for name in (settings.cache_type_k, settings.cache_type_v))
    return token_work(
        candidate.model.architecture, key_bytes=key.bytes_per_block / key.block, value_bytes=value.bytes_per_block / value.block
    )


def _flops(work: TokenWork, *, dense_share: float, expert_share: float, head: bool) -> float:
    """Arithmetic of one generated token of the weights on one side."""
    head_parameters = work.head_parameters if head else 0
    return 2 * (work.dense_parameters * dense_share + work.expert_parameters * expert_share + head_parameters)


def _device_replica(candidate: Candidate, weights: WeightBytes, calibration: LlamaCppCalibration, fit: _Fit) -> LlamaCppReplica:
    settings, device = candidate.settings, candidate.node.device
    assert isinstance(settings, LlamaCppSettings)  # noqa: S101 - checked by the caller
    work, reads, backend = _work(candidate), step_reads(place(candidate, settings), weights), fit.backend
    bandwidth = device.memory_bandwidth_bytes_per_s
    peak = sixteen_bit_rate(device, flops_per_byte=calibration.flops_per_byte).flops_per_s
    class_decode = fit.cell.decode.value if fit.cell else 1.0
    efficiency = backend.weights_efficiency.value * fit.format.decode.value * class_decode
    dense, experts = 1 - reads.host_dense_share, 1 - reads.host_expert_share
    offloads = reads.host_layers > 0 or reads.head_on_host
    batch_mfu = backend.batch_mfu_moe if work.experts else backend.batch_mfu
    on_device = Place(
        read=reads.device,
        weights_bytes_per_s=bandwidth * min(efficiency, calibration.most_of_bandwidth),
        token_flops=_flops(work, dense_share=dense, expert_share=experts, head=not reads.head_on_host),
        decode_flops_per_s=peak * batch_mfu.value,
        anchored=True,
        stream_experts_share=expected_experts_share(work, 1),
        cache_share=1 - reads.host_cache_share,
        cache_bytes_per_s=bandwidth * backend.kv_efficiency.value * class_decode,
    )
    prompt = _prompt_rates(candidate, calibration, fit, work, peak)
    return LlamaCppReplica(
        work=work,
        device=on_device,
        host=_host_place(candidate, calibration, reads, work) if offloads else None,
        prompt=prompt,
        overhead_s=backend.step_s.value + backend.layer_s.value * _launches(work, calibration) * fit.layer_factor,
        host_sync_s=calibration.offload.host_layer_s.value * reads.host_layers,
        norm=calibration.batch_norm.value,
        nominal_bytes_per_s=bandwidth,
        nominal_host_bytes_per_s=candidate.node.host.memory_bandwidth_bytes_per_s,
        peak_flops_per_s=max(peak, device.int8_ops_per_s or 0.0, prompt.flops_per_s),  # quantised weights multiply as integers
    )


def _launches(work: TokenWork, calibration: LlamaCppCalibration) -> float:
    """Layers in units of a dense attention layer's launches."""
    return (
        work.layers
        + calibration.moe_layer_factor.value * work.moe_layers
        + calibration.state_layer_factor.value * work.state_layers
        + calibration.latent_layer_factor.value * work.latent_layers
    )


def _host_place(candidate: Candidate, calibration: LlamaCppCalibration, reads: StepReads, work: TokenWork) -> Place:
    """The host's side of a split: its arithmetic is inferred from its bandwidth, as on CPUs without a published rate."""
    cpu = calibration.cpu
    bandwidth = candidate.node.host.memory_bandwidth_bytes_per_s * calibration.offload.host_bandwidth_efficiency.value
    return Place(
        read=reads.host,
        weights_bytes_per_s=bandwidth,
        token_flops=_flops(work, dense_share=reads.host_dense_share, expert_share=reads.host_expert_share, head=reads.head_on_host),
        decode_flops_per_s=bandwidth * cpu.flops_per_byte.value * cpu.decode_mfu.value / cpu.prefill_mfu.value,
        anchored=True,
        stream_experts_share=expected_experts_share(work, 1),
        cache_share=reads.host_cache_share,
        cache_bytes_per_s=bandwidth,
    )


def _prompt_rates(candidate: Candidate, calibration: LlamaCppCalibration, fit: _Fit, work: TokenWork, peak: float) -> PromptRates:
    settings, backend, node = candidate.settings, fit.backend, candidate.node
    assert isinstance(settings, LlamaCppSettings)  # noqa: S101 - checked by the caller
    class_prefill = fit.cell.prefill.value if fit.cell else 1.0
    layers = work.layers + work.moe_layers + work.state_layers
    return PromptRates(
        flops_per_s=peak * backend.prefill_mfu.value * fit.format.prefill.value * class_prefill,
        moe_factor=backend.prefill_moe_factor.value,
        attention_flops_per_s=peak * backend.attention_mfu.value,
        weights_bytes_per_s=node.device.memory_bandwidth_bytes_per_s * calibration.prefill_weights_efficiency.value,
        layers_s=layers * backend.prefill_layer_s.value,
        link_bytes_per_s=node.host.device_link_bytes_per_s * calibration.offload.link_efficiency.value,
        micro_batch_tokens=settings.ubatch_size,
    )


def _cpu_replica(candidate: Candidate, weights: WeightBytes, calibration: LlamaCppCalibration) -> LlamaCppReplica:
    """All weights in host memory; arithmetic from the published rate, else in proportion to the bandwidth."""
    settings, cpu, device = candidate.settings, calibration.cpu, candidate.node.device
    assert isinstance(settings, LlamaCppSettings)  # noqa: S101 - checked by the caller
    work = _work(candidate)
    bandwidth = reached_bandwidth(candidate.node, cpu.reached_bandwidth)
    published = device.bf16_flops_per_s if device.is_cpu else None
    prompt_flops = published * cpu.prefill_mfu.value if published else bandwidth * cpu.flops_per_byte.value
    everything = Place(
        read=read_bytes(candidate, weights),
        weights_bytes_per_s=bandwidth,
        token_flops=work.decode_flops,
        decode_flops_per_s=prompt_flops * cpu.decode_mfu.value / cpu.prefill_mfu.value,
        anchored=False,
        stream_experts_share=1.0,
        cache_share=1.0,
        cache_bytes_per_s=bandwidth,
    )
    prompt = PromptRates(prompt_flops, 1.0, prompt_flops, bandwidth, work.layers * cpu.layer_s.value, bandwidth, settings.ubatch_size)
    return LlamaCppReplica(
        work=work,
        device=everything,
        host=None,
        prompt=prompt,
        overhead_s=_launches(work, calibration) * cpu.layer_s.value,
        host_sync_s=0.0,
        norm=calibration.batch_norm.value,
        nominal_bytes_per_s=device.memory_bandwidth_bytes_per_s if device.is_cpu else candidate.node.host.memory_bandwidth_bytes_per_s,
        nominal_host_bytes_per_s=candidate.node.host.memory_bandwidth_bytes_per_s,
        peak_flops_per_s=max(published or 0.0, prompt_flops),
    )
