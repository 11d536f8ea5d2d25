"""vLLM's own serving benchmark as a second load generator: run in vLLM's environment, its result summed up by our formulas."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from advisor.domain.demand import Demand, Lengths
from advisor.domain.workload import ServiceLevel
from advisor.engines.process import Limits, run
from advisor.errors import EngineFailed
from advisor.validation.smoke.answer import Answer
from advisor.validation.smoke.summary import Rung, summarise
from advisor.validation.smoke.target import Target

_NAME: Final = "vllm bench serve"
_RESULT: Final = "result.json"
_KEY_VARIABLE: Final = "OPENAI_API_KEY"  # vllm/benchmarks/lib/endpoint_request_func.py


@dataclass(frozen=True, slots=True)
class BenchLoad:
    """Requests of equal length, so many at once."""

    requests: int
    concurrency: int
    input_tokens: int
    output_tokens: int
    seed: int = 0

    def demand(self, of: Demand) -> Demand:
        """The same load for our own client: one length, nothing shared."""
        inputs, outputs = ((n, n, n) for n in (self.input_tokens, self.output_tokens))
        return replace(of, input_tokens=Lengths(*inputs), output_tokens=Lengths(*outputs), shared_prefix_tokens=0)


@dataclass(frozen=True, slots=True)
class BenchProgram:
    """The `vllm` program of an environment, and the tokenizer (a folder or a hub id) that it makes its random prompts with."""

    program: Path
    tokenizer: str


def run_vllm_bench(bench: BenchProgram, target: Target, load: BenchLoad, *, level: ServiceLevel, time_limit_s: float) -> Rung:
    """One load by vLLM's generator, warm-ups as many as run at once.

    Raises EngineFailed (refused, or a result that is none), TimedOut, NotProven, Interrupted.
    """
    with TemporaryDirectory(prefix="advisor-") as folder:
        run(
            bench_command(bench, target, load, Path(folder)),
            name=_NAME,
            limits=Limits(time_s=time_limit_s, silence_s=time_limit_s),
            environment={_KEY_VARIABLE: target.api_key} if target.api_key else None,
        )
        answers = read_vllm_bench(_read(Path(folder) / _RESULT))
    return summarise(answers, level, concurrency=load.concurrency)


def bench_command(bench: BenchProgram, target: Target, load: BenchLoad, folder: Path) -> list[str]:
    """The words of the command; the key goes by the environment."""
    flags = {
        "backend": "openai",
        "base-url": target.base_url,
        "endpoint": "/v1/completions",
        "model": target.model,
        "tokenizer": bench.tokenizer,
        "dataset-name": "random",
        "random-input-len": load.input_tokens,
        "random-output-len": load.output_tokens,
        "num-prompts": load.requests,
        "num-warmups": load.concurrency,
        "max-concurrency": load.concurrency,
        "seed": load.seed,
        "result-dir": folder,
        "result-filename": _RESULT,
    }
    words = [f"--{flag}={value}" for flag, value in flags.items()]
    return [str(bench.program), "bench", "serve", *words, "--ignore-eos", "--disable-tqdm", "--save-result", "--save-detailed"]


def read_vllm_bench(result: Mapping[str, Any]) -> tuple[Answer, ...]:
    """Each request of a result that was saved in detail. Raises EngineFailed for one that lacks what is needed."""
    try:
        columns = [result[name] for name in ("start_times", "ttfts", "itls", "input_lens", "output_lens", "errors")]
        began_s = min(columns[0], default=0.0)
        return tuple(_answer(row, began_s) for row in zip(*columns, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailed(f"{_NAME}: its result lacks or misshapes {error}: another version than the ones that are known?") from None


def _answer(row: Sequence[Any], began_s: float) -> Answer:
    start_s, ttft_s, gaps_s, input_tokens, output_tokens, error = row
    told = " ".join(str(error).split())[:200]
    return Answer(
        start_s=float(start_s) - began_s,
        ttft_s=float(ttft_s),
        itl_s=tuple(float(gap) for gap in gaps_s),
        e2e_s=float(ttft_s) + sum(gaps_s),
        input_tokens=int(input_tokens),
        output_tokens=int(output_tokens),
        error=told or None if output_tokens else told or "no token came",
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        result = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise EngineFailed(f"{_NAME}: ended without a result") from None
    if not isinstance(result, dict):
        raise EngineFailed(f"{_NAME}: its result is not an object")
    return result


def compared(ours: Rung, theirs: Rung) -> str:
    """Both generators on one load in a sentence: medians and their ratio.

    `vllm bench serve, 4 at once: TTFT p50 0.12 s (ours 0.118, ratio 0.98), TPOT …`
    """
    parts = []
    for name, mine, other in (
        ("TTFT", ours.ttft_s, theirs.ttft_s),
        ("TPOT", ours.tpot_s, theirs.tpot_s),
        ("e2e", ours.e2e_s, theirs.e2e_s),
    ):
        if mine is not None and other is not None and other.p50:
            parts.append(f"{name} p50 {other.p50:.3g} s (ours {mine.p50:.3g}, ratio {mine.p50 / other.p50:.2f})")
    failed = f", {theirs.failed} of {theirs.requests} failed: {theirs.first_error}" if theirs.failed else ""
    return f"{_NAME}, {theirs.concurrency} at once: {', '.join(parts) or 'nothing measured'}{failed}"
