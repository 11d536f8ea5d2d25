"""A number as JSON: the same five keys wherever one stands."""

from typing import Literal

from typing_extensions import TypedDict

from advisor.domain.quantity import Quantity


class QuantityJson(TypedDict):
    """A number with its 80 % range, where it comes from, and the source."""

    value: float
    low: float
    high: float
    basis: Literal["exact", "stated", "measured", "scaled", "modelled"]
    source: str


def optional(quantity: Quantity | None) -> QuantityJson | None:
    """The same where it is known, null where not."""
    return None if quantity is None else number(quantity)


def number(quantity: Quantity) -> QuantityJson:
    """Value, range, basis and source."""
    return {
        "value": whole(quantity.value),
        "low": whole(quantity.low),
        "high": whole(quantity.high),
        "basis": quantity.basis.value,
        "source": quantity.source,
    }


def whole(value: float) -> float:
    """Whole numbers without a decimal point: bytes are counted, not measured."""
    return int(value) if float(value).is_integer() else value
