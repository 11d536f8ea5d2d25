"""The load simulation against laws of queues and the few published ladders there are."""

from dataclasses import replace
from statistics import fmean

import pytest

from advisor.domain.demand import Lengths
from advisor.domain.workload import Batch, Load, ServiceLevel, Users
from advisor.errors import UserInputError
from advisor.estimate.largest_load import largest_load
from advisor.estimate.load import estimate_performance, speed_curves
from advisor.estimate.load_bounds import capacity_bound
from advisor.estimate.load_requests import SimulatedRequest, request_stream
from advisor.estimate.load_simulation import Simulation
from advisor.estimate.replica_limits import ReplicaLimits, replica_limits
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, VLLM
from tests.unit.estimate.serving_for_tests import (
    EIGHT_B,
    THIRTY_TWO_B,
    demand,
    deployment,
    fixed,
    llama_cpp_candidate,
    memory_of,
    steps_of,
    vllm_candidate,
    vllm_steps,
)

SETTINGS = replace(VLLM, max_model_len=40960, max_num_seqs=1024, max_num_batched_tokens=8192, enable_prefix_caching=False)
LETTERS = vllm_candidate(THIRTY_TWO_B, "h100-sxm", tensor=2, version="0.12.0", settings=SETTINGS)
LETTERS_STEPS = steps_of(LETTERS)
LETTERS_MEMORY = memory_of(282_528)  # vLLM 0.11 start-up log, two H100, bf16
NOTES = llama_cpp_candidate(EIGHT_B, "rtx-3090", settings=replace(LLAMA_CPP, ctx_size=32768, parallel=4))
NOTES_STEPS = steps_of(NOTES)
NOTES_MEMORY = memory_of(32768, request_tokens=32768, slots=4)


def letters(asked, replicas=1, *, memory=LETTERS_MEMORY, candidate=LETTERS, steps=LETTERS_STEPS, **more):
    return estimate_performance(deployment(candidate, replicas), asked, memory=memory, steps=steps, replicas_up=replicas, **more)


def notes(asked, *, memory=NOTES_MEMORY):
    return estimate_performance(deployment(NOTES), asked, memory=memory, steps=NOTES_STEPS, replicas_up=1)


# vLLM 0.12, Qwen3-32B bf16, 2 x H100 SXM, 4,096/512 tokens nominal (random lengths of 0.8 to 1.0 of that), as a load generator sees it:
# ai-dynamo/aiconfigurator@095f58a silicon_sample.csv; whether the figures are means or medians is not stated.
LADDER = [(8, 0.739, 0.0191), (16, 0.893, 0.0246), (32, 1.039, 0.0357), (64, 2.130, 0.0610), (128, 33.49, 0.0643)]
LADDER_LENGTHS = {"input_tokens": Lengths(3686, 4060, 4096), "output_tokens": Lengths(461, 508, 512)}


@pytest.mark.parametrize(("in_flight", "ttft_s", "tpot_s"), LADDER)
def test_the_h100_ladder(in_flight, ttft_s, tpot_s):
    performance = letters(demand(Load(in_flight=in_flight), **LADDER_LENGTHS))
    assert performance.tpot_s.p50.value == pytest.approx(tpot_s, rel=0.30)
    assert performance.tpot_s.p50.low < tpot_s < performance.tpot_s.p50.high
    assert _burst_mean_ttft_s(in_flight) == pytest.approx(ttft_s, rel=0.45)
    assert performance.saturated == (in_flight > 64)


def _burst_mean_ttft_s(in_flight):
    """A load generator's mean: all requests start at once, five rounds."""
    asked = demand(Load(in_flight=in_flight), **LADDER_LENGTHS)
    stream = request_stream(asked, 0)
    curve = speed_curves(deployment(LETTERS), asked, memory=LETTERS_MEMORY, steps=LETTERS_STEPS, stream=stream)[0]
    simulation, done = Simulation(curve.steps, curve.limits), []

    def submit(index):
        request = SimulatedRequest(simulation.now_s, stream.input_tokens[index], stream.output_tokens[index])
        simulation.submit(request)

    def next_one(request):
        done.append(request)
        simulation.stopped = len(done) >= 5 * in_flight
        submit(in_flight + len(done))

    for index in range(in_flight):
        submit(index)
    simulation.run(next_one)
    return curve.steps.request_floor_s + fmean(r.first_token_s - r.arrived_s for r in done)


