"""A published run as the advisor would be asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from advisor.domain.deployment import Candidate
from advisor.domain.published import LlamaCppRun, VllmRun
from advisor.domain.quantization import Quantization
from advisor.domain.weights import WeightBytes

CaseMetric = Literal["ttft_s", "tpot_s", "e2e_s", "prefill_s", "output_tokens_per_s", "requests_per_s"]


class Group(NamedTuple):
    """Rows of one group share a host, a software stack and a harness; errors are counted by group, never by row."""

    source: str
    device: str
    model: str


@dataclass(frozen=True, slots=True)
class Harness:
    """How a load generator sends a closed loop, and what it states of its times.

    `together`: all clients ask at once at first, and keep in step as far as their lengths let them; so they do `rounds` times. `longest` is
    the longest length over the mean. `states_mean`: its times are means, in which the first round counts, not medians.
    """

    together: bool = False
    rounds: int = 1
    longest: float = 1.0
    states_mean: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One run: what was measured, and the same deployment and load as the advisor knows them.

    `in_flight` is of the whole deployment; None for an open loop (`row.request_rate_rps`) and where all requests start at once.
    `depth_tokens` are cached before the run begins. `unreliable`: metrics of this row that a generic
    check found impossible, with the reason.
    """

    row: VllmRun | LlamaCppRun
    group: Group
    candidate: Candidate
    weights: WeightBytes
    quantization: Quantization
    input_tokens: float
    output_tokens: float
    in_flight: int | None
    depth_tokens: float
    measured: Mapping[CaseMetric, float]
    unreliable: Mapping[CaseMetric, str]
    harness: Harness = Harness()

    @property
    def series(self) -> tuple[Group, str]:
        """Runs that differ in their load alone."""
        return self.group, self.row.series_id


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that cannot be compared, and why: by what the row says or by physics, never by name."""

    row: VllmRun | LlamaCppRun
    why: str
