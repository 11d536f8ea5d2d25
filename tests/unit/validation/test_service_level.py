"""Latency of a ladder of the workload's own requests against what users were promised."""

import math
from dataclasses import replace

import pytest

from advisor.domain.demand import Demand, Lengths
from advisor.domain.plan import Claim
from advisor.domain.quantity import Basis, exact
from advisor.domain.workload import Load, ServiceLevel
from advisor.validation.expectations import Expected
from advisor.validation.latency import judge_latency, measured_latency, percentile_95
from advisor.validation.sampled import Sampling, rising, sampled_ladder, why_nothing_was_answered
from advisor.validation.service_level import PlannedLoad, climbed_loads, judge_service, planned_load
from advisor.validation.smoke.answer import NOT_FINISHED, Answer
from advisor.validation.smoke.ladder import Climb
from advisor.validation.smoke.summary import summarise

from .hosts import BUSY, QUIET


def climbed(*loads, ended=None, contention=QUIET):
    rungs = tuple(summarise(answers, ServiceLevel(), concurrency=at_once) for at_once, answers in loads)
    return Climb(rungs, tuple(tuple(answers) for _, answers in loads), contention, ended)


def answers(ttft_s, count=20, failed=0):
    good = [Answer(0.0, ttft_s, (0.1,), ttft_s + 0.1, 5, 2) for _ in range(count - failed)]
    return [*good, *[Answer(0.0, error="cut")] * failed]


def row(name="ttft_p95_s", at_most=1.0):
    return Expected(name, exact(0.5, "test"), at_most, None, 5.0, gates=True)


def latency(expected, shown, *, planned, rate_per_s=None):
    """Value, note and which way it decides."""
    ended = f": {shown.ended}" if shown.ended else ""
    seen = measured_latency(
        expected, climbed_loads(shown, PlannedLoad(planned, rate_per_s)), nothing_harder=f"needs {planned} at once{ended}"
    )
    return seen.value, seen.note, seen.decides


def test_the_planned_load_is_what_counts():
    shown = climbed((1, answers(0.1)), (2, answers(0.2)), (4, answers(0.4)))
    assert latency(row(), shown, planned=2) == (0.2, "2 at once, 20 requests", "both")
    assert latency(row(), shown, planned=5) == (None, "needs 5 at once", "both")
    assert latency(row("tpot_p95_s"), shown, planned=1)[0] == pytest.approx(0.1)
    assert latency(row("requests_per_s"), shown, planned=1)[0] is None


def test_more_at_once_than_planned_is_a_proof_only():
    shown = climbed((2, answers(0.2)), (4, answers(0.4)))
    assert latency(row(), shown, planned=3) == (0.4, "4 at once, 20 requests; 3 planned", "proof")
    slow = measured_latency(row(), climbed_loads(climbed((4, answers(3.0))), PlannedLoad(3)), nothing_harder="")
    assert judge_latency(row(), slow).requirement == "not tested"
    assert judge_latency(row(at_most=5.0), slow).requirement == "proven"


def test_a_limit_that_breaks_before_the_planned_load_is_broken():
    shown = climbed((1, answers(0.1)), (2, answers(3.0)), ended="2 at once: TTFT")
    assert latency(row(), shown, planned=8) == (3.0, "2 at once, 20 requests; 8 planned", "refutation")
    assert latency(row("tpot_p95_s"), shown, planned=8)[:2] == (None, "needs 8 at once: 2 at once: TTFT")


@pytest.mark.parametrize(
    ("ttfts_s", "decides"),
    [([0.1] * 4, "nothing"), ([0.1, 0.1, 0.1, 3.0], "nothing"), ([0.1, 3.0, 3.0, 3.0], "refutation"), ([0.1] * 20, "both")],
)
def test_few_requests_refute_where_even_their_median_breaks_the_limit(ttfts_s, decides):
    few = [answer for ttft_s in ttfts_s for answer in answers(ttft_s, 1)]
    assert latency(row(), climbed((2, few)), planned=2)[2] == decides


def test_failed_requests_are_slower_than_every_limit():
    assert percentile_95(answers(0.1, 20, failed=1), lambda answer: answer.ttft_s) == 0.1
    assert percentile_95(answers(0.1, 20, failed=2), lambda answer: answer.ttft_s) == math.inf
    assert percentile_95([], lambda answer: answer.ttft_s) is None
    many = climbed((1, answers(0.1, failed=9)))
    assert latency(row(), many, planned=1) == (math.inf, "1 at once, 20 requests, 9 of them failed", "both")
    assert judge_latency(row(), measured_latency(row(), climbed_loads(many, PlannedLoad(1)), nothing_harder="")).measured is None