def test_beyond_the_cache_there_is_a_cliff_not_a_slope():
    held = 282_528 // 4608
    inside, beyond = (letters(demand(Load(in_flight=n), input_tokens=fixed(4096), output_tokens=fixed(512))) for n in (held - 6, 2 * held))
    assert inside.ttft_s.p95.value < 2
    assert beyond.ttft_s.p50.value > 20
    assert beyond.saturated
    assert not inside.saturated
    assert beyond.requests_per_s.value == pytest.approx(inside.requests_per_s.value, rel=0.15)
    assert beyond.in_flight.value < held * 1.15


@pytest.mark.parametrize("load", [Load(users=Users(100, 60)), Load(users=Users(400, 120)), Load(in_flight=24), Load(in_flight=200)])
def test_littles_law(load):
    """Requests in the system = rate x time in the system; users = rate x (pause + time)."""
    performance = letters(demand(load))
    stream_mean_e2e_s = performance.in_flight.value / performance.requests_per_s.value
    population, pause = (load.users.active, load.users.pause_s) if load.users else (load.in_flight, 0)
    waiting = population - performance.in_flight.value - performance.requests_per_s.value * pause
    assert waiting > -0.02 * population - 0.1
    if not performance.saturated:
        assert waiting < 0.10 * population
        assert performance.e2e_s.p50.value * 0.6 < stream_mean_e2e_s < performance.e2e_s.p95.value


def test_an_open_load_is_carried_until_capacity():
    capacity = letters(demand(Load(requests_per_s=0.1))).capacity_requests_per_s.value
    runs = [letters(demand(Load(requests_per_s=share * capacity))) for share in (0.3, 0.6, 0.9, 1.3)]
    assert [run.saturated for run in runs] == [False, False, False, True]
    assert runs[1].requests_per_s.value == pytest.approx(0.6 * capacity)
    assert runs[3].requests_per_s.value < 1.1 * capacity
    tails = [run.ttft_s.p95.value for run in runs]
    assert tails == sorted(tails)
    assert tails[3] > 60  # a quarter of an hour above capacity
    assert runs[1].utilization.value == pytest.approx(0.6, abs=0.01)


def test_capacity_is_what_a_backlog_is_served_at():
    flooded = letters(demand(Load(in_flight=5000)))
    assert flooded.saturated
    assert flooded.requests_per_s.value == pytest.approx(letters(demand(Load(in_flight=1))).capacity_requests_per_s.value, rel=0.15)
    assert flooded.ttft_s.p50.value == pytest.approx((5000 - flooded.in_flight.value) / flooded.requests_per_s.value, rel=0.1)


def test_more_replicas_and_fewer_users_are_never_slower():
    by_replicas = [letters(demand(), replicas).tpot_s.p95.value for replicas in (1, 2, 4)]
    assert by_replicas == sorted(by_replicas, reverse=True)
    by_users = [letters(demand(Load(users=Users(users, 120)))).tpot_s.p95.value for users in (5, 60, 200)]
    assert by_users == sorted(by_users)


def test_the_answer_depends_on_the_seed_alone():
    assert letters(demand()) == letters(demand())
    assert letters(demand(), seed=1).ttft_s != letters(demand()).ttft_s
    assert letters(demand(), seed=1).tpot_s.p50.value == pytest.approx(letters(demand()).tpot_s.p50.value, rel=0.15)


