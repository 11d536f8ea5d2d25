"""The accelerators while an engine serves: what its driver says it holds, beside what was predicted."""

from collections.abc import Sequence

from advisor.domain.evidence import DeviceSeen
from advisor.engines.accelerators import Accelerator
from advisor.engines.process_memory import descendants
from advisor.validation.subject import Subject


def engine_pids(pid: int) -> frozenset[int]:
    """The server's process and everything below it."""
    return frozenset({pid, *(child.pid for child in descendants(pid))})


def devices_seen(subject: Subject, found: Sequence[Accelerator], pids: frozenset[int]) -> tuple[DeviceSeen, ...] | None:
    """In the driver's order; None when there is no driver. Predictions go, in order, to the devices that the engine holds memory of."""
    if not found:
        return None
    held = [accelerator.held_by(pids) for accelerator in found]
    predicted = iter(device.reserved_bytes.value for device in subject.memory.devices if subject.device_here)
    on_device = not subject.candidate.on_cpu
    return tuple(
        DeviceSeen(
            name=accelerator.name,
            driver_version=accelerator.driver_version,
            memory_total_bytes=accelerator.total_bytes,
            memory_used_bytes=accelerator.used_bytes,
            engine_bytes=bytes_,
            predicted_reserved_bytes=next(predicted, None) if bytes_ and on_device else None,
        )
        for accelerator, bytes_ in zip(found, held, strict=True)
    )
