"""What llama.cpp's products with weights take on a processor that was measured, by the storage type of the weights.

A product of a matrix and a vector takes time per weight (reading, unpacking, multiplying) and per row (its call, its sum, its result):
narrow matrices are slower per weight. Both depend on the type: each has code of its own for each processor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.domain.strict import STRICT, FieldFault


@dataclass(frozen=True, slots=True)
class ProductCost:
    """Seconds of all processors together, per weight and per row of a matrix."""

    __pydantic_config__ = STRICT
    weight_s: float
    row_s: float

    def __post_init__(self) -> None:
        for name in ("weight_s", "row_s"):
            if getattr(self, name) < 0:
                raise FieldFault(name, f"{name}: {getattr(self, name):g} must not be negative")

    def of(self, matrices: "Matrices") -> float:
        """Seconds of one product with each of these matrices."""
        return self.weight_s * matrices.weights + self.row_s * matrices.rows


@dataclass(frozen=True, slots=True)
class KernelTimes:
    """One storage type: a step of one sequence, what each further one adds to it (up to the few that were measured), a prompt's token."""

    __pydantic_config__ = STRICT
    type: str
    one: ProductCost
    further: ProductCost
    prompt: ProductCost


@dataclass(frozen=True, slots=True)
class Matrices:
    """Matrices of one storage type, those that each step multiplies by: weights and rows in all."""

    type: str
    weights: int
    rows: int


def product_cost(times_s: Sequence[tuple[Matrices, float]]) -> ProductCost:
    """The cost per weight and per row that explains two models' times, which are not negative; nor is a cost: noise is no gain.

    Raises ValueError for models whose rows are equally long, of which neither can be told.
    """
    (first, first_s), (second, second_s) = times_s
    apart = first.weights * second.rows - second.weights * first.rows
    if apart == 0:
        raise ValueError("both models have rows of one length")
    weight_s = (first_s * second.rows - second_s * first.rows) / apart
    row_s = (first.weights * second_s - second.weights * first_s) / apart
    if weight_s < 0:
        weight_s, row_s = 0.0, (first_s + second_s) / (first.rows + second.rows)
    elif row_s < 0:
        weight_s, row_s = (first_s + second_s) / (first.weights + second.weights), 0.0
    return ProductCost(_short(weight_s), _short(row_s))


def _short(seconds: float) -> float:
    """As many digits as can be repeated."""
    return float(f"{seconds:.3g}")