def test_a_shared_prefix_is_computed_once():
    cached = vllm_candidate(THIRTY_TWO_B, "h100-sxm", tensor=2, version="0.12.0", settings=replace(SETTINGS, enable_prefix_caching=True))
    asked = demand(Load(requests_per_s=0.5), shared_prefix_tokens=3000)
    warm, cold = letters(asked, candidate=cached), letters(asked)
    assert warm.ttft_s.p50.value < 0.6 * cold.ttft_s.p50.value
    assert warm.capacity_requests_per_s.value > 1.3 * cold.capacity_requests_per_s.value
    assert replica_limits(cached, LETTERS_MEMORY, replace(asked, shared_prefix_tokens=3001)).reused_tokens == 2992  # whole blocks of 16


def test_slots_of_llama_server_queue_what_they_cannot_take():
    """As measured on a 3090 (8 slots: TTFT 10-19 s at 16 in flight, throughput unchanged): beyond the slots only the wait grows."""
    at_slots, beyond = (notes(demand(Load(in_flight=n), input_tokens=fixed(512), output_tokens=fixed(256))) for n in (4, 8))
    assert beyond.requests_per_s.value == pytest.approx(at_slots.requests_per_s.value, rel=0.05)
    assert beyond.in_flight.value == pytest.approx(4, abs=0.2)
    service_s = 4 / beyond.requests_per_s.value
    assert beyond.ttft_s.p50.value == pytest.approx(service_s, rel=0.3)


def test_one_slot_serves_one_at_a_time():
    serial = memory_of(32768, request_tokens=32768, slots=1)
    asked = demand(Load(in_flight=3), input_tokens=fixed(500), output_tokens=fixed(200))
    performance = notes(asked, memory=serial)
    alone_s = NOTES_STEPS.prefill_s(500) + 199 * NOTES_STEPS.decode_s(1, 600)
    assert performance.requests_per_s.value == pytest.approx(1 / alone_s, rel=0.05)
    assert performance.tpot_s.p50.value == pytest.approx(NOTES_STEPS.decode_s(1, 600), rel=0.02)


def test_a_shared_context_that_runs_out_fails_everybody_in_service():
    """llama-server, server-context.cpp: "Context size has been exceeded." for every slot, and the cache is cleared."""
    asked = demand(Load(in_flight=4), input_tokens=fixed(700), output_tokens=fixed(200))
    tight, roomy = (notes(asked, memory=memory_of(tokens, request_tokens=2048, slots=4)) for tokens in (2048, 3600))
    assert roomy.failed_share.value == 0
    assert tight.failed_share.value == 1
    assert tight.requests_per_s.value == tight.goodput_requests_per_s.value == 0
    own = replace(LLAMA_CPP, ctx_size=2048, parallel=2, kv_unified=False)
    of_their_own = estimate_performance(
        deployment(llama_cpp_candidate(EIGHT_B, "rtx-3090", settings=own)),
        asked,
        memory=memory_of(2048, request_tokens=1024, slots=2),
        steps=NOTES_STEPS,
        replicas_up=1,
    )
    assert of_their_own.failed_share.value == 0  # each slot keeps within its own context


def test_an_unloaded_replica_costs_its_prompt_and_its_tokens():
    performance = letters(demand(Load(in_flight=1), input_tokens=fixed(4000), output_tokens=fixed(100)))
    assert performance.ttft_s.p50.value == pytest.approx(LETTERS_STEPS.prefill_s(4000) + LETTERS_STEPS.request_floor_s, rel=0.01)
    assert performance.tpot_s.p95.value == pytest.approx(LETTERS_STEPS.decode_s(1, 4050), rel=0.01)
    assert performance.in_flight.value == pytest.approx(1, abs=0.05)  # the rest of the time is outside the engine


@pytest.mark.parametrize(("requests", "hours", "late"), [(20, 1.0, False), (100_000, 8.0, True), (20_000, 8.0, False)])
def test_a_batch_meets_its_deadline_or_not(requests, hours, late):
    performance = letters(demand(Load(batch=Batch(requests, hours))))
    assert performance.saturated == late
    finished_s = requests / performance.requests_per_s.value
    assert (finished_s > hours * 3600) == late
    assert performance.e2e_s.p99.value <= finished_s * 1.1 + 60


