"""Step time of llama.cpp: the arithmetic of `llama_cpp_parts` on the constants of catalog/calibration/llama.cpp.yaml.

Layers split over devices run in turn, so their times add up.
"""

from dataclasses import dataclass, field
from typing import Final

from advisor.domain.calibration import ErrorLevel, LlamaCppBackend, LlamaCppCalibration, LlamaCppCell, LlamaCppFormat
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, build_number
from advisor.domain.hardware import Device
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes
from advisor.errors import UserInputError
from advisor.estimate.device_rates import MEASURED_MACHINE
from advisor.estimate.kernels_llama_cpp import KernelMeans, kernel_means, measured_rates
from advisor.estimate.llama_cpp_parts import LlamaCppConstants, LlamaCppRates, cache_s, decode_parts, llama_cpp_rates, prompt_parts
from advisor.estimate.llama_cpp_replica import LlamaCppReplica, llama_cpp_replica
from advisor.estimate.start_up import start_time
from advisor.estimate.step_time_base import Parts, StepTimeModel, speed_range

_MEASURED: Final = " with the kernels' times of this processor"


@dataclass(slots=True, kw_only=True)
class LlamaCppSteps(StepTimeModel):
    """Step times of one llama.cpp replica."""

    replica: LlamaCppReplica = field(repr=False)
    rates: LlamaCppRates = field(repr=False)

    def batch_parts_s(self, batch: int) -> Parts:
        """Dense weights once, of experts those that the step's tokens hit, on each side; then launches."""
        return decode_parts(self.replica.decode_work(batch), self.rates)

    def cache_s(self, context_tokens: float) -> float:
        """One sequence's keys, values and state, on the side where its layers are."""
        on_device, on_host = self.replica.cache_bytes(context_tokens)
        return cache_s(on_device, on_host, self.rates)

    def prefill_parts_s(self, tokens: float, context_tokens: float, prompts: int = 1) -> Parts:
        """Arithmetic, attention, and per micro-batch: the weights once, the launches, and the host's weights over the link."""
        return prompt_parts(self.replica.prompt_work(tokens, context_tokens, prompts), self.rates)

    def mixed_prefill_s(self, tokens: float, context_tokens: float, *, prompts: int, batch: int) -> float:
        """Generated tokens ride in the prompt's micro-batches: what the step takes beyond the decode step alone."""
        whole = self.prefill_parts_s(tokens + batch, context_tokens, prompts)
        alone = self.decode_s(batch, 0) / self.decode_scale
        own = (whole["compute"] + whole["attention"]) * tokens / (tokens + batch)
        return max(sum(whole.values()) - alone, own)

    def floor_decode_s(self, batch: int, context_tokens: float) -> float:
        """Bytes at nominal bandwidths, or arithmetic at the peak, whichever takes longer."""
        return self.replica.floor_decode_s(batch, context_tokens)

    def floor_prefill_s(self, tokens: float) -> float:
        """The prompt's linear arithmetic at the device's fastest peak."""
        return self.replica.floor_prefill_s(tokens)


def llama_cpp_steps(
    candidate: Candidate, weights: WeightBytes, calibration: LlamaCppCalibration, *, quantization: Quantization
) -> LlamaCppSteps:
    """The step-time model of one llama.cpp replica. Raises UserInputError for settings, a version or a backend of another engine."""
    replica = llama_cpp_replica(
        candidate, weights, flops_per_byte=calibration.flops_per_byte, cpu_flops_per_byte=calibration.cpu.flops_per_byte
    )
    backend, cell = backend_of(candidate), cell_of(candidate, calibration)
    constants = llama_cpp_constants(candidate, calibration, quantization, cell=cell)
    level, known_class = _level(candidate.node.device, cell)
    rates, means = llama_cpp_rates(replica.traits, constants), _measured_kernels(candidate, weights)
    kinds = set(candidate.model.architecture.kinds) <= set(calibration.measured_kinds.get(backend, ()))
    return LlamaCppSteps(
        source=f"fit of {calibration.as_of} for llama.cpp on {'CPUs' if candidate.on_cpu else backend}{_MEASURED if means else ''}",
        speed=speed_range(
            calibration,
            decode=level,
            prefill=level if candidate.on_cpu or candidate.node.device.bf16_flops_per_s is not None else "source",
            measured_architecture=kinds and known_class,
            backend=backend,
        ),
        request_floor_s=calibration.request_floor_s.value,
        start_s=start_time(candidate, weights, calibration.start_up, source=f"start-up of llama.cpp, {calibration.as_of}"),
        replica=replica,
        rates=measured_rates(rates, means, bits_per_weight=replica.traits.bits_per_weight) if means else rates,
    )


