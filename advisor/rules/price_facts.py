"""What a rule may read of prices: whether another option would win if one of two prices moved."""

from dataclasses import dataclass

from advisor.domain.strict import STRICT


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """The chosen option against the one of other hardware, or paid for in another way, that a move of prices would put first.

    Prices come as they are printed, each with its date. Null where no such move changes the answer, and outside a plan.
    """

    __pydantic_config__ = STRICT
    chosen: str = ""  # its price, what it is for, and the day it is of
    runner_up: str = ""
    runner_up_option: str = ""  # the answer then
    rise_pct: float | None = None  # of the chosen option's price, from which on the other wins
    fall_pct: float | None = None  # of the other's price, likewise
    flips_at_pct: float | None = None  # the smaller of the two
