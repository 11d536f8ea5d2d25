"""Published runs of llama.cpp become cases, or are left out for what they say or for what physics forbids."""

from dataclasses import replace

import pytest

from advisor.accuracy.llama_cpp_cases import decode_context_tokens, is_bench, llama_cpp_cases
from advisor.catalog import load_catalog
from advisor.catalog.measurements import Names
from advisor.domain.published import FreeFormat, FreeName, LlamaCppRun

CATALOG = load_catalog()
NAMES = Names(
    devices={name: FreeName(spelling=name, id=name) for name in ("rtx-3090", "rtx-4070-laptop", "i9-13900k", "strix-halo")},
    models={
        "8B": FreeName(spelling="8B", id="meta-llama/Llama-3.1-8B-Instruct"),
        "70B": FreeName(spelling="70B", id="meta-llama/Llama-3.3-70B-Instruct"),
        "oss": FreeName(spelling="oss", id="openai/gpt-oss-20b"),
        "a tune": FreeName(spelling="a tune", why="a fine-tune that does not name its base"),
    },
    formats={
        ("llama.cpp", "Q4_K_M", None): FreeFormat(spelling="Q4_K_M", engine="llama.cpp", id="Q4_K_M"),
        ("llama.cpp", "F16", None): FreeFormat(spelling="F16", engine="llama.cpp", id="F16"),
        ("llama.cpp", "IQ3_S-3.00bpw", None): FreeFormat(spelling="IQ3_S-3.00bpw", engine="llama.cpp", id="IQ3_S"),
        ("llama.cpp", "odd", None): FreeFormat(spelling="odd", engine="llama.cpp", why="a mix of its own"),
    },
)
BENCH = LlamaCppRun(
    row_id="1",
    source_id="a-source",
    source="https://example.org",
    source_date="2026-01",
    quality="A",
    split="fit",
    tool="llama-bench",
    engine="llama.cpp",
    model="8B",
    quant="Q4_K_M",
    gpu="rtx-3090",
    series_id="s",
    judge_ready="1",
    n_gen_tokens=128,
    tg_tok_s=120.0,
)


def read(*rows):
    return llama_cpp_cases(rows, CATALOG, NAMES)


def case(**changes):
    cases, left_out = read(replace(BENCH, **changes))
    assert not left_out, left_out[0].why
    return cases[0]


def why(**changes):
    cases, left_out = read(replace(BENCH, **changes))
    assert not cases
    return left_out[0].why


def test_a_step_of_one_sequence_is_the_inverse_of_its_rate():
    assert case().measured == {"tpot_s": pytest.approx(1 / 120)}
    assert case(n_gen_tokens=None, tg_tok_s=None, n_prompt_tokens=512, pp_tok_s=4000.0).measured == {"prefill_s": pytest.approx(0.128)}


def test_a_batch_is_compared_step_by_step_and_its_prompts_together():
    batch = case(tool="llama-batched-bench", n_parallel=8, n_prompt_tokens=512, pp_tok_s=4096.0, tg_tok_s=400.0)
    assert batch.measured == {"tpot_s": pytest.approx(8 / 400), "prefill_s": pytest.approx(1.0)}
    assert batch.in_flight == 8
    assert decode_context_tokens(batch) == 512 + 64


def test_each_test_of_a_bench_starts_afresh_but_a_server_keeps_the_prompt():
    both = {"n_prompt_tokens": 512, "pp_tok_s": 4000.0, "depth_tokens": 4096}
    assert decode_context_tokens(case(**both)) == 4096 + 64
    assert decode_context_tokens(case(**both, tool="llama-server")) == 4096 + 512 + 64


def test_waiting_clients_are_not_in_the_step():
    assert case(tool="llama-server", n_prompt_tokens=100, n_parallel=4, max_concurrency=16).in_flight == 4


@pytest.mark.parametrize(
    ("backend", "expected"),
    [(None, "cuda"), ("CUDA", "cuda"), ("Vulkan vulkan_radv", "vulkan"), ("vulkan-amdvlk", "vulkan")],
)
def test_the_backend_is_read_from_the_sources_words(backend, expected):
    assert case(backend=backend).candidate.runtime.backend == expected


