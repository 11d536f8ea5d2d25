"""Settings for vLLM: the longest request, the cap on running sequences that the KV pool justifies, tensor parallelism."""

import dataclasses
import math

from advisor.assess import Case, Sized, size
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.domain.hardware import Node
from advisor.domain.model import Checkpoint, Model
from advisor.intake.candidate import build_candidate

_LENGTH_STEP = 256


def vllm_size(case: Case, model: Model, checkpoint: Checkpoint, *, node: Node, devices: int) -> Sized:
    """Tensor parallel over `devices`, sequences capped at what the pool holds."""
    length = min(model.architecture.max_context_tokens, math.ceil(case.demand.longest_tokens / _LENGTH_STEP) * _LENGTH_STEP)
    flags: dict[str, object] = {"max-model-len": max(length, 1)}
    first = _sized(case, model, checkpoint, node=node, devices=devices, flags=flags)
    settings = first.candidate.settings
    held = first.memory.requests_held_typical.value
    if first.memory.fits is False or not isinstance(settings, VllmSettings):
        return first
    cap = min(settings.max_num_seqs, max(8, 2 ** math.ceil(math.log2(max(held, 1)))))
    return _with_held(_sized(case, model, checkpoint, node=node, devices=devices, flags={**flags, "max-num-seqs": cap}))


def _with_held(sized: Sized) -> Sized:
    """The reason for the cap names what the pool holds under this very cap."""
    held = sized.memory.requests_held_typical.value
    why = {**sized.candidate.why, "max-num-seqs": f"{held:,.0f} typical requests fill the KV pool"}
    return dataclasses.replace(sized, candidate=dataclasses.replace(sized.candidate, why=why))


def _sized(case: Case, model: Model, checkpoint: Checkpoint, *, node: Node, devices: int, flags: dict[str, object]) -> Sized:
    candidate = build_candidate(
        case.catalog,
        model=model,
        quantization=checkpoint.quantization,
        engine="vllm",
        runtime=None,
        version=None,
        node=node,
        devices=devices,
        parallelism=Parallelism(tensor=devices),
        flags=flags,
    )
    return size(dataclasses.replace(candidate, why=_why(case, candidate)), case)


def _why(case: Case, candidate: Candidate) -> dict[str, str]:
    demand = case.demand
    sent, generated, tensor = demand.input_tokens.max, demand.output_tokens.max, candidate.parallelism.tensor
    return {
        "max-model-len": f"longest request {demand.longest_tokens:,} tokens ({sent:,} in + {generated:,} out)",
        "max-num-seqs": "engine default",
        "max-num-batched-tokens": "engine default here, pinned: it decides the activation peak and so the KV pool",
        "gpu-memory-utilization": "engine default, pinned; nothing else runs on the device",
        "tensor-parallel-size": f"each replica is spread over {tensor} devices" if tensor > 1 else "",
    }
