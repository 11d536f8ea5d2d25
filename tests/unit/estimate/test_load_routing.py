"""Replicas behind a router, simulated together: split at random they are what the load model takes them for, and picking does better."""

from dataclasses import replace

import pytest

from advisor.domain.demand import Lengths
from advisor.domain.workload import Load, Users
from advisor.estimate.load import share_of_load, speed_curves
from advisor.estimate.load_requests import request_stream
from advisor.estimate.load_routing import routed
from advisor.estimate.load_run import observe
from tests.unit.estimate.candidates_for_tests import VLLM
from tests.unit.estimate.serving_for_tests import EIGHT_B, demand, deployment, memory_of, steps_of, vllm_candidate

REPLICAS, SLOTS = 2, 4  # few slots and much to do: who is sent to a full replica waits while the other has a slot to spare


def asked(busy, *, users=False):
    """One replica's curve, a stream and a load that keeps so large a share of all replicas busy."""
    candidate = vllm_candidate(EIGHT_B, "h100-sxm", settings=replace(VLLM, max_num_seqs=SLOTS))
    short = demand(Load(requests_per_s=1.0), input_tokens=Lengths(200, 300, 600), output_tokens=Lengths(30, 60, 120))
    stream = request_stream(short, 1)
    curve, *_ = speed_curves(deployment(candidate), short, memory=memory_of(200_000, slots=SLOTS), steps=steps_of(candidate), stream=stream)
    rate = busy * REPLICAS * curve.capacity_per_s
    return curve, stream, Load(users=Users(round(rate * 5), 5.0)) if users else Load(requests_per_s=rate)


def test_assumed_the_replicas_are_as_many_of_one_with_its_share():
    curve, stream, load = asked(0.5)
    one, both = observe(curve, stream, share_of_load(load, REPLICAS)), routed(curve, stream, load, REPLICAS, "as assumed")
    assert both.e2e_s[0] == pytest.approx(one.e2e_s[0], rel=0.08)
    assert both.tpot_s[0] == pytest.approx(one.tpot_s[0], rel=0.08)
    assert both.e2e_s[1] == pytest.approx(one.e2e_s[1], rel=0.2)  # of 640 requests


@pytest.mark.parametrize("users", [False, True])
def test_who_goes_to_the_fewest_requests_in_hand_waits_less(users):
    curve, stream, load = asked(0.8, users=users)
    assumed, fewest = routed(curve, stream, load, REPLICAS, "as assumed"), routed(curve, stream, load, REPLICAS)
    assert fewest.ttft_s[1] < 0.8 * assumed.ttft_s[1]
    assert fewest == routed(curve, stream, load, REPLICAS)
