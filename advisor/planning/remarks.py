"""What is worth saying beside the decision: devices that stay idle, other models that would do, options that only lack a proof."""

import dataclasses
from collections.abc import Iterator, Sequence

from advisor.assess import EXISTING, Case, assess, monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.verdict import AT_LEAST_LIKELY, Requirement, Standing
from advisor.planning.decision import Loser
from advisor.planning.describe import option_text, recipe, requirement_text, shown
from advisor.planning.rank import COST_BAND
from advisor.planning.strain import ratio, strain
from advisor.units import significant

_OPEN = (Standing.UNLIKELY, Standing.NOT_TESTED)
_LOOKED_AT = 3
_MODELS = 5


def notes(case: Case, chosen: Assessment, order: Sequence[Assessment]) -> tuple[str, ...]:
    """Idle devices first, then for `models: any` the other models that keep the service level, for their owner to test."""
    return (*_idle(case, chosen), *_other_models(case, chosen, order))


def _idle(case: Case, chosen: Assessment) -> Iterator[str]:
    """Owned devices that the plan leaves free, and what they would do as replicas when that costs nothing."""
    available, deployment = chosen.available, chosen.deployment
    if available.acquisition not in EXISTING or available.nodes is None:
        return
    devices, each = available.nodes * available.node.devices, deployment.candidate.parallelism.devices
    idle = devices - deployment.replicas * each
    if idle <= 0:
        return
    text = f"{idle} of {devices} devices stay{'s' if idle == 1 else ''} idle"
    fuller = assess(dataclasses.replace(deployment, replicas=devices // each), available, case, look="quick")
    gained = _relieved(chosen, fuller)
    if devices // each > deployment.replicas and gained and monthly_usd(fuller) <= monthly_usd(chosen):
        text += f"; {devices // each} replicas instead of {deployment.replicas} cost the same and would bring {gained}"
    yield text


def _relieved(chosen: Assessment, fuller: Assessment) -> str:
    """The tightest figure under load, then and now; empty when it does not improve."""
    tightest = max((r for r in chosen.requirements if strain([r]) > 0), key=ratio, default=None)
    then = next((r for r in fuller.requirements if tightest and r.name == tightest.name), None)
    if tightest is None or then is None or then.given is None or tightest.given is None or ratio(then) >= ratio(tightest):
        return ""
    label, unit = label_of(then.name)
    return f"{label} from {shown(tightest.given, unit, bare=True)} to {shown(then.given, unit, bare=True)}"


def _other_models(case: Case, chosen: Assessment, order: Sequence[Assessment]) -> Iterator[str]:
    if case.workload.models not in (None, "any"):
        return
    found: dict[str, str] = {}
    for assessment in order:
        candidate = assessment.deployment.candidate
        if assessment.recommended and candidate.model.id != chosen.deployment.candidate.model.id:
            found.setdefault(candidate.model.id, recipe(candidate) + _price(assessment))
    if found:
        yield "other models that keep every requirement, larger first: " + "; ".join(list(found.values())[:_MODELS])


def _price(assessment: Assessment) -> str:
    usd = monthly_usd(assessment)
    return f", {significant(usd, 3)} USD a month" if usd > 0 else ""


# ---- cheaper if proven


def cheaper_if_proven(case: Case, chosen: Assessment, order: Sequence[Assessment]) -> tuple[Loser, ...]:
    """Options of the chosen model with a lower price whose range still reaches inside every limit: a measurement may prove them."""
    price, model = monthly_usd(chosen), chosen.deployment.candidate.model.id
    others = [a for a in (*_one_fewer(case, chosen), *order) if a.deployment.candidate.model.id == model]
    cheaper = [a for a in others if not a.recommended and monthly_usd(a) * COST_BAND < price]
    found = [assess(a.deployment, a.available, case, look="ranges") for a in cheaper[:_LOOKED_AT]]
    return tuple(_unproven(assessment, price) for assessment in found if _open(assessment))


def _one_fewer(case: Case, chosen: Assessment) -> Iterator[Assessment]:
    """The chosen deployment with one replica less, where that may still work."""
    deployment = chosen.deployment
    if deployment.replicas > 1 + case.demand.replicas_down:
        yield assess(dataclasses.replace(deployment, replicas=deployment.replicas - 1), chosen.available, case, look="quick")


def _open(assessment: Assessment) -> bool:
    failing = _failing(assessment)
    return not assessment.blocked and bool(failing) and all(r.standing in _OPEN for r in failing)


def _failing(assessment: Assessment) -> list[Requirement]:
    return [r for r in assessment.requirements if r.hard and r.standing not in AT_LEAST_LIKELY]


def _unproven(assessment: Assessment, price: float) -> Loser:
    worst = max(_failing(assessment), key=ratio)
    usd = monthly_usd(assessment)
    reason = f"{significant(usd, 3)} USD a month instead of {significant(price, 3)}; {worst.standing}: {requirement_text(worst)}"
    return Loser(option_text(assessment), reason, worst.name, worst.given.value if worst.given else None, worst.at_most, worst.at_least)