def _measured_kernels(candidate: Candidate, weights: WeightBytes) -> KernelMeans | None:
    """Those of this very processor, which were measured as llama.cpp runs them by default: with weights laid out anew."""
    settings = candidate.settings
    used = candidate.on_cpu and isinstance(settings, LlamaCppSettings) and settings.repack
    return kernel_means(weights, candidate.node.host.kernels) if used else None


def _level(device: Device, cell: LlamaCppCell | None) -> tuple[ErrorLevel, bool]:
    """What was held out from the fit in cases that were known as little as this candidate, and whether any device was like its own.

    A measured device counts as a group, another one of a measured class as a device. A class that no build of today was measured on
    inherits the constants of its backend, with the range of a stranger's machine, raised further.
    """
    if cell is None or not cell.devices:
        return "source", False
    return ("group" if device.card in cell.devices else "device"), True


def backend_of(candidate: Candidate) -> str:
    """The backend whose constants apply: a CPU's wherever the model lives in host memory."""
    return "cpu" if candidate.on_cpu else candidate.runtime.backend


def cell_of(candidate: Candidate, calibration: LlamaCppCalibration) -> LlamaCppCell | None:
    """The first class of device that this candidate's belongs to."""
    backend, device = backend_of(candidate), candidate.node.device
    for cell in calibration.cells:
        of_class = cell.device_class in (None, device.device_class)
        of_vendor = cell.vendor is None or cell.vendor.casefold() == device.vendor.casefold()
        fast = device.memory_bandwidth_bytes_per_s >= cell.min_bandwidth_bytes_per_s
        if cell.backend == backend and of_class and of_vendor and fast:
            return cell
    return None


def format_of(calibration: LlamaCppCalibration, quantization: Quantization) -> LlamaCppFormat:
    """The format's own entry, else that of all others, the last."""
    return next((entry for entry in calibration.formats if quantization.id in entry.quantizations), calibration.formats[-1])


def build_factor(candidate: Candidate, calibration: LlamaCppCalibration) -> float:
    """The factor on launches of the candidate's build. Raises UserInputError for what is no build."""
    build = build_number(candidate.runtime.version)
    if build is None:
        raise UserInputError(f"llama.cpp version {candidate.runtime.version!r} is not a build such as b11549")
    return next((g.layer_factor.value for g in calibration.generations if build < g.before_build), 1.0)


def _backend(candidate: Candidate, calibration: LlamaCppCalibration) -> LlamaCppBackend:
    backend = calibration.backends.get(backend_of(candidate))
    if backend is None:
        raise UserInputError(f"llama.cpp backend {candidate.runtime.backend} is not timed; known: {', '.join(calibration.backends)}")
    return backend


def llama_cpp_constants(
    candidate: Candidate, calibration: LlamaCppCalibration, quantization: Quantization, *, cell: LlamaCppCell | None
) -> LlamaCppConstants:
    """The values that hold for one candidate."""
    backend, weights, offload = _backend(candidate, calibration), format_of(calibration, quantization), calibration.offload
    nominal = candidate.on_cpu and not candidate.node.id.startswith(MEASURED_MACHINE)
    return LlamaCppConstants(
        reached_bandwidth=calibration.cpu.reached_bandwidth.value if nominal else 1.0,
        unpack_s=backend.unpack_s.value,
        unpack_exponent=1.0 if candidate.on_cpu else calibration.unpack_exponent.value,
        class_unpack=cell.unpack.value if cell else 1.0,
        format_unpack=1.0 if candidate.on_cpu else weights.unpack.value,
        kv_efficiency=calibration.kv_efficiency.value,
        step_s=calibration.step_s.value,
        layer_s=backend.layer_s.value,
        build_layer_factor=build_factor(candidate, calibration),
        moe_layer_factor=calibration.moe_layer_factor.value,
        state_layer_factor=calibration.state_layer_factor.value,
        latent_layer_factor=calibration.latent_layer_factor.value,
        batch_mfu=backend.batch_mfu.value,
        batch_moe_factor=calibration.batch_moe_factor.value,
        batch_norm=calibration.batch_norm.value,
        prefill_mfu=backend.prefill_mfu.value,
        class_prefill=cell.prefill.value if cell else 1.0,
        format_prefill=1.0 if candidate.on_cpu else weights.prefill.value,
        prefill_moe_factor=backend.prefill_moe_factor.value,
        prefill_norm=calibration.prefill_norm.value,
        attention_mfu=backend.attention_mfu.value,
        prefill_layer_s=backend.prefill_layer_s.value,
        host_bandwidth_efficiency=offload.host_bandwidth_efficiency.value,
        host_unpack_s=offload.unpack_s.value,
        host_layer_s=offload.host_layer_s.value,
        host_flops_per_byte=offload.flops_per_byte.value,
        link_efficiency=offload.link_efficiency.value,
    )
