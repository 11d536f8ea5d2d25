"""The predicted steps through a server that works on one request at a time and streams no token counts (`python -m llama_cpp.server`).

Two whole answers stand in for a stream: one of a single token, whose time is that of the prompt, and a longer one, whose extra time is
that of its other tokens.
"""

import time
from random import Random
from typing import Any, Final

import httpx2

from advisor.engines.server import Server
from advisor.errors import EngineFailed, TimedOut
from advisor.validation.load import SmokeLoad
from advisor.validation.served.launch import Served

_SEED: Final = 0
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
Row = dict[str, Any]


class SerialRequests:
    """Sends them one after another until `deadline_s` (monotonic). No prompt comes twice, so that no cache knows it."""

    def __init__(self, server: Server, served: Served, deadline_s: float) -> None:
        self._server, self._served, self._deadline_s = server, served, deadline_s
        self._random = Random(_SEED)  # noqa: S311 - contents nobody reads

    def warm_up(self, sequences: int) -> None:
        """One short answer. Raises EngineFailed when it fails, TimedOut."""
        self._ask(prompt_tokens=8, output_tokens=2)

    def row(self, load: SmokeLoad, sequences: int, repeat: int) -> Row:
        """One prompt and one answer, whatever `sequences` says. Raises EngineFailed; what the deadline cuts is not complete."""
        try:
            first_s, _ = self._ask(prompt_tokens=load.prompt_tokens, output_tokens=1)
            whole_s, generated = self._ask(prompt_tokens=load.prompt_tokens, output_tokens=load.output_tokens)
        except TimedOut:
            return _row(repeat, [], [])
        return _row(repeat, [first_s], [max(0.0, whole_s - first_s) / (generated - 1)] if generated > 1 else [])

    def _ask(self, *, prompt_tokens: int, output_tokens: int) -> tuple[float, int]:
        """Seconds of one whole answer, and how many tokens it has."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimedOut(f"{self._server.name}: it was ready too late to be asked anything. Allow more with --time-limit")
        body = {"model": self._served.model_name, "prompt": self._prompt(prompt_tokens), "max_tokens": output_tokens, "temperature": 0.0}
        began_s = time.perf_counter()
        try:
            answer = httpx2.post(
                f"{self._server.base_url}/v1/completions", json=body, headers=self._served.headers, timeout=left_s, trust_env=False
            )
            answer.raise_for_status()
            generated = answer.json()["usage"]["completion_tokens"]
        except httpx2.TimeoutException:
            raise TimedOut(f"{self._server.name}: an answer of {output_tokens} tokens took longer than the time limit left") from None
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise EngineFailed(f"{self._server.name}: a request failed: {type(error).__name__}: {str(error)[:200]}") from None
        return time.perf_counter() - began_s, int(generated)

    def _prompt(self, tokens: int) -> str:
        """Single letters and spaces: at most `tokens` tokens in any vocabulary, half of them in most."""
        return " ".join(self._random.choices(_LETTERS, k=max(1, tokens // 2)))


def _row(repeat: int, first_token_s: list[float], steps_s: list[float]) -> Row:
    told = {"first_token_s": first_token_s, "steps_s": steps_s, "complete": bool(steps_s), "logits_finite": None}
    return {"concurrency": 1, "repeat": repeat, **told}
