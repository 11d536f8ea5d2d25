"""One line of a sum that explains a number."""

from dataclasses import dataclass

from advisor.domain.quantity import Basis


@dataclass(frozen=True, slots=True)
class Term:
    """A value, what it stands for with the figures that it was made of, and its source. `adds` is False for a figure beside the sum."""

    value: float
    unit: str
    text: str
    source: str
    adds: bool = True
    basis: Basis | None = None  # said where one sum mixes what is known with what is estimated
