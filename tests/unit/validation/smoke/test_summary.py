"""A load in numbers: only whole answers are timed, failed ones weigh on goodput; and the ladder that stops where it should."""

import os
from itertools import islice

import pytest

from advisor.domain.workload import ServiceLevel
from advisor.validation.smoke import ladder as ladders
from advisor.validation.smoke.answer import Answer
from advisor.validation.smoke.host import watch_host
from advisor.validation.smoke.ladder import Ladder, Step, climb, closed_steps
from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.summary import Spread, breaches, spread, summarise

from ..hosts import BUSY, QUIET, watching
from .loads import target


def answer(start_s=0.0, ttft_s=1.0, gap_s=0.1, tokens=11, **changes):
    fields = {"start_s": start_s, "ttft_s": ttft_s, "itl_s": (gap_s,) * (tokens - 1), "e2e_s": ttft_s + gap_s * (tokens - 1)}
    return Answer(**{**fields, "input_tokens": 20, "output_tokens": tokens, **changes})


def test_percentiles_lie_between_ranks():
    assert spread([]) is None
    assert spread([None]) is None
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0)
    assert spread(range(101)) == Spread(50.0, 95.0, 99.0)


def test_throughput_is_over_the_whole_time():
    rung = summarise([answer(), answer(start_s=2.0)], ServiceLevel(), concurrency=1)
    assert rung.duration_s == pytest.approx(4.0)
    assert (rung.requests, rung.failed, rung.input_tokens, rung.output_tokens) == (2, 0, 40, 22)
    assert (rung.output_tokens_per_s, rung.requests_per_s) == (pytest.approx(5.5), pytest.approx(0.5))
    assert rung.tpot_s.p50 == pytest.approx(0.1)
    assert rung.goodput == 1.0


def test_a_failed_request_is_not_a_fast_one():
    fast = Answer(start_s=0.0, ttft_s=0.001, e2e_s=0.002, output_tokens=500, input_tokens=1, error="cut")
    rung = summarise([answer(), fast], ServiceLevel(), concurrency=2)
    assert (rung.requests, rung.failed, rung.first_error, rung.goodput) == (2, 1, "cut", 0.5)
    assert rung.ttft_s == Spread(1.0, 1.0, 1.0)
    assert rung.output_tokens == 11
    nothing = summarise([fast], ServiceLevel(), concurrency=1)
    assert (nothing.ttft_s, nothing.output_tokens_per_s, nothing.goodput) == (None, 0.0, 0.0)


@pytest.mark.parametrize(
    ("level", "goodput", "words"),
    [
        (ServiceLevel(ttft_p95_s=1.5), 0.5, "TTFT p95 2.95 s, at most 1.5 s"),
        (ServiceLevel(ttft_p95_s=5.0), 1.0, None),
        (ServiceLevel(tpot_p95_s=0.05), 0.0, "TPOT"),
        (ServiceLevel(e2e_p95_s=2.5), 0.5, "e2e"),
        (ServiceLevel(ttft_p95_s=1.5, e2e_p95_s=9.0), 0.5, "TTFT"),
    ],
)
def test_goodput_and_breach(level, goodput, words):
    rung = summarise([answer(), answer(ttft_s=3.05)], level, concurrency=1)
    assert rung.goodput == goodput
    assert (breaches(rung, level) or "").startswith(words or "")
    assert (words is None) == (breaches(rung, level) is None)


def test_a_stall_does_not_move_the_median():
    calm = [answer() for _ in range(9)]
    stalled = summarise([*calm, answer(itl_s=(0.1,) * 9 + (60.0,), e2e_s=62.0)], ServiceLevel(), concurrency=1)
    assert stalled.tpot_s.p50 == summarise(calm, ServiceLevel(), concurrency=1).tpot_s.p50
    assert stalled.itl_s.p50 == pytest.approx(0.1)


def test_others_on_the_machine_are_told_apart():
    answers = [answer(itl_s=(0.1,) * 9 + (0.4,))]
    with watch_host([os.getpid()]) as ours:
        sum(range(3_000_000))
    assert ours.contention([answers]).stall_ratio == pytest.approx(4.0)
    assert 0.0 <= ours.contention([answers]).others_share <= 1.0
    with watch_host(None) as elsewhere:
        pass
    assert elsewhere.contention([answers]).others_share is None


