"""The hosted price, other ways to pay, and what each constraint costs."""

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advisor.catalog import load_catalog
from advisor.cli.app import app
from advisor.domain.workload import (
    Batch,
    BoughtHardware,
    CostTerms,
    HardwareChoice,
    Load,
    OwnedHardware,
    Quality,
    RentedHardware,
    ServiceLevel,
    Volume,
)
from advisor.estimate.load_requests import request_stream
from advisor.files.plan import plan_text
from advisor.planning.compose import compose_plan
from advisor.planning.constraint_prices import constraint_prices
from advisor.planning.hosted import hosted_lines, hosted_price
from advisor.report.plan_json import decision_document
from tests.unit.planning.questions import CHAT, ON_THREE_KINDS, TWO_MODELS, decided

OWNED = dataclasses.replace(CHAT, hardware=HardwareChoice(owned=(OwnedHardware("h100-sxm"),)), volume=Volume(1000))


# ---- hosted


def test_the_hosted_price_is_that_of_all_tokens_of_the_month():
    hosted, stream = decided(OWNED).hosted, request_stream(decided(OWNED).case.demand, 20_260)
    price = hosted.price
    per_request = (price.input_usd_per_mtok * stream.mean_input_tokens + price.output_usd_per_mtok * stream.mean_output_tokens) / 1e6
    assert hosted.requests_per_month == 30_000
    assert hosted.usd_per_month == pytest.approx(30_000 * per_request)
    assert not hosted.allowed


def test_at_the_break_even_volume_both_cost_the_same():
    decision = decided(OWNED)
    hosted, bill = decision.hosted, decision.chosen.estimate.cost.usd_per_month.value
    assert hosted.break_even_requests_per_month * hosted.usd_per_request == pytest.approx(bill)
    assert hosted.dearer_here_usd_per_month == pytest.approx(bill - hosted.usd_per_month)
    assert "both cost the same at" in " ".join(hosted_lines(decision.case, hosted))


def test_a_volume_that_the_deployment_cannot_serve_is_no_break_even():
    case, chosen = decided(OWNED).case, decided(OWNED).chosen
    dear = dataclasses.replace(chosen.estimate.cost, usd_per_month=chosen.estimate.cost.usd_per_month.times(1e4))
    costly = dataclasses.replace(chosen, estimate=dataclasses.replace(chosen.estimate, cost=dear))
    hosted = hosted_price(case, costly, [chosen.deployment.candidate.model])
    assert hosted.reachable is False
    assert "at any volume" in list(hosted_lines(case, hosted))[1]


def test_without_a_price_of_the_model_the_nearest_in_size_speaks():
    catalog, case = load_catalog(), decided(OWNED).case
    without = dataclasses.replace(catalog, api_prices=tuple(p for p in catalog.api_prices if p.model != CHAT.models[0]))
    like = hosted_price(dataclasses.replace(case, catalog=without), decided(OWNED).chosen, [])
    mine, other = catalog.model(CHAT.models[0]).architecture, catalog.model(like.model).architecture
    assert not like.same_model
    assert 1 / 1.4 <= other.parameters_total / mine.parameters_total <= 1.4
    assert "nearest in size to yours" in next(iter(hosted_lines(case, like)))
    nothing = dataclasses.replace(catalog, api_prices=())
    assert hosted_price(dataclasses.replace(case, catalog=nothing), decided(OWNED).chosen, []) is None


# ---- other ways to pay


def ways(workload):
    return {way.way: way for way in decided(workload).other_ways}


def test_what_is_owned_may_be_sunk_or_rented_instead():
    found, cost = ways(OWNED), decided(OWNED).chosen.estimate.cost
    assert found["with the purchase sunk"].usd_per_month < cost.usd_per_month.value
    (rented,) = [way for name, way in found.items() if name.startswith("the same rented from")]
    hourly = min(o.usd_per_hour for o in load_catalog().offers if o.device == "h100-sxm" and o.devices == 1 and not o.marketplace)
    assert rented.usd_per_month == pytest.approx(730 * hourly)
    assert rented.even_hours_per_month == pytest.approx(cost.usd_per_month.value / hourly)


def test_what_is_sunk_may_be_written_off():
    sunk = dataclasses.replace(OWNED, cost=CostTerms(electricity_usd_per_kwh=0.3, capex="sunk"))
    assert ways(sunk)["with the purchase written off over 4 years"].usd_per_month > decided(sunk).chosen.estimate.cost.usd_per_month.value


