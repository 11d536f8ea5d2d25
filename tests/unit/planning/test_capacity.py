"""How much a deployment holds, when growth fills it, and the same workload at multiples of its load."""

import dataclasses
import math

import pytest

from advisor.assess import assess
from advisor.domain.workload import Batch, HardwareChoice, Load, OwnedHardware, RentedHardware, ServiceLevel, Users, Volume
from advisor.errors import UserInputError
from advisor.planning.amounts import load_size, sized_load
from advisor.planning.capacity import capacity_lines
from advisor.planning.routing import assumed_split, routing_of
from advisor.planning.staircase import parse_factors, scaled_workload, staircase, staircase_lines
from advisor.planning.topics import Told
from advisor.report.plan_json import decision_document
from advisor.report.topic_text import topic_document
from tests.unit.planning.questions import CHAT, ON_THREE_KINDS, decided

FOUR = dataclasses.replace(
    CHAT,
    load=Load(users=Users(150, 60)),
    growth_pct_per_year=50,
    hardware=HardwareChoice(owned=(OwnedHardware("rtx-4090", count=4, per_node=4),)),
    service_level=dataclasses.replace(CHAT.service_level, with_replicas_down=1),
)


def test_the_deployment_holds_as_often_what_one_replica_holds_as_are_left():
    capacity = decided(FOUR).capacity
    assert capacity.replicas >= 2 and capacity.replicas_down == 1
    assert capacity.largest.value == capacity.largest_of_one.value * (capacity.replicas - 1)
    assert capacity.largest_all_up.value == capacity.largest_of_one.value * capacity.replicas
    assert capacity.largest.value >= 150 * 0.95


def test_what_it_is_said_to_hold_keeps_the_service_level_and_clearly_more_does_not():
    decision = decided(FOUR)
    chosen, case = decision.chosen, decision.case

    def at(users):
        demand = dataclasses.replace(case.demand, load=sized_load(case.demand.load, users))
        return assess(chosen.deployment, chosen.available, dataclasses.replace(case, demand=demand), look="quick")

    largest = decision.capacity.largest.value
    assert at(math.floor(largest * 0.9)).recommended
    assert not at(math.ceil(largest * 1.15)).recommended


def test_growth_fills_it_in_the_months_of_compound_interest():
    capacity = decided(FOUR).capacity
    months = capacity.months_until_full
    assert months.value == pytest.approx(12 * math.log(max(capacity.largest.value / 150, 1)) / math.log(1.5))
    assert months.low <= months.value <= months.high
    assert any("growth of 50 % a year" in change.when for change in decided(FOUR).changes)
    assert decided(CHAT).capacity.months_until_full is None


def test_a_router_is_spoken_of_where_there_is_something_to_spread():
    lines = list(capacity_lines(decided(FOUR).capacity, FOUR.load))
    assert "behind a router: " in lines[1] and lines[1].endswith(assumed_split(FOUR.load))
    assert len(list(capacity_lines(decided(CHAT).capacity, CHAT.load))) == 1
    document = decision_document(decided(FOUR))["capacity"]
    assert document["unit"] == "users"
    assert document["router"] == assumed_split(FOUR.load) and document["routing"] is None
    assert document["requests_held_typical_per_replica"]["value"] >= document["requests_held_longest_per_replica"]["value"]


def test_a_router_that_looks_is_compared_with_the_split_that_is_assumed():
    decision = decided(FOUR)
    told = topic_document(
        Told("capacity", "chat", decision.case, decision.chosen, decision.capacity, routing_of(decision.case, decision.chosen))
    )
    routing, down = told["capacity"]["routing"], decision.chosen.deployment.replicas - 1
    assert routing["replicas_up"] == (down if down > 1 else 2)
    assert 0 < routing["ttft_p95_s_fewest_requests"] <= 1.1 * routing["ttft_p95_s"]
    assert 0 < routing["tpot_p95_s_fewest_requests"] <= 1.1 * routing["tpot_p95_s"]
    assert routing_of(decided(CHAT).case, decided(CHAT).chosen) is None


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (Load(requests_per_s=1), "arrivals at random"),
        (Load(requests_per_s=1, gaps_cv=2), "bursts of its own"),
        (Load(users=Users(8, 60)), "stays with one of them"),
        (Load(in_flight=8), "comes to the same"),
        (Load(users=Users(8, 60), start="together"), "comes to the same"),
        (Load(batch=Batch(10, 1)), "part of the pile"),
    ],
)
def test_how_the_load_is_split_is_said_for_each_kind_of_load(load, said):
    assert said in assumed_split(load)


def test_a_batch_holds_what_is_done_in_time():
    batch = dataclasses.replace(CHAT, load=Load(batch=Batch(2000, 4)), service_level=ServiceLevel())
    decision = decided(batch)
    done_in = {r.name: r for r in decision.chosen.requirements}["finish_h"].given.value
    assert decision.capacity.largest.value == pytest.approx(2000 * 4 / done_in, rel=0.2)  # in closed form, and simulated


# ---- at multiples of the load


def stairs(workload, *factors):
    return staircase(workload, factors, lambda scaled: decided(scaled, explore=False))


def test_the_staircase_goes_up_and_says_where_the_answer_changes():
    found = stairs(ON_THREE_KINDS, 8, 1, 64)
    assert [load_size(step.workload.load) for step in found.steps] == [10, 80, 640]
    assert all(step.feasible for step in found.steps)
    prices = [step.answer.estimate.cost.usd_per_month.value for step in found.steps]
    assert prices == sorted(prices)
    kinds = [step.kind for step in found.steps]
    assert bool(found.migrations) == (len(set(kinds)) > 1)
    for one in found.migrations:
        assert one.before.kind != one.after.kind
        assert one.before.factor < one.after.factor <= one.before.factor * 1.2
    assert len(list(staircase_lines(found))) == 3 + len(found.migrations)


def test_owned_cards_end_somewhere():
    found = stairs(dataclasses.replace(CHAT, load=Load(users=Users(50, 60))), 1, 100)
    assert [step.feasible for step in found.steps] == [True, False]
    assert found.migrations[-1].after.kind is None
    assert "nothing that keeps every requirement" in list(staircase_lines(found))[-1]


def test_the_volume_grows_with_the_load_and_nothing_else_does():
    scaled = scaled_workload(dataclasses.replace(CHAT, volume=Volume(100)), 2.5)
    assert (scaled.load.users.active, scaled.volume.requests_per_day) == (25, 250)
    assert scaled.hardware == CHAT.hardware and scaled.cost == CHAT.cost


@pytest.mark.parametrize("text", ["", "1,x", "0", "-1,2", "nan", "1,1e9", ",".join("1" * 17)])
def test_multiples_that_cannot_be_meant_are_refused(text):
    with pytest.raises(UserInputError, match="such as 1,2,4,8"):
        parse_factors(text)


def test_renting_is_scaled_without_end():
    found = stairs(dataclasses.replace(CHAT, hardware=HardwareChoice(rent=RentedHardware(devices=("l40s",)))), 1, 200)
    assert found.steps[1].answer.deployment.replicas > found.steps[0].answer.deployment.replicas
    assert all(step.feasible for step in found.steps)
