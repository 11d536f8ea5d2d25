"""Every recipe on every machine that rules and physics leave standing, factor by factor, before anything is sized.

Physics here is arithmetic at the peak and bytes at nominal bandwidth, so nothing that could work is lost. What it says of a device holds
for every machine that the device is sold in, so it is asked once a device.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from advisor.assess import Case
from advisor.domain.hardware import Available, Device, Inventory, Node
from advisor.domain.model import Model
from advisor.domain.quantity import Basis
from advisor.domain.verdict import Verdict
from advisor.estimate.floors import peak_flops_per_s
from advisor.planning.bounds import monthly_usd_at_least, requests_per_s_at_least
from advisor.planning.describe import over
from advisor.planning.option import DOES_NOT_FIT, TOO_SLOW, Dropped, Family, Missed, Prospect, Space, precision_of
from advisor.planning.recipe import MICRO_BATCH_TOKENS, Reading, Recipe, distinct_checkpoints, reading_of, recipe_of
from advisor.rules.build_facts import build_facts
from advisor.rules.judge import judge
from advisor.units import GIB

_SPREADS = 3
_USUAL_PROMPT, _USUAL_TOKEN = 3.0, 1.5  # times what the 16-bit peak and the nominal bandwidth would take
_FITS_SHARE = 0.97  # weights alone may not fill a device


@dataclass(slots=True)
class _Machine:
    """One way to have a device: so many devices may be used together, and so many machines cost at least so much a month."""

    available: Available
    counts: tuple[int, ...]
    usd: dict[float, float] = field(default_factory=dict)

    def usd_at_least(self, case: Case, nodes: float) -> float:
        """The same question for thousands of recipes."""
        usd = self.usd.get(nodes)
        if usd is None:
            usd = self.usd[nodes] = monthly_usd_at_least(case, self.available, nodes=nodes)
        return usd


@dataclass(frozen=True, slots=True)
class _Supply:
    """Every way to have one device; the cheapest machine costs `usd_at_least` a month."""

    device: Device
    machines: tuple[_Machine, ...]
    machines_paid: int
    usd_at_least: float
    points: int
    peak: float | None


@dataclass(frozen=True, slots=True)
class _Load:
    """What the load asks for at least, the same for every recipe."""

    requests_per_s: float
    request_tokens: int
    prompt_tokens: int
    replicas_down: int
    ttft_s: float | None
    tpot_s: float | None
    by_the_pile: bool  # machines are paid for the hours that a pile takes

    @property
    def machines_paid(self) -> int:
        """Whole months of a machine that any answer pays at least."""
        return 0 if self.by_the_pile else 1


def prospects(case: Case, inventory: Inventory, models: Iterable[Model], insist: Mapping[str, str], space: Space) -> Iterator[Prospect]:
    """All prospects; what is left out on the way is recorded in `space`."""
    return chain.from_iterable(prospects_by_model(case, inventory, models, insist, space))


def prospects_by_model(
    case: Case, inventory: Inventory, models: Iterable[Model], insist: Mapping[str, str], space: Space
) -> Iterator[Iterator[Prospect]]:
    """The same, one model after the other: whoever has found enough need not look at the rest."""
    named = [a for a in inventory.available if insist.get("device", a.node.device.id) == a.node.device.id]
    allowed = [available for available in named if _hardware_allowed(case, available, space)]
    machines: dict[Device, list[_Machine]] = {}
    for available in allowed:
        machines.setdefault(available.node.device, []).append(_Machine(available, _counts(available)))
    load = _load(case)
    supplies = [_supply(case, device, ways, load) for device, ways in machines.items()]
    for rank, model in enumerate(models):
        yield _of_model(case, model, rank, supplies, insist, load=load, space=space)


def _supply(case: Case, device: Device, machines: Sequence[_Machine], load: _Load) -> _Supply:
    usd = min(machine.usd_at_least(case, load.machines_paid) for machine in machines)
    return _Supply(
        device, tuple(machines), load.machines_paid, usd, sum(len(machine.counts) for machine in machines), peak_flops_per_s(device)
    )


def _load(case: Case) -> _Load:
    demand, level = case.demand, case.workload.service_level
    own_tokens = demand.input_tokens.p50 - demand.shared_prefix_tokens
    return _Load(
        requests_per_s=requests_per_s_at_least(demand, level),
        request_tokens=own_tokens + demand.output_tokens.p50,
        prompt_tokens=demand.input_tokens.p95 - demand.shared_prefix_tokens,
        replicas_down=demand.replicas_down,
        ttft_s=level.ttft_p95_s,
        tpot_s=level.tpot_p95_s,
        by_the_pile=demand.piles_per_month is not None,
    )


def _of_model(
    case: Case,
    model: Model,
    rank: int,
    supplies: Sequence[_Supply],
    insist: Mapping[str, str],
    *,
    load: _Load,
    space: Space,
) -> Iterator[Prospect]:
    for checkpoint in distinct_checkpoints(case, model, insist):
        recipe = recipe_of(case, model, checkpoint, rank)
        precision = precision_of(case.catalog.quantization(checkpoint.quantization))
        if supplies and _recipe_allowed(case, recipe, supplies[0].machines[0].available, space):
            for supply in supplies:
                space.points += supply.points
                if supply.usd_at_least <= space.usd_at_most:
                    family = Family(recipe.runtime, model.id, precision, supply.device.id)
                    yield from _on(case, recipe, family, supply, load=load, space=space)


def _hardware_allowed(case: Case, available: Available, space: Space) -> bool:
    facts = build_facts(case.workload, case.demand, available=available)
    blocking = [verdict for verdict in judge(case.rules, facts, "screen") if verdict.severity == "block"]
    if blocking:
        space.removed_hardware.append((available, blocking[0]))
    return not blocking


def _recipe_allowed(case: Case, recipe: Recipe, anywhere: Available, space: Space) -> bool:
    """Rules that need no hardware: the quality band, what the engine supports at all."""
    quantization = case.catalog.quantization(recipe.checkpoint.quantization)
    in_release = replace(quantization, loss=recipe.checkpoint.loss or quantization.loss)
    facts = build_facts(case.workload, case.demand, quantization=in_release)
    blocking = [verdict for verdict in judge(case.rules, facts, "screen") if verdict.severity == "block"]
    if blocking:
        family = Family(recipe.runtime, recipe.model.id, precision_of(quantization), anywhere.node.device.id)
        verdict = blocking[0]
        space.dropped.append(Dropped(family, quantization.id, anywhere, verdict.rule, lambda: verdict))
    return not blocking


def _on(case: Case, recipe: Recipe, family: Family, supply: _Supply, *, load: _Load, space: Space) -> Iterator[Prospect]:
    """One recipe on one device, in every machine that it may be had in."""
    known, too_large = dict[tuple[int, Reading | None], _Physics](), list[_Machine]()
    for machine, devices in _large_enough(case, recipe, supply, space, too_large):
        available = machine.available
        held = recipe.weights_bytes <= devices * supply.device.memory_bytes
        of_machine = None if held else reading_of(recipe, available, devices, load.prompt_tokens)
        physics = known.get((devices, of_machine))
        if physics is None:
            reading = of_machine or reading_of(recipe, available, devices, load.prompt_tokens)
            physics = known[devices, of_machine] = _physics(recipe, supply, devices, load, reading)
        if physics.dropped is not None:
            physics.dropped.alike += 1
            continue
        usd = machine.usd_at_least(case, _nodes_at_least(recipe, available, devices, supply.peak, load))
        share, hopeful = physics.reading.on_host_share, physics.hopeful
        prospect = Prospect(recipe.model, recipe.checkpoint, available, devices, family, recipe.rank, usd, share, hopeful)
        if physics.late is None:
            space.survivors += 1
            yield prospect
        else:
            physics.dropped = _too_slow(prospect, *physics.late)
            space.dropped.append(physics.dropped)
    if too_large:
        space.dropped.append(_too_large(recipe, family, too_large))


def _large_enough(case: Case, recipe: Recipe, supply: _Supply, space: Space, too_large: list[_Machine]) -> Iterator[tuple[_Machine, int]]:
    """Each affordable machine with how many of its devices to use; those that cannot hold the weights go aside."""
    needed = recipe.weights_bytes / (supply.device.memory_bytes * _FITS_SHARE)
    for machine in supply.machines:
        if machine.usd_at_least(case, supply.machines_paid) <= space.usd_at_most:
            counts = _device_counts(recipe, machine, needed)
            if not counts:
                too_large.append(machine)
            for devices in counts:
                yield machine, devices


def _too_large(recipe: Recipe, family: Family, machines: Sequence[_Machine]) -> Dropped:
    """The largest machine of this device says it for all."""
    available = max((machine.available for machine in machines), key=lambda a: a.node.devices)
    node = available.node
    missed = Missed("required_gib", recipe.weights_bytes / GIB, node.devices * node.device.memory_bytes / GIB, Basis.EXACT)
    judge = partial(_holds_less, missed.expect, node)
    return Dropped(family, recipe.checkpoint.quantization, available, DOES_NOT_FIT, judge, missed, alike=len(machines))


def _holds_less(weights_gib: float, node: Node) -> Verdict:
    text = f"{weights_gib:.0f} GiB of weights at least; {node.devices} x {node.device.name} hold less"
    return Verdict(DOES_NOT_FIT, "block", text, Basis.EXACT, ())


def _counts(available: Available) -> tuple[int, ...]:
    """How many devices of a machine one replica may use."""
    node = available.node
    if node.device.is_cpu or node.device.unified_memory:
        return (node.devices,)
    return tuple(sorted({*(2**n for n in range(8) if 2**n <= node.devices), node.devices}))


def _device_counts(recipe: Recipe, machine: _Machine, needed: float) -> tuple[int, ...]:
    """The smallest number of devices that holds the weights, and for tensor parallelism twice and four times that, for latency."""
    counts = machine.counts
    first = bisect_left(counts, needed)
    if recipe.split:
        return counts[first : first + _SPREADS]
    if first < len(counts):
        return counts[first : first + 1]
    node = machine.available.node
    in_host = node.devices * (node.device.memory_bytes * _FITS_SHARE) + node.host.memory_bytes * _FITS_SHARE >= recipe.weights_bytes
    return (node.devices,) if in_host and machine.available.acquisition != "rent" and not node.device.unified_memory else ()


# ---- physics

_Late = tuple[Missed, str]


@dataclass(slots=True)
class _Physics:
    """What holds for one recipe on so many of one device, in whatever machine they are."""

    reading: Reading
    hopeful: bool
    late: _Late | None
    dropped: Dropped | None = None  # the first that is too late


def _physics(recipe: Recipe, supply: _Supply, devices: int, load: _Load, reading: Reading) -> _Physics:
    hopeful = _hopeful(recipe, supply.device, devices, load, reading)
    return _Physics(reading, hopeful, _late(recipe, supply.peak, devices, load, reading))


def _late(recipe: Recipe, peak: float | None, devices: int, load: _Load, reading: Reading) -> _Late | None:
    """Why no software could keep the service level on so many devices, with the figure; None when physics allows it."""
    prompt_s = load.prompt_tokens * recipe.flops_per_token / (peak * devices) if peak else 0.0
    if load.tpot_s is not None and reading.token_s > load.tpot_s:
        missed = Missed("tpot_p95_s", reading.token_s, load.tpot_s, Basis.EXACT)
        return missed, "reading the weights alone at full bandwidth, per token"
    if load.ttft_s is not None and prompt_s > load.ttft_s:
        missed = Missed("ttft_p95_s", prompt_s, load.ttft_s, Basis.EXACT)
        return missed, f"{load.prompt_tokens:,} prompt tokens at the peak of the device, first token"
    if load.ttft_s is not None and reading.prompt_s > load.ttft_s:
        missed = Missed("ttft_p95_s", reading.prompt_s, load.ttft_s, Basis.MODELLED)
        return missed, f"reading what the host holds of the weights every {MICRO_BATCH_TOKENS} tokens, first token"
    return None


def _too_slow(prospect: Prospect, missed: Missed, what: str) -> Dropped:
    def verdict() -> Verdict:
        return Verdict(TOO_SLOW, "block", f"{what} {over(missed.expect, missed.at_most)}", missed.basis, ())

    return Dropped(prospect.family, prospect.checkpoint.quantization, prospect.available, TOO_SLOW, verdict, missed, prospect)


def _hopeful(recipe: Recipe, device: Device, devices: int, load: _Load, reading: Reading) -> bool:
    """True when the limits leave several times what physics takes: real software reaches a part of the peak."""
    if load.ttft_s is not None:
        peak = (device.bf16_flops_per_s or math.inf) * (devices if recipe.split else 1)
        if reading.on_host_share or load.prompt_tokens * recipe.flops_per_token / peak * _USUAL_PROMPT > load.ttft_s:
            return False
    return load.tpot_s is None or reading.token_s * _USUAL_TOKEN <= load.tpot_s


def _nodes_at_least(recipe: Recipe, available: Available, devices: int, peak: float | None, load: _Load) -> float:
    """Machines without which the arithmetic of the load is not done, replicas that may be down included; of a pile the work alone."""
    flops_per_s = load.requests_per_s * load.request_tokens * recipe.flops_per_token
    per_node = max(1, available.node.devices // devices)
    if load.by_the_pile:
        return flops_per_s / (peak * devices) / per_node if peak else 0.0
    replicas = 1 if peak is None else max(1, math.ceil(flops_per_s / (peak * devices)))
    return math.ceil((replicas + load.replicas_down) / per_node)
