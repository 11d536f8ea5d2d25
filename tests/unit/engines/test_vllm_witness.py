"""vLLM is asked with the candidate's own settings, and its answer taken for what it is; the interpreter is a stand-in."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.engines.find import FoundVllm
from advisor.engines.vllm_witness import VllmQuestion, ask, ask_vllm
from advisor.errors import EngineFailed, NotProven
from advisor.intake.candidate import build_candidate

CATALOG = load_catalog()
RECORD = CATALOG.engine("vllm")
TESTED = RECORD.versions.asked[0]
ANSWER = {
    "weight_bytes": 5000,
    "num_blocks": 100,
    "bytes_per_block": 64,
    "max_concurrency": 2.5,
    "capacity_tokens": 1600,
    "block_size": 16,
    "enable_prefix_caching": True,
    "max_num_batched_tokens": 2048,
    "max_model_len": 640,
    "groups": [{"layers": 4}],
    "undone": [],
}


@pytest.fixture
def engine(tmp_path):
    """Call it with the answers: an interpreter that keeps the request and gives them."""

    def answering(*answers, version=TESTED):
        report = {"engine": {"version": version}, "answers": list(answers)}
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\ncat > {tmp_path}/request.json\necho '{json.dumps(report)}'\n")
        program.chmod(0o755)
        return FoundVllm(program, "--engine-python", version, "cpu", "2.13.0+cpu", tmp_path, "")

    return answering


def candidate(device="cpu", tensor=1, **flags):
    return build_candidate(
        CATALOG,
        model=CATALOG.model("Qwen/Qwen3-8B"),
        quantization="bf16",
        engine="vllm",
        runtime=None,
        version=None,
        node=CATALOG.node(device, tensor),
        devices=tensor,
        parallelism=Parallelism(tensor=tensor),
        flags={"max_model_len": 640, **flags},
    )


def told(one, engine):
    return ask_vllm(one, CATALOG.quantization("bf16"), record=RECORD, engine=engine)


def test_the_question_and_the_answer(engine, tmp_path):
    witness = told(candidate(kv_cache_memory_bytes=6400), engine(ANSWER))
    (question,) = json.loads((tmp_path / "request.json").read_text())["questions"]
    assert question["config"]["model_type"] == "qwen3"
    assert (question["tensor"], question["kv_bytes"], question["device"]) == (1, 6400, "cpu")
    assert question["settings"]["max_model_len"] == 640
    assert "kv_cache_memory_bytes" not in question["settings"]
    assert (witness.scope, witness.weights_bytes, witness.kv_cache_bytes) == ("device", 5000, 6400)
    assert (witness.num_blocks, witness.max_concurrency_x, witness.kv_cache_capacity_tokens) == (100, 2.5, 1600)
    assert TESTED in witness.source


def test_without_a_pool_given_only_the_block_is_told(engine):
    witness = told(candidate("h100-sxm", tensor=2), engine({**ANSWER, "undone": ["block_size 16 -> 64"]}))
    assert (witness.num_blocks, witness.kv_cache_bytes, witness.kv_cache_capacity_tokens) == (None, None, None)
    assert any("takes 64 bytes, predicted were" in remark for remark in witness.remarks)
    assert any("block_size 16 -> 64" in remark for remark in witness.remarks)


def test_a_refusal_is_the_engines_word_for_cpus_only(engine):
    refused = engine({"refused": "ValueError: no kernel"})
    with pytest.raises(EngineFailed, match=r"refuses Qwen/Qwen3-8B in bf16: ValueError: no kernel"):
        told(candidate(), refused)
    with pytest.raises(NotProven, match="cannot be asked about Qwen/Qwen3-8B in bf16 on h100-sxm: ValueError: no kernel"):
        told(candidate("h100-sxm"), refused)


def test_only_tested_versions_and_ranks_are_asked(engine):
    with pytest.raises(NotProven, match=f"vLLM 0.33.0 .* compared was {TESTED} only"):
        told(candidate(), engine(ANSWER, version="0.33.0"))
    one = candidate()
    assert isinstance(one.settings, VllmSettings)
    question = VllmQuestion({}, one.settings, Parallelism(pipeline=2), 1, on_cpu=True)
    with pytest.raises(NotProven, match="tensor parallelism only"):
        ask(engine(ANSWER), [question], record=RECORD)
    with pytest.raises(EngineFailed, match="answered 1 of 2 questions"):
        ask(engine(ANSWER), [replace(question, parallelism=Parallelism())] * 2, record=RECORD)
    with pytest.raises(EngineFailed, match="its report lacks or misshapes 'num_blocks'"):
        ask(engine({"weight_bytes": 1, "groups": []}), [replace(question, parallelism=Parallelism())], record=RECORD)


def test_an_interpreter_without_vllm_is_not_proven():
    one = candidate()
    found = FoundVllm(Path(sys.executable), "this environment", TESTED, "cpu", None, Path(sys.prefix), "")
    with pytest.raises(NotProven, match="vllm cannot be imported"):
        told(one, found)
