"""catalog/devices/<id>.yaml -> Device: accelerators, CPUs and boards in datasheet units, one namespace of ids."""

import re
from dataclasses import dataclass
from typing import Final

from advisor.catalog.layers import Root
from advisor.catalog.records import Bytes, BytesPerSecond, FlopsPerSecond, OpsPerSecond, Watts, yaml_records
from advisor.domain.hardware import Backend, Device, DeviceClass, ProcessorFeature
from advisor.domain.money import Purchase
from advisor.domain.strict import STRICT, FieldFault, IsoDate, Usd
from advisor.units import GIB

# One lane, one direction, after line coding: PCI-SIG base specifications (8, 16 and 32 GT/s at 128b/130b).
_PCIE_LANE_BYTES_PER_S: Final = {"3.0": 0.985e9, "4.0": 1.969e9, "5.0": 3.938e9}
_PCIE: Final = re.compile(r"(3\.0|4\.0|5\.0) x(4|8|16)")


@dataclass(frozen=True, slots=True)
class PurchaseBlock:
    """What one device costs to buy and what it draws all in (host, network and cooling share included)."""

    __pydantic_config__ = STRICT
    usd: Usd
    all_in_power: Watts
    all_in_source: str
    as_of: IsoDate
    source: str


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device's file. Rates are dense. `driver_memory` is absent where it follows from `memory` (Apple, CPUs)."""

    __pydantic_config__ = STRICT
    name: str
    vendor: str
    device_class: DeviceClass
    memory: Bytes
    bandwidth: BytesPerSecond
    backends: tuple[Backend, ...]
    retrieved: IsoDate
    source: str
    driver_memory: Bytes | None = None
    driver_memory_source: str = ""
    bf16: FlopsPerSecond | None = None
    fp16: FlopsPerSecond | None = None  # only where there is no bf16
    fp8: FlopsPerSecond | None = None
    fp4: FlopsPerSecond | None = None
    int8: OpsPerSecond | None = None
    link: str | None = None
    link_bandwidth: BytesPerSecond | None = None
    pcie: str | None = None
    compute_capability: float | None = None
    power: Watts | None = None
    unified_memory: bool = False
    processor_features: tuple[ProcessorFeature, ...] | None = None  # of a CPU; left out: not known
    processor_features_source: str = ""
    aliases: tuple[str, ...] = ()
    purchase: PurchaseBlock | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.backends:
            raise FieldFault("backends", "name at least one backend of llama.cpp, best first")
        if self.pcie is not None and not _PCIE.fullmatch(self.pcie):
            raise FieldFault("pcie", f"{self.pcie!r} is not a slot such as '5.0 x16'")
        if self.driver_memory is None and not self._memory_follows:
            raise FieldFault(
                "driver_memory", "required for a device with memory of its own: what the driver reports, with driver_memory_source"
            )
        if self.driver_memory is not None and self.driver_memory > self.memory:
            raise FieldFault("driver_memory", "the driver cannot report more than the installed memory")
        if self.processor_features is not None and self.device_class not in ("cpu", "board"):
            raise FieldFault("processor_features", "only a CPU has these")
        if self.processor_features is not None and not self.processor_features_source:
            raise FieldFault("processor_features_source", "required: where it says which features the processor has")
        if self.bf16 is not None and self.fp16 is not None:
            raise FieldFault("fp16", "give fp16 only where there is no bf16")

    @property
    def _memory_follows(self) -> bool:
        return self.device_class in ("apple", "cpu", "board")


def load_devices(root: Root) -> tuple[dict[str, Device], dict[str, Purchase]]:
    """Every device by id, and what those with a price cost to buy."""
    devices: dict[str, Device] = {}
    purchases: dict[str, Purchase] = {}
    for device_id, record, _ in yaml_records(root, "devices", DeviceRecord):
        devices[device_id] = _device(device_id, record)
        block = record.purchase
        if block is not None:
            kilowatts = block.all_in_power / 1000
            purchases[device_id] = Purchase(device_id, block.usd, kilowatts, block.all_in_source, block.as_of, block.source)
    return devices, purchases


def metal_working_set_bytes(ram_bytes: float) -> int:
    """What Metal lets a process use of unified memory: 2/3 of the RAM up to 32 GiB, 3/4 above (recommendedMaxWorkingSetSize)."""
    return int(ram_bytes * 2 / 3) if ram_bytes <= 32 * GIB else int(ram_bytes * 3 / 4)


def _device(device_id: str, record: DeviceRecord) -> Device:
    return Device(
        id=device_id,
        name=record.name,
        vendor=record.vendor,
        device_class=record.device_class,
        memory_bytes=_driver_memory_bytes(record),
        memory_bandwidth_bytes_per_s=record.bandwidth,
        bf16_flops_per_s=record.bf16 or record.fp16,
        fp8_flops_per_s=record.fp8,
        fp4_flops_per_s=record.fp4,
        int8_ops_per_s=record.int8,
        link=record.link,
        link_bytes_per_s=record.link_bandwidth,
        compute_capability=record.compute_capability,
        power_w=record.power,
        backends=record.backends,
        aliases=record.aliases,
        unified_memory=record.unified_memory,
        source=record.source,
        installed_memory_bytes=int(record.memory),
        host_link_bytes_per_s=_pcie_bytes_per_s(record.pcie),
        retrieved=record.retrieved,
        processor_features=record.processor_features,
    )


def _driver_memory_bytes(record: DeviceRecord) -> int:
    if record.driver_memory is not None:
        return int(record.driver_memory)
    return metal_working_set_bytes(record.memory) if record.device_class == "apple" else int(record.memory)


def _pcie_bytes_per_s(slot: str | None) -> float | None:
    if slot is None:
        return None
    generation, lanes = slot.split(" x")
    return _PCIE_LANE_BYTES_PER_S[generation] * int(lanes)