def test_halves_of_a_load_that_lie_far_apart_are_no_measurement():
    with watch_host(None) as watched:
        pass
    assert watched.contention([[answer()] * 4 + [answer(gap_s=0.5)] * 4]).disturbed
    assert not watched.contention([[answer()] * 4, [answer(gap_s=0.5)] * 4]).disturbed


# ---- the ladder


def plan():
    return (PlannedRequest((number, number + 1), 3) for number in iter(range(10_000)))


NO_LIMITS = ServiceLevel()


def ladder(*concurrency, level=NO_LIMITS, **changes):
    return Ladder(**{"steps": closed_steps(concurrency, least=4), "step_limit_s": 20, "time_limit_s": 60, "level": level, **changes})


def test_a_step_a_concurrency_after_its_warm_ups(fake_server):
    said = []
    with fake_server() as server:
        shown = climb(target(server), ladder(1, 2, 4), plan(), progress=said.append)
    assert [(rung.concurrency, rung.requests, rung.failed) for rung in shown.rungs] == [(1, 4, 0), (2, 8, 0), (4, 16, 0)]
    assert len(server.bodies) == 28 + 7 == ladder(1, 2, 4).most_requests
    assert len({tuple(body["prompt"]) for body in server.bodies}) == 35
    assert shown.ended is None
    assert said == ["1 at once", "2 at once", "4 at once"]


def test_the_first_breach_ends_it(fake_server):
    with fake_server(ttft_s=0.05) as server:
        shown = climb(target(server), ladder(1, 2, level=ServiceLevel(ttft_p95_s=0.01), stop_at_breach=True), plan())
    assert [rung.concurrency for rung in shown.rungs] == [1]
    assert shown.ended.startswith("1 at once: TTFT p95")
    with fake_server(ttft_s=0.05) as server:
        assert len(climb(target(server), ladder(1, 2, level=ServiceLevel(ttft_p95_s=0.01)), plan()).rungs) == 2


def test_a_failure_ends_it_and_no_more_is_sent(fake_server):
    with fake_server(script=["normal", "normal", "unavailable"]) as server:
        shown = climb(target(server), ladder(1, 2, stop_at_breach=True), plan())
    assert "1 of 2 requests failed: HTTP 503" in shown.ended
    assert len(server.bodies) == 3


def test_a_failed_warm_up_is_told(fake_server):
    with fake_server(script=["unavailable"]) as server:
        shown = climb(target(server), ladder(1, 2), plan())
    assert shown.ended.startswith("a warm-up failed: HTTP 503")
    assert shown.rungs[0].failed == 1
    assert len(server.bodies) == 1


def test_the_time_limit_ends_it(fake_server):
    with fake_server(ttft_s=0.3) as server:
        shown = climb(target(server), ladder(1, 2, 4, time_limit_s=1.5), plan())
    assert shown.ended
    assert len(shown.rungs) < 3


@pytest.mark.parametrize(("states", "sent", "invalid"), [((BUSY, QUIET), 10, False), ((BUSY,), 15, True), ((QUIET,), 5, False)])
def test_a_disturbed_step_is_taken_again_a_bounded_number_of_times(fake_server, monkeypatch, states, sent, invalid):
    monkeypatch.setattr(ladders, "watch_host", watching(*states))
    said = []
    with fake_server() as server:
        shown = climb(target(server), ladder(1, retries=2), plan(), progress=said.append)
    assert len(server.bodies) == sent
    assert [rung.requests for rung in shown.rungs] == [4]
    assert shown.contention.disturbed is invalid
    assert sum("again" in words for words in said) == sent // 5 - 1


def test_failed_requests_are_not_sent_again(fake_server, monkeypatch):
    monkeypatch.setattr(ladders, "watch_host", watching(BUSY))
    with fake_server(script=["normal", "unavailable"]) as server:
        climb(target(server), ladder(1, retries=2), plan())
    assert len(server.bodies) == 5


def test_an_open_loop(fake_server):
    steps = (Step(5, rate_per_s=50.0),)
    with fake_server() as server:
        shown = climb(target(server), Ladder(steps, 20, 60, ServiceLevel()), islice(plan(), 100))
    assert (shown.rungs[0].rate_per_s, shown.rungs[0].concurrency, shown.rungs[0].requests) == (50.0, None, 5)