def test_prompts_are_cut_into_chunks_that_spare_the_others():
    small_steps = vllm_candidate(
        THIRTY_TWO_B, "h100-sxm", tensor=2, version="0.12.0", settings=replace(SETTINGS, max_num_batched_tokens=1024)
    )
    asked = demand(Load(requests_per_s=0.8))
    small, large = letters(asked, candidate=small_steps), letters(asked)
    assert small.ttft_s.p50.value > large.ttft_s.p50.value * 0.9
    assert small.tpot_s.p50.value == pytest.approx(large.tpot_s.p50.value, rel=0.35)


def test_ranges_hold_the_value_and_slower_hardware_ends_later():
    performance = letters(demand())
    for quantity in (performance.ttft_s.p95, performance.tpot_s.p95, performance.e2e_s.p50, performance.requests_per_s):
        assert quantity.low <= quantity.value <= quantity.high
    assert performance.ttft_s.p95.high > 1.3 * performance.ttft_s.p95.value
    half = estimate_performance(deployment(LETTERS, device_share=0.5), demand(), memory=LETTERS_MEMORY, steps=LETTERS_STEPS, replicas_up=1)
    assert half.tpot_s.p50.value > 1.8 * performance.tpot_s.p50.value


def test_bursts_wait_longer_than_a_poisson_stream_at_the_same_rate():
    tails = [letters(demand(Load(requests_per_s=1.0, gaps_cv=cv))).ttft_s.p95.value for cv in (0.2, 1.0, 3.0)]
    assert tails[0] < tails[1] < 0.7 * tails[2]


def test_who_starts_together_waits_for_one_another():
    spread, together = (letters(demand(Load(users=Users(40, 120), start=start))) for start in ("spread", "together"))
    assert together.ttft_s.p95.value > 3 * spread.ttft_s.p95.value
    prompts_s = 40 * LETTERS_STEPS.prefill_s(4000)
    assert together.ttft_s.p99.value == pytest.approx(prompts_s, rel=0.5)  # the last one's prompt comes after all the others
    waves = letters(demand(Load(in_flight=32, start="together"), **LADDER_LENGTHS))
    assert waves.ttft_s.p95.value > 3 * letters(demand(Load(in_flight=32), **LADDER_LENGTHS)).ttft_s.p95.value


def test_goodput_counts_what_keeps_every_limit():
    asked = demand(Load(requests_per_s=1.0))
    none = letters(asked)
    assert none.goodput_share.value == 1
    limit = ServiceLevel(ttft_p95_s=none.ttft_s.p50.value, tpot_p95_s=1.0)
    half = letters(asked, level=limit)
    assert half.goodput_share.value == pytest.approx(0.5, abs=0.02)
    assert half.goodput_requests_per_s.value == pytest.approx(half.requests_per_s.value * half.goodput_share.value)
    assert letters(asked, level=ServiceLevel(ttft_p95_s=none.ttft_s.p95.value)).goodput_share.value == pytest.approx(0.95, abs=0.01)


def test_the_gaps_between_tokens_have_the_prompts_of_others_in_them():
    performance = letters(demand(Load(requests_per_s=1.0)))
    step_s = performance.decode_step.value_s.value
    assert performance.itl_s.p50.value == pytest.approx(step_s, rel=0.15)
    assert performance.itl_s.p99.value > LETTERS_STEPS.prefill_s(4000)
    alone = letters(demand(Load(in_flight=1), input_tokens=fixed(4000), output_tokens=fixed(100)))
    assert alone.itl_s.p99.value == pytest.approx(alone.tpot_s.p50.value, rel=0.02)


