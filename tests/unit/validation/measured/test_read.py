"""Files that hold a measurement, as their tools write them, and as nobody should believe them."""

import dataclasses
import json
from pathlib import Path

import pytest

from advisor.domain.measured import MeasuredPoint
from advisor.domain.measurement import Measurement, row_id_of
from advisor.errors import UserInputError
from advisor.files.measurements import append_measurements, measurements_path
from advisor.validation.measured import read_measured

DATA = Path(__file__).parents[3] / "data"
# fields of llama.cpp's tools/llama-bench, those that are read and a few more
TEST = {
    "build_number": 11549,
    "cpu_info": "a CPU",
    "backends": "CUDA",
    "model_filename": "/home/somebody/model.gguf",
    "model_size": 4_912_898_304,
    "model_n_params": 8_030_261_312,
    "n_prompt": 512,
    "n_gen": 0,
    "n_depth": 0,
    "avg_ts": 4000.0,
    "stddev_ts": 10.0,
}
PP, TG = TEST, TEST | {"n_prompt": 0, "n_gen": 128, "n_depth": 4096, "avg_ts": 100.0}


@pytest.fixture
def written(tmp_path):
    def write(document, name="result.json"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    return write


def test_llama_bench_tells_prompts_and_tokens_apart(written):
    prompt, token = read_measured(written([PP, TG, PP | {"n_gen": 128}]))
    assert (prompt.ttft_s, prompt.prompt_tokens, prompt.tpot_s) == (0.128, 512, None)
    assert (token.tpot_s, token.input_tokens, token.output_tokens, token.ttft_s) == (0.01, 4096, 128, None)
    assert {(point.engine, point.backend, point.bare, point.parameters) for point in (prompt, token)} == {
        ("llama.cpp", "cuda", True, 8_030_261_312)
    }
    assert (prompt.source, token.source) == ("llama-bench pp512, result.json", "llama-bench tg128 @ d4096, result.json")


BACKENDS = {"CPU": "cpu", "BLAS,CPU": "cpu", "Metal,BLAS": "metal", "ROCm": "rocm", "RPC": None}


@pytest.mark.parametrize(("named", "backend"), BACKENDS.items())
def test_llama_bench_names_the_backend(written, named, backend):
    assert read_measured(written([TG | {"backends": named}]))[0].backend == backend


@pytest.mark.parametrize("name", ["guidellm_0_6_1.json", "guidellm_0_8_1.json", "vllm_bench_0_32_0.json"])
def test_load_generators_give_medians_at_each_number_at_once(name):
    points = read_measured(str(DATA / name))
    assert points
    for point in points:
        assert point.engine is None and point.device is None
        assert 0 < point.tpot_s < point.ttft_s
        assert point.input_tokens and point.output_tokens
        assert name in point.source and "/" not in point.source


ROW = Measurement(
    row_id="",
    source_id="advisor-validate",
    source="run of notes 0123456789ab",
    source_date="2026-11-28",
    engine="llama.cpp",
    engine_version="b11549",
    model="Qwen/Qwen3-0.6B",
    weight_quant="Q4_K_M",
    gpu="cpu",
    gpu_count=1,
    split="fit",
    backend="cpu",
    launch_args='{"ctx-size": 4096, "parallel": 4}',
    max_concurrency=4,
    input_len_tokens=200.0,
    output_len_tokens=50.0,
    ttft_p50_ms=500.0,
    tpot_p50_ms=40.0,
)


def table(tmp_path, *rows):
    plan = tmp_path / "plan.yaml"
    append_measurements(plan, "notes", [dataclasses.replace(row, row_id=row_id_of(row)) for row in rows])
    return str(measurements_path(plan, "notes"))


def test_a_recorded_row_says_what_it_is_of(tmp_path):
    memory_only = dataclasses.replace(ROW, max_concurrency=None, ttft_p50_ms=None, tpot_p50_ms=None, weights_load_gib_per_gpu=1.0)
    (point,) = read_measured(table(tmp_path, memory_only, ROW))
    assert point == MeasuredPoint(
        engine="llama.cpp",
        version="b11549",
        backend="cpu",
        model="Qwen/Qwen3-0.6B",
        quantization="Q4_K_M",
        device="cpu",
        settings={"ctx-size": 4096, "parallel": 4},
        concurrency=4,
        input_tokens=200,
        output_tokens=50,
        tpot_s=0.04,
        ttft_s=0.5,
        source="run of notes 0123456789ab (2026-11-28)",
    )


def test_the_engines_own_steps_are_two_bare_points(tmp_path):
    own = dataclasses.replace(ROW, output_len_tokens=None)
    token, prompt = read_measured(table(tmp_path, own))
    assert (token.bare, token.tpot_s, token.input_tokens, token.ttft_s) == (True, 0.04, 200, None)
    assert (prompt.bare, prompt.ttft_s, prompt.prompt_tokens, prompt.tpot_s) == (True, 0.5, 200, None)


@pytest.mark.parametrize("flag", ["disturbed", "synthetic_weights;reduced"])
def test_rows_that_were_disturbed_or_scaled_down_measure_nothing(tmp_path, flag):
    sound, worthless = ROW, dataclasses.replace(ROW, flags=flag, tpot_p50_ms=80.0)
    assert [point.tpot_s for point in read_measured(table(tmp_path, worthless, sound))] == [0.04]
    with pytest.raises(UserInputError, match=f"every speed in it is {flag}"):
        read_measured(table(tmp_path / "other", worthless))


REFUSED = {
    "no file": ("nothing.json", None, "no such file, and not written like tpot_s="),
    "cut off": ("cut.json", '[{"n_prompt": 512', "neither a table .* nor JSON, or cut off"),
    "another thing": ("thing.json", "{}", "neither a report of guidellm nor a result of vllm bench serve"),
    "no rate": ("rate.json", json.dumps([PP | {"avg_ts": 0}]), "lacks or misshapes avg_ts: 0"),
    "no number": ("number.json", json.dumps([PP | {"n_prompt": "many"}]), "lacks or misshapes .*'many'"),
    "both at once": ("both.json", json.dumps([PP | {"n_gen": 128}]), "holds no speed"),
    "an empty table": ("table.csv", "row_id,source\n", "holds no speed"),
}


@pytest.mark.parametrize(("name", "text", "says"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_holds_no_measurement_is_refused(tmp_path, name, text, says):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserInputError, match=says):
        read_measured(str(path))


def test_a_load_of_which_most_failed_is_no_measurement(written):
    document = json.loads((DATA / "vllm_bench_0_32_0.json").read_text())
    document["errors"] = ["refused" for _ in document["errors"]]
    with pytest.raises(UserInputError, match="requests failed: no measurement"):
        read_measured(written(document))