def test_rented_machines_have_a_spot_price_where_their_provider_has_one():
    verda = dataclasses.replace(CHAT, hardware=HardwareChoice(rent=RentedHardware(devices=("h100-sxm",), providers=("verda",))))
    spot = ways(verda)["as spot machines"]
    offer = decided(verda).chosen.available.offer
    assert spot.usd_per_month == pytest.approx(730 * offer.spot_usd_per_hour)


def test_a_lonely_request_is_cheaper_from_cold_and_waits_for_it():
    found = ways(dataclasses.replace(ON_THREE_KINDS, volume=Volume(10)))["switched off after 300 s of rest"]
    assert "wait" in found.remark and "for a start" in found.remark
    assert found.usd_per_month < decided(ON_THREE_KINDS).chosen.estimate.cost.usd_per_month.value / 5


def test_one_pile_needs_the_machines_for_its_own_hours():
    batch = dataclasses.replace(ON_THREE_KINDS, load=Load(batch=Batch(5000, 6)), service_level=ServiceLevel())
    (pile,) = [way for name, way in ways(batch).items() if name.startswith("on for one pile")]
    cost = decided(batch).chosen.estimate.cost
    assert 0 < pile.usd_per_month <= cost.usd_per_hour.value * 7


def test_a_pile_that_comes_each_night_is_billed_for_its_hours():
    once = dataclasses.replace(ON_THREE_KINDS, load=Load(batch=Batch(5000, 6)), service_level=ServiceLevel())
    nightly = dataclasses.replace(once, volume=Volume(5000, 30))
    cost, of_once = decided(nightly).chosen.estimate.cost, decided(once).chosen.estimate.cost
    assert cost.usd_per_month.value == pytest.approx(30 * cost.usd_per_pile.value)
    assert cost.usd_per_month.value < of_once.usd_per_month.value == pytest.approx(730 * of_once.usd_per_hour.value)
    assert ways(nightly)["left on between the piles"].usd_per_month == pytest.approx(730 * cost.usd_per_hour.value)
    assert "both grow with the piles" in " ".join(hosted_lines(decided(nightly).case, decided(nightly).hosted))
    (said,) = [assumption.text for assumption in decided(once).assumptions if assumption.path == "volume"]
    assert "730 h" in said and "not stated" in said
    assert "volume" not in {assumption.path for assumption in decided(nightly).assumptions}


def test_a_price_stated_for_the_whole_is_compared_with_nothing_else():
    stated = dataclasses.replace(OWNED, cost=CostTerms(price_usd_per_hour=2.0))
    assert decided(stated).chosen.estimate.cost.usd_per_month.value == 1460
    assert not [name for name in ways(stated) if "rented" in name or "purchase" in name]


def test_a_price_of_nothing_is_a_price():
    free = dataclasses.replace(CHAT, cost=CostTerms(price_usd_per_hour=0.0), volume=Volume(100))
    decision = decided(free)
    assert decision.feasible
    assert decision.chosen.estimate.cost.usd_per_month.value == 0
    assert decision.hosted.break_even_requests_per_month == 0
    json.dumps(decision_document(decision), allow_nan=False)


# ---- constraints


def priced(workload):
    decision = decided(workload)
    found = constraint_prices(workload, decision.chosen, decision.hosted, lambda relaxed: decided(relaxed, explore=False))
    return decision, {price.constraint: price for price in found}


def test_each_constraint_has_its_price():
    strict = dataclasses.replace(
        ON_THREE_KINDS,
        quality=Quality("none"),
        service_level=ServiceLevel(ttft_p95_s=1.0, tpot_p95_s=0.03, with_replicas_down=1),
    )
    decision, found = priced(strict)
    bill = decision.chosen.estimate.cost.usd_per_month.value
    down = found["service_level.with_replicas_down: 1"]
    assert down.usd_per_month > 0
    assert down.usd_per_month < bill
    assert found["quality.quantization_loss: none"].usd_per_month >= 0
    assert found["service_level: ttft_p95_s 1, tpot_p95_s 0.03"].usd_per_month >= 0
    place = found["privacy.stays_on: own_cloud_account"]
    assert place.usd_per_month == pytest.approx(decision.hosted.dearer_here_usd_per_month)


