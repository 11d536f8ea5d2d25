"""Synthetic files and the llama.cpp validator against the real engine; ADVISOR_LLAMA_CPP_PYTHON names an interpreter that has it."""

import json
import os
import re
import subprocess

import pytest

from advisor.catalog.models import Models
from advisor.catalog.quantizations import load_quantizations
from advisor.estimate.weights import gguf_weights
from advisor.intake.gguf_file import read_gguf_header
from advisor.resources import folder
from advisor.synthesis.gguf import write_gguf
from tests.unit.synthesis.tiny_models import TINY

PYTHON = os.environ.get("ADVISOR_LLAMA_CPP_PYTHON")
pytestmark = [pytest.mark.live, pytest.mark.skipif(not PYTHON, reason="ADVISOR_LLAMA_CPP_PYTHON is not set")]

QUANTIZATIONS = load_quantizations(folder("catalog"))
WITH_IMATRIX = {name for name, quantization in QUANTIZATIONS.items() if quantization.mix and quantization.mix.needs_imatrix}
GGUF_IDS = [name for name, quantization in QUANTIZATIONS.items() if quantization.format == "gguf"]
SETTINGS = {
    "ctx_size": 2048,
    "parallel": 4,
    "kv_unified": True,
    "swa_full": False,
    "flash_attn": "on",
    "cache_type_k": "f16",
    "cache_type_v": "f16",
    "batch_size": 512,
    "ubatch_size": 256,
    "n_gpu_layers": 0,
    "n_cpu_moe": 0,
    "split_mode": "layer",
    "tensor_split": [],
    "load_mode": "mmap",
    "repack": False,
    "cache_ram_mib": 0,
    "outputs": 4,
    "threads": 1,  # more would spin at barriers whenever another process wants a core
}
SMOKE = {"mode": "smoke", "concurrency": [1, 4], "prompt_tokens": 12, "output_tokens": 5, "repeats": 1, "time_limit_s": 60, "seed": 0}
MODELS = {name: model.architecture for name, model in Models(folder("catalog"), QUANTIZATIONS).items() if model.architecture.gguf_name}


def run(request, **settings):
    request = {"settings": SETTINGS | settings, **request}
    command = [PYTHON, str(folder("validators") / "llama_cpp_smoke.py")]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, timeout=120, check=False)
    return json.loads(done.stdout.splitlines()[-1]), done


def kv_mib(report):
    return sum(float(size) for size in re.findall(r"llama_kv_cache: size = +([\d.]+) MiB", "\n".join(report["log"])))


@pytest.mark.parametrize("name", TINY)
def test_every_structure_loads_and_generates(tmp_path, name):
    path = tmp_path / "model.gguf"
    write_gguf(path, TINY[name], QUANTIZATIONS["Q4_K_M"])
    report, done = run({**SMOKE, "model": str(path)})
    assert done.returncode == 0, report
    assert report["model"]["tensor_bytes"] == read_gguf_header(path).tensor_bytes
    assert report["model"]["file_type"] == 15
    assert report["model"]["layers"] == TINY[name].layers
    assert [row["concurrency"] for row in report["benchmark"]] == [1, 4]
    assert all(row["complete"] and row["logits_finite"] and len(row["steps_s"]) == 4 for row in report["benchmark"])
    assert report["ignored_settings"] == []


@pytest.mark.parametrize("quantization", GGUF_IDS)
def test_every_file_type_loads_and_computes_finite_numbers(tmp_path, quantization):
    path = tmp_path / "model.gguf"
    imatrix = quantization in WITH_IMATRIX
    write_gguf(path, TINY["mixtral"], QUANTIZATIONS[quantization], imatrix=imatrix)
    report, done = run({**SMOKE, "model": str(path), "concurrency": [2]})
    assert done.returncode == 0, report
    assert report["model"]["tensor_bytes"] == gguf_weights(TINY["mixtral"], QUANTIZATIONS[quantization], imatrix=imatrix).total_bytes
    assert report["benchmark"][0]["logits_finite"]


def test_a_report_holds_what_is_needed(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, TINY["llama"], QUANTIZATIONS["Q8_0"])
    report, done = run({**SMOKE, "model": str(path), "repeats": 2}, kv_unified=False)
    assert report["engine"]["name"] == "llama.cpp"
    assert report["context"] == {"n_ctx": 2048, "n_ctx_seq": 512, "n_seq_max": 4, "n_batch": 512, "n_ubatch": 256}
    memory = report["memory"]
    assert list(memory) == ["start", "loaded", "context", "end"]
    assert memory["end"]["anonymous_bytes"] >= memory["start"]["anonymous_bytes"] > 0
    assert memory["loaded"]["file_bytes"] - memory["start"]["file_bytes"] > 0.8 * path.stat().st_size  # mapped, and read once
    assert [(row["repeat"], row["concurrency"]) for row in report["benchmark"]] == [(1, 1), (1, 4), (2, 1), (2, 4)]
    cells = 12 * 4 * 2 * 2 * 64 * 2  # tokens x layers x K and V x heads x head dimension x bytes
    assert cells <= report["benchmark"][0]["sequence_state_bytes"] < cells * 1.1
    assert report["contention"]["own_cpu_s"] > 0
    assert kv_mib(report) == 2048 * 4 * 2 * 2 * 64 * 2 / 2**20
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"progress"')]
    assert {line["progress"] for line in lines} == {"load", "context", "benchmark"}


