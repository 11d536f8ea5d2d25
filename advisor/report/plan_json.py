"""A decision as `advisor.decision/1`: everything the text shows and what a file of 50 lines leaves out."""

import dataclasses
from typing import Any

from advisor.domain.assessment import Assessment
from advisor.domain.quantity import Quantity
from advisor.planning.amounts import load_size
from advisor.planning.compose import decision_sentence
from advisor.planning.decision import Decision
from advisor.planning.describe import option_text
from advisor.planning.further import NOT_ASKED, Further
from advisor.planning.hosted import hosted_lines
from advisor.planning.staircase import Staircase, Step
from advisor.report.comparison_json import capacity_document, crossover_document, hosted_document, ways_document
from advisor.report.cost_json import cost_document


def decision_document(decision: Decision, further: Further = NOT_ASKED) -> dict[str, Any]:
    """The whole decision; numbers as value, low, high, basis, source."""
    return {
        "schema": "advisor.decision/1",
        "decision": decision_sentence(decision),
        "feasible": decision.feasible,
        "chosen": _assessment(decision.chosen) if decision.chosen else None,
        "ranked": [_assessment(assessment) for assessment in decision.ranked],
        "instead": [dataclasses.asdict(loser) for loser in decision.losers],
        "cheaper_if_proven": [dataclasses.asdict(loser) for loser in decision.cheaper_if_proven],
        "notes": list(decision.notes),
        "changes_if": [dataclasses.asdict(change) for change in decision.changes],
        "impossible": [dataclasses.asdict(wish) for wish in decision.impossible],
        "relax": [dataclasses.asdict(change) for change in decision.relaxations],
        "removed_hardware": [
            {"device": a.node.device.id, "rule": v.rule, "message": v.message} for a, v in decision.space.removed_hardware
        ],
        "search": {name: getattr(decision.space, name) for name in ("models", "points", "survivors", "sized", "finalists")},
        "not_simulated": decision.not_simulated,
        "dropped_candidates": sum(dropped.alike for dropped in decision.space.dropped),
        "cost": cost_document(decision.chosen.estimate.cost) if decision.chosen else None,
        "capacity": capacity_document(decision.capacity, decision.case.demand.load),
        "crossover": crossover_document(decision.crossover),
        "hosted_price": hosted_document(decision.hosted),
        "scale": _staircase(further.staircase),
        "constraints": None if further.constraints is None else [dataclasses.asdict(one) for one in further.constraints],
        "other_ways": ways_document(decision.other_ways),
        "hosted": list(hosted_lines(decision.case, decision.hosted)),
        "assumed": [{"path": a.path, "text": a.text, "basis": str(a.basis)} for a in decision.assumptions],
        "witness": dataclasses.asdict(decision.testimony) if decision.testimony else None,
        "catalog": decision.case.catalog.as_of,
    }


def _staircase(found: Staircase | None) -> dict[str, Any] | None:
    """Each step, and each point of migration with the steps on either side of it."""
    if found is None:
        return None
    migrations = [{"before": _step(one.before), "after": _step(one.after)} for one in found.migrations]
    return {"steps": [_step(step) for step in found.steps], "migrations": migrations}


def _step(step: Step) -> dict[str, Any]:
    cost = step.answer.estimate.cost if step.answer else None
    return {
        "factor": step.factor,
        "load": load_size(step.workload.load),
        "feasible": step.feasible,
        "option": option_text(step.answer) if step.answer else None,
        "engine": step.answer.deployment.candidate.runtime.engine if step.answer else None,
        "replicas": step.answer.deployment.replicas if step.answer else None,
        "usd_per_month": quantity_document(cost.usd_per_month if cost else None),
        "usd_per_request": quantity_document(cost.usd_per_request if cost else None),
    }


def _assessment(assessment: Assessment) -> dict[str, Any]:
    candidate = assessment.deployment.candidate
    return {
        "option": option_text(assessment),
        "engine": dataclasses.asdict(candidate.runtime),
        "model": candidate.model.id,
        "quantization": candidate.checkpoint.quantization,
        "format": candidate.checkpoint.format,
        "device": candidate.node.device.id,
        "replicas": assessment.deployment.replicas,
        "devices_per_replica": candidate.parallelism.devices,
        "recommended": assessment.recommended,
        "requirements": [
            {
                "name": r.name,
                "given": quantity_document(r.given),
                "at_most": r.at_most,
                "at_least": r.at_least,
                "standing": str(r.standing),
            }
            for r in assessment.requirements
        ],
        "verdicts": [
            {"rule": v.rule, "severity": v.severity, "message": v.message, "confidence": str(v.confidence)} for v in assessment.verdicts
        ],
    }


def quantity_document(quantity: Quantity | None) -> dict[str, Any] | None:
    """A number with its range, basis and source; an open end is null."""
    if quantity is None:
        return None
    high = None if quantity.high == float("inf") else quantity.high
    return {"value": quantity.value, "low": quantity.low, "high": high, "basis": str(quantity.basis), "source": quantity.source}
