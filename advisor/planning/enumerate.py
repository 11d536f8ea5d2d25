"""Every option worth simulating, pruned factor by factor: rules on the hardware, rules on the recipe, memory, then bounds."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from advisor.assess import Case, Sized, judged
from advisor.domain.deployment import Deployment
from advisor.domain.estimate import Estimate
from advisor.domain.hardware import Available, Inventory
from advisor.domain.model import Checkpoint, Model
from advisor.domain.quantity import Basis
from advisor.domain.verdict import Verdict
from advisor.planning.bounds import in_flight_wanted, monthly_usd_at_least, replicas_at_least
from advisor.planning.option import Dropped, Family, Option, precision_of
from advisor.planning.size_llama_cpp import llama_cpp_sizes
from advisor.planning.size_vllm import vllm_sizes
from advisor.rules.build_facts import build_facts
from advisor.rules.judge import judge

REPLICAS_AT_MOST = 64


@dataclass(slots=True)
class Space:
    """What enumeration found: options to simulate, candidates that were dropped, hardware that a rule removed."""

    options: list[Option] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    removed_hardware: list[tuple[Available, Verdict]] = field(default_factory=list)


def enumerate_options(case: Case, inventory: Inventory, models: Iterable[Model], insist: dict[str, str]) -> Space:
    """The options for these models on this hardware; `insist` keeps only what the user named (engine, quantization, device)."""
    space = Space()
    allowed = [available for available in inventory.available if _allowed(case, available, space)]
    for rank, model in enumerate(models):
        for checkpoint in model.checkpoints:
            engine = "llama.cpp" if checkpoint.format == "gguf" else "vllm"
            if insist.get("engine", engine) != engine or insist.get("quantization", checkpoint.quantization) != checkpoint.quantization:
                continue
            for available in allowed:
                if insist.get("device", available.node.device.id) == available.node.device.id:
                    _add(space, case, model, checkpoint, available=available, rank=rank)
    return space


def _allowed(case: Case, available: Available, space: Space) -> bool:
    facts = build_facts(case.workload, case.demand, available=available)
    blocking = [verdict for verdict in judge(case.rules, facts, "screen") if verdict.severity == "block"]
    if blocking:
        space.removed_hardware.append((available, blocking[0]))
    return not blocking


def _add(space: Space, case: Case, model: Model, checkpoint: Checkpoint, *, available: Available, rank: int) -> None:
    """The smallest number of devices that fits, and twice that: more only helps latency, and that shows at the second."""
    fitting = 0
    for devices in _device_counts(available):
        for sized in _sizes(case, model, checkpoint, available=available, devices=devices):
            verdict = _screened(case, sized, available)
            if verdict is not None:
                space.dropped.append(Dropped(_family(case, sized, available), sized.candidate, available, verdict))
            else:
                space.options.append(_option(case, sized, available, rank))
                fitting += 1
        if fitting == 2:
            return


def _device_counts(available: Available) -> list[int]:
    if available.node.device.is_cpu or available.node.device.unified_memory:
        return [available.node.devices]
    powers = [2**n for n in range(8) if 2**n <= available.node.devices]
    return sorted({*powers, available.node.devices})


def _sizes(case: Case, model: Model, checkpoint: Checkpoint, *, available: Available, devices: int) -> Iterator[Sized]:
    node = available.node
    if checkpoint.format == "gguf":
        in_flight = in_flight_wanted(case.demand, case.workload.service_level)
        yield from llama_cpp_sizes(case, model, checkpoint, node=node, devices=devices, in_flight=in_flight)
    else:
        yield from vllm_sizes(case, model, checkpoint, node=node, devices=devices)


def _screened(case: Case, sized: Sized, available: Available) -> Verdict | None:
    """The first blocking verdict on the recipe or its memory; None when it may be simulated."""
    estimate = Estimate(sized.memory, None, None, None)
    assessment = judged(Deployment("screen", sized.candidate, 1), available, estimate, case)
    blocking = [verdict for verdict in assessment.verdicts if verdict.severity == "block"]
    if blocking:
        return blocking[0]
    return _does_not_fit(sized) if sized.memory.fits is False else None


def _does_not_fit(sized: Sized) -> Verdict:
    worst = max(sized.memory.devices, key=lambda d: d.required_bytes.value - d.usable_bytes.value)
    message = f"needs {worst.required_bytes.times(1 / 2**30).show(' GiB')}, {worst.usable_bytes.value / 2**30:.1f} GiB usable"
    return Verdict("MEM001", "block", message, Basis.MODELLED, ())


def _family(case: Case, sized: Sized, available: Available) -> Family:
    candidate = sized.candidate
    precision = precision_of(case.catalog.quantization(candidate.checkpoint.quantization))
    return Family(candidate.runtime.runtime, candidate.model.id, precision, available.node.device.id)


def _option(case: Case, sized: Sized, available: Available, rank: int) -> Option:
    devices = sized.candidate.parallelism.devices
    per_node = max(1, available.node.devices // devices)
    most = REPLICAS_AT_MOST if available.nodes is None else max(1, available.nodes * per_node)
    least = max(replicas_at_least(case, sized), 1 + case.demand.replicas_down)
    usd = monthly_usd_at_least(case, available, nodes=math.ceil(least / per_node))
    return Option(sized, available, _family(case, sized, available), rank, least, most, usd)
