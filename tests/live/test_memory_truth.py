"""A sample of the table of sizes, asked of the engine anew: another sample each day, the same one all day long."""

import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisor.engines.find import find_llama_cpp

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from accuracy_memory.llama_cpp_sizes import ask, read

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
