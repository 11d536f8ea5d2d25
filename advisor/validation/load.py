"""How hard a smoke benchmark works: enough to compare with the prediction, little enough to end within the time limit."""

import math
from dataclasses import dataclass
from typing import Final

from advisor.errors import UserInputError
from advisor.validation.subject import Subject

_REPEATS: Final = 3
_OUTPUT_TOKENS: Final = 24
_SHARE_OF_LIMIT: Final = 0.35  # the rest is for loading, and for a machine slower than expected
_MOST_AT_ONCE: Final = 16  # unless more is planned: an engine may have hundreds of places
_SHORTEST_PROMPT_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class SmokeLoad:
    """At each concurrency, `repeats` times: that many prompts at once, then that many tokens for each."""

    concurrency: tuple[int, ...]
    prompt_tokens: int
    output_tokens: int
    repeats: int

    @property
    def context_tokens(self) -> float:
        """The mean context of a sequence while it generates."""
        return self.prompt_tokens + self.output_tokens / 2


def smoke_load(subject: Subject, concurrency: tuple[int, ...], time_limit_s: float) -> SmokeLoad:
    """The planned median request where time allows, shorter otherwise. Raises UserInputError for more requests than slots."""
    slots = subject.memory.parallel_requests
    most = max(concurrency, default=0)
    if most > slots:
        raise UserInputError(f"--concurrency {most}: the plan gives {subject.planned.name} {slots} slots, so at most {slots} at once")
    planned = max(1, math.ceil(subject.in_flight or 1))
    chosen = concurrency or tuple(sorted({1, min(slots, planned), min(slots, max(_MOST_AT_ONCE, planned))}))
    output = min(_OUTPUT_TOKENS, subject.demand.output_tokens.p50)
    prompt = min(subject.demand.input_tokens.p50, _room(subject, max(chosen)) - output)
    if prompt < 1:
        raise UserInputError(
            f"{subject.planned.name}: a context of {subject.memory.context_per_request_tokens} tokens has no room for a prompt"
        )
    budget_s = time_limit_s * _SHARE_OF_LIMIT
    while prompt > _SHORTEST_PROMPT_TOKENS and _expected_s(subject, SmokeLoad(chosen, prompt, output, _REPEATS)) > budget_s:
        prompt = max(_SHORTEST_PROMPT_TOKENS, prompt // 2)
    return SmokeLoad(chosen, prompt, output, _REPEATS)


def shortened(subject: Subject, load: SmokeLoad) -> tuple[str, ...]:
    """What of the planned request was cut, in words."""
    asked = subject.demand.input_tokens.p50
    return (f"prompts {asked:,} -> {load.prompt_tokens:,} tokens",) if load.prompt_tokens < asked else ()


def _room(subject: Subject, sequences: int) -> int:
    memory = subject.memory
    return min(memory.context_per_request_tokens, memory.context_total_tokens // sequences)


def _expected_s(subject: Subject, load: SmokeLoad) -> float:
    """The whole benchmark at the slow end of the prediction."""
    total_s = 0.0
    for sequences in load.concurrency:
        prompts_s = sequences * subject.steps.prefill(load.prompt_tokens).value_s.high
        tokens_s = load.output_tokens * subject.steps.decode(sequences, load.context_tokens).value_s.high
        total_s += load.repeats * (prompts_s + tokens_s)
    return total_s
