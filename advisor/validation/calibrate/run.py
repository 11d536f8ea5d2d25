"""One calibration: the rates, then each engine with each model as far as the time goes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from advisor.domain.calibrated import CalibratedMachine, MachineRates
from advisor.domain.engine import EngineName
from advisor.domain.machine_runs import MachineRun
from advisor.domain.measured import MeasuredPoint
from advisor.errors import AdvisorError, Interrupted
from advisor.validation.calibrate.kernels import Kernels, first_line
from advisor.validation.calibrate.rates import measure_rates
from advisor.validation.contention import Contention, worst
from advisor.validation.crossover.contender import Contender, Loads
from advisor.validation.crossover.curves import Curve
from advisor.validation.crossover.run import Equipped, measure

_LEAST_S: Final = 10.0  # of a run, beside the start of its engine
_KERNELS_SHARE: Final = 0.35  # of the time, at most
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What is there to run: `equip` makes one side ready to be started, or raises why it cannot be."""

    machine: str
    python: Path
    loads: Loads
    runs: Sequence[MachineRun]
    absent: dict[EngineName, str]  # engines that are not here, and what was said
    equip: Callable[[MachineRun, MachineRates], Equipped]
    doubt: Callable[..., str | None]  # why later plans could not use a point
    kernels: Callable[[float, Say], Kernels] | None = None  # None: no llama.cpp that computes on processors


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds for everything, today's date, the advisor's version."""

    time_limit_s: float
    today: str
    made_with: str


def calibrate(bench: Bench, terms: Terms, say: Say) -> tuple[CalibratedMachine, Contention]:
    """Everything that the time allows, and the state of the machine meanwhile: disturbed where memory or every run was.

    Raises what the memory test raises, and Interrupted; an engine that fails is only left out.
    """
    began_s, found = monotonic(), _Found()

    def left_s() -> float:
        return terms.time_limit_s - (monotonic() - began_s)

    rates, contention = measure_rates(bench.python, left_s=left_s, say=say)
    if bench.kernels is not None:
        kernels = bench.kernels(_KERNELS_SHARE * terms.time_limit_s, say)
        rates = replace(rates, kernels=kernels.times)
        found.not_run += kernels.not_run
    for number, run in enumerate(bench.runs, 1):
        say(f"{number} of {len(bench.runs)}: {_name(run)}, {max(left_s(), 0):.0f} s left")
        try:
            side, curve = _run(bench, run, rates, left_s=left_s(), say=say)
        except _Left as reason:
            found.not_run.append(f"{_name(run)}: {reason}")
        else:
            found.add(run, curve, _points(run, side, curve, bench, terms), partial(bench.doubt, rates=rates))
    state = worst([contention, *found.states])
    made = CalibratedMachine(
        schema="advisor.machine/1",
        machine=bench.machine,
        measured_on=terms.today,
        made_with=terms.made_with,
        rates=rates,
        points=tuple(found.points),
        not_run=tuple(found.not_run),
        contention=state.as_dict(),
    )
    return made, state


@dataclass(slots=True)
class _Found:
    """What the runs gave so far."""

    points: list[MeasuredPoint] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    _quiet: list[Contention] = field(default_factory=list)
    _disturbed: list[Contention] = field(default_factory=list)

    @property
    def states(self) -> list[Contention]:
        """The machine during the runs that count; during all of them where none does."""
        return self._quiet if self.points else [*self._quiet, *self._disturbed]

    def add(self, run: MachineRun, curve: Curve, points: Iterable[MeasuredPoint], doubt: Callable[[MeasuredPoint], str | None]) -> None:
        """The points of a run that nobody disturbed, those apart that later plans could not use."""
        if curve.contention.disturbed:
            self._disturbed.append(curve.contention)
            self.not_run.append(f"{_name(run)}: not kept: {curve.contention.words()}")
            return
        self._quiet.append(curve.contention)
        for point in points:
            reason = doubt(point)
            if reason is None:
                self.points.append(point)
            else:
                self.not_run.append(f"{_name(run)}: not kept: {reason}")


def _name(run: MachineRun) -> str:
    return f"{run.engine} {run.model} {run.quantization}"


class _Left(Exception):
    """Why a run was left out."""


def _run(bench: Bench, run: MachineRun, rates: MachineRates, *, left_s: float, say: Say) -> tuple[Contender, Curve]:
    if run.engine in bench.absent:
        raise _Left(bench.absent[run.engine])
    try:
        side = bench.equip(run, rates)
        expected_s = side.contender.steps.start_s.value + _LEAST_S
        if left_s < expected_s:
            raise _Left(f"no time left: it takes about {expected_s:.0f} s")
        curves, faults = measure((side,), bench.loads, budget_s=left_s, progress=say)
    except Interrupted:
        raise
    except AdvisorError as error:
        raise _Left(first_line(error)) from None
    for fault in faults:
        if isinstance(fault.error, Interrupted):
            raise fault.error
    if not curves:
        raise _Left(first_line(faults[0].error))
    return side.contender, curves[0]


def _points(run: MachineRun, side: Contender, curve: Curve, bench: Bench, terms: Terms) -> Iterator[MeasuredPoint]:
    """Equal requests that start together stay in step: their tokens are bare steps. First tokens are told of one at a time only."""
    candidate, runtime = side.candidate, side.candidate.runtime
    eager = ", enforce-eager" if getattr(candidate.settings, "enforce_eager", False) else ""
    for point in curve.points:
        if point.tpot_s is None or point.failed:
            continue
        decoding = MeasuredPoint(
            engine=run.engine,
            runtime=runtime.runtime,
            version=runtime.version,
            backend=runtime.backend,
            model=run.model,
            quantization=run.quantization,
            device=candidate.node.device.id,
            concurrency=point.concurrency,
            input_tokens=bench.loads.input_tokens,
            output_tokens=bench.loads.output_tokens,
            tpot_s=_short(point.tpot_s),
            bare=True,
            source=f"advisor calibrate of {terms.today}, {run.model} {run.quantization}, {point.concurrency} at once{eager}",
        )
        yield decoding
        if point.concurrency == 1 and point.ttft_s is not None:
            yield replace(decoding, bare=False, tpot_s=None, ttft_s=_short(point.ttft_s))


def _short(seconds: float | None) -> float | None:
    """As many digits as were measured."""
    return None if seconds is None else float(f"{seconds:.4g}")