def test_a_pool_that_is_too_small_preempts_and_says_how_full_it_is():
    small, large = (letters(demand(Load(in_flight=64)), memory=memory_of(tokens)) for tokens in (120_000, 10**6))
    assert small.preemptions_per_request.value > 0.02
    assert small.kv_cache_used_share.value > 0.85
    assert small.queued.value > 20
    assert large.preemptions_per_request.value == 0
    assert large.queued.value < 0.1  # none but for the end of a step
    assert large.kv_cache_used_share.value == pytest.approx(64 * 4700 / 10**6, rel=0.15)


def test_no_replica_up_is_an_error():
    with pytest.raises(UserInputError, match="no replica is up"):
        estimate_performance(deployment(LETTERS), demand(), memory=LETTERS_MEMORY, steps=LETTERS_STEPS, replicas_up=0)


# ---- the simulation itself


def run(requests, limits, steps=NOTES_STEPS):
    simulation, finished = Simulation(steps, limits), []
    for request in requests:
        simulation.submit(request)
    simulation.run(finished.append)
    return simulation, finished


@pytest.mark.parametrize("preempts", [True, False])
@pytest.mark.parametrize("cache_tokens", [400, 1500, 100_000])
def test_every_request_finishes_once_and_gives_its_cache_back(preempts, cache_tokens):
    limits = ReplicaLimits(16, 512, cache_tokens, 4096, preempts, 0, False, 16 if preempts else 1)
    asked = [SimulatedRequest(0.05 * i, 50 + 37 * i % 300, 1 + 13 * i % 90) for i in range(60)]
    simulation, finished = run(asked, limits)
    assert sorted(map(id, finished)) == sorted(map(id, asked))
    assert simulation.pool.used_blocks == simulation.context_tokens == 0
    assert not any(simulation.pool.growing)
    assert preempts or len(set(simulation.free_slots)) == 16
    for request in finished:
        assert request.failed or request.arrived_s <= request.admitted_s < request.first_token_s <= request.finished_s
        assert request.failed or request.generated_tokens >= request.output_tokens


def test_a_full_cache_takes_the_last_request_back():
    limits = ReplicaLimits(16, 512, 520, 4096, preempts=True, reused_tokens=0, shares_prefix=False)
    first, last = SimulatedRequest(0.0, 100, 300), SimulatedRequest(0.0, 100, 300)
    run([first, last], limits)
    alone_s = 299 * NOTES_STEPS.decode_s(1, 250)
    assert first.finished_s < 1.5 * alone_s
    assert last.finished_s > first.finished_s + 100 * NOTES_STEPS.decode_s(1, 300)
    assert last.first_token_s < first.finished_s


def test_a_long_prompt_takes_its_chunks_whether_or_not_others_run():
    chunked = ReplicaLimits(4, 512, 10**6, 10**6, preempts=True, reused_tokens=0, shares_prefix=False)
    alone = SimulatedRequest(0.0, 20_000, 1)
    run([alone], chunked)
    chunks_s = sum(NOTES_STEPS.prefill_s(min(512, 20_000 - at), at) for at in range(0, 20_000, 512))
    assert alone.first_token_s == pytest.approx(chunks_s, rel=0.001)
    other, late = SimulatedRequest(0.0, 10, 400), SimulatedRequest(0.01, 20_000, 1)
    run([other, late], chunked)
    assert late.first_token_s > alone.first_token_s
    assert other.finished_s > chunks_s


def as_scheduled(version):
    """A request that generates all the while, and one that comes a hundredth of a step after its eleventh step has begun."""
    steps = vllm_steps(EIGHT_B, "h100-sxm", version=version)
    decode_s, first_s = steps.decode_s(1, 100), steps.prefill_s(100)
    limits = ReplicaLimits(4, 2048, 10**6, 10**6, preempts=True, reused_tokens=0, shares_prefix=False)
    runs, comes = SimulatedRequest(0.0, 100, 400), SimulatedRequest(first_s + 10.01 * decode_s, 100, 1)
    run([runs, comes], limits, steps)
    return steps, decode_s, runs, comes


