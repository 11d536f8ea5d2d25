"""The steps that were predicted, through a server: so many prompts at once, then as many tokens for each; told as a validator tells it."""

import time
from random import Random
from typing import Any, Final

from advisor.engines.server import Server
from advisor.errors import EngineFailed, TimedOut
from advisor.validation.load import SmokeLoad
from advisor.validation.smoke.answer import Answer
from advisor.validation.smoke.drive import drive
from advisor.validation.smoke.requests import PlannedRequest, Vocabulary
from advisor.validation.smoke.target import Target

_SEED: Final = 0
_WARM_UP: Final = SmokeLoad((1,), prompt_tokens=8, output_tokens=2, repeats=1)
Row = dict[str, Any]


class Bursts:
    """Sends them until `deadline_s` (monotonic). No prompt comes twice, so that no cache knows it."""

    def __init__(self, server: Server, target: Target, vocabulary: Vocabulary, deadline_s: float) -> None:
        self._server, self._target, self._deadline_s = server, target, deadline_s
        self._ids = range(vocabulary.first, vocabulary.first + vocabulary.span)
        self._random = Random(_SEED)  # noqa: S311 - contents nobody reads

    def warm_up(self, sequences: int) -> None:
        """As many at once as will be. Raises EngineFailed when one fails."""
        self._raise_for(self._send(_WARM_UP, sequences))

    def row(self, load: SmokeLoad, sequences: int, repeat: int) -> Row:
        """One burst. Raises EngineFailed, TimedOut; what the deadline cuts is not complete."""
        answers = self._send(load, sequences)
        self._server.check()
        late = time.monotonic() >= self._deadline_s
        if not late:
            self._raise_for(answers)
        whole = [answer for answer in answers if answer.error is None]
        return {
            "concurrency": sequences,
            "repeat": repeat,
            "first_token_s": sorted(answer.ttft_s for answer in whole if answer.ttft_s is not None),
            "steps_s": [gap for answer in whole for gap in answer.itl_s],
            "complete": len(whole) == sequences,
            "logits_finite": None,
        }

    def _send(self, load: SmokeLoad, sequences: int) -> tuple[Answer, ...]:
        prompts = [tuple(self._random.choices(self._ids, k=load.prompt_tokens)) for _ in range(sequences)]
        requests = [PlannedRequest(prompt, load.output_tokens) for prompt in prompts]
        left_s = max(0.0, self._deadline_s - time.monotonic())
        return drive(self._target, requests, concurrency=sequences, time_limit_s=left_s)

    def _raise_for(self, answers: tuple[Answer, ...]) -> None:
        failed = [answer.error for answer in answers if answer.error]
        if failed:
            raise EngineFailed(f"{self._server.name}: {len(failed)} of {len(answers)} requests failed: {failed[0]}")
        if not answers:
            raise TimedOut(f"{self._server.name}: it was ready too late to be asked anything. Allow more with --time-limit")
