"""What our client adds to a server of constant latency: 16 at once, 50 streams a second. `python benchmarks/smoke_client.py [RUNS]`

The server runs in a process of its own on the same machine; medians over RUNS loads. The server's own delays count as added here.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from advisor.domain.workload import ServiceLevel
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
    """Print one line a load, then the medians."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    added: list[tuple[float, float, float]] = []
    with constant_latency() as (url, pid):
        for _ in range(runs):
            with watch_host([pid]) as host:
                rung = load(url)
            if rung.failed or rung.ttft_s is None or rung.itl_s is None:
                sys.exit(f"{rung.failed} requests failed: {rung.first_error}")
            added.append((rung.ttft_s.p50 - TTFT_S, rung.ttft_s.p95 - TTFT_S, rung.itl_s.p50 - ITL_S))
            print(f"{rung.requests_per_s:5.1f} streams/s  TTFT p50 {ms(added[-1][0])}  p95 {ms(added[-1][1])}", end="  ")
            print(f"ITL p50 {ms(added[-1][2])}  {host.contention([]).words()}")
    ttft_p50, ttft_p95, itl_p50 = (median(column) for column in zip(*added, strict=True))
    print(f"median of {runs}: added to TTFT p50 {ms(ttft_p50)} (aim: below 5 ms), p95 {ms(ttft_p95)}; to ITL p50 {ms(itl_p50)}")


def ms(seconds: float) -> str:
    """Signed milliseconds."""
    return f"{seconds * 1e3:+.2f} ms"


if __name__ == "__main__":
    main()
