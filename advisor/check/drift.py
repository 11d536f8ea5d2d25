"""A manifest's deployment against the plan's: what differs, at the line that differs, and what it comes to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from advisor.check.codes import DEVICES_CHANGED, ENGINE_CHANGED, MODEL_CHANGED, REPLICAS_CHANGED, SETTING_CHANGED
from advisor.check.identify import same_model
from advisor.check.places import Places
from advisor.domain.assessment import Assessment
from advisor.domain.engine_record import FlagFact, Runtime
from advisor.domain.finding import Finding
from advisor.domain.plan import PlannedDeployment
from advisor.domain.position import Position
from advisor.domain.quantity import Basis
from advisor.manifests.blueprint import model_path
from advisor.manifests.found import FoundDeployment

_CAPACITY_TOLERANCE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Pair:
    """The same deployment twice: as planned and as the manifest has it."""

    planned: PlannedDeployment
    as_planned: Assessment
    found: FoundDeployment
    as_found: Assessment


def drift_findings(pair: Pair, runtime: Runtime, places: Places) -> Iterator[Finding]:
    """Every difference that decides capacity. Reasons, names and addresses are not differences."""
    yield from part_findings(pair.planned, pair.found, places)
    if pair.as_planned.deployment.candidate.runtime.runtime != pair.found.runtime:
        return
    changed = [fact for fact in runtime.flags if _value(pair.as_planned, fact) != _value(pair.as_found, fact)]
    consequence = _consequence(pair)
    for index, fact in enumerate(changed):
        at = places.setting(fact.setting or fact.parallelism or "") or pair.found.flags_at
        together = ("; together: " if len(changed) > 1 else ": ") + consequence if consequence and index == 0 else ""
        yield _warning(
            at, SETTING_CHANGED, f"{_change(pair, fact)}{together}. Change the plan too (advisor plan --update), or take it back"
        )


def part_findings(planned: PlannedDeployment, found: FoundDeployment, places: Places) -> Iterator[Finding]:
    """Engine, model, replicas and devices against the plan."""
    if (found.engine, found.runtime) != (planned.engine.name, planned.engine.runtime):
        text = f"runs {found.runtime}; the plan and its evidence are for {planned.engine.runtime} {planned.engine.version}"
        yield _warning(places.part("engine") or found.at, ENGINE_CHANGED, text)
    elif not same_model(found, _model_names(planned)):
        written = found.model.text if found.model else ""
        text = f"serves {written}; the plan is for {planned.model.id} {planned.model.quantization}"
        yield _warning(places.part("model") or found.at, MODEL_CHANGED, text)
    if found.replicas != planned.replicas:
        text = f"replicas: {planned.replicas} in the plan, {found.replicas} here"
        yield _warning(found.replicas_at or found.at, REPLICAS_CHANGED, text)
    if found.devices and found.devices != planned.hardware.devices:
        text = f"devices of a replica: {planned.hardware.devices} in the plan, {found.devices} here"
        yield _warning(found.devices_at or found.at, DEVICES_CHANGED, text)


def _model_names(planned: PlannedDeployment) -> tuple[str, ...]:
    model = planned.model
    paths = [model_path(model, gguf=gguf) for gguf in (False, True)]
    return (model.id, *([model.repo_id] if model.repo_id else []), *model.files, *paths)


def _warning(at: Position, rule: str, text: str) -> Finding:
    return Finding(at, "warn", rule, Basis.EXACT, text)


def _value(assessment: Assessment, fact: FlagFact) -> object:
    candidate = assessment.deployment.candidate
    if fact.parallelism is not None:
        return getattr(candidate.parallelism, fact.parallelism)
    return getattr(candidate.settings, fact.setting) if fact.setting else None


def _change(pair: Pair, fact: FlagFact) -> str:
    flag = pair.found.flag(*fact.names, *fact.off)
    planned, here = _shown(_value(pair.as_planned, fact)), _shown(_value(pair.as_found, fact))
    written = f"{here} here" if flag else f"missing here, where it is {here} without the flag"
    return f"--{fact.names[0]}: {planned} in the plan, {written}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value in (None, ()) else str(value)


def _consequence(pair: Pair) -> str:
    """What the differences come to: tokens a request may use, tokens held."""
    before, after = pair.as_planned.estimate.memory, pair.as_found.estimate.memory
    texts: list[str] = []
    if before.context_per_request_tokens != after.context_per_request_tokens:
        texts.append(f"a request may use {after.context_per_request_tokens:,} tokens instead of {before.context_per_request_tokens:,}")
    held, planned = after.kv_cache_capacity_tokens.value, before.kv_cache_capacity_tokens.value
    if abs(held - planned) > _CAPACITY_TOLERANCE * planned:
        texts.append(f"the cache holds {held:,.0f} tokens instead of {planned:,.0f}")
    typical, usual = after.requests_held_typical.value, before.requests_held_typical.value
    if typical != usual:
        texts.append(f"typical requests held {usual:,.0f} -> {typical:,.0f}")
    return "; ".join(texts)
