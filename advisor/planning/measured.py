"""What was measured, before a plan is made with it: of what it is, whether this question is near it, and what of it the plan used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from advisor.assess import Case, size
from advisor.catalog import Catalog
from advisor.domain.assessment import Assessment
from advisor.domain.demand import Demand
from advisor.domain.hardware import Node
from advisor.domain.measured import MeasuredPoint
from advisor.domain.near import Scale
from advisor.domain.plan import Plan, PlannedDeployment
from advisor.domain.workload import Workload
from advisor.intake.measured import Known, scales_of
from advisor.planning.resolve import embedded_node

_SAME: Final = (
    *("engine", "model", "quantization", "device", "devices", "tensor", "pipeline", "data"),
    *("concurrency", "input_tokens", "output_tokens", "prompt_tokens", "bare"),
)


def of_question(
    points: Iterable[MeasuredPoint], workload: Workload, demand: Demand, *, insist: Mapping[str, str], machine: Node | None
) -> tuple[MeasuredPoint, ...]:
    """Points with what they do not say taken from the question, as far as it leaves no choice: its only model, its only device."""
    choice = workload.hardware
    devices = [entry.device for entry in choice.owned] if choice else []
    devices += [machine.device.id] if machine else []
    models = list(workload.models) if workload.models and workload.models != "any" else []
    only = {"model": models[0] if len(models) == 1 else None, "device": devices[0] if len(devices) == 1 else None}
    asked = {**{name: value for name, value in only.items() if value is not None}, **insist}
    return tuple(_filled(point, asked, demand) for point in points)


def of_deployment(points: Iterable[MeasuredPoint], deployments: Sequence[PlannedDeployment], demand: Demand) -> tuple[MeasuredPoint, ...]:
    """Points with what they do not say taken from the plan's deployment, where it has one only."""
    if len(deployments) != 1:
        return tuple(_filled(point, {}, demand) for point in points)
    planned = deployments[0]
    asked: dict[str, Any] = {
        "engine": planned.engine.name,
        "runtime": planned.engine.runtime,
        "version": planned.engine.version,
        "backend": planned.engine.backend,
        "model": planned.model.id,
        "quantization": planned.model.quantization,
        "device": planned.hardware.device,
    }
    spread = planned.parallelism
    settings = {flag: setting.value for flag, setting in planned.settings.items()}
    whole: dict[str, Any] = {"devices": planned.hardware.devices, "tensor": spread.tensor, "pipeline": spread.pipeline, "data": spread.data}
    untold = [all(getattr(point, name) is None for name in ("engine", "model", "device")) for point in points]
    filled = (_filled(point, asked, demand) for point in points)
    return tuple(replace(one, **whole, settings=settings) if all_ else one for one, all_ in zip(filled, untold, strict=True))


def _filled(point: MeasuredPoint, asked: Mapping[str, Any], demand: Demand) -> MeasuredPoint:
    known = dict(asked) if point.bare else {**asked, "input_tokens": demand.input_tokens.p50, "output_tokens": demand.output_tokens.p50}
    return replace(point, **{name: value for name, value in known.items() if getattr(point, name) is None})


def newest(points: Iterable[MeasuredPoint]) -> tuple[MeasuredPoint, ...]:
    """Of points of one setup under one load, seen on the same side, the last."""
    return tuple({(*(getattr(point, name) for name in _SAME), point.tpot_s is None): point for point in points}.values())


def scales_for(points: Sequence[MeasuredPoint], catalog: Catalog, nodes: Mapping[str, Node]) -> tuple[Scale, ...]:
    """What the points say. Raises UserInputError for those that are impossible, contradict each other, or are of unknown things."""
    return scales_of(points, Known(catalog, nodes))


def nodes_of(plan: Plan) -> dict[str, Node]:
    """Machines that travel with the plan, by the id of their device."""
    return {planned.hardware.device: embedded_node(planned.hardware.node) for planned in plan.deployments if planned.hardware.node}


def nodes_here(machine: Node | None) -> dict[str, Node]:
    """This machine by the id of its device."""
    return {machine.device.id: machine} if machine else {}


def used_points(points: Iterable[MeasuredPoint], assessments: Iterable[Assessment], case: Case) -> tuple[MeasuredPoint, ...]:
    """Those that scale one of the deployments: the plan keeps them, so that `check` finds the same numbers."""
    applied = [one for assessment in assessments for one in size(assessment.deployment.candidate, case).steps.applied.values()]
    sources = {scale.source for one in applied for scale in one.scales if scale.origin == "own"}
    return tuple(point for point in points if point.source in sources)
