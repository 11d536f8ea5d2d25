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


# Error correction of GDDR memory keeps its check bits in the memory itself, one byte of sixteen: nvidia-smi shows 15 360 MiB of 16 GiB.
_INLINE_ECC_SHARE: Final = 1 / 16
_WITHHELD_AT_MOST: Final = 0.05  # of what is left, the driver keeps or rounds away less than this on every card that was read
# InferenceX counts 1.9 to 2.5 times a data-centre GPU's own power; a card in a desktop shares less.
_ASSUMED_ALL_IN_FACTOR: Final = 1.5


@dataclass(frozen=True, slots=True)
class PurchaseBlock:
    """What one device costs to buy, alone."""

    __pydantic_config__ = STRICT
    usd: Usd
    as_of: IsoDate
    source: str


@dataclass(frozen=True, slots=True)
class OwnershipBlock:
    """What running one device takes: power with its share of host, network and cooling, and what others say that an hour costs."""

    __pydantic_config__ = STRICT
    all_in_power: Watts
    as_of: IsoDate
    source: str
    hyperscaler_usd_per_hour: Usd | None = None
    neocloud_usd_per_hour: Usd | None = None
    rented_3_years_usd_per_hour: Usd | None = None


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
    peer_bandwidth: BytesPerSecond | None = None  # of link_bandwidth, to one other device; absent where a switch gives all of it
    pcie: str | None = None
    compute_capability: float | None = None
    power: Watts | None = None
    unified_memory: bool = False
    processor_features: tuple[ProcessorFeature, ...] | None = None  # of a CPU; left out: not known
    processor_features_source: str = ""
    inline_ecc: bool = False  # error correction is on by default and takes its share of the memory
    aliases: tuple[str, ...] = ()
    purchase: PurchaseBlock | None = None
    ownership: OwnershipBlock | None = None
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
        if self.processor_features is not None and self.device_class not in ("cpu", "board"):
            raise FieldFault("processor_features", "only a CPU has these")
        if self.processor_features is not None and not self.processor_features_source:
            raise FieldFault("processor_features_source", "required: where it says which features the processor has")
        if self.driver_memory is not None:
            self._check_driver_memory(self.driver_memory)
        if self.bf16 is not None and self.fp16 is not None:
            raise FieldFault("fp16", "give fp16 only where there is no bf16")

    def _check_driver_memory(self, driver_memory: float) -> None:
        """Of unified memory any part may be the device's; of its own memory the driver shows nearly all."""
        nominal = self.memory * (1 - _INLINE_ECC_SHARE if self.inline_ecc else 1)
        off = driver_memory / nominal - 1
        if off > _WITHHELD_AT_MOST or (off < -_WITHHELD_AT_MOST and not self.unified_memory):
            raise FieldFault(
                "driver_memory", f"{off:+.1%} off the installed memory{' less ECC' if self.inline_ecc else ''}; drivers show it within 5 %"
            )

    @property
    def _memory_follows(self) -> bool:
        return self.device_class in ("apple", "cpu", "board")


def load_devices(root: Root) -> tuple[dict[str, Device], dict[str, Purchase]]:
    """Every device by id, and what owning it takes where that is known."""
    devices: dict[str, Device] = {}
    purchases: dict[str, Purchase] = {}
    for device_id, record, _ in yaml_records(root, "devices", DeviceRecord):
        devices[device_id] = _device(device_id, record)
        if record.purchase or record.ownership:
            purchases[device_id] = _purchase(device_id, record)
    return devices, purchases


def _purchase(device_id: str, record: DeviceRecord) -> Purchase:
    bought, owned = record.purchase, record.ownership
    dated = [block for block in (bought, owned) if block]
    watts, all_in_source = _all_in(record)
    return Purchase(
        device=device_id,
        usd_per_device=bought.usd if bought else None,
        all_in_kw_per_device=watts / 1000 if watts else None,
        all_in_source=all_in_source,
        as_of=min(block.as_of for block in dated),
        source="; ".join(f"{block.source} ({block.as_of})" for block in dated),
        hyperscaler_usd_per_hour=owned.hyperscaler_usd_per_hour if owned else None,
        neocloud_usd_per_hour=owned.neocloud_usd_per_hour if owned else None,
        rented_3_years_usd_per_hour=owned.rented_3_years_usd_per_hour if owned else None,
    )


def _all_in(record: DeviceRecord) -> tuple[float | None, str]:
    """Watts of one device with its share of host, network and cooling, and where they come from."""
    if record.ownership:
        return record.ownership.all_in_power, f"{record.ownership.source} ({record.ownership.as_of})"
    if record.power is None:
        return None, "not known: nor is the device's own power"
    return record.power * _ASSUMED_ALL_IN_FACTOR, f"assumed: {_ASSUMED_ALL_IN_FACTOR:g} x the device's own power"


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
        peer_link_bytes_per_s=record.peer_bandwidth,
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