def test_a_request_waits_for_the_step_that_runs_and_for_one_put_together_ahead():
    waited = {}
    for version in ("0.12.0", "0.33.0"):
        steps, decode_s, _, comes = as_scheduled(version)
        own_s = steps.mixed_step_s(1, 111, prefill_tokens=100)
        waited[version] = (comes.first_token_s - comes.arrived_s - own_s) / decode_s
    assert waited["0.12.0"] == pytest.approx(0.99, abs=0.05)
    assert waited["0.33.0"] == pytest.approx(1.99, abs=0.05)


def test_before_v1_nobody_generates_while_a_prompt_is_computed():
    steps, decode_s, runs, comes = as_scheduled("0.7.3")
    assert steps.scheduling == "separate"
    assert comes.first_token_s - comes.arrived_s == pytest.approx(0.99 * decode_s + steps.prefill_s(100), rel=0.01)
    alone_s = steps.prefill_s(100) + 399 * steps.decode_s(1, 300)
    assert runs.finished_s == pytest.approx(alone_s + steps.prefill_s(100), rel=0.001)


def test_the_first_round_of_those_who_begin_together_is_in_the_mean_alone():
    """Lengths that differ a little pull clients out of step: first tokens of the first round wait for all prompts, later ones for few."""
    apart = {"input_tokens": Lengths(900, 990, 1000), "output_tokens": Lengths(900, 990, 1000)}
    together = letters(demand(Load(in_flight=32, start="together"), **apart))
    assert together.ttft_mean_s.value > 1.3 * together.ttft_s.p50.value


# ---- bounds and the largest load


def test_the_bound_is_above_what_any_load_reaches():
    for load in (Load(in_flight=200), Load(requests_per_s=50.0)):
        asked = demand(load)
        reached = letters(asked).requests_per_s.value
        assert capacity_bound(deployment(LETTERS), asked, memory=LETTERS_MEMORY, steps=LETTERS_STEPS) > reached


def test_the_floor_of_a_long_letter():
    """9,000 prompt tokens of Qwen3-32B: two operations per parameter that is multiplied, at 989 TFLOP/s and two cards."""
    prompt_flops = 9000 * 2 * (32_762_123_264 - 2 * 151_936 * 5120)
    assert LETTERS_STEPS.floor_prefill_s(9000) == pytest.approx(prompt_flops / (2 * 989e12))
    assert LETTERS_STEPS.floor_prefill_s(9000) < letters(demand()).ttft_s.p95.low
    assert LETTERS_STEPS.floor_decode_s(1, 4000) < letters(demand()).tpot_s.p50.low


@pytest.mark.parametrize("load", [Load(users=Users(240, 120)), Load(requests_per_s=1.0), Load(in_flight=8)])
def test_the_largest_load_holds_and_a_larger_one_does_not(load):
    limits = ServiceLevel(ttft_p95_s=4.0, tpot_p95_s=0.05)
    largest = largest_load(deployment(LETTERS, 2), demand(load), memory=LETTERS_MEMORY, steps=LETTERS_STEPS, replicas_up=2, limits=limits)
    assert 0 < largest.low <= largest.value <= largest.high

    def holds(size):
        asked = {"requests_per_s": size} if load.requests_per_s else {"in_flight": round(size)} if load.in_flight else None
        made = Load(**asked) if asked else Load(users=Users(round(size), 120))
        performance = letters(demand(made), 2)
        return performance.ttft_s.p95.value <= 4.0 and performance.tpot_s.p95.value <= 0.05 and not performance.saturated

    assert holds(largest.value)
    assert not holds(largest.value * 1.25)


def test_nothing_holds_an_impossible_limit():
    impossible = ServiceLevel(ttft_p95_s=0.001)
    largest = largest_load(deployment(LETTERS), demand(), memory=LETTERS_MEMORY, steps=LETTERS_STEPS, replicas_up=1, limits=impossible)
    assert largest.value == 0
