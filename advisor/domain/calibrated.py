"""What `advisor calibrate` measured: `$XDG_DATA_HOME/llm-serving-advisor/machines/<machine>.json`, schema `advisor.machine/1`."""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from advisor.domain.kernels import KernelTimes
from advisor.domain.measured import MeasuredPoint
from advisor.domain.strict import STRICT, FieldFault, IsoDate

_MACHINE: Final = re.compile(r"machine-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class MachineRates:
    """All processors together. Reads move each byte once; copies count three moves, the fetch of the target line among them."""

    __pydantic_config__ = STRICT
    threads: int
    read_bytes_per_s: float
    copy_bytes_per_s: float
    flops_per_s: float | None  # single precision; None: no numpy was there to multiply with
    kernels: tuple[KernelTimes, ...] = ()  # of llama.cpp; none where it was not here or uses an accelerator

    def __post_init__(self) -> None:
        for name in ("threads", "read_bytes_per_s", "copy_bytes_per_s"):
            if getattr(self, name) <= 0:
                raise FieldFault(name, f"{name}: {getattr(self, name):g} must be above 0")

    @property
    def bytes_per_s(self) -> float:
        """The most that the memory was seen to move."""
        return max(self.read_bytes_per_s, self.copy_bytes_per_s)


@dataclass(frozen=True, slots=True)
class CalibratedMachine:
    """One calibration: memory and arithmetic, and short runs of the engines that are here on models of made-up numbers."""

    __pydantic_config__ = STRICT
    schema: Literal["advisor.machine/1"]
    machine: str
    measured_on: IsoDate
    made_with: str  # the advisor's version
    rates: MachineRates
    points: tuple[MeasuredPoint, ...]
    not_run: tuple[str, ...]  # engines and models that were not run, and why
    contention: dict[str, Any]

    def __post_init__(self) -> None:
        if not _MACHINE.fullmatch(self.machine):
            raise FieldFault("machine", f"{self.machine[:40]!r} is no machine's id")
