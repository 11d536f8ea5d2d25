"""What an engine itself says about its memory when it is asked without weights, and how that compares with the prediction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from advisor.domain.deployment import Candidate
from advisor.domain.engine_record import EngineRecord
from advisor.domain.quantity import Quantity
from advisor.domain.quantization import Quantization


@dataclass(frozen=True, slots=True)
class Witness:
    """An engine's own answer. None: it was not asked, or what it said would not hold for the device in question.

    llama.cpp tells the totals of one `replica`, whatever devices they are spread over; vLLM those of one `device` (rank).
    `compute_buffer_bytes` is that of the CPU. `source` names the build, `rounding_bytes` is how coarse its figures are.
    """

    source: str
    scope: Literal["replica", "device"] = "replica"
    rounding_bytes: float = 0.0
    weights_bytes: float | None = None
    kv_cache_bytes: float | None = None
    recurrent_state_bytes: float | None = None
    compute_buffer_bytes: float | None = None
    output_buffer_bytes: float | None = None
    context_total_tokens: int | None = None
    context_per_request_tokens: int | None = None
    kv_cache_capacity_tokens: int | None = None
    num_blocks: int | None = None
    max_concurrency_x: float | None = None
    remarks: tuple[str, ...] = ()


Ask = Callable[[Candidate, Quantization, EngineRecord], Witness]
"""Asks the engine of a candidate, in this format, for its own memory. Raises NotProven where none can be asked, EngineFailed."""


@dataclass(frozen=True, slots=True)
class Told:
    """One number that the engine told, beside what was predicted, in the unit that the name ends in.

    It `agrees` when it lies within the predicted range, as far as the engine's figures are rounded.
    """

    name: str
    predicted: Quantity
    told: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class Testimony:
    """Who was asked and what was said, number by number; `remarks` are what does not hold for the plan, in words."""

    source: str
    told: tuple[Told, ...]
    remarks: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[Told, ...]:
        """Where the prediction was wrong."""
        return tuple(one for one in self.told if not one.agrees)
