"""vLLM's generator: its command, its result as recorded, and a stand-in that writes one."""

import json
import sys
from pathlib import Path

import pytest

from advisor.domain.demand import Demand, Lengths
from advisor.domain.workload import Load, ServiceLevel
from advisor.errors import EngineFailed
from advisor.validation.served.vllm_bench import BenchLoad, BenchProgram, bench_command, compared, read_vllm_bench, run_vllm_bench
from advisor.validation.smoke.summary import summarise
from advisor.validation.smoke.target import Target

RECORDED = Path(__file__).parents[3] / "data" / "vllm_bench_0_32_0.json"
TARGET, LOAD = Target("http://127.0.0.1:9", "m", api_key="sk-1"), BenchLoad(6, 2, 100, 23)


def recorded(**changes):
    return json.loads(RECORDED.read_text()) | changes


def test_a_result_as_recorded():
    rung = summarise(read_vllm_bench(recorded()), ServiceLevel(), concurrency=16)
    assert (rung.requests, rung.failed, rung.output_tokens) == (6, 0, 6 * 23)
    assert rung.tpot_s.p50 == pytest.approx(0.010, rel=0.05)
    assert 0.1 < rung.ttft_s.p50 < 0.2
    assert rung.e2e_s.p50 == pytest.approx(sorted(recorded()["latencies"])[2], rel=0.05)


def test_its_errors_are_failures():
    answers = read_vllm_bench(recorded(errors=["", "Service\nUnavailable", "", "", "", ""], output_lens=[23, 0, 0, 23, 23, 23]))
    assert [answer.error for answer in answers][:3] == [None, "Service Unavailable", "no token came"]


@pytest.mark.parametrize("change", [{"ttfts": None}, {"ttfts": [1.0]}, {"itls": ["x"] * 6}, {"start_times": {}}])
def test_a_result_of_another_shape(change):
    with pytest.raises(EngineFailed, match="its result"):
        read_vllm_bench(recorded(**change))


def stand_in(tmp_path, body):
    program = tmp_path / "vllm"
    program.write_text(f"#!{sys.executable}\nimport json, os, sys\n{body}\n")
    program.chmod(0o755)
    return BenchProgram(program, "tokenizer")


def test_it_is_run_and_read_and_leaves_nothing(tmp_path):
    body = f"""
flags = dict(word[2:].split("=", 1) for word in sys.argv if "=" in word)
assert os.environ["OPENAI_API_KEY"] == "sk-1" and "sk-1" not in " ".join(sys.argv)
open({str(tmp_path / "where")!r}, "w").write(flags["result-dir"])
open(flags["result-dir"] + "/" + flags["result-filename"], "w").write(open({str(RECORDED)!r}).read())
"""
    rung = run_vllm_bench(stand_in(tmp_path, body), TARGET, LOAD, level=ServiceLevel(), time_limit_s=30)
    assert (rung.concurrency, rung.requests) == (2, 6)
    assert not Path((tmp_path / "where").read_text()).exists()


@pytest.mark.parametrize("body", ["sys.exit('no such tokenizer')", "", "open(sys.argv[-1].split('=')[-1], 'w')"])
def test_it_fails(tmp_path, body):
    with pytest.raises(EngineFailed):
        run_vllm_bench(stand_in(tmp_path, f"os.chdir({str(tmp_path)!r})\n{body}"), TARGET, LOAD, level=ServiceLevel(), time_limit_s=30)


def test_the_command_and_the_same_load_for_us(tmp_path):
    words = bench_command(BenchProgram(Path("/x/vllm"), "org/tokenizer"), TARGET, LOAD, tmp_path)
    assert words[:3] == ["/x/vllm", "bench", "serve"]
    assert {"--num-prompts=6", "--max-concurrency=2", "--random-input-len=100", "--save-detailed", "--tokenizer=org/tokenizer"} <= set(
        words
    )
    demand = LOAD.demand(Demand(Load(in_flight=1), Lengths(5, 6, 7), Lengths(5, 6, 7), shared_prefix_tokens=3))
    assert (demand.input_tokens, demand.output_tokens, demand.shared_prefix_tokens) == (Lengths(100, 100, 100), Lengths(23, 23, 23), 0)


def test_both_in_a_sentence():
    rung = summarise(read_vllm_bench(recorded()), ServiceLevel(), concurrency=16)
    assert compared(rung, rung).startswith("vllm bench serve, 16 at once: TTFT p50 0.169 s (ours 0.169, ratio 1.00), TPOT")
    assert "nothing measured" in compared(rung, summarise([], ServiceLevel(), concurrency=16))
