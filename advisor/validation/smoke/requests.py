"""The requests of a load: lengths as the workload has them, contents that no cache has seen, except for the prefix that they share."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from advisor.domain.demand import Demand
from advisor.errors import UserInputError
from advisor.estimate.load_requests import DRAWN, request_stream


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request: its prompt, how many tokens it asks for, and the pause before it in an open loop, in mean pauses."""

    prompt_token_ids: tuple[int, ...]
    output_tokens: int
    gap: float = 1.0


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Token ids that are plain text: special ones lie at either end of a vocabulary, so its middle half is taken."""

    size: int

    @property
    def first(self) -> int:
        """The lowest id that is used."""
        return self.size // 4

    @property
    def span(self) -> int:
        """How many ids are used, from the first."""
        return max(1, self.size // 2)


def plan_requests(demand: Demand, vocabulary: Vocabulary, *, context_tokens: int, seed: int, salt: int) -> Iterator[PlannedRequest]:
    """Requests without end, no prompt twice. `seed` decides the lengths, `salt` the contents.

    Another salt in every run, or a server that kept its cache would know the prompts of the last run. What is longer than the context
    of a request is cut there. Raises UserInputError when the context has no room for a prompt and an answer.
    """
    if context_tokens < 2:
        raise UserInputError(f"a context of {context_tokens} tokens has no room for a prompt and an answer")
    stream = request_stream(demand, seed)
    random = Random(salt)  # noqa: S311 - contents nobody reads
    prefix = _contents(random, vocabulary, demand.shared_prefix_tokens)
    offset = random.randrange(vocabulary.span)
    for number in count():
        drawn = number % DRAWN
        output_tokens = min(stream.output_tokens[drawn], context_tokens - 1)
        input_tokens = min(stream.input_tokens[drawn], context_tokens - output_tokens)
        shared = prefix[: min(len(prefix), input_tokens - 1)]
        # the first token of its own differs from request to request: a cache goes by the longest common beginning
        own = vocabulary.first + (offset + number) % vocabulary.span
        rest = _contents(random, vocabulary, input_tokens - len(shared) - 1)
        yield PlannedRequest((*shared, own, *rest), output_tokens, stream.gaps[drawn])


def _contents(random: Random, vocabulary: Vocabulary, tokens: int) -> tuple[int, ...]:
    return tuple(random.choices(range(vocabulary.first, vocabulary.first + vocabulary.span), k=tokens))
