"""A sample of the table of sizes, asked of the engine anew: another sample each day, the same one all day long."""

import os
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisor.engines.find import find_llama_cpp

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from accuracy_memory.llama_cpp_sizes import PLAIN, as_run, ask, read

from advisor.estimate.graph_room_llama_cpp import graph_room

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("ADVISOR_LLAMA_CPP_PYTHON"), reason="ADVISOR_LLAMA_CPP_PYTHON is not set"),
]
SEED = os.environ.get("ADVISOR_SAMPLE_SEED", datetime.now(UTC).date().isoformat())
SAMPLE = random.Random(SEED).sample(read()[1], 24)


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: f"{row.model}-{row.ctx_size}-{row.parallel}-{row.cache_type_k}-{row.flash_attn}")
def test_the_engine_says_it_again(row):
    (told,) = ask(find_llama_cpp(), row.model, [row.settings()])
    assert told == row, f"sample {SEED}"


@pytest.mark.parametrize("model", ["microsoft/phi-4", "ibm-granite/granite-3.0-1b-a400m-instruct"])
@pytest.mark.parametrize("unified", [False, True])
def test_the_engine_aborts_where_its_graph_is_larger_than_its_table(model, unified):
    settings = replace(PLAIN, parallel=2, outputs=2, kv_unified=unified, cache_type_k="q8_0", cache_type_v="q8_0")
    graph = graph_room(as_run(model), settings)
    assert (graph.tensors > graph.room) is not unified
    assert len(ask(find_llama_cpp(), model, [settings])) == int(unified)
