"""Fitted constants of the step-time model, one file an engine: `catalog/calibration/<engine>.yaml`, schema `advisor.calibration/1`.

Nothing here is a law: each constant is the outcome of a fit to published measurements, with the 80 % range of that fit.
"""

from dataclasses import dataclass
from typing import Literal

from advisor.domain.engine import EngineName
from advisor.domain.hardware import DeviceClass
from advisor.domain.strict import STRICT, FieldFault

Metric = Literal["decode", "prefill"]
ErrorLevel = Literal["point", "group", "model", "device", "source"]  # from the best known to the least
Arithmetic = Literal["16bit", "fp8", "int8", "fp4"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted constant with its 80 % range; `note` says where it comes from when the file's `source` does not."""

    __pydantic_config__ = STRICT
    value: float
    low: float
    high: float
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.value <= self.high:
            raise FieldFault("value", f"a range must hold its value: 0 <= {self.low:g} <= {self.value:g} <= {self.high:g}")


@dataclass(frozen=True, slots=True)
class ErrorBand:
    """80 % interval of measured time over predicted time, on cases that the fit had not seen.

    `level` is what was held out: `point` nothing but another load of a series of which one point was measured · `group` this source's
    device and model together, each known from others · `model` · `device` · `source`, a stranger's host and software.
    """

    __pydantic_config__ = STRICT
    metric: Metric
    level: ErrorLevel
    low: float
    high: float
    note: str = ""
    backend: str | None = None  # this backend's alone

    def __post_init__(self) -> None:
        if not 0 < self.low <= 1 <= self.high:
            raise FieldFault("low", f"an error band must hold 1: 0 < {self.low:g} <= 1 <= {self.high:g}")


@dataclass(frozen=True, slots=True)
class StartUpFit:
    """Seconds from the start of the process to readiness."""

    __pydantic_config__ = STRICT
    fixed_s: Fitted  # imports, device context, tokenizer, server, warm-up
    compile_s: Fitted  # of a first start, the low end with a kept cache; 0 where there is none
    capture_s: Fitted  # graphs of an accelerator; 0 where there are none
    repack_bytes_per_s: Fitted  # rate of copying weights into a CPU layout; unused where nothing is repacked
    read_efficiency: Fitted  # of the disk's nominal rate, nothing of the file being in memory
    cached_bytes_per_s: Fitted  # from the page cache


# ---- vLLM


@dataclass(frozen=True, slots=True)
class VllmGeneration:
    """Constants that differ between versions of vLLM: this entry holds below `before` (None: for all later versions)."""

    __pydantic_config__ = STRICT
    name: str
    weights_efficiency: Fitted  # of nominal memory bandwidth
    layer_s: Fitted  # per layer and step: launches and host time
    layer_factor_moe: Fitted  # a layer of experts takes this many times as long
    sequence_s: Fitted  # per sequence and step: scheduling and sampling
    before: str | None = None
    separate_prompts: bool = False  # steps of prompts generate nothing for those who are running


@dataclass(frozen=True, slots=True)
class VllmCpu:
    """vLLM's CPU backend. Efficiencies are of the bandwidth that the machine reaches, not of the nominal one."""

    __pydantic_config__ = STRICT
    reached_bandwidth: Fitted  # reached over nominal, where only the nominal bandwidth is known
    weights_efficiency: Fitted
    layer_s: Fitted
    sequence_s: Fitted
    flops_per_byte: Fitted  # reached arithmetic per byte of reached bandwidth, where no rate is published
    mfu: Fitted  # where a rate is published


@dataclass(frozen=True, slots=True)
class VllmCalibration:
    """Step time of vLLM as a sum of weights, KV cache, arithmetic, layers, sequences and all-reduces."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.calibration/1"]
    engine: Literal["vllm"]
    as_of: str
    source: str
    measured_backends: tuple[str, ...]  # where an estimate is of a known class
    measured_devices: tuple[str, ...]  # ids
    measured_kinds: tuple[str, ...]  # of ModelArchitecture.kinds
    generations: tuple[VllmGeneration, ...]
    async_scheduling_since: str  # the version from which a step is put together while the one before it runs
    kv_efficiency: Fitted  # of nominal memory bandwidth
    first_token_floor_s: Fitted  # per request: client, HTTP, tokenizer
    all_reduce_fast_s: Fitted  # NVLink, xGMI
    all_reduce_slow_s: Fitted  # PCIe
    fast_links: tuple[str, ...]  # prefixes of Device.link
    link_efficiency: Fitted
    decode_mfu: Fitted
    decode_mfu_moe: Fitted
    prefill_mfu: dict[Arithmetic, Fitted]
    prefill_mfu_moe_factor: Fitted
    prefill_tensor_exponent: Fitted  # MFU falls as tensor-parallel size to the power of minus this
    prefill_peak_exponent: Fitted  # and as the device's peak does, above or below 1 PFLOP/s
    prefill_desktop_factor: Fitted  # on the share of the peak that cards for a desk reach
    attention_mfu: Fitted  # of the 16-bit peak
    prompt_layer_s: Fitted  # per layer of a step with a prompt, more than in a decode step: launches outside of captured graphs
    overlap_norm: float  # p of the p-norm of reading and arithmetic
    flops_per_byte: Fitted  # dense 16-bit peak per byte of bandwidth of an accelerator without published arithmetic
    unmeasured_kind_factor: float  # upper end of the range is multiplied by this for an unmeasured kind of architecture
    cpu: VllmCpu
    start_up: StartUpFit
    errors: tuple[ErrorBand, ...]


# ---- llama.cpp


@dataclass(frozen=True, slots=True)
class LlamaCppBackend:
    """Constants of one backend. `mfu` is of the fastest peak that products with the weights may reach (integers for quantised ones)."""

    __pydantic_config__ = STRICT
    unpack_s: Fitted  # per weight beside reading it, at 500 GB/s; of a CPU at 1 TFLOP/s of its vectors
    layer_s: Fitted  # decode, per layer and step
    prefill_mfu: Fitted
    prefill_moe_factor: Fitted
    attention_mfu: Fitted  # of the 16-bit peak
    prefill_layer_s: Fitted  # per layer and micro-batch
    batch_mfu: Fitted  # arithmetic of further sequences of a decode step


@dataclass(frozen=True, slots=True)
class LlamaCppFormat:
    """Multipliers for weights of these formats on a device; the last entry, without any, is for all others. CPUs show none."""

    __pydantic_config__ = STRICT
    name: str
    unpack: Fitted  # on the time that unpacking a weight takes
    prefill: Fitted  # on the arithmetic rate
    quantizations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LlamaCppCell:
    """Multipliers of a backend on a class of device; the first match applies, no match means an unmeasured class and 1.

    `devices` are those whose measurements on builds of today are behind it; none where only older builds were measured.
    """

    __pydantic_config__ = STRICT
    name: str
    backend: str
    devices: tuple[str, ...]
    unpack: Fitted
    prefill: Fitted
    device_class: DeviceClass | None = None
    vendor: str | None = None
    min_bandwidth_bytes_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LlamaCppGeneration:
    """A multiplier on the per-layer cost of builds below `before_build`."""

    __pydantic_config__ = STRICT
    before_build: int
    layer_factor: Fitted


@dataclass(frozen=True, slots=True)
class LlamaCppOffload:
    """Layers or experts that stay in host memory."""

    __pydantic_config__ = STRICT
    host_bandwidth_efficiency: Fitted
    unpack_s: Fitted  # per weight on the host, beside reading it
    host_layer_s: Fitted  # synchronisation per layer with work on the host
    link_efficiency: Fitted  # of host-to-device bandwidth, streaming weights for a prompt
    flops_per_byte: Fitted  # the host's arithmetic per byte of reached bandwidth


@dataclass(frozen=True, slots=True)
class LlamaCppCpu:
    """CPU devices, beside the constants of their backend."""

    __pydantic_config__ = STRICT
    reached_bandwidth: Fitted  # reached over nominal, where only the nominal bandwidth is known
    flops_per_byte: Fitted  # peak of the vectors per byte of bandwidth, where neither clock nor peak is known


@dataclass(frozen=True, slots=True)
class LlamaCppCalibration:
    """Step time of llama.cpp: reading, unpacking, arithmetic of further sequences, cache and launches, over devices and host."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.calibration/1"]
    engine: Literal["llama.cpp"]
    as_of: str
    source: str
    backends: dict[str, LlamaCppBackend]
    formats: tuple[LlamaCppFormat, ...]
    cells: tuple[LlamaCppCell, ...]
    generations: tuple[LlamaCppGeneration, ...]
    measured_kinds: dict[str, tuple[str, ...]]  # by backend, of ModelArchitecture.kinds
    unmeasured_kind_factor: float
    unpack_exponent: Fitted  # unpacking is faster with this power of a device's bandwidth
    kv_efficiency: Fitted  # of nominal bandwidth
    step_s: Fitted  # decode, per step
    moe_layer_factor: Fitted  # an MoE layer costs 1 + this layers of launches
    state_layer_factor: Fitted
    latent_layer_factor: Fitted
    batch_moe_factor: Fitted  # on batch_mfu
    batch_norm: Fitted  # p of the p-norm of reading and the arithmetic of further sequences
    prefill_norm: Fitted  # of reading and the arithmetic of a prompt
    offload: LlamaCppOffload
    cpu: LlamaCppCpu
    flops_per_byte: Fitted
    request_floor_s: Fitted  # per request: HTTP, tokenizer, slot
    start_up: StartUpFit
    errors: tuple[ErrorBand, ...]


Calibration = VllmCalibration | LlamaCppCalibration


def error_band(calibration: Calibration, metric: Metric, level: ErrorLevel, backend: str | None = None) -> ErrorBand:
    """The error band of a metric where this much is known, the backend's own before all. Raises ValueError when the file has none."""
    for owner in (backend, None):
        for band in calibration.errors:
            if (band.metric, band.level, band.backend) == (metric, level, owner):
                return band
    raise ValueError(f"calibration of {calibration.engine} has no error band for {metric} at the level {level}")


CALIBRATION_TYPES: dict[EngineName, type[VllmCalibration] | type[LlamaCppCalibration]] = {
    "vllm": VllmCalibration,
    "llama.cpp": LlamaCppCalibration,
}
