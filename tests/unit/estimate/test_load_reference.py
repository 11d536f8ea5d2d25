"""The event simulation against the schedulers written out token by token: the same requests, the same step times, both engines."""

import random
from functools import cache

import pytest

from advisor.estimate.load_observed import percentiles, weighted_percentiles
from advisor.estimate.load_requests import SimulatedRequest
from advisor.estimate.load_simulation import Simulation
from advisor.estimate.replica_limits import ReplicaLimits
from tests.unit.estimate.reference_scheduler import Asked, LlamaServer, Vllm
from tests.unit.estimate.serving_for_tests import EIGHT_B, llama_cpp_steps, vllm_steps

STEPS = {"vllm": vllm_steps(EIGHT_B, "h100-sxm"), "llama-server": llama_cpp_steps(EIGHT_B, "rtx-3090")}
REQUESTS = 160


class Scenario:
    """Drawn with a seed: an engine with its limits, lengths, and a way to arrive."""

    def __init__(self, seed):
        draw = random.Random(seed)
        self.engine = draw.choice(("vllm", "llama-server"))
        reused, sent, generated = draw.choice((0, 0, 64, 200)), draw.choice((40, 300, 1200)), draw.choice((20, 80, 150))
        sent = max(sent, reused)
        whole = sent + generated
        if self.engine == "vllm":
            slots, chunk, kept = draw.choice((8, 32, 256)), draw.choice((256, 512, 2048)), draw.random() < 0.7
            pool = draw.choice((6, 8, 20, 1000)) * whole
            self.limits = ReplicaLimits(slots, chunk, pool, 10**6, True, reused // 16 * 16, True, 16, kept)
        else:
            slots = draw.choice((1, 2, 4, 8))
            pool = draw.choice((5, 8, 4000, 10**9)) * whole if slots > 1 else 10**9 * whole
            self.limits = ReplicaLimits(slots, 2048, pool, 10**6, False, reused, False)
        self.mode = draw.choice(("open", "open", "closed", "together"))
        self.lengths = [
            tuple(max(1, min(4 * n, round(draw.lognormvariate(0, 0.6) * n))) for n in (sent, generated)) for _ in range(REQUESTS)
        ]
        busy = max(1, min(slots, 20, pool // whole))
        steps = STEPS[self.engine]
        capacity = busy / (generated * steps.decode_s(busy, sent) + busy * steps.prefill_s(max(sent - reused, 1)))
        rate = capacity * draw.choice((0.5, 0.8, 1.1))
        self.gaps = [draw.expovariate(rate) for _ in range(REQUESTS)]
        self.users, self.pause = draw.choice((2, 10, 40)), draw.choice((0.0, 1.0))

    def play(self, make, server, serve):
        """Requests that are over, in the order in which they arrived."""
        made, over = [], []

        def ask(at):
            if len(made) < REQUESTS:
                made.append(make(len(made), at, *self.lengths[len(made)]))
                server.submit(made[-1])

        def ask_again(one):
            over.append(one)
            if self.mode == "closed":
                ask(server.now_s + self.pause * self.gaps[len(made) % REQUESTS])

        at = 0.0
        for gap in self.gaps if self.mode != "closed" else [0.0] * self.users:
            at += gap if self.mode == "open" else 0.0
            ask(at)
        serve(ask_again)
        assert len(over) == REQUESTS
        return made


def seen(made, server, gaps, block_seconds, first_token_s):
    served = [one for one in made if not one.failed]
    return {
        "served": [len(served)],
        "preemptions": [sum(one.preemptions for one in made)],
        "ttft_s": percentiles([first_token_s(one) - one.arrived_s for one in served] or [0.0]),
        "e2e_s": percentiles([one.finished_s - one.arrived_s for one in served] or [0.0]),
        "waited_s": [sum(one.admitted_s - one.arrived_s for one in made) / REQUESTS],
        "itl_s": weighted_percentiles(gaps),
        "served_per_s": [len(served) / server.now_s],
        "cache": [block_seconds / server.now_s],
    }


@cache
def both(seed):
    scenario = Scenario(seed)
    plain = (Vllm if scenario.engine == "vllm" else LlamaServer)(STEPS[scenario.engine], scenario.limits)
    slow = scenario.play(Asked, plain, plain.serve)
    quick = Simulation(STEPS[scenario.engine], scenario.limits)
    fast = scenario.play(lambda _, at, sent, generated: SimulatedRequest(at, sent, generated), quick, quick.run)
    gaps = [(gap, 1) for gap in plain.gaps]
    return (
        seen(slow, plain, gaps, plain.busy_block_s, lambda one: one.token_s[0]),
        seen(fast, quick, quick.gaps, quick.block_seconds, lambda one: one.first_token_s),
    )


SEEDS = range(36)


@pytest.mark.parametrize("seed", SEEDS)
def test_events_and_tokens_agree(seed):
    expected, found = both(seed)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=0.01, abs=1e-9), name


def test_the_scenarios_hold_what_is_hard():
    """Otherwise the agreement above would say nothing about it."""
    drawn = {seed: Scenario(seed) for seed in SEEDS}
    preempting = [drawn[seed] for seed in SEEDS if both(seed)[0]["preemptions"][0] >= 5]
    assert {one.limits.keeps_blocks for one in preempting} == {True, False}
    assert sum(both(seed)[0]["served"][0] < REQUESTS for seed in SEEDS) >= 3
    for engine in STEPS:
        own = [one for one in drawn.values() if one.engine == engine]
        assert {one.mode for one in own} == {"open", "closed", "together"}
        assert {one.limits.reused_tokens > 0 for one in own} == {True, False}
    assert any(max(sent for sent, _ in one.lengths) > 3 * one.limits.step_tokens for one in drawn.values())
    assert any(one.limits.slots == 1 for one in drawn.values())
