"""--measured on estimate and plan: predictions move to what was measured, say so, and a plan keeps what it used."""

import dataclasses
import json

import pytest

from advisor.domain.measurement import row_id_of
from advisor.files.measurements import append_measurements
from tests.unit.cli.command_line import advisor, refused
from tests.unit.cli.small_plan import small_workload
from tests.unit.validation.measured.test_read import ROW

ESTIMATE = ("estimate", "Qwen/Qwen3-32B", "--engine", "vllm", "--quantization", "fp8", "--device", "h100-sxm")
LOAD = ("--input-tokens", "4000", "--output-tokens", "500", "--concurrency", "8")


def estimated(*measured, load=LOAD):
    given = [part for text in measured for part in ("--measured", text)]
    ended = advisor(*ESTIMATE, *load, *given, "--format", "json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["performance"]


def test_an_estimate_at_the_measured_load_is_the_measurement():
    found = estimated("tpot_s=0.026@8,ttft_s=0.45")
    tpot, ttft = found["tpot_s"]["p50"], found["ttft_s"]["p50"]
    assert (tpot["value"], ttft["value"]) == pytest.approx((0.026, 0.45), rel=0.02)
    assert (tpot["basis"], ttft["basis"]) == ("measured", "measured")
    assert "your measurement tpot_s=0.026@8,ttft_s=0.45" in tpot["source"]


def test_at_another_load_it_is_scaled_and_in_a_narrower_range():
    other = ("--input-tokens", "2000", "--output-tokens", "500", "--concurrency", "24")
    plain, scaled = estimated(load=other)["tpot_s"]["p50"], estimated("tpot_s=0.026@8,input_tokens=4000,output_tokens=500", load=other)
    tpot = scaled["tpot_s"]["p50"]
    assert (plain["basis"], tpot["basis"]) == ("modelled", "scaled")
    assert tpot["value"] > plain["value"]
    assert tpot["high"] / tpot["low"] < plain["high"] / plain["low"]
    assert scaled["ttft_s"]["p50"]["basis"] == "modelled"  # nothing was measured of it


def test_the_text_says_by_what_it_was_scaled():
    ended = advisor(*ESTIMATE, *LOAD, "--measured", "tpot_s=0.026@8")
    assert "scaled by" in ended.out and "tpot_s=0.026@8" in ended.out


REFUSED = {
    "another device": ("tpot_s=0.05@8,device=h200-sxm", "nothing that is asked is near it"),
    "another kind of model": ("tpot_s=0.02@8,model=Qwen/Qwen3-30B-A3B", "nothing that is asked is near it"),
    "an unknown device": ("tpot_s=0.05@8,device=h1000", "h1000"),
    "impossible": ("tpot_s=0.001@8", "reading the weights once at nominal bandwidth"),
    "malformed": ("tpot=0.05", "tpot: no such key; did you mean tpot_s?"),
    "no file": ("nothing.json", "no such file"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_help_is_refused_in_one_line(text, says):
    refused(*ESTIMATE, *LOAD, "--measured", text, says=says)


def test_contradictions_are_refused():
    refused(*ESTIMATE, *LOAD, "--measured", "tpot_s=0.026@8", "--measured", "tpot_s=0.05@8", says="contradict each other")


def test_without_lengths_a_load_means_nothing():
    refused(*ESTIMATE, "--measured", "tpot_s=0.026@8", says="say with which lengths")


BENCH = {"backends": "CPU", "model_n_params": 596_049_920, "n_depth": 0}


@pytest.fixture
def bench(tmp_path):
    def write(*tests):
        path = tmp_path / "bench.json"
        path.write_text(json.dumps([BENCH | test for test in tests]))
        return path

    return write


SMALL = ("estimate", "Qwen/Qwen3-0.6B", "--engine", "llama.cpp", "--quantization", "Q4_K_M", "--device", "cpu")
SMALL_LOAD = ("--input-tokens", "200", "--output-tokens", "50")


def test_a_llama_bench_scales_both_sides(bench):
    path = bench({"n_prompt": 0, "n_gen": 128, "avg_ts": 30.0}, {"n_prompt": 512, "n_gen": 0, "avg_ts": 300.0})
    ended = advisor(*SMALL, *SMALL_LOAD, "--measured", path, "--format", "json")
    found = json.loads(ended.out)["performance"]
    assert found["tpot_s"]["p50"]["value"] == pytest.approx(1 / 30, rel=0.05)
    assert {found["tpot_s"]["p95"]["basis"], found["ttft_s"]["p95"]["basis"]} == {"scaled"}
    assert "llama-bench tg128, bench.json" in found["tpot_s"]["p50"]["source"]


def test_a_llama_bench_of_another_model_is_refused(bench):
    path = bench({"n_prompt": 0, "n_gen": 128, "avg_ts": 30.0, "model_n_params": 8_030_261_312})
    refused(
        *SMALL, *SMALL_LOAD, "--measured", path, says="is of a model of 8.03 billion parameters, not the 0.60 billion of Qwen/Qwen3-0.6B"
    )


# ---- plans

INSIST = ("--insist", "engine=llama.cpp,quantization=Q4_K_M")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "workload.yaml").write_text(small_workload(more="service_level: {tpot_p95_s: 2.0}\n"))
    return tmp_path


def planned(folder, *more):
    ended = advisor("plan", folder / "workload.yaml", "-o", folder / "plan.yaml", "--force", "--quiet", *more)
    assert ended.code in (0, 1), ended.err
    return (folder / "plan.yaml").read_text()


def claim(text, name="tpot_p95_s"):
    return next(line.strip() for line in text.splitlines() if line.strip().startswith(f"{name}:"))


def test_a_plan_keeps_what_it_was_scaled_by_and_check_finds_the_same(folder):
    plain, scaled = planned(folder, *INSIST), planned(folder, *INSIST, "--measured", "tpot_s=0.05@2")
    assert "measured:" not in plain and "basis: modelled" in claim(plain)
    assert "basis: scaled" in claim(scaled)
    assert "tpot_s: 0.05" in scaled and "your measurement tpot_s=0.05@2" in scaled
    ended = advisor("check", folder / "plan.yaml")
    assert ended.code == 0 and "0 block, 0 warn" in ended.out, ended.out


def test_a_measurement_that_is_taken_out_of_a_plan_moves_its_claims(folder):
    text = planned(folder, *INSIST, "--measured", "tpot_s=0.05@2")
    lines = [line for line in text.splitlines() if "your measurement" not in line and line != "measured:"]
    (folder / "plan.yaml").write_text("\n".join(lines) + "\n")
    ended = advisor("check", folder / "plan.yaml")
    assert ended.code == 1 and "tpot_p95_s" in ended.out


def test_an_update_adds_a_measurement_and_keeps_it(folder):
    planned(folder, *INSIST)
    advisor("plan", "--update", folder / "plan.yaml", "--measured", "tpot_s=0.05@2")
    once = (folder / "plan.yaml").read_text()
    assert "basis: scaled" in claim(once)
    advisor("plan", "--update", folder / "plan.yaml")
    assert (folder / "plan.yaml").read_text() == once


def test_a_newer_measurement_of_the_same_load_takes_the_place_of_the_older(folder):
    planned(folder, *INSIST, "--measured", "tpot_s=0.05@2")
    advisor("plan", "--update", folder / "plan.yaml", "--measured", "tpot_s=0.035@2")
    text = (folder / "plan.yaml").read_text()
    assert "tpot_s: 0.035" in text and "tpot_s: 0.05" not in text


def test_a_measurement_of_what_was_not_chosen_is_not_kept(folder):
    text = planned(folder, *INSIST, "--measured", "tpot_s=0.05@2,engine=vllm,model=Qwen/Qwen3-32B,quantization=fp8,device=h100-sxm")
    assert "measured:" not in text and "basis: modelled" in claim(text)


def test_a_plan_must_know_of_what_it_was_measured(folder):
    refused("plan", folder / "workload.yaml", "--measured", "tpot_s=0.05@2", says="of what was it measured? engine=…, quantization=…")


def test_explain_names_the_measurement_and_what_it_did(folder):
    planned(folder, *INSIST, "--measured", "tpot_s=0.05@2")
    ended = advisor("explain", folder / "plan.yaml", "tpot_p95_s")
    said = " ".join(ended.out.split())
    assert "the same step by the fit alone" in said and "because of your measurement tpot_s=0.05@2" in said


def recorded(folder, **changes):
    row = dataclasses.replace(ROW, model="Qwen/Qwen3-0.6B", max_concurrency=2, output_len_tokens=50.0, **changes)
    append_measurements(folder / "plan.yaml", "notes", [dataclasses.replace(row, row_id=row_id_of(row))])


def test_what_a_validation_recorded_beside_the_plan_scales_the_next_one(folder):
    recorded(folder, tpot_p50_ms=50.0, ttft_p50_ms=None)
    text = planned(folder, *INSIST)
    assert "basis: scaled" in claim(text) and "run of notes 0123456789ab" in text
    assert advisor("check", folder / "plan.yaml").code == 0


def test_recorded_rows_that_mean_nothing_here_are_passed_over(folder):
    recorded(folder, gpu="machine-0123456789ab")  # another machine
    recorded(folder, tpot_p50_ms=0.001)  # beyond belief
    recorded(folder, flags="disturbed")
    text = planned(folder, *INSIST)
    assert "measured:" not in text and "basis: modelled" in claim(text)


def test_an_update_reads_what_was_recorded_since(folder):
    planned(folder, *INSIST)
    recorded(folder, tpot_p50_ms=50.0, ttft_p50_ms=None)
    advisor("plan", "--update", folder / "plan.yaml")
    assert "run of notes 0123456789ab" in (folder / "plan.yaml").read_text()