@pytest.mark.parametrize("word", ["rocm-7.2.4", "ROCm rocm6_4_4", "rocwmma hipblaslt", "llama-rocm-7.2.4"])
def test_the_words_for_rocm_are_many(word):
    assert case(gpu="strix-halo", backend=word).candidate.runtime.backend == "rocm"


@pytest.mark.parametrize(
    ("build", "version"), [("9187 (0253fb21f)", "b9187"), ("b9739-845282461", "b9739"), ("2824 (4426e298) approx (May 2024)", "b2824")]
)
def test_the_build_is_read_where_it_is_told(build, version):
    assert case(build=build).candidate.runtime.version == version


@pytest.mark.parametrize("build", [None, "9cde3321", "commit 6b4dc21"])
def test_an_untold_build_is_one_of_today(build):
    assert case(build=build).candidate.runtime.version == CATALOG.engine("llama.cpp").versions.default


def test_settings_follow_the_row():
    settings = case(n_batch=2048, n_ubatch=256, flash_attn=False, type_k="f16", ngl=20, n_prompt_tokens=512).candidate.settings
    assert (settings.ubatch_size, settings.flash_attn, settings.n_gpu_layers) == (256, "off", 20)
    assert case(flags="ctx=75k;n_cpu_moe=12", model="oss", quant="F16").candidate.settings.n_cpu_moe == 12


def test_a_file_size_told_in_one_row_holds_for_its_siblings():
    cases, _ = read(BENCH, replace(BENCH, row_id="2", model_size_gib=4.58))
    assert {c.candidate.checkpoint.weights_bytes for c in cases} == {round(4.58 * 2**30)}


def test_stated_bits_are_the_size_where_no_file_is_told():
    found = case(quant="IQ3_S-3.00bpw")
    assert found.weights.total_bytes * 8 / found.candidate.model.architecture.parameters_total == pytest.approx(3.0, rel=0.001)


def test_experts_released_in_four_bits_stay_so_whatever_the_file_is_called():
    assert case(model="oss", quant="F16").quantization.id == "MXFP4_MOE"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "a tune"}, "fine-tune"),
        ({"gpu": None}, "device"),
        ({"quant": "odd"}, "a mix of its own"),
        ({"backend": "CANN"}, "CANN"),
        ({"flags": "mean_of_3_runs;mtp"}, "speculatively"),
        ({"build": "btl3-fork-34db15e"}, "fork"),
        ({"tool": "llama-server"}, "prompt's length"),
        ({"tool": "llama-server", "n_gen_tokens": None}, "lengths are not stated"),
        ({"tg_tok_s": None}, "no speed"),
        ({"model": "70B"}, "do not fit"),
    ],
)
def test_a_row_is_left_out_with_its_reason(changes, reason):
    assert reason in why(**changes)


def test_what_is_faster_than_the_memory_spoils_its_whole_group_for_that_metric_alone():
    prompt = replace(BENCH, row_id="3", n_prompt_tokens=512, pp_tok_s=4000.0)
    cases, _ = read(BENCH, replace(BENCH, row_id="2", tg_tok_s=400.0), prompt, replace(BENCH, row_id="4", source_id="another"))
    assert [set(c.unreliable) for c in cases] == [{"tpot_s"}, {"tpot_s"}, {"tpot_s"}, set()]
    assert "bandwidth" in cases[0].unreliable["tpot_s"]


def test_what_is_faster_than_the_units_is_a_cached_prompt():
    found = case(n_prompt_tokens=512, pp_tok_s=40_000.0)
    assert set(found.unreliable) == {"prefill_s"}


def test_runs_behind_a_server_are_told_from_the_engines_own_clock():
    assert is_bench(case())
    assert not is_bench(case(tool="llama-server", n_prompt_tokens=100))
    assert not is_bench(case(flags="tps=single_stream_wall"))
