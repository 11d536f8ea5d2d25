"""What would change the answer and what to relax, each with its figure, in the words that people read."""

import dataclasses

import pytest

from advisor.domain.claim_labels import label_of
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.workload import Batch, CostTerms, HardwareChoice, Load, OwnedHardware, Privacy, RentedHardware, ServiceLevel, Users
from advisor.planning.amounts import load_size, load_text, sized_load
from advisor.planning.describe import money, over, plain, seconds, shown
from tests.unit.planning.questions import ALONE, CHAT, CROWD, ON_THREE_KINDS, case_for, decided


def owned(device: str, count: int = 1, **changes):
    return dataclasses.replace(CHAT, hardware=HardwareChoice(owned=(OwnedHardware(device, count=count),)), **changes)


# ---- in words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (seconds(1.24), "1.2 s"),
        (seconds(0.0271), "27 ms"),
        (over(2.6, 2.0), "2.6 s; limit 2 s"),
        (over(2.02, 2.0), "2.02 s; limit 2 s"),
        (over(0.0434, 0.05), "43 ms; limit 50 ms"),
        (plain(0.05, " s"), "50 ms"),
        (plain(16_200, " tokens"), "16,200 tokens"),
        (money(4510.32), "4,510"),
        (money(1.5), "1.50"),
        (money(0.000099), "0.000099"),
        (shown(Quantity(0.048, 0.022, 0.089, Basis.MODELLED, "x"), " s"), "48 ms (22-89, modelled)"),
        (shown(Quantity(56.996, 56.996, 56.996, Basis.STATED, "x"), " USD"), "57.00 USD (stated)"),
    ],
)
def test_figures_read_as_people_write_them(text, expected):
    assert text == expected


def test_a_label_of_a_degraded_figure_says_how_many_are_down():
    assert label_of("ttft_p95_s_one_down") == ("first token p95, 1 down", " s")
    assert label_of("tpot_p95_s_2_down") == ("per token p95, 2 down", " s")
    assert label_of("something_else") == ("something_else", "")


@pytest.mark.parametrize(
    ("load", "size", "text"),
    [
        (Load(users=Users(3, 60)), 3, "3 users (1-5, modelled)"),
        (Load(in_flight=3), 3, "3 in flight (1-5, modelled)"),
        (Load(requests_per_s=3.0), 3.0, "3.0 requests/s (1.0-5.0, modelled)"),
        (Load(batch=Batch(3, 8)), 3, "3 requests in 8 h (1-5, modelled)"),
    ],
)
def test_loads_of_every_kind_grow_and_read_alike(load, size, text):
    assert load_size(load) == size
    assert load_text(Quantity(3, 1, 5, Basis.MODELLED, "x"), load) == text
    assert load_size(sized_load(load, 7.2)) == pytest.approx(7.2 if load.requests_per_s else 8)


# ---- what would change the answer


def test_the_largest_load_is_at_least_the_load_and_says_what_breaks():
    (beyond, *_) = decided(CHAT).changes
    users = int(beyond.when.split("about ")[1].split(" users")[0].replace(",", ""))
    assert users >= 10
    assert "first to break" in beyond.then
    assert "no device left" in beyond.then


def test_a_rented_replica_more_has_a_price():
    (beyond, *_) = decided(ON_THREE_KINDS).changes
    assert "USD a month more" in beyond.then


def test_growth_reaches_the_largest_load_after_months():
    changes = decided(dataclasses.replace(CHAT, growth_pct_per_year=50)).changes
    assert any(change.when == "growth of 50 % a year" and "months" in change.then for change in changes)


def test_of_what_is_not_confirmed_the_worst_is_named():
    unsure = dataclasses.replace(CHAT, assumed=("load.users.pause_s", "request.output_tokens.p95"))
    texts = [change.when for change in decided(unsure).changes]
    assert sum("this matters most" in text for text in texts) == 1
    assert not any("matters most" in change.when for change in decided(CHAT).changes)


# ---- nothing holds


def test_a_card_that_is_too_slow_is_still_the_nearest_with_what_it_would_give():
    decision = decided(owned("t4", service_level=ServiceLevel(ttft_p95_s=0.1, tpot_p95_s=0.005)))
    assert not decision.feasible
    assert decision.chosen.deployment.candidate.node.device.id == "t4"
    texts = {change.when: change.then for change in decision.relaxations}
    assert any("first token p95" in when and "instead of 100 ms" in when for when in texts)
    assert any(when.startswith("hardware: rented machines") or when == "no latency limits" for when in texts)


def test_a_budget_that_is_too_small_is_the_thing_to_relax():
    poor = dataclasses.replace(ON_THREE_KINDS, cost=CostTerms(budget_usd_per_month=20))
    decision = decided(poor)
    assert not decision.feasible
    relaxed = {change.when: change.then for change in decision.relaxations}
    assert "USD a month" in relaxed["no budget"]


def test_a_load_that_is_too_much_says_how_much_would_do():
    crowded = decided(dataclasses.replace(CROWD, load=Load(users=Users(600, 60))))
    assert not crowded.feasible
    assert any(change.when.startswith("at most about") and "instead of 600" in change.when for change in crowded.relaxations)


def test_data_that_must_stay_keeps_rented_machines_out_and_says_so():
    decision = decided(
        dataclasses.replace(CHAT, privacy=Privacy("premises"), hardware=HardwareChoice(rent=RentedHardware(devices=("l4",))))
    )
    assert decision.chosen is None
    assert {verdict.rule for _, verdict in decision.space.removed_hardware} == {"PRV001"}


# ---- what is said about money that nobody stated


def test_a_budget_does_not_count_against_hardware_that_is_there_without_a_price():
    laptop = dataclasses.replace(ALONE, hardware=HardwareChoice(owned=(OwnedHardware("desktop-ddr5"),)), service_level=ServiceLevel())
    decision = decided(dataclasses.replace(laptop, cost=CostTerms(budget_usd_per_month=10)))
    assert decision.feasible
    assert "usd_per_month" not in {requirement.name for requirement in decision.chosen.requirements}


def test_released_formats_lose_nothing():
    asked = dataclasses.replace(case_for(CHAT).workload, models=("openai/gpt-oss-20b",))
    assert decided(asked).feasible
