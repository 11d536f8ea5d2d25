"""What must hold of every plan, tried on small workloads drawn with fixed seeds."""

import dataclasses
import json
import math
import random

import pytest

from advisor.assess import Case, assess, monthly_usd
from advisor.catalog import load_catalog
from advisor.domain.assessment import Assessment
from advisor.domain.workload import (
    Batch,
    HardwareChoice,
    Load,
    OwnedHardware,
    Quality,
    RentedHardware,
    Request,
    ServiceLevel,
    TokenLengths,
    Users,
    Workload,
)
from advisor.planning.compose import deployment_claims, planned_deployment
from advisor.planning.inventory import inventory_of
from advisor.planning.option import Option, Space
from advisor.planning.planner import acceptable_models
from advisor.planning.prospects import prospects, prospects_by_model
from advisor.planning.rank import COST_BAND
from advisor.planning.resolve import resolve
from advisor.planning.search import replicated, search
from advisor.planning.size import sized_anyway
from advisor.report.plan_json import decision_document
from tests.unit.planning.questions import ALONE, CHAT, CROWD, ON_THREE_KINDS, TWO_MODELS, UNCHOSEN, case_for, decided

RENTED = ("t4", "l4", "a10g", "rtx-3090", "rtx-4090", "l40s", "a100-80gb-sxm", "h100-sxm")
MODELS = ("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-4B", "openai/gpt-oss-20b", "Qwen/Qwen3-14B")


def drawn(seed: int) -> Workload:
    """A small question: one or two models, two kinds of rented devices, some load, some limits."""
    random_ = random.Random(seed)
    p50, out = random_.choice((300, 1000, 3000)), random_.choice((50, 200, 500))
    loads = (
        Load(users=Users(random_.choice((1, 10, 60)), random_.choice((20, 60)))),
        Load(requests_per_s=random_.choice((0.2, 1.0, 4.0))),
        Load(in_flight=random_.choice((1, 8))),
        Load(batch=Batch(random_.choice((500, 20_000)), 8)),
    )
    levels = (ServiceLevel(), ServiceLevel(ttft_p95_s=3.0, tpot_p95_s=0.05), ServiceLevel(tpot_p95_s=0.03, with_replicas_down=1))
    return dataclasses.replace(
        CHAT,
        load=random_.choice(loads),
        request=Request(TokenLengths(p50, 3 * p50, 6 * p50), TokenLengths(out, 2 * out, 4 * out)),
        models=tuple(random_.sample(MODELS, 1)),
        quality=Quality(random_.choice(("slight", "some"))),
        service_level=random_.choice(levels),
        hardware=HardwareChoice(rent=RentedHardware(devices=tuple(random_.sample(RENTED, 2)), max_devices=8)),
    )


def everything(case: Case) -> list[tuple[Assessment, Option]]:
    """All prospects that would run, each simulated with as many replicas as it takes: no bound, no limit, no order."""
    models, _ = acceptable_models(case.workload, case.catalog, {})
    space = Space()
    found = list(prospects(case, inventory_of(case.workload, case.catalog, None), models, {}, space))
    found += [dropped.prospect for dropped in space.dropped if dropped.prospect is not None]
    options = [option for prospect in found if isinstance(option := sized_anyway(case, prospect), Option)]
    return [(replicated(case, option), option) for option in options]


def best_usd(found: list[tuple[Assessment, Option]]) -> float:
    return min((monthly_usd(assessment) for assessment, _ in found if assessment.recommended), default=math.inf)


@pytest.mark.parametrize("seed", range(6))
def test_simulating_everything_finds_no_better_plan_than_the_search(seed):
    case = case_for(drawn(seed))
    models, _ = acceptable_models(case.workload, case.catalog, {})
    searched = search(case, prospects_by_model(case, inventory_of(case.workload, case.catalog, None), models, {}, Space()), Space())
    best = best_usd(everything(case))
    assert searched.best_usd <= best * COST_BAND
    assert math.isinf(searched.best_usd) == math.isinf(best)


