"""Both real engines under the same loads: a few layers, a few requests; what is printed follows from the curves."""

import json
import os
from itertools import pairwise

import psutil
import pytest

from advisor.estimate.crossing import EVEN
from tests.unit.cli.command_line import advisor

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("ADVISOR_LLAMA_CPP_PYTHON"), reason="ADVISOR_LLAMA_CPP_PYTHON is not set"),
    pytest.mark.skipif(not os.environ.get("ADVISOR_VLLM_PYTHON"), reason="ADVISOR_VLLM_PYTHON is not set"),
]
LOADS = [1, 2, 4]
SMALL = ("Qwen/Qwen3-0.6B", "--layers", "2", "--concurrency", "1,2,4", "--input-tokens", "16", "--output-tokens", "12")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One run for all: eager, for a compilation takes longer than all loads together."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    try:
        return advisor("crossover", *SMALL, "--enforce-eager", "--time-limit", "400", "--yes", "--format", "json")
    finally:
        del os.environ["XDG_CACHE_HOME"]


@pytest.fixture(scope="module")
def document(measured):
    assert measured.code in (0, 5), measured.err  # 5: whoever runs this has a busy machine
    return json.loads(measured.out)


def test_both_engines_were_measured_at_every_load(document):
    assert [curve["engine"] for curve in document["curves"]] == ["llama.cpp", "vllm"]
    assert document["faults"] == []
    for curve in document["curves"]:
        assert curve["ended"] is None
        assert curve["start_s"] > 0
        assert [point["concurrency"] for point in curve["points"]] == LOADS
        for point in curve["points"]:
            assert point["failed"] == 0
            assert min(point["output_tokens_per_s"], point["ttft_s"], point["tpot_s"]) > 0
            assert 0 < point["predicted"]["low"] <= point["predicted"]["value"] <= point["predicted"]["high"]


@pytest.mark.parametrize("kind", ["measured", "predicted"])
def test_the_finding_follows_from_the_curves(document, kind):
    def rate(point):
        return point["output_tokens_per_s"] if kind == "measured" else point["predicted"]["value"]

    llama, vllm = ({point["concurrency"]: rate(point) for point in curve["points"]} for curve in document["curves"])
    told = document[kind]
    assert {row["concurrency"]: row["vllm_over_llama.cpp"] for row in told["ratios"]} == {load: vllm[load] / llama[load] for load in LOADS}
    decided = [(load, vllm[load] > llama[load]) for load in LOADS if abs(vllm[load] / llama[load] - 1) > EVEN]
    changes = [[low, high] for (low, before), (high, after) in pairwise(decided) if before != after]
    assert [one["between"] for one in told["crossings"]] == changes
    for one in told["crossings"]:
        assert one["between"][0] <= one["concurrency"] <= one["between"][1]
        assert f"{one['overtakes']} overtakes {one['overtaken']} at about {one['concurrency']:.1f} at once" in told["sentence"]
    if not changes:
        assert "overtakes" not in told["sentence"]
        leads = {True: "vllm is ahead", False: "llama.cpp is ahead"}
        assert told["sentence"].startswith(leads[decided[0][1]] if decided else "llama.cpp and vllm are even")


def test_a_busy_machine_is_said_and_ends_with_its_code(measured, document):
    busy = [curve["engine"] for curve in document["curves"] if curve["contention"]["disturbed"]]
    assert [words.split(":")[0] for words in document["invalid"]] == busy
    assert measured.code == (5 if busy else 0)


def test_nothing_is_left_running(document):
    assert document
    assert [child for child in psutil.Process().children(recursive=True) if "serve" in " ".join(child.cmdline())] == []
