"""Settings for llama.cpp: slots, the pool they share, and what stays on the host when a device is too small."""

import dataclasses
import math
from collections.abc import Sequence

from advisor.assess import Case, Sized, size
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.deployment import Candidate
from advisor.domain.engine import LlamaCppSettings, Parallelism
from advisor.planning.checkpoints_llama_cpp import affordable_checkpoints
from advisor.planning.configure import configured_candidate
from advisor.planning.option import Prospect

_SLOTS = (1, 2, 4, 8, 16, 32)
_NEAR_THE_LINE = 4  # so many steps from there, then bisection
_CELLS = 256  # llama.cpp rounds contexts up to this


def llama_cpp_size(case: Case, prospect: Prospect, *, in_flight: float) -> Sized:
    """As many slots as the load may use and the memory and the time per token allow; offloaded to the host where nothing else fits."""
    return _with_checkpoints(_most(case, prospect, in_flight), case)


def _most(case: Case, prospect: Prospect, in_flight: float) -> Sized:
    wanted = 1 if prospect.on_host_share else _slots_wanted(case, in_flight)
    sized = _sized(case, prospect, slots=wanted, flags={})
    if _serves(sized, case, wanted):
        return sized
    one = sized if wanted == 1 else _sized(case, prospect, slots=1, flags={})
    if one.memory.fits is not False:
        return _most_slots(case, prospect, one, [slots for slots in _SLOTS if 1 < slots < wanted])
    node = prospect.available.node
    if prospect.devices == node.devices and not node.device.is_cpu and not node.device.unified_memory:
        return _offloaded(case, prospect, one) or one
    return one


def _serves(sized: Sized, case: Case, slots: int) -> bool:
    return sized.memory.fits is not False and (slots == 1 or _quick_enough(sized, case, slots))


def _most_slots(case: Case, prospect: Prospect, one: Sized, ladder: Sequence[int]) -> Sized:
    """The most that serve, by bisection: more slots take more memory and more time for a token."""
    low, high, best = 0, len(ladder), one
    while low < high:
        middle = (low + high) // 2
        sized = _sized(case, prospect, slots=ladder[middle], flags={})
        if _serves(sized, case, ladder[middle]):
            low, best = middle + 1, sized
        else:
            high = middle
    return best


def _slots_wanted(case: Case, in_flight: float) -> int:
    return next((slots for slots in _SLOTS if slots >= in_flight), _SLOTS[-1])


def _quick_enough(sized: Sized, case: Case, slots: int) -> bool:
    """False when a step with every slot busy takes longer than a token may: fewer slots then serve better."""
    limit = case.workload.service_level.tpot_p95_s
    return limit is None or sized.steps.decode_s(slots, case.demand.typical_tokens) <= limit


def _offloaded(case: Case, prospect: Prospect, one: Sized) -> Sized | None:
    """The least offload that fits: experts of as few layers as possible, or as few whole layers as possible, on the host.

    Memory falls with each layer by about as much, so the search begins where a straight line crosses the limit.
    """
    architecture = prospect.model.architecture
    layers = architecture.layers
    best = _moved(case, prospect, layers)
    if not _device_fits(best):
        return None
    low, high = 1, layers - 1
    too_many, left = _too_many_bytes(one), -_too_many_bytes(best)
    moved, tried = math.ceil(layers * too_many / max(too_many + left, 1.0)), 0
    while low <= high:
        moved = min(max(moved, low), high) if tried < _NEAR_THE_LINE else (low + high) // 2
        tried += 1
        sized = _moved(case, prospect, moved)
        if _device_fits(sized):
            best, high, moved = sized, moved - 1, moved - 1
        else:
            low, moved = moved + 1, moved + 1
    return _with_why(best, _offload_why(architecture, best))


def _moved(case: Case, prospect: Prospect, moved: int) -> Sized:
    return _sized(case, prospect, slots=1, flags=_moving(prospect, moved))


def _moving(prospect: Prospect, moved: int) -> dict[str, object]:
    architecture = prospect.model.architecture
    return {"n_cpu_moe": moved} if architecture.experts else {"n_gpu_layers": architecture.layers - moved}


def quickest(case: Case, prospect: Prospect) -> Candidate:
    """One slot, and as few layers on the host as the weights alone would need: what will fit is no quicker."""
    moved = math.floor(prospect.on_host_share * prospect.model.architecture.layers)
    return _candidate(case, prospect, slots=1, flags=_moving(prospect, moved) if moved else {})


def _too_many_bytes(sized: Sized) -> float:
    """What the fullest device lacks; negative where it has room."""
    return max(device.required_bytes.high - device.usable_bytes.value for device in sized.memory.devices)


def _device_fits(sized: Sized) -> bool:
    return all(device.required_bytes.high <= device.usable_bytes.value for device in sized.memory.devices)


def _offload_why(architecture: ModelArchitecture, sized: Sized) -> dict[str, str]:
    flag = "n-cpu-moe" if architecture.experts else "n-gpu-layers"
    device = sized.candidate.node.device
    return {flag: f"the weights do not fit {device.name}: the rest of {architecture.layers} layers is read from host memory"}


def _sized(case: Case, prospect: Prospect, *, slots: int, flags: dict[str, object]) -> Sized:
    return size(_candidate(case, prospect, slots=slots, flags=flags), case)


def _candidate(case: Case, prospect: Prospect, *, slots: int, flags: dict[str, object]) -> Candidate:
    node = prospect.available.node
    # One of the longest beside a long one in every other slot: a pool that runs full fails every request in service.
    tokens = case.demand.longest_tokens + (slots - 1) * (case.demand.input_tokens.p95 + case.demand.output_tokens.p95)
    cells = math.ceil(tokens / _CELLS) * _CELLS
    in_host_memory = node.device.is_cpu or node.device.unified_memory
    wanted: dict[str, object] = {"ctx_size": cells, "parallel": slots, "kv_unified": True, "flash_attn": "on", **flags}
    if in_host_memory:
        wanted["cache_ram_mib"] = 0
    why = _why(case, slots, cells, in_host_memory=in_host_memory)
    return configured_candidate(case, prospect, wanted, engine="llama.cpp", parallelism=Parallelism(), why=lambda _: why)


def _with_checkpoints(sized: Sized, case: Case) -> Sized:
    """As many copies of a slot's windows and states as the host's memory holds; they are no condition of a start."""
    copies = affordable_checkpoints(sized)
    if copies is None:
        return sized
    none = "" if copies else "; a conversation that goes on is read from its beginning"
    why = {"ctx-checkpoints": f"copies of a slot's windows and states: as many as the host's memory holds{none}"}
    candidate = sized.candidate
    assert isinstance(candidate.settings, LlamaCppSettings)  # noqa: S101 - made above
    settings = dataclasses.replace(candidate.settings, ctx_checkpoints=copies)
    return size(dataclasses.replace(candidate, settings=settings, why={**candidate.why, **why}), case)


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
