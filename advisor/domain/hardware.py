"""Devices and the nodes they sit in. A device never stands alone: a bare device id takes its class's default host."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from advisor.domain.kernels import KernelTimes
from advisor.domain.strict import STRICT, FieldFault, IsoDate, Usd

Backend = Literal["cuda", "rocm", "vulkan", "sycl", "metal", "cpu"]
ProcessorFeature = Literal["avx2", "avx512f", "avx512_bf16", "amx_tile"]  # what engines ask for, in the words of Linux's /proc/cpuinfo
ASSUMED_FEATURES: Final[tuple[ProcessorFeature, ...]] = ("avx2", "avx512f", "avx512_bf16")  # of a CPU nobody has described: no AMX
DeviceClass = Literal["gpu-datacenter", "gpu-workstation", "gpu-consumer", "gpu-laptop", "apu", "apple", "cpu", "board"]


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator or a CPU as the driver reports it. Rates are dense; `None` means the unit does not exist or is not published."""

    id: str
    name: str
    vendor: str
    device_class: DeviceClass
    memory_bytes: int  # what the driver reports
    memory_bandwidth_bytes_per_s: float
    bf16_flops_per_s: float | None  # tensor bf16 (fp16 where there is no bf16) with FP32 accumulate
    fp8_flops_per_s: float | None
    fp4_flops_per_s: float | None
    int8_ops_per_s: float | None
    link: str | None  # NVLink4, xGMI, PCIe5 …
    link_bytes_per_s: float | None  # one direction, per device
    compute_capability: float | None
    power_w: float | None
    backends: tuple[str, ...]  # of llama.cpp, best first: cuda, rocm, vulkan, sycl, metal, cpu
    aliases: tuple[str, ...] = ()
    unified_memory: bool = False  # the device's memory is the host's memory
    source: str = ""
    installed_memory_bytes: int = 0  # nominal, as sold; of unified memory the whole RAM
    host_link_bytes_per_s: float | None = None  # PCIe slot, one direction; None: no bus between host and device
    retrieved: str = ""  # ISO date of the facts
    peer_link_bytes_per_s: float | None = None  # one direction, to one other device; None: a switch gives the whole link
    slices_per_card: int | None = None  # of a slice: as many of its kind as its card holds; None: a whole device
    processor_features: tuple[ProcessorFeature, ...] | None = None  # of a CPU; None: nobody has said which
    in_use_bytes: int = 0  # what other processes hold of it already
    vector_flops_per_s: float | None = None  # of a CPU of no published rate: cores x base clock x FP32 operations of its vectors

    @property
    def free_bytes(self) -> int:
        """What is there for one more process."""
        return max(self.memory_bytes - self.in_use_bytes, 0)

    def has(self, feature: ProcessorFeature) -> bool | None:
        """Whether the processor has this feature; None where its features are not known."""
        return None if self.processor_features is None else feature in self.processor_features

    @property
    def planned_features(self) -> tuple[ProcessorFeature, ...]:
        """Those that settings and memory are planned for: the processor's, or the assumed ones where they are not known."""
        return ASSUMED_FEATURES if self.processor_features is None else self.processor_features

    @property
    def card(self) -> str:
        """The id of the whole device: of a slice that of its card."""
        return self.id.partition("/")[0]

    def link_among_bytes_per_s(self, devices: int) -> float | None:
        """What one of so many devices sends to the others: without a switch only the links that lead to them count."""
        if self.link_bytes_per_s is None or self.peer_link_bytes_per_s is None:
            return self.link_bytes_per_s
        return min(self.link_bytes_per_s, self.peer_link_bytes_per_s * max(devices - 1, 1))

    @property
    def is_cpu(self) -> bool:
        """True for CPUs and boards: the model lives in host memory."""
        return self.device_class in ("cpu", "board")


@dataclass(frozen=True, slots=True)
class Host:
    """The machine around the devices."""

    memory_bytes: int
    memory_bandwidth_bytes_per_s: float
    cpu_cores: int
    disk_bytes_per_s: float
    device_link_bytes_per_s: float  # host to one device
    repacks_weights: bool = False  # llama.cpp copies Q4 tensors into a CPU-friendly layout here (AVX2/AVX-512/ARM)
    source: str = ""
    download_bytes_per_s: float | None = None  # from where the weights are fetched; None: they are there, or nobody has said
    kernels: tuple[KernelTimes, ...] = ()  # of llama.cpp on its processors, where they were measured


@dataclass(frozen=True, slots=True)
class Node:
    """A machine as it stands or is sold: `devices` equal devices in one host. `id` is the device id or `machine-<12 hex>`."""

    id: str
    device: Device
    devices: int
    host: Host
    assumed_host: bool = True


def in_use(node: Node, in_use_bytes: int) -> Node:
    """The node with so much of each device held by other processes."""
    return replace(node, device=replace(node.device, in_use_bytes=in_use_bytes))


@dataclass(frozen=True, slots=True)
class Offer:
    """A price for a whole instance: whole instances are sold, so whole instances are charged."""

    __pydantic_config__ = STRICT
    provider: str
    instance: str
    device: str
    devices: int
    usd_per_hour: Usd
    as_of: IsoDate
    source: str
    spot_usd_per_hour: Usd | None = None
    region: str = ""  # the source does not say
    marketplace: bool = False  # the lowest ask of private hosts on one day: rented only where the provider is named

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise FieldFault("devices", f"{self.devices}: an instance has at least one")
        if self.spot_usd_per_hour is not None and self.spot_usd_per_hour > self.usd_per_hour:
            raise FieldFault("spot_usd_per_hour", f"{self.spot_usd_per_hour:g} is above the on-demand price {self.usd_per_hour:g}")


Acquisition = Literal["owned", "rent", "buy", "this_machine"]


@dataclass(frozen=True, slots=True)
class Available:
    """Hardware that the workload may use: at most `nodes` of them (None: as many as wanted), how it is paid for, at which price."""

    node: Node
    nodes: int | None
    acquisition: Acquisition
    offer: Offer | None = None
    purchase_usd_per_device: float | None = None
    purchase_as_of: str | None = None  # None where the user says what it cost
    all_in_kw_per_device: float | None = None
    spot: bool = False  # the offer's spot price is paid, interruptions are accepted


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything the workload may run on."""

    available: tuple[Available, ...]
