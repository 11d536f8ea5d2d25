"""Every recipe on every machine that rules and physics leave standing, factor by factor, before anything is sized.

Physics here is arithmetic at the peak and bytes at nominal bandwidth, so nothing that could work is lost.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from advisor.assess import Case
from advisor.domain.hardware import Available, Device, Inventory
from advisor.domain.model import Checkpoint, Model
from advisor.domain.quantity import Basis
from advisor.domain.quantization import Quantization
from advisor.domain.verdict import Verdict
from advisor.estimate.floors import peak_flops_per_s
from advisor.planning.bounds import monthly_usd_at_least, requests_per_s_at_least
from advisor.planning.describe import over
from advisor.planning.option import DOES_NOT_FIT, TOO_SLOW, Dropped, Family, Missed, Prospect, Space, narrowest_bits, precision_of
from advisor.rules.build_facts import build_facts
from advisor.rules.judge import judge
from advisor.units import GIB

_SPREADS = 3
_FITS_SHARE = 0.97  # weights alone may not fill a device


@dataclass(frozen=True, slots=True)
class _Recipe:
    model: Model
    checkpoint: Checkpoint
    rank: int
    runtime: str
    weights_bytes: float  # at least
    read_bytes: float  # per token at batch 1, at least
    flops_per_token: float


def prospects(case: Case, inventory: Inventory, models: Iterable[Model], insist: Mapping[str, str], space: Space) -> Iterator[Prospect]:
    """All prospects; what is left out on the way is recorded in `space`."""
    named = [a for a in inventory.available if insist.get("device", a.node.device.id) == a.node.device.id]
    allowed = [available for available in named if _hardware_allowed(case, available, space)]
    for rank, model in enumerate(models):
        for checkpoint in _distinct_checkpoints(case, model, insist):
            recipe = _recipe(case, model, checkpoint, rank)
            if _recipe_allowed(case, recipe, allowed, space):
                for available in allowed:
                    yield from _on(case, recipe, available, space)


def _hardware_allowed(case: Case, available: Available, space: Space) -> bool:
    facts = build_facts(case.workload, case.demand, available=available)
    blocking = [verdict for verdict in judge(case.rules, facts, "screen") if verdict.severity == "block"]
    if blocking:
        space.removed_hardware.append((available, blocking[0]))
    return not blocking


def _distinct_checkpoints(case: Case, model: Model, insist: Mapping[str, str]) -> list[Checkpoint]:
    """One checkpoint for formats that store and compute alike, published ones first; `insist` keeps one engine or one quantization."""
    found: dict[object, Checkpoint] = {}
    for checkpoint in sorted(model.checkpoints, key=lambda c: (not c.published, c.weights_bytes is None)):
        engine = "llama.cpp" if checkpoint.format == "gguf" else "vllm"
        if insist.get("engine", engine) == engine and insist.get("quantization", checkpoint.quantization) == checkpoint.quantization:
            found.setdefault(_stored_as(case.catalog.quantization(checkpoint.quantization)), checkpoint)
    return list(found.values())


def _stored_as(quantization: Quantization) -> object:
    """Equal for formats that differ in how their scales were found, not in bits, arithmetic or quality lost."""
    scheme = quantization.scheme
    return quantization.id if scheme is None else (scheme.weight_bits, quantization.compute, quantization.loss)


def _recipe(case: Case, model: Model, checkpoint: Checkpoint, rank: int) -> _Recipe:
    architecture = model.architecture
    bytes_each = narrowest_bits(case.catalog.quantization(checkpoint.quantization)) / 8
    multiplied = architecture.parameters_active - architecture.vocab_size * architecture.hidden_size
    engine = "llama.cpp" if checkpoint.format == "gguf" else "vllm"
    runtime = case.catalog.engine(engine).default_runtime
    weights = architecture.parameters_total * bytes_each
    return _Recipe(model, checkpoint, rank, runtime, weights, multiplied * bytes_each, 2.0 * multiplied)


def _recipe_allowed(case: Case, recipe: _Recipe, allowed: list[Available], space: Space) -> bool:
    """Rules that need no hardware: the quality band, what the engine supports at all."""
    quantization = case.catalog.quantization(recipe.checkpoint.quantization)
    in_release = replace(quantization, loss=recipe.checkpoint.loss or quantization.loss)
    facts = build_facts(case.workload, case.demand, quantization=in_release)
    blocking = [verdict for verdict in judge(case.rules, facts, "screen") if verdict.severity == "block"]
    if blocking and allowed:
        space.dropped.append(_dropped(case, recipe, allowed[0], blocking[0]))
    return not blocking


def _on(case: Case, recipe: _Recipe, available: Available, space: Space) -> Iterator[Prospect]:
    counts = _device_counts(recipe, available)
    if not counts:
        space.dropped.append(_too_large(case, recipe, available))
    for devices in counts:
        usd = monthly_usd_at_least(case, available, nodes=_nodes_at_least(case, recipe, available, devices))
        prospect = Prospect(recipe.model, recipe.checkpoint, available, devices, _family(case, recipe, available), recipe.rank, usd)
        slow = _too_slow(case, recipe, available.node.device, devices)
        if slow is None:
            yield prospect
        else:
            missed, text = slow
            verdict = Verdict(TOO_SLOW, "block", text, Basis.EXACT, ())
            space.dropped.append(replace(_dropped(case, recipe, available, verdict), missed=missed, prospect=prospect))


def _too_large(case: Case, recipe: _Recipe, available: Available) -> Dropped:
    node = available.node
    text = f"{recipe.weights_bytes / GIB:.0f} GiB of weights at least; {node.devices} x {node.device.name} hold less"
    dropped = _dropped(case, recipe, available, Verdict(DOES_NOT_FIT, "block", text, Basis.EXACT, ()))
    weights_gib, held_gib = recipe.weights_bytes / GIB, node.devices * node.device.memory_bytes / GIB
    return replace(dropped, missed=Missed("required_gib", weights_gib, held_gib, Basis.EXACT))


def _device_counts(recipe: _Recipe, available: Available) -> list[int]:
    """The smallest number of devices that holds the weights, and for tensor parallelism twice and four times that, for latency."""
    node = available.node
    device_bytes = node.device.memory_bytes * _FITS_SHARE
    powers = sorted({*(2**n for n in range(8) if 2**n <= node.devices), node.devices})
    if node.device.is_cpu or node.device.unified_memory:
        powers = [node.devices]
    fitting = [count for count in powers if count * device_bytes >= recipe.weights_bytes]
    if recipe.checkpoint.format == "safetensors":
        return fitting[:_SPREADS]
    if fitting:
        return fitting[:1]
    in_host = node.devices * device_bytes + node.host.memory_bytes * _FITS_SHARE >= recipe.weights_bytes
    return [node.devices] if in_host and available.acquisition != "rent" and not node.device.unified_memory else []


def _too_slow(case: Case, recipe: _Recipe, device: Device, devices: int) -> tuple[Missed, str] | None:
    """Why no software could keep the service level here, with the figure; None when physics allows it."""
    level, demand = case.workload.service_level, case.demand
    share = devices if recipe.checkpoint.format == "safetensors" else 1
    token_s = recipe.read_bytes / (device.memory_bandwidth_bytes_per_s * share)
    if level.tpot_p95_s is not None and token_s > level.tpot_p95_s:
        text = f"reading the weights alone at full bandwidth, per token {over(token_s, level.tpot_p95_s)}"
        return Missed("tpot_p95_s", token_s, level.tpot_p95_s, Basis.EXACT), text
    peak = peak_flops_per_s(device)
    prompt_tokens = demand.input_tokens.p95 - demand.shared_prefix_tokens
    if level.ttft_p95_s is not None and peak is not None:
        prompt_s = prompt_tokens * recipe.flops_per_token / (peak * devices)
        if prompt_s > level.ttft_p95_s:
            text = f"{prompt_tokens:,} prompt tokens at the peak of the device, first token {over(prompt_s, level.ttft_p95_s)}"
            return Missed("ttft_p95_s", prompt_s, level.ttft_p95_s, Basis.EXACT), text
    return None


def _nodes_at_least(case: Case, recipe: _Recipe, available: Available, devices: int) -> int:
    """Machines without which the arithmetic of the load is not done, replicas that may be down included."""
    peak = peak_flops_per_s(available.node.device)
    tokens = case.demand.input_tokens.p50 - case.demand.shared_prefix_tokens + case.demand.output_tokens.p50
    rate = requests_per_s_at_least(case.demand, case.workload.service_level)
    replicas = 1 if peak is None else max(1, math.ceil(rate * tokens * recipe.flops_per_token / (peak * devices)))
    per_node = max(1, available.node.devices // devices)
    return math.ceil((replicas + case.demand.replicas_down) / per_node)


def _family(case: Case, recipe: _Recipe, available: Available) -> Family:
    precision = precision_of(case.catalog.quantization(recipe.checkpoint.quantization))
    return Family(recipe.runtime, recipe.model.id, precision, available.node.device.id)


def _dropped(case: Case, recipe: _Recipe, available: Available, verdict: Verdict) -> Dropped:
    text = f"{recipe.runtime}, {recipe.model.id.split('/')[-1]} {recipe.checkpoint.quantization} on {available.node.device.name}"
    return Dropped(_family(case, recipe, available), text, available, verdict)