def test_what_our_own_limit_cut_may_be_slow_or_fast():
    cut = [*answers(0.1, 3), Answer(0.0, error=NOT_FINISHED)]
    assert latency(row(), climbed((1, answers(0.1)), (2, cut)), planned=2)[:2] == (None, f"2 at once: {NOT_FINISHED}")
    assert latency(row(), climbed((1, answers(0.1)), (2, cut)), planned=1)[0] == 0.1
    most = [*answers(0.1, 39), Answer(0.0, error=NOT_FINISHED)]
    assert latency(row(), climbed((2, most)), planned=2)[0] == 0.1
    slow = [*answers(3.0, 3), Answer(0.0, error=NOT_FINISHED)]
    assert latency(row(), climbed((2, slow)), planned=2)[0] == 3.0


@pytest.mark.parametrize(("rate_per_s", "told"), [(0.5, (0.2, "both")), (0.7, (0.2, "proof")), (0.4, (None, "both"))])
def test_arrivals_count_against_a_load_of_arrivals(rate_per_s, told):
    arriving = replace(climbed((None, answers(0.2))).rungs[0], rate_per_s=rate_per_s)
    shown = replace(climbed((None, answers(0.2))), rungs=(arriving,))
    value, _, decides = latency(row(), shown, planned=8, rate_per_s=0.5)
    assert (value, decides) == told
    assert latency(row(), shown, planned=1)[0] is None
    assert latency(row(at_most=0.1), shown, planned=1)[2] == "nothing"


def test_the_planned_load_is_the_busiest_replicas_share(make_subject):
    subject = make_subject(demand=Demand(Load(requests_per_s=3.0), Lengths(1, 2, 3), Lengths(1, 2, 3)), in_flight=4.2)
    assert planned_load(replace(subject, planned=replace(subject.planned, replicas=2))) == PlannedLoad(5, 1.5)
    assert planned_load(make_subject()) == PlannedLoad(2)


# ---- judged


def judged(subject, shown, **changes):
    return judge_service(replace(row(), **changes), subject, shown)


def test_what_is_required_gates_though_its_prediction_was_modelled(make_subject):
    subject = make_subject(claims={"ttft_p95_s": Claim(0.5, Basis.MODELLED, at_most=1.0)})
    kept = judged(subject, climbed((2, answers(0.2))), gates=False)
    assert (kept.gates, kept.requirement, kept.measured, kept.note) == (True, "proven", 0.2, "2 at once, 20 requests")
    broken = judged(subject, climbed((2, answers(2.0))), gates=False)
    assert (broken.gates, broken.requirement) == (True, "refuted")
    assert not judged(make_subject(required=()), climbed((2, answers(0.2)))).gates


def test_on_a_busy_machine_it_is_shown_and_not_judged(make_subject):
    result = judged(make_subject(), climbed((2, answers(0.2)), contention=BUSY))
    assert (result.measured, result.requirement) == (0.2, "not tested")
    assert result.note.startswith("disturbed: other work used 12%")


def test_another_machine_tells_nothing(make_subject):
    result = judged(make_subject(same_machine=False), climbed((2, answers(0.2))))
    assert (result.measured, result.requirement, result.note) == (None, "not tested", "another machine than the planned one")


def test_requests_that_failed_have_no_time(make_subject):
    result = judged(make_subject(), climbed((2, answers(0.1, failed=9))))
    assert (result.measured, result.requirement) == (None, "refuted")


# ---- sent


@pytest.mark.parametrize(
    ("sampling", "sent"),
    [
        (Sampling(ServiceLevel()), [(1, None, 4), (2, None, 20)]),
        (Sampling(ServiceLevel(), (3,)), [(3, None, 20)]),
        (Sampling(ServiceLevel(), rate_per_s=0.1), [(1, None, 4), (None, 0.1, 20)]),
        (Sampling(ServiceLevel(), rate_per_s=2.0), [(1, None, 4), (None, 2.0, 60)]),
        (Sampling(ServiceLevel(), rate_per_s=50.0), [(1, None, 4), (None, 50.0, 100)]),
    ],
)
def test_the_ladder_rises_to_the_planned_load_or_arrives_at_random(make_subject, sampling, sent):
    ladder = sampled_ladder(make_subject(), sampling, time_limit_s=60.0)
    assert [(step.concurrency, step.rate_per_s, step.requests) for step in ladder.steps] == sent
    assert ladder.stop_at_breach


def test_it_rises_to_what_users_send_though_some_of_it_waits(make_subject):
    nine = make_subject(demand=Demand(Load(in_flight=9), Lengths(1, 2, 3), Lengths(1, 2, 3)))
    ladder = sampled_ladder(nine, Sampling(ServiceLevel()), time_limit_s=60.0)
    assert [(step.concurrency, step.requests) for step in ladder.steps][-2:] == [(8, 32), (9, 36)]


def test_whether_anything_was_answered():
    assert why_nothing_was_answered(climbed((1, answers(0.1, failed=3)))) is None
    assert why_nothing_was_answered(climbed((1, answers(0.1, 2, failed=2)))) == "cut"
    assert why_nothing_was_answered(climbed(ended="no time")) == "no time"


def test_doubling():
    assert [rising(most) for most in (0, 1, 2, 3, 8, 9)] == [(1,), (1,), (1, 2), (1, 2, 3), (1, 2, 4, 8), (1, 2, 4, 8, 9)]
