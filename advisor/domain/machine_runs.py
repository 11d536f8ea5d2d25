"""What a machine is calibrated with: `catalog/calibration/machine.yaml`, schema `advisor.machine-runs/1`."""

from dataclasses import dataclass
from typing import Any, Literal

from advisor.domain.engine import EngineName
from advisor.domain.strict import STRICT, FieldFault, plain_scalar


@dataclass(frozen=True, slots=True)
class MachineRun:
    """One engine with one model in one format."""

    __pydantic_config__ = STRICT
    engine: EngineName
    model: str
    quantization: str


@dataclass(frozen=True, slots=True)
class KernelRuns:
    """Storage types, each timed in two models of which one has short rows and one long ones, both of nothing but that type.

    One sequence is decoded, then `sequences` at once, each behind a prompt of `prompt_tokens`; the best of `repeats` counts.
    """

    __pydantic_config__ = STRICT
    models: tuple[str, str]
    types: tuple[str, ...]  # in this order, as far as the time goes
    sequences: int
    prompt_tokens: int
    output_tokens: int
    repeats: int

    def __post_init__(self) -> None:
        if self.sequences < 2:
            raise FieldFault("sequences", f"{self.sequences}: what a further sequence adds takes two at least")


@dataclass(frozen=True, slots=True)
class MachineRuns:
    """The kernels' runs, the engines' with their equal requests, and the models as config.json states them."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.machine-runs/1"]
    input_tokens: int
    output_tokens: int
    concurrency: tuple[int, ...]
    kernels: KernelRuns
    models: dict[str, dict[str, Any]]
    runs: tuple[MachineRun, ...]

    def __post_init__(self) -> None:
        configs = {name: {key: plain_scalar(value) for key, value in config.items()} for name, config in self.models.items()}
        object.__setattr__(self, "models", configs)  # a schema without types leaves scalars as they are written
        named = (*(run.model for run in self.runs), *self.kernels.models)
        unknown = next((model for model in named if model not in self.models), None)
        if unknown is not None:
            raise FieldFault("runs", f"{unknown}: no such model among {', '.join(self.models)}")
