"""Goals that nothing can reach: the floor and the nearest that works, in the message; and how much was looked at for it."""

import dataclasses

import pytest

from advisor.domain.strict import FieldFault
from advisor.domain.workload import Batch, Load, Request, ServiceLevel, TokenLengths, Users
from advisor.report.search_text import search_sentence
from tests.unit.planning.questions import CHAT, UNCHOSEN, decided

LONG = Request(TokenLengths(4000, 8000, 16_000), TokenLengths(20_000, 80_000, 200_000))


def out_of_reach(workload):
    decision = decided(workload)
    assert not decision.feasible
    return {".".join(wish.path): wish.message for wish in decision.impossible}, decision


@pytest.mark.parametrize(
    ("level", "name", "words"),
    [
        (
            ServiceLevel(ttft_p95_s=0.001),
            "ttft_p95_s",
            ("1 ms is below what physics allows", "Nearest that works", "[LAT002]"),
        ),
        (
            ServiceLevel(tpot_p95_s=0.0005),
            "tpot_p95_s",
            ("below what physics allows: reading the weights", "Nearest that works"),
        ),
        (
            ServiceLevel(e2e_p95_s=0.2),
            "e2e_p95_s",
            ("500 tokens of answer (p95)", "Nearest that works", "or answers up to about"),
        ),
    ],
)
def test_a_limit_below_the_floor_names_the_floor_and_the_nearest_that_works(level, name, words):
    messages, decision = out_of_reach(dataclasses.replace(CHAT, service_level=level))
    text = messages[f"service_level.{name}"]
    assert all(word in text for word in words), text
    assert decision.chosen.deployment.replicas == 1  # more of them would not be quicker


def test_a_request_longer_than_every_context_names_what_would_fit():
    messages, _ = out_of_reach(dataclasses.replace(CHAT, request=LONG))
    text = messages["request.output_tokens"]
    assert "216,000 tokens (16,000 in + 200,000 out)" in text
    assert "holds 131,072. Nearest that works: max 115,072" in text


@pytest.mark.parametrize(
    ("load", "field", "word"),
    [
        ({"users": Users(10, 60), "gaps_cv": 2.0}, "gaps_cv", "only arrivals at requests_per_s have gaps"),
        ({"requests_per_s": 1.0, "gaps_cv": 0.0}, "gaps_cv", "must be above 0"),
        ({"requests_per_s": 1.0, "gaps_cv": 1000.0}, "gaps_cv", "is above 100"),
        ({"requests_per_s": 1.0, "start": "together"}, "start", "only users or in_flight start together"),
        ({"batch": Batch(100, 1.0), "start": "together"}, "start", "a batch always does"),
    ],
)
def test_ways_to_arrive_that_contradict_the_load(load, field, word):
    with pytest.raises(FieldFault, match=word) as fault:
        Load(**load)
    assert fault.value.field == field


def test_a_plan_counts_what_it_looked_at():
    space = decided(UNCHOSEN).space
    assert space.finalists <= space.sized <= space.survivors <= space.points
    assert space.models > 1
    assert search_sentence(space).startswith(f"{space.models:,} models, {space.points:,} points: ")
    assert search_sentence(space).endswith(f"{space.sized:,} sized, {space.finalists:,} simulated as finalists")
