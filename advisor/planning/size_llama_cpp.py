"""Settings for llama.cpp: slots, the pool they share, and what stays on the host when a device is too small."""

import dataclasses
import math
from collections.abc import Mapping

from advisor.assess import Case, Sized, size
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.planning.checkpoints_llama_cpp import affordable_checkpoints
from advisor.planning.configure import configured_candidate
from advisor.planning.option import Prospect

_SLOTS = (1, 2, 4, 8, 16, 32)
_CELLS = 256  # llama.cpp rounds contexts up to this


def llama_cpp_size(case: Case, prospect: Prospect, *, in_flight: float) -> Sized:
    """As many slots as the load may use and the memory and the time per token allow; offloaded to the host where nothing else fits."""
    slots = _slots_wanted(case, in_flight)
    while True:
        sized = _sized(case, prospect, slots=slots, flags={})
        if sized.memory.fits is not False and (slots == 1 or _quick_enough(sized, case, slots)):
            return sized
        if slots == 1:
            break
        slots = max(s for s in _SLOTS if s < slots)
    node = prospect.available.node
    if prospect.devices == node.devices and not node.device.is_cpu and not node.device.unified_memory:
        return _offloaded(case, prospect) or sized
    return sized


def _slots_wanted(case: Case, in_flight: float) -> int:
    return next((slots for slots in _SLOTS if slots >= in_flight), _SLOTS[-1])


def _quick_enough(sized: Sized, case: Case, slots: int) -> bool:
    """False when a step with every slot busy takes longer than a token may: fewer slots then serve better."""
    limit = case.workload.service_level.tpot_p95_s
    return limit is None or sized.steps.decode_s(slots, case.demand.typical_tokens) <= limit


def _offloaded(case: Case, prospect: Prospect) -> Sized | None:
    """The least offload that fits: experts of as few layers as possible, or as few whole layers as possible, on the host."""
    architecture = prospect.model.architecture
    layers = architecture.layers
    moe = architecture.experts > 0
    low, high, best = 1, layers, None
    while low <= high:
        moved = (low + high) // 2
        flags: dict[str, object] = {"n_cpu_moe": moved} if moe else {"n_gpu_layers": layers - moved}
        sized = _sized(case, prospect, slots=1, flags=flags)
        if _device_fits(sized):
            best, high = sized, moved - 1
        else:
            low = moved + 1
    return None if best is None else _with_why(best, _offload_why(architecture, best))


def _device_fits(sized: Sized) -> bool:
    return all(device.required_bytes.high <= device.usable_bytes.value for device in sized.memory.devices)


def _offload_why(architecture: ModelArchitecture, sized: Sized) -> dict[str, str]:
    flag = "n-cpu-moe" if architecture.experts else "n-gpu-layers"
    device = sized.candidate.node.device
    return {flag: f"the weights do not fit {device.name}: the rest of {architecture.layers} layers is read from host memory"}


def _sized(case: Case, prospect: Prospect, *, slots: int, flags: dict[str, object]) -> Sized:
    node = prospect.available.node
    tokens = max(case.demand.longest_tokens, slots * (case.demand.input_tokens.p95 + case.demand.output_tokens.p95))
    cells = math.ceil(tokens / _CELLS) * _CELLS
    in_host_memory = node.device.is_cpu or node.device.unified_memory
    wanted: dict[str, object] = {"ctx_size": cells, "parallel": slots, "kv_unified": True, "flash_attn": "on", **flags}
    if in_host_memory:
        wanted["cache_ram_mib"] = 0
    why = _why(case, slots, cells, in_host_memory=in_host_memory)
    sized = _configured(case, prospect, wanted, why)
    copies = affordable_checkpoints(sized)
    if copies is None:
        return sized
    none = "" if copies else "; a conversation that goes on is read from its beginning"
    why["ctx-checkpoints"] = f"copies of a slot's windows and states: as many as the host's memory holds{none}"
    return _configured(case, prospect, {**wanted, "ctx_checkpoints": copies}, why)


def _configured(case: Case, prospect: Prospect, wanted: Mapping[str, object], why: dict[str, str]) -> Sized:
    return size(configured_candidate(case, prospect, wanted, engine="llama.cpp", parallelism=Parallelism(), why=lambda _: why), case)


def _why(case: Case, slots: int, cells: int, *, in_host_memory: bool) -> dict[str, str]:
    demand = case.demand
    shared = f"{slots} slots share them" if slots > 1 else "one slot"
    why = {
        "ctx-size": f"longest request {demand.longest_tokens:,} tokens; {shared}",
        "parallel": f"requests served at the same time; each may use up to {cells:,} tokens",
        "kv-unified": "without it every slot gets an equal, smaller share of the context",
        "fit": "a full device must fail at the start, not shrink the context silently",
        "flash-attn": "keeps the compute buffer small at long contexts",
    }
    if in_host_memory:
        why["cache-ram"] = "the prompt cache would take memory from the model"
    return why


def _with_why(sized: Sized, why: dict[str, str]) -> Sized:
    candidate: Candidate = dataclasses.replace(sized.candidate, why={**sized.candidate.why, **why})
    return dataclasses.replace(sized, candidate=candidate)
