"""A decision as the file that a team commits: deployments to edit, claims to recompute."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from advisor.catalog.catalog import Catalog
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Candidate
from advisor.domain.engine_record import EngineRecord
from advisor.domain.estimate import Estimate
from advisor.domain.hardware import Available
from advisor.domain.measured import MeasuredPoint
from advisor.domain.plan import (
    SCHEMA,
    Claim,
    Instead,
    MadeWith,
    Plan,
    PlannedDeployment,
    PlannedEngine,
    PlannedHardware,
    PlannedImage,
    PlannedModel,
    PlannedParallelism,
    Setting,
)
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.verdict import Requirement
from advisor.domain.workload import Workload
from advisor.engines.settings import flags_of
from advisor.engines.settings_vllm import RunsOn
from advisor.files.plan import deployments_sha256
from advisor.planning.decision import Decision, Loser
from advisor.planning.describe import option_text
from advisor.planning.measured import used_points
from advisor.resources import advisor_version
from advisor.units import GIB

_PROVEN_ALWAYS = ("starts", "kv_capacity_tokens", "context_per_request_tokens")


def compose_plan(decision: Decision, *, workload_path: str, workload_sha256: str, measured: Sequence[MeasuredPoint] = ()) -> Plan:
    """The plan of a decision, with those of the points `measured` that it used. The decision must have chosen a deployment."""
    assert decision.chosen is not None  # noqa: S101 - the caller checks
    chosen, workload = decision.chosen, decision.case.workload
    planned = planned_deployment(chosen, decision.case.catalog, name=workload.name)
    return Plan(
        schema=SCHEMA,
        workload=workload_path,
        decision=decision_sentence(decision),
        deployments=(planned,),
        claims=claims_of([(planned, chosen)]),
        made_with=MadeWith(
            advisor_version(), decision.case.catalog.as_of, workload_sha256, deployments_sha256=deployments_sha256((planned,))
        ),
        evidence_required=(*_PROVEN_ALWAYS, *_latency_names(workload)),
        instead=tuple(_instead(loser) for loser in decision.losers),
        changes_if=tuple(_changes_if(decision)),
        measured=used_points(measured, (chosen,), decision.case),
        assumed=tuple(f"{assumption.path}: {assumption.text} ({assumption.basis})" for assumption in decision.assumptions),
    )


def _changes_if(decision: Decision) -> Iterator[str]:
    """What would change the answer, with what the rules say of the plan as a whole."""
    yield from (f"{change.when}: {change.then}" for change in (*decision.changes, *decision.relaxations))
    whole = {rule.id for rule in decision.case.rules.rules if rule.text.scope == "plan"}
    verdicts = decision.chosen.verdicts if decision.chosen else ()
    yield from (f"{verdict.message} [{verdict.rule}]" for verdict in verdicts if verdict.rule in whole)


def decision_sentence(decision: Decision) -> str:
    """The decision in one sentence, with the word for how sure it is."""
    if decision.chosen is None:
        return "Nothing in the catalog can serve this workload."
    text = option_text(decision.chosen)
    down = decision.case.demand.replicas_down
    if not decision.feasible:
        return f"Nothing keeps every requirement. Nearest: {text}."
    suffix = f" with {down} replica{'s' if down > 1 else ''} down" if down else ""
    return f"{text}: expected to keep every requirement{suffix}."


def _latency_names(workload: Workload) -> list[str]:
    return [name for name in ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s") if getattr(workload.service_level, name) is not None]


# ---- deployments


def planned_deployment(assessment: Assessment, catalog: Catalog, *, name: str) -> PlannedDeployment:
    """The editable half of one deployment."""
    deployment, candidate = assessment.deployment, assessment.deployment.candidate
    record = catalog.engine(candidate.runtime.engine)
    checkpoint, runtime, spread = candidate.checkpoint, candidate.runtime, candidate.parallelism
    return PlannedDeployment(
        name=name,
        role=deployment.role,
        replicas=deployment.replicas,
        model=PlannedModel(candidate.model.id, checkpoint.quantization, checkpoint.revision, checkpoint.repo_id, checkpoint.files),
        engine=PlannedEngine(runtime.engine, runtime.runtime, runtime.version, runtime.backend),
        image=_image(candidate, record),
        hardware=_hardware(assessment.available, spread.devices, deployment.device_share),
        parallelism=PlannedParallelism(spread.tensor, spread.pipeline, spread.data, spread.expert),
        settings=planned_settings(candidate, record),
    )


def planned_settings(candidate: Candidate, record: EngineRecord) -> dict[str, Setting]:
    """Every flag that decides capacity, pinned, with its reason."""
    on = RunsOn(candidate.model.architecture, candidate.node.device, candidate.runtime.backend, candidate.parallelism)
    flags = flags_of(candidate.settings, record, candidate.runtime.runtime, parallelism=candidate.parallelism, on=on)
    return {flag: Setting(value, candidate.why.get(flag, "")) for flag, value in flags.items()}


def _image(candidate: Candidate, record: EngineRecord) -> PlannedImage | None:
    template = record.runtimes[candidate.runtime.runtime].images.get(candidate.runtime.backend)
    return PlannedImage(template.format(version=candidate.runtime.version)) if template else None


def _hardware(available: Available, devices: int, share: float) -> PlannedHardware:
    """Facts that are not in the catalog (this machine) or that move (a price) travel with the plan."""
    node = dataclasses.asdict(available.node) if available.acquisition == "this_machine" else None
    offer = dataclasses.asdict(available.offer) if available.offer else None
    return PlannedHardware(available.node.device.id, devices, share, available.acquisition, _plain(node), _plain(offer))


def _plain(facts: dict[str, Any] | None) -> dict[str, Any] | None:
    """Without what is empty: absent and empty mean the same to the reader of the plan."""
    if facts is None:
        return None
    kept = {key: _plain(value) if isinstance(value, dict) else value for key, value in facts.items()}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items() if value not in (None, "", ())}


# ---- claims


def claims_of(deployments: Iterable[tuple[PlannedDeployment, Assessment]]) -> dict[str, dict[str, Claim]]:
    """Every derived number of a plan, by deployment, then the totals."""
    claims: dict[str, dict[str, Claim]] = {}
    for planned, assessment in deployments:
        claims[planned.name] = deployment_claims(assessment)
        if assessment.estimate.cost and assessment.estimate.cost.usd_per_month:
            claims["total"] = _money(assessment)
    return claims


def deployment_claims(assessment: Assessment) -> dict[str, Claim]:
    """Memory and capacity first, then what the workload requires, in the order of the requirements."""
    required = {requirement.name: requirement for requirement in assessment.requirements}
    numbers = dict(memory_numbers(assessment.estimate))
    for requirement in assessment.requirements:
        if requirement.given is not None and requirement.name != "usd_per_month":
            numbers[requirement.name] = requirement.given
    return {name: _claim(number, required.get(name)) for name, number in numbers.items()}


def memory_numbers(estimate: Estimate) -> Mapping[str, Quantity]:
    """What one device and the engine hold, under the claims' names."""
    memory = estimate.memory
    device = max(memory.devices, key=lambda d: d.required_bytes.value - d.usable_bytes.value)
    return {
        "weights_gib": device.weights_bytes.times(1 / GIB),
        "kv_cache_gib": device.kv_cache_bytes.times(1 / GIB),
        "recurrent_state_gib": device.recurrent_state_bytes.times(1 / GIB),
        "required_gib": device.required_bytes.times(1 / GIB),
        "reserved_gib": device.reserved_bytes.times(1 / GIB),
        "kv_capacity_tokens": memory.kv_cache_capacity_tokens,
        "requests_held_typical": memory.requests_held_typical,
    }


