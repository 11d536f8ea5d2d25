"""What the memory estimates of both engines share: exact zero, sums, and whether something fits."""

from collections.abc import Iterable

from advisor.domain.estimate import NOTHING, DeviceMemory, HostMemory
from advisor.domain.hardware import Device
from advisor.domain.quantity import Basis, Quantity
from advisor.units import GIB

__all__ = ["NOTHING", "NO_HOST_MEMORY", "bound", "fits", "free_text", "memory_pairs", "product", "rounded"]
NO_HOST_MEMORY = HostMemory(*([NOTHING] * 11))


def free_text(device: Device) -> str:
    """Where the bytes for one more process come from."""
    held = f", less {device.in_use_bytes / GIB:.2f} GiB in use" if device.in_use_bytes else ""
    return f"device memory as the driver reports it{held}"


def bound(value: float, low: float, high: float, source: str) -> Quantity:
    """A modelled quantity with its range given in full."""
    return Quantity(value, low, high, Basis.MODELLED, source)


def rounded(quantity: Quantity) -> Quantity:
    """Bytes are whole numbers."""
    return Quantity(round(quantity.value), int(quantity.low), -int(-quantity.high // 1), quantity.basis, quantity.source)


def product(first: Quantity, second: Quantity, source: str) -> Quantity:
    """The product of two non-negative modelled numbers, ends with ends."""
    return bound(first.value * second.value, first.low * second.low, first.high * second.high, source)


def fits(pairs: Iterable[tuple[Quantity, Quantity]]) -> bool | None:
    """Required against usable, pair by pair: False when even the low end exceeds, None when a range straddles."""
    pairs = list(pairs)
    if any(required.low > usable.high for required, usable in pairs):
        return False
    return True if all(required.high <= usable.low for required, usable in pairs) else None


def memory_pairs(devices: tuple[DeviceMemory, ...], host: HostMemory, *, unified: bool) -> list[tuple[Quantity, Quantity]]:
    """What must fit where. With unified memory the devices' and the host's share are one."""
    if not unified:
        return [*((d.required_bytes, d.usable_bytes) for d in devices), (host.required_bytes, host.usable_bytes)]
    everything = [device.required_bytes for device in devices] + [host.required_bytes]
    low, value, high = (sum(getattr(q, end) for q in everything) for end in ("low", "value", "high"))
    return [(bound(value, low, high, "device and host share one memory"), devices[0].usable_bytes)]