@pytest.mark.parametrize(("context", "unified", "cache_type", "expected_mib"), [(8192, True, "f16", 1024), (8192, False, "q8_0", 544)])
def test_a_sparse_file_is_sized_without_loading(tmp_path, context, unified, cache_type, expected_mib):
    path = tmp_path / "sparse.gguf"
    write_gguf(path, MODELS["meta-llama/Llama-3.1-8B-Instruct"], QUANTIZATIONS["Q4_K_M"], sparse=True)
    settings = {"ctx_size": context, "kv_unified": unified, "cache_type_k": cache_type, "cache_type_v": cache_type, "ubatch_size": 512}
    report, _ = run({"mode": "size_only", "model": str(path)}, **settings)
    assert report["model"]["tensor_bytes"] == 4_912_898_304  # bartowski/Meta-Llama-3.1-8B-Instruct-GGUF, tensors of Q4_K_M
    assert kv_mib(report) == expected_mib
    assert report["memory"]["end"]["resident_bytes"] < 1_000_000_000
    assert report["benchmark"] == []


@pytest.mark.parametrize("name", MODELS)
def test_the_engine_counts_the_same_bytes_for_every_model_of_the_catalog(tmp_path, name):
    path = tmp_path / "sparse.gguf"
    write_gguf(path, MODELS[name], QUANTIZATIONS["Q4_K_M"], sparse=True)
    report, done = run({"mode": "size_only", "model": str(path)}, ctx_size=4096, parallel=1, outputs=1)
    assert done.returncode == 0, report
    assert report["model"]["tensor_bytes"] == gguf_weights(MODELS[name], QUANTIZATIONS["Q4_K_M"]).total_bytes
    assert report["model"]["parameters"] == MODELS[name].parameters_total + MODELS[name].rope_frequencies


@pytest.mark.parametrize(
    ("name", "quantization"), [("llama", "Q4_K_M"), ("qwen3moe", "Q3_K_L"), ("gemma3", "Q5_K_M"), ("deepseek2", "Q2_K")]
)
def test_the_quantiser_agrees_on_the_size(tmp_path, name, quantization):
    path = tmp_path / "f16.gguf"
    write_gguf(path, TINY[name], QUANTIZATIONS["F16"])
    request = {"mode": "quantize_dry_run", "model": str(path), "file_type": QUANTIZATIONS[quantization].mix.file_type}
    report, done = run(request)
    assert done.returncode == 0, report
    sized = re.search(r"quant size *= *([\d.]+) MiB", "\n".join(report["log"]))
    assert float(sized[1]) == pytest.approx(gguf_weights(TINY[name], QUANTIZATIONS[quantization]).total_bytes / 2**20, abs=0.006)


def test_the_time_limit_ends_a_benchmark_early(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, TINY["llama"], QUANTIZATIONS["Q8_0"])
    report, done = run({**SMOKE, "model": str(path), "output_tokens": 400, "time_limit_s": 0.01})
    assert done.returncode == 0
    assert [row["complete"] for row in report["benchmark"]] == [False, False]


@pytest.mark.parametrize(
    ("change", "settings", "code", "says"),
    [
        ({"model": "/absent.gguf"}, {}, 2, "a file"),
        ({"mode": "guess"}, {}, 2, "must be one of smoke, size_only, size_each, quantize_dry_run, quantize_each"),
        ({"concurrency": [8]}, {}, 2, "do not fit a context of 2048 tokens"),
        ({}, {"outputs": 1}, 2, "llama.cpp would abort"),
        ({}, {"flash_attn": "maybe"}, 2, "'maybe' is not one of auto, off, on"),
        ({}, {"flash_attn": "off", "cache_type_v": "q8_0"}, 4, "context was not created"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, change, settings, code, says):
    path = tmp_path / "model.gguf"
    write_gguf(path, TINY["llama"], QUANTIZATIONS["Q8_0"])
    report, done = run({**SMOKE, "model": str(path), **change}, **settings)
    assert done.returncode == code
    assert says in report["error"]


def test_a_damaged_file_is_the_engines_refusal(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, TINY["llama"], QUANTIZATIONS["Q8_0"])
    path.write_bytes(path.read_bytes()[:-100_000])
    report, done = run({**SMOKE, "model": str(path)})
    assert done.returncode == 4
    assert "the model was not loaded: " in report["error"]


def test_a_request_that_is_not_json():
    done = subprocess.run(
        [PYTHON, str(folder("validators") / "llama_cpp_smoke.py")], input="hello", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "not JSON" in json.loads(done.stdout)["error"]
