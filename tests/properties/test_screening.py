"""Screening plus finalists against simulating everything: on 200 random questions to small random catalogs, and what must hold of loads."""

import dataclasses
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.domain.hardware import Node
from advisor.domain.workload import (
    Batch,
    HardwareChoice,
    Load,
    Quality,
    RentedHardware,
    Request,
    ServiceLevel,
    TokenLengths,
    Users,
    Volume,
    Workload,
)
from advisor.planning.inventory import inventory_of
from advisor.planning.option import Option, Space
from advisor.planning.planner import acceptable_models
from advisor.planning.prospects import prospects, prospects_by_model
from advisor.planning.rank import COST_BAND
from advisor.planning.search import replicated, search
from advisor.planning.size import sized_anyway
from tests.properties.test_planning import MODELS, RENTED, best_usd
from tests.unit.estimate.serving_for_tests import EIGHT_B, MOE_30B, llama_cpp_candidate, steps_of, vllm_candidate
from tests.unit.planning.questions import CHAT, ON_THREE_KINDS, case_for

FORMATS = 2  # of one model, on two kinds of device: small enough to simulate all of it 200 times


def question(seed: int) -> Workload:
    draw = random.Random(1000 + seed)
    p50, out = draw.choice((200, 800, 2500)), draw.choice((40, 150, 400))
    loads = (
        Load(users=Users(draw.choice((1, 8, 40)), draw.choice((15, 60)))),
        Load(requests_per_s=draw.choice((0.1, 0.5, 2.0)), gaps_cv=draw.choice((None, 2.0))),
        Load(in_flight=draw.choice((1, 6)), start=draw.choice(("spread", "together"))),
        Load(batch=Batch(draw.choice((300, 10_000)), 8)),
    )
    levels = (
        ServiceLevel(),
        ServiceLevel(ttft_p95_s=draw.choice((1.0, 3.0)), tpot_p95_s=0.05),
        ServiceLevel(tpot_p95_s=0.03, with_replicas_down=1),
        ServiceLevel(e2e_p95_s=20.0),
    )
    load = draw.choice(loads)
    return dataclasses.replace(
        CHAT,
        load=load,
        volume=Volume(2 * load.batch.requests) if load.batch and seed % 2 else None,  # every other batch is billed for its hours
        request=Request(TokenLengths(p50, 3 * p50, 6 * p50), TokenLengths(out, 2 * out, 4 * out), draw.choice((0, p50 // 2))),
        models=tuple(draw.sample(MODELS, 1)),
        quality=Quality(draw.choice(("slight", "some"))),
        service_level=draw.choice(levels),
        hardware=HardwareChoice(rent=RentedHardware(devices=tuple(draw.sample(RENTED, 2)), max_devices=4)),
    )


@pytest.mark.parametrize("tens", range(20))
def test_simulating_everything_finds_no_better_plan_than_screening_and_finalists(tens):
    for seed in range(10 * tens, 10 * tens + 10):
        workload = question(seed)
        case = case_for(workload)
        (model,), _ = acceptable_models(workload, case.catalog, {})
        few = random.Random(seed).sample(model.checkpoints, min(FORMATS, len(model.checkpoints)))
        small, inventory, space = dataclasses.replace(model, checkpoints=tuple(few)), inventory_of(workload, case.catalog, None), Space()
        searched = search(case, prospects_by_model(case, inventory, [small], {}, space), space)
        every = [*prospects(case, inventory, [small], {}, aside := Space()), *(d.prospect for d in aside.dropped if d.prospect is not None)]
        options = [option for prospect in every if isinstance(option := sized_anyway(case, prospect), Option)]
        best = best_usd([(replicated(case, option), option) for option in options])
        assert searched.best_usd <= best * COST_BAND, seed
        assert math.isinf(searched.best_usd) == math.isinf(best), seed
        assert space.finalists <= space.sized <= space.survivors <= space.points


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["vllm", "llama-server"]),
    st.sampled_from([EIGHT_B, MOE_30B]),
    st.sampled_from(["l4", "rtx-4090", "h100-sxm", "mi300x"]),
    st.floats(1.05, 8.0),
    st.tuples(st.integers(1, 128), st.floats(1, 60_000)),
)
def test_more_bandwidth_never_slows_decode(engine, model, device, factor, batch_and_context):
    backend = "rocm" if device == "mi300x" else "cuda"
    make = vllm_candidate if engine == "vllm" else llama_cpp_candidate
    slow = make(model, device, backend=backend)

    def decode_s(node: Node) -> float:
        return steps_of(make(model, node, backend=backend)).decode_s(*batch_and_context)

    bandwidth = slow.node.device.memory_bandwidth_bytes_per_s * factor
    faster = dataclasses.replace(slow.node, device=dataclasses.replace(slow.node.device, memory_bandwidth_bytes_per_s=bandwidth))
    assert decode_s(faster) <= decode_s(slow.node) * (1 + 1e-9)


@settings(max_examples=12, deadline=None)
@given(st.floats(0.2, 12.0), st.sampled_from([None, 2.0]), st.sampled_from([ServiceLevel(), CHAT.service_level]))
def test_half_the_rate_never_needs_more_replicas(rate, gaps_cv, level):
    """Of the same recipe; a search may take another one."""
    workload = dataclasses.replace(ON_THREE_KINDS, load=Load(requests_per_s=rate, gaps_cv=gaps_cv), service_level=level)
    half = dataclasses.replace(workload, load=Load(requests_per_s=rate / 2, gaps_cv=gaps_cv))
    case, easier = case_for(workload), case_for(half)
    models, _ = acceptable_models(workload, case.catalog, {})
    found = prospects(case, inventory_of(workload, case.catalog, None), models, {}, Space())
    first = next(option for prospect in found if isinstance(option := sized_anyway(case, prospect), Option))
    fewer = dataclasses.replace(first, replicas_at_least=1)
    whole, halved = replicated(case, fewer), replicated(easier, fewer)
    if whole.recommended:
        assert halved.recommended
        assert halved.deployment.replicas <= whole.deployment.replicas
