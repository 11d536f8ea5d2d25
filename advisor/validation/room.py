"""Whether this machine has the memory for a run, looked at before anything is loaded."""

import psutil

from advisor.errors import NotProven
from advisor.units import gib_text
from advisor.validation.subject import Subject


def require_memory(subject: Subject) -> None:
    """Raises NotProven when the model does not fit what is available now."""
    needed_bytes = _needed_bytes(subject)
    available_bytes = psutil.virtual_memory().available
    if needed_bytes > available_bytes:
        raise NotProven(
            f"{subject.planned.name} needs {gib_text(needed_bytes)} and this machine has {gib_text(available_bytes)} available: "
            f"nothing was loaded. Run the validation on {subject.planned.hardware.device}, or plan a smaller context"
        )


def _needed_bytes(subject: Subject) -> float:
    """What must be there to start. vLLM takes its whole pool at once; a mapped file of llama.cpp may be evicted."""
    memory = subject.memory
    takes_its_pool = subject.planned.engine.name == "vllm" and subject.candidate.on_cpu
    devices = (device.reserved_bytes if takes_its_pool else device.required_bytes for device in memory.devices)
    return sum(quantity.value for quantity in devices) + memory.host.required_bytes.value
