"""A workload with every gap filled: what the estimates work on. `files` and `planning` fill the gaps, and record each as assumed."""

from dataclasses import dataclass

from advisor.domain.running import Running
from advisor.domain.workload import Load


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens at the median, the 95th percentile and the longest request."""

    p50: int
    p95: int
    max: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What arrives: the load of the busiest quarter hour (pause filled in), lengths, what is shared, and what the bill is divided by."""

    load: Load
    input_tokens: Lengths
    output_tokens: Lengths
    shared_prefix_tokens: int = 0
    requests_per_month: float | None = None
    replicas_down: int = 0
    running: Running | None = None  # None: day and night

    @property
    def piles_per_month(self) -> float | None:
        """How often a batch comes: the month's requests over those of one pile.

        None where nobody has said how many requests a month has, where `running` says when the machines are on, and without a batch.
        """
        if self.load.batch is None or self.requests_per_month is None or self.running is not None:
            return None
        return self.requests_per_month / self.load.batch.requests

    @property
    def typical_tokens(self) -> int:
        """A typical request from its first to its last token."""
        return self.input_tokens.p50 + self.output_tokens.p50

    @property
    def longest_tokens(self) -> int:
        """The longest request from its first to its last token."""
        return self.input_tokens.max + self.output_tokens.max
