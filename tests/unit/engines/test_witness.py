"""llama.cpp is asked with the candidate's own settings about a header of its dimensions; nothing of the question is left behind."""

import dataclasses
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from advisor.catalog import load_catalog
from advisor.domain.engine import Parallelism
from advisor.engines.witness import ask_engine
from advisor.errors import EngineFailed, NotProven
from advisor.intake.candidate import build_candidate
from advisor.synthesis.gguf import write_gguf
from tests.unit.engines.fake_llama_cpp import MIB, asked, python, report

CATALOG = load_catalog()


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def candidate(model="Qwen/Qwen3-8B", engine="llama.cpp", device="cpu", quantization="Q4_K_M", **flags):
    return build_candidate(
        CATALOG,
        model=CATALOG.model(model),
        quantization=quantization,
        engine=engine,
        runtime=None,
        version=None,
        node=CATALOG.node(device, 1),
        devices=1,
        parallelism=Parallelism(),
        flags=flags or ({"ctx_size": 8192, "parallel": 2} if engine == "llama.cpp" else {}),
    )


def ask(one, engine_python, **named):
    quantization = CATALOG.quantization(one.checkpoint.quantization)
    return ask_engine(one, quantization, CATALOG.engine(one.runtime.engine), engine_python=str(engine_python), **named)


def test_the_question_and_the_answer(tmp_path, scratch):
    engine = python(tmp_path, report(tensor_bytes=5_000, kv_mib=(100.0, 50.25), compute_mib=112.01, output_mib=1.5, context=(8192, 4096)))
    witness = ask(candidate(), engine)
    request = asked(tmp_path)
    assert (request["mode"], request["head"]) == ("size_only", "GGUF")
    assert {"ctx_size": 8192, "parallel": 2, "n_gpu_layers": 0, "n_cpu_moe": 0}.items() <= request["settings"].items()
    assert not Path(request["model"]).exists()
    assert list(scratch.iterdir()) == []
    assert (witness.weights_bytes, witness.kv_cache_bytes, witness.recurrent_state_bytes) == (5_000, 150.25 * MIB, 0)
    assert (witness.compute_buffer_bytes, witness.output_buffer_bytes) == (112.01 * MIB, 1.5 * MIB)
    assert (witness.context_total_tokens, witness.context_per_request_tokens, witness.kv_cache_capacity_tokens) == (8192, 4096, 8192)
    assert witness.source == "llama.cpp b11549 (llama-cpp-python 0.3.36), asked without loading"
    assert witness.remarks == ()


def test_an_accelerators_compute_buffer_is_not_told(tmp_path, scratch):
    remarks = ask(candidate(device="rtx-4090"), python(tmp_path, report(tensor_bytes=1, kv_mib=(1.0,), ignored=["kv_unified"]))).remarks
    assert remarks[0] == "the compute buffer of rtx-4090 is the prediction's: a CPU build cannot tell it"
    assert remarks[1] == "not known to this build: kv_unified"


def test_another_build_than_the_candidates_is_said(tmp_path, scratch):
    one = candidate()
    older = dataclasses.replace(one, runtime=dataclasses.replace(one.runtime, version="b11206"))
    remark = ask(older, python(tmp_path, report(tensor_bytes=1, kv_mib=(1.0,)))).remarks[0]
    assert remark == "the candidate is b11206, asked was llama.cpp b11549 (llama-cpp-python 0.3.36)"


def test_a_file_of_the_users_is_asked_about_itself(tmp_path, scratch):
    path, one = tmp_path / "model.gguf", candidate()
    write_gguf(path, one.model.architecture, CATALOG.quantization("Q4_K_M"), sparse=True)
    published = dataclasses.replace(one, checkpoint=dataclasses.replace(one.checkpoint, weights_bytes=7))
    engine = python(tmp_path, report(tensor_bytes=9, kv_mib=(1.0,)))
    assert ask(published, engine, file=path).weights_bytes == 9
    assert asked(tmp_path)["model"] == str(path)
    assert path.exists()
    assert ask(published, engine).weights_bytes is None  # the published size is nearer the truth than a header made here


def test_states_are_told_and_their_memory_is_looked_for_first(tmp_path, scratch, monkeypatch):
    one = candidate("Qwen/Qwen3-Next-80B-A3B-Instruct")
    engine = python(tmp_path, report(tensor_bytes=1, kv_mib=(1.0,), state_mib=150.75))
    assert ask(one, engine).recurrent_state_bytes == 150.75 * MIB
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=200 * MIB))
    with pytest.raises(NotProven, match=r"recurrent state of 2 sequences.*0\.1 GiB.*fewer slots"):
        ask(one, engine)


def test_the_engines_refusal_in_its_own_words(tmp_path, scratch):
    engine = python(tmp_path, {"error": "the model was not loaded: unknown model architecture: 'strange'"})
    with pytest.raises(EngineFailed, match="unknown model architecture: 'strange'"):
        ask(candidate(), engine)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("missing", ["context", "model", "log"])
def test_a_report_that_lacks_something_is_the_engines_failure(tmp_path, scratch, missing):
    answer = report(tensor_bytes=1, kv_mib=(1.0,))
    del answer[missing]
    with pytest.raises(EngineFailed, match=f"lacks or misshapes '{missing}'"):
        ask(candidate(), python(tmp_path, answer))


def test_no_engine_is_exit_code_3_with_how_to_install(tmp_path, scratch):
    empty = tmp_path / "python"
    empty.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'llama_cpp'\" >&2\nexit 1\n")
    empty.chmod(0o755)
    with pytest.raises(NotProven, match=r"no llama\.cpp here(.|\n)*advisor engines install llama\.cpp") as raised:
        ask(candidate(), empty)
    assert raised.value.exit_code == 3
