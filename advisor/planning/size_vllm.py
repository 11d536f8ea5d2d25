"""Settings for vLLM: the longest request, the cap on running sequences that the KV pool justifies, tensor parallelism."""

import dataclasses
import math

from advisor.assess import Case, Sized, size
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.domain.hardware import Device
from advisor.planning.configure import configured_candidate
from advisor.planning.option import Prospect
from advisor.units import GIB

_LENGTH_STEP = 256
_DEFAULT = "engine default"


def vllm_size(case: Case, prospect: Prospect) -> Sized:
    """Tensor parallel over the prospect's devices, sequences capped at what the pool holds."""
    length = min(prospect.model.architecture.max_context_tokens, math.ceil(case.demand.longest_tokens / _LENGTH_STEP) * _LENGTH_STEP)
    flags: dict[str, object] = {"max_model_len": max(length, 1), **_beside_others(case, prospect.available.node.device)}
    first = _sized(case, prospect, flags=flags)
    settings = first.candidate.settings
    held = first.memory.requests_held_typical.value
    if first.memory.fits is False or not isinstance(settings, VllmSettings):
        return first
    cap = min(settings.max_num_seqs, max(8, 2 ** math.ceil(math.log2(max(held, 1)))))
    return _with_held(_sized(case, prospect, flags={**flags, "max_num_seqs": cap}))


def _beside_others(case: Case, device: Device) -> dict[str, object]:
    """What is free of a device that others use; vLLM takes its default share of the whole or does not start."""
    record = case.catalog.engine("vllm")
    default = float(record.runtimes[record.default_runtime].defaults["gpu_memory_utilization"])
    free = math.floor(100 * device.free_bytes / device.memory_bytes) / 100
    return {"gpu_memory_utilization": max(free, 0.01)} if device.in_use_bytes and free < default else {}


def _with_held(sized: Sized) -> Sized:
    """The reason for the cap names what the pool holds under this very cap, unless a rule has given another one."""
    if sized.candidate.why["max-num-seqs"] != _DEFAULT:
        return sized
    held = sized.memory.requests_held_typical.value
    why = {**sized.candidate.why, "max-num-seqs": f"{held:,.0f} typical requests fill the KV pool"}
    return dataclasses.replace(sized, candidate=dataclasses.replace(sized.candidate, why=why))


def _sized(case: Case, prospect: Prospect, *, flags: dict[str, object]) -> Sized:
    spread = Parallelism(tensor=prospect.devices)
    candidate = configured_candidate(case, prospect, flags, engine="vllm", parallelism=spread, why=lambda candidate: _why(case, candidate))
    return size(candidate, case)


def _why(case: Case, candidate: Candidate) -> dict[str, str]:
    demand = case.demand
    sent, generated, tensor = demand.input_tokens.max, demand.output_tokens.max, candidate.parallelism.tensor
    return {
        "max-model-len": f"longest request {demand.longest_tokens:,} tokens ({sent:,} in + {generated:,} out)",
        "max-num-seqs": _DEFAULT,
        "max-num-batched-tokens": "engine default here, pinned: it decides the activation peak and so the KV pool",
        "gpu-memory-utilization": _share_why(candidate.node.device),
        "tensor-parallel-size": f"each replica is spread over {tensor} devices" if tensor > 1 else "",
    }


def _share_why(device: Device) -> str:
    if not device.in_use_bytes:
        return "engine default, pinned; nothing else runs on the device"
    return f"other processes hold {device.in_use_bytes / GIB:.1f} GiB of the device"