@pytest.mark.parametrize("seed", range(6, 9))
def test_another_kind_of_device_never_makes_the_plan_dearer(seed):
    workload = drawn(seed)
    rent = workload.hardware.rent
    one = dataclasses.replace(workload, hardware=HardwareChoice(rent=dataclasses.replace(rent, devices=rent.devices[:1])))
    before, after = decided(one, explore=False), decided(workload, explore=False)
    if before.feasible:
        assert after.feasible
        assert monthly_usd(after.chosen) <= monthly_usd(before.chosen) * COST_BAND


def test_more_users_never_cost_less():
    prices = [
        monthly_usd(decided(dataclasses.replace(ON_THREE_KINDS, load=Load(users=Users(n, 60))), explore=False).chosen) for n in (5, 50, 500)
    ]
    assert prices == sorted(prices)


@pytest.mark.parametrize("workload", [CHAT, ON_THREE_KINDS, TWO_MODELS], ids=["one card", "three kinds", "two models"])
def test_every_family_that_lost_has_a_reason(workload):
    case, space = case_for(workload), Space()
    models, _ = acceptable_models(workload, case.catalog, {})
    every = {p.family for p in prospects(case, inventory_of(workload, case.catalog, None), models, {}, Space())}
    found = search(case, prospects_by_model(case, inventory_of(workload, case.catalog, None), models, {}, space), space)
    simulated = {option.prospect.family for _, option in found.assessments}
    bounded = {left.prospect.family for left in found.left if left.reason in ("dearer", "later model", "over budget")}
    dropped = {entry.family for entry in space.dropped if entry.verdict.message}
    assert every <= simulated | bounded | dropped
    assert all(left.entry.usd_per_month_at_least > found.best_usd for left in found.left if left.reason == "dearer")


@pytest.mark.parametrize("workload", [CHAT, ON_THREE_KINDS, TWO_MODELS, CROWD], ids=["one card", "three kinds", "two models", "a crowd"])
def test_why_not_names_different_families_with_a_figure(workload):
    decision = decided(workload)
    options = [loser.option for loser in decision.losers]
    assert len(options) == len(set(options)) <= 6
    other_engine = "llama-server" if decision.chosen.deployment.candidate.runtime.engine == "vllm" else "vLLM"
    assert other_engine.lower() in options[0].lower()
    for loser in decision.losers:
        assert loser.rule or any(character.isdigit() for character in loser.reason) or loser.lost_on in ("models", "quality", "files")


def test_the_model_named_first_wins_when_it_can():
    assert decided(TWO_MODELS).chosen.deployment.candidate.model.id == TWO_MODELS.models[0]
    assert any("later in your order" in loser.reason for loser in decided(TWO_MODELS).losers)


def test_any_model_names_others_to_choose_from():
    decision = decided(UNCHOSEN)
    assert decision.feasible
    assert any(note.startswith("other models that keep every requirement") for note in decision.notes)


@pytest.mark.parametrize("workload", [ALONE, CHAT, ON_THREE_KINDS, TWO_MODELS], ids=["alone", "one card", "three kinds", "two models"])
def test_a_plan_read_back_makes_the_same_claims(workload):
    decision = decided(workload)
    planned = planned_deployment(decision.chosen, load_catalog(), name="x")
    deployment, available = resolve(planned, workload, load_catalog())
    assert deployment.candidate.settings == decision.chosen.deployment.candidate.settings
    assert deployment.replicas == decision.chosen.deployment.replicas
    assert available.offer == decision.chosen.available.offer
    again = assess(deployment, available, decision.case)
    for name, claim in deployment_claims(decision.chosen).items():
        assert deployment_claims(again)[name].expect == pytest.approx(claim.expect, rel=1e-6), name


def test_the_same_question_has_the_same_answer():
    first = json.dumps(decision_document(decided(ON_THREE_KINDS)))
    decided.cache_clear()
    assert json.dumps(decision_document(decided(ON_THREE_KINDS))) == first


def test_an_idle_owned_device_is_said_with_what_it_would_bring():
    four = dataclasses.replace(CHAT, hardware=HardwareChoice(owned=(OwnedHardware("rtx-4090", count=4),)))
    notes = decided(four).notes
    assert any("3 of 4 devices stay idle" in note for note in notes)