def _money(assessment: Assessment) -> dict[str, Claim]:
    cost = assessment.estimate.cost
    required = {requirement.name: requirement for requirement in assessment.requirements}
    numbers = {"usd_per_month": cost.usd_per_month, "usd_per_request": cost.usd_per_request} if cost else {}
    return {name: _claim(number, required.get(name)) for name, number in numbers.items() if number is not None}


def _claim(number: Quantity, requirement: Requirement | None) -> Claim:
    ranged = number.low != number.high
    return Claim(
        expect=_rounded(number.value, number.basis),
        basis=number.basis,
        low=_rounded(number.low, number.basis) if ranged else None,
        high=_rounded(number.high, number.basis) if ranged and number.high != float("inf") else None,
        at_most=_rounded(requirement.at_most, Basis.EXACT) if requirement and requirement.at_most is not None else None,
        at_least=requirement.at_least if requirement else None,
    )


def _rounded(value: float, basis: Basis) -> float:
    """Enough digits to recognise the number, none that pretend: 6 for exact ones, 3 for the rest."""
    if value == int(value) and basis in (Basis.EXACT, Basis.STATED):
        return int(value)
    short = float(f"{value:.{5 if basis is Basis.EXACT else 2}e}")
    return int(short) if short == int(short) else short


def _instead(loser: Loser) -> Instead:
    basis = Basis(loser.basis) if loser.basis else None
    expect = None if loser.expect is None else _rounded(loser.expect, Basis.MODELLED)
    at_most = None if loser.at_most is None else _rounded(loser.at_most, Basis.MODELLED)
    return Instead(loser.option, loser.lost_on, expect, at_most, loser.at_least, basis, loser.rule)
