"""How many context checkpoints a slot of llama-server may keep: as many as the host's memory holds beside everything else.

They are copies of windows and recurrent states, which cannot be rolled back: without one a conversation that goes on is read from its
beginning. They fill in service, up to --ctx-checkpoints a slot, whatever the host has: tools/server/server-context.cpp, create_checkpoint
(b11549).
"""

from typing import Final

from advisor.assess import Sized
from advisor.domain.engine import LlamaCppSettings
from advisor.units import GIB

_MOST_BYTES: Final = 8 * GIB  # what --cache-ram allows by default for the other copies of earlier prompts
_SHARE: Final = 0.5  # of what is left of the host: the rest is the limit's headroom and the system's


def affordable_checkpoints(sized: Sized) -> int | None:
    """Copies a slot; None where there is room for as many as the settings ask for."""
    settings, whole = sized.candidate.settings, sized.memory.host.context_checkpoints_bytes.value
    allowed = min(_MOST_BYTES, _SHARE * max(_left_bytes(sized), 0.0))
    if not isinstance(settings, LlamaCppSettings) or whole <= allowed:
        return None
    return int(allowed * settings.ctx_checkpoints / whole)


def _left_bytes(sized: Sized) -> float:
    """Of the host's memory, when the prompt cache is full."""
    memory, device = sized.memory, sized.candidate.node.device
    held = memory.host.required_bytes.high + memory.host.prompt_cache_bytes.high
    if device.is_cpu or device.unified_memory:
        held += sum(one.reserved_bytes.high for one in memory.devices)
    return memory.host.usable_bytes.value - held
