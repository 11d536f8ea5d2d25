"""What our client adds to a server of constant latency: 16 at once, 50 streams a second. `python benchmarks/smoke_client.py [RUNS]`

The server runs in a process of its own on the same machine; medians over RUNS loads. The server's own delays count as added here.
Where a vLLM is found, `vllm bench serve` sends the same load to the same server, and the ratio of the medians is printed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from advisor.catalog import load_catalog
from advisor.domain.workload import ServiceLevel
from advisor.engines.find_vllm import find_vllm
from advisor.errors import NotProven
from advisor.synthesis.hf_folder import write_hf_folder
from advisor.validation.served.vllm_bench import BenchLoad, BenchProgram, run_vllm_bench
from advisor.validation.smoke.drive import drive
from advisor.validation.smoke.host import watch_host
from advisor.validation.smoke.requests import PlannedRequest
from advisor.validation.smoke.summary import Rung, summarise
from advisor.validation.smoke.target import Target

SERVER = Path(__file__).parent.parent / "tests" / "fakes" / "openai_server.py"
CONCURRENCY, REQUESTS = 16, 320
TTFT_S, ITL_S, PROMPT_TOKENS, OUTPUT_TOKENS = 0.1, 0.01, 500, 23  # 0.32 s a stream: 16 at once are 50 a second


@contextmanager
def constant_latency() -> Iterator[tuple[str, int]]:
    """The server's address and process id."""
    command = [sys.executable, str(SERVER), "--ttft", str(TTFT_S), "--itl", str(ITL_S)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield (server.stdout.readline().strip() if server.stdout else ""), server.pid
        finally:
            server.terminate()


def load(url: str) -> Rung:
    """One load by our client."""
    plan = [PlannedRequest(tuple(range(number, number + PROMPT_TOKENS)), OUTPUT_TOKENS) for number in range(REQUESTS)]
    answers = drive(Target(url, "fake"), plan, concurrency=CONCURRENCY, time_limit_s=60)
    return summarise(answers, ServiceLevel(), concurrency=CONCURRENCY)


def main() -> None:
    """Print one line a load, then the medians, then those of vLLM's generator."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with constant_latency() as (url, pid):
        program = bench_program()
        ours, theirs = [], []
        for _ in range(runs):  # in turn, so that a busy machine is busy for both
            ours.append(measured(url, pid))
            theirs += [their_load(program, url)] if program else []
    ttft_s, itl_s = (median_p50(ours, column) for column in ("ttft_s", "itl_s"))
    print(f"median of {runs}: added to TTFT p50 {ms(ttft_s - TTFT_S)} (aim: below 5 ms), to ITL p50 {ms(itl_s - ITL_S)}")
    for name, column in (("TTFT", "ttft_s"), ("TPOT", "tpot_s"), ("e2e", "e2e_s")) if theirs else ():
        mine, other = median_p50(ours, column), median_p50(theirs, column)
        print(f"vllm bench serve {name} p50 {other * 1e3:.2f} ms, ours {mine * 1e3:.2f} ms: ratio {mine / other:.3f} (aim: 0.9-1.1)")


def measured(url: str, pid: int) -> Rung:
    """One load by our client, with its line printed."""
    with watch_host([pid]) as host:
        rung = load(url)
    if rung.failed or rung.ttft_s is None or rung.itl_s is None:
        sys.exit(f"{rung.failed} requests failed: {rung.first_error}")
    ttft = f"TTFT p50 {ms(rung.ttft_s.p50 - TTFT_S)}  p95 {ms(rung.ttft_s.p95 - TTFT_S)}"
    print(f"{rung.requests_per_s:5.1f} streams/s  {ttft}  ITL p50 {ms(rung.itl_s.p50 - ITL_S)}  {host.contention([]).words()}")
    return rung


def median_p50(rungs: list[Rung], column: str) -> float:
    """The median over loads of their medians, seconds."""
    return median(getattr(rung, column).p50 for rung in rungs)


def bench_program() -> Path | None:
    """The `vllm` program, None where there is no vLLM."""
    try:
        return find_vllm().program()
    except NotProven as absent:
        print(str(absent).splitlines()[0])
        return None


def their_load(program: Path, url: str) -> Rung:
    """The same load by vLLM's generator, with a tokenizer made for it."""
    catalog = load_catalog()
    with TemporaryDirectory() as folder:
        write_hf_folder(Path(folder), catalog.model("Qwen/Qwen3-0.6B").architecture, quantization=catalog.quantization("bf16"))
        bench = BenchProgram(program, folder)
        load = BenchLoad(REQUESTS, CONCURRENCY, PROMPT_TOKENS, OUTPUT_TOKENS)
        return run_vllm_bench(bench, Target(url, "fake"), load, level=ServiceLevel(), time_limit_s=300)


def ms(seconds: float) -> str:
    """Signed milliseconds."""
    return f"{seconds * 1e3:+.2f} ms"


if __name__ == "__main__":
    main()