def test_what_changes_nothing_costs_nothing():
    _, found = priced(dataclasses.replace(ON_THREE_KINDS, quality=Quality("any"), service_level=ServiceLevel(e2e_p95_s=3600)))
    loose = found["service_level: e2e_p95_s 3600"]
    assert loose.usd_per_month == 0
    assert "costs nothing" in str(loose)


def test_preferring_a_model_has_a_price_too():
    both = dataclasses.replace(TWO_MODELS, hardware=ON_THREE_KINDS.hardware)
    _, found = priced(both)
    assert f"models: {TWO_MODELS.models[0]} first" in found


# ---- what cannot be rented


@pytest.mark.parametrize(
    ("rent", "says"),
    [
        (RentedHardware(devices=("apple-m3-max",)), "no offer in the catalog has devices apple-m3-max; nearest, without devices: "),
        (RentedHardware(devices=("h100-sxm",), providers=("scaleway",), max_devices=1), "nearest, without max_devices: scaleway H100-SXM"),
    ],
)
def test_terms_that_no_offer_meets_are_said_with_the_nearest(rent, says):
    decision = decided(dataclasses.replace(CHAT, hardware=HardwareChoice(rent=rent)))
    assert not decision.feasible
    (wish,) = decision.impossible
    assert wish.path == ("hardware", "rent")
    assert says in wish.message


def test_a_catalog_without_offers_says_so():
    from advisor.planning.inventory import no_offer

    empty = dataclasses.replace(load_catalog(), offers=())
    assert no_offer(RentedHardware(), empty) == "the catalog has no offers: state what you own, or would buy"
    assert no_offer(RentedHardware(), load_catalog()) is None


def test_a_budget_that_nothing_meets_names_the_price_that_would_do():
    poor = dataclasses.replace(ON_THREE_KINDS, cost=CostTerms(budget_usd_per_month=1))
    decision = decided(poor)
    assert not decision.feasible
    (relaxed,) = [change for change in decision.relaxations if change.when == "no budget"]
    assert "USD a month" in relaxed.then


# ---- on the command line


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "workload.yaml").write_text(
        "schema: advisor.workload/1\nname: chat\nmodels: [meta-llama/Llama-3.1-8B-Instruct]\n"
        "load: {users: {active: 10, pause_s: 60}}\nvolume: {requests_per_day: 500}\n"
        "request:\n  input_tokens: {p50: 800, p95: 2000, max: 4000}\n  output_tokens: {p50: 200, p95: 500, max: 1000}\n"
        "service_level: {ttft_p95_s: 2.0, tpot_p95_s: 0.06}\nprivacy: {stays_on: own_cloud_account}\n"
        "hardware: {rent: {devices: [l4, rtx-4090]}}\n",
        encoding="utf-8",
    )
    path = tmp_path / "plan.yaml"
    path.write_text(plan_text(compose_plan(decided(ON_THREE_KINDS), workload_path="workload.yaml", workload_sha256="0")), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("capacity", "within the service level; holds"),
        ("crossover", "measured by: advisor crossover"),
        ("cost", "a million tokens when full"),
        ("constraints", "quality.quantization_loss: slight"),
    ],
)
def test_a_topic_of_a_plan_is_explained_in_80_columns_and_as_json(plan, topic, says):
    runner = CliRunner()
    text = runner.invoke(app, ["explain", str(plan), topic])
    assert text.exit_code == 0, text.output
    assert says in " ".join(text.output.split())
    assert max(map(len, text.output.splitlines())) <= 80
    document = json.loads(runner.invoke(app, ["explain", str(plan), topic, "--format", "json"]).output)
    assert (document["schema"], document["topic"]) == ("advisor.explanation/1", topic)
    assert topic in document


def test_plan_looks_further_when_asked(plan):
    asked = ["plan", str(plan.parent / "workload.yaml"), "--scale", "1,20", "--constraints", "--format", "json"]
    document = json.loads(CliRunner().invoke(app, asked).output)
    assert [step["factor"] for step in document["scale"]["steps"]] == [1, 20]
    assert {"before", "after"} <= set(document["scale"]["migrations"][0]) if document["scale"]["migrations"] else True
    assert all({"constraint", "given_up", "answer", "usd_per_month"} == set(one) for one in document["constraints"])
    assert document["cost"]["usd_per_user_month"]["value"] > 0


def test_buying_is_compared_with_renting():
    bought = dataclasses.replace(CHAT, hardware=HardwareChoice(buy=BoughtHardware(devices=("h100-sxm",))))
    assert any(name.startswith("the same rented from") for name in ways(bought))
