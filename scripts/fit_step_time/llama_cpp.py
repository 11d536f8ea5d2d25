"""Fits llama.cpp's step times and writes `catalog/calibration/llama.cpp.yaml`: constants, their ranges, error bands, what is measured."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from advisor import resources
from advisor.accuracy.case import Case, LeftOut
from advisor.accuracy.llama_cpp_cases import llama_cpp_cases
from advisor.catalog import load_catalog
from advisor.catalog.calibration import load_calibrations
from advisor.catalog.measurements import load_published
from advisor.domain.calibration import ErrorBand, ErrorLevel, LlamaCppCalibration
from fit_step_time.bands import error_band
from fit_step_time.folds import UNIT, bootstrap_fits, spread
from fit_step_time.found import LEVELS, METRICS, Fit, errors_by_level
from fit_step_time.llama_cpp_model import Columns, columns, fit_cases, is_old, predictor, priors
from fit_step_time.observations import Array
from fit_step_time.optimise import fit
from fit_step_time.write import band_lines, fitted, flow, replaced, with_bands

FEW_UNITS: Final = 5
FEW_UNITS_FACTOR: Final = 1.25  # a judgement: two CPUs differ by less than ten would
CPU: Final = "cpu"  # the backend whose errors are stated apart
# What is stated at most: nothing is read faster than nominal, nor are experts multiplied faster than dense weights.
MOST: Final = dict.fromkeys(("prefill_moe_factor", "host_bandwidth_efficiency", "link_efficiency", "reached_bandwidth"), 1.0)
PLACES: Final[Mapping[str, str]] = {  # of constants that stand elsewhere in the file than under their own name
    "build_layer_factor": "generations.3400.layer_factor",
    "host_bandwidth_efficiency": "offload.host_bandwidth_efficiency",
    "host_unpack_s": "offload.unpack_s",
    "host_layer_s": "offload.host_layer_s",
    "link_efficiency": "offload.link_efficiency",
    "host_flops_per_byte": "offload.flops_per_byte",
    "reached_bandwidth": "cpu.reached_bandwidth",
}
FILE: Final = resources.folder("catalog") / "calibration" / "llama.cpp.yaml"


def cases_of(split: str) -> tuple[tuple[Case, ...], tuple[LeftOut, ...]]:
    """The cases of one side of the split, and what was left out of it."""
    published = load_published(resources.folder("catalog"))
    rows = [row for row in published.llama_cpp if row.split == split]
    return llama_cpp_cases(rows, load_catalog(), published.names)


def fitted_to(cases: Sequence[Case], file: LlamaCppCalibration) -> Fit[Columns]:
    """Constants, their ranges and the errors on what was held out."""
    data = columns(fit_cases(cases), file)
    predict, before = predictor(data), priors(data)
    constants = fit(predict, data.observed, before, start=fit(predict, data.observed, before))  # the first may end before its time
    errors = errors_by_level(predict, data.observed, before, constants)
    draws = bootstrap_fits(predict, data.observed, before, start=constants, redraw_priors=True)
    others = bands(data, errors)
    return Fit(data, constants, draws, errors, (*others, *bands(data, errors, backend=CPU, at_least=others)))


def bands(
    data: Columns, errors: Mapping[ErrorLevel, Array], *, backend: str | None = None, at_least: Sequence[ErrorBand] = ()
) -> tuple[ErrorBand, ...]:
    """The band of each level, of one backend or of all but CPUs; one of less knowledge is at least as wide as those of more.

    Where too few units were held out to tell, it is as wide as that of `at_least` too, and wider still.
    """
    of_row = np.array([data.backend[i] for i in (*data.decode_rows, *data.prefill_rows)])
    wanted = of_row == backend if backend else of_row != CPU
    found: list[ErrorBand] = []
    for metric in METRICS:
        wider = ErrorBand(metric, "point", 1.0, 1.0)
        for level in LEVELS:
            own = np.where(wanted & data.observed.where(metric), errors[level], np.nan)
            if not np.isfinite(own).any():
                continue
            band = error_band(data.observed, own, metric=metric, level=level)
            known = [other for other in at_least if (other.metric, other.level) == (metric, level)]
            few = bool(at_least) and _units(data, own, level) < FEW_UNITS
            over = [band, *(known if few else [])]
            low, high = min(b.low for b in over), max(b.high for b in over)
            low, high = (round(low / FEW_UNITS_FACTOR, 2), round(high * FEW_UNITS_FACTOR, 2)) if few else (low, high)
            wider = ErrorBand(metric, level, min(low, wider.low), max(high, wider.high), band.note, backend)
            found.append(wider)
    return tuple(found)


def _units(data: Columns, errors: Array, level: ErrorLevel) -> int:
    """How many different things were held out."""
    unit = UNIT["group" if level == "point" else level]
    return len({unit(row) for row, error in zip(data.observed.rows, errors, strict=True) if np.isfinite(error)})


def text_of(found: Fit[Columns], text: str, file: LlamaCppCalibration) -> str:
    """The calibration file with this fit in it."""
    return with_bands(replaced(text, {**_values(found), **_measured(found.data, file)}), found.bands)


def _values(found: Fit[Columns]) -> dict[str, str]:
    """The file's flow values by their places, each with the range of the bootstrap."""
    return {
        place_of(name): flow(
            fitted(value, spread([draw[name] for draw in found.draws]), most=MOST.get(name.partition(".")[0], float("inf")))
        )
        for name, value in found.constants.items()
    }


def place_of(name: str) -> str:
    """Where a constant stands in the file: `layer_s.cuda` under `backends.cuda`, `unpack.cell metal` under `cells.metal`."""
    constant, _, thing = name.partition(".")
    if not thing:
        return PLACES.get(constant, constant)
    kind, _, item = thing.partition(" ")
    if kind in ("cell", "format"):
        return f"{kind}s.{item}.{constant}"
    return f"backends.{thing}.{constant}"


def _measured(data: Columns, file: LlamaCppCalibration) -> dict[str, str]:
    """Devices and kinds of architecture that builds of today were measured on."""
    today = [index for index, case in enumerate(data.cases) if not is_old(case, file)]
    found: dict[str, str] = {}
    for cell in file.cells:
        devices = {data.cases[i].candidate.node.device.id for i in today if data.cell[i] == cell.name}
        found[f"cells.{cell.name}.devices"] = f"[{', '.join(sorted(devices))}]"
    for backend in file.backends:
        kinds = {kind for i in today if data.backend[i] == backend for kind in data.cases[i].candidate.model.architecture.kinds}
        found[f"measured_kinds.{backend}"] = f"[{', '.join(sorted(kinds))}]"
    return found


def run(write: bool) -> str:
    """The fit of the `fit` side in words; written into the file where asked for."""
    cases, left_out = cases_of("fit")
    file = calibration()
    found = fitted_to(cases, file)
    if write:
        FILE.write_text(text_of(found, FILE.read_text(encoding="utf-8"), file), encoding="utf-8")
    counted = Counter(row.why for row in left_out)
    return "\n".join(
        [
            f"llama.cpp: {len(found.data.cases)} runs in {len({case.group for case in found.data.cases})} groups",
            *(f"  {count:4} left out: {why}" for why, count in counted.most_common()),
            *(f"  {place}: {value}" for place, value in _values(found).items()),
            *band_lines(found.bands),
        ]
    )


def calibration() -> LlamaCppCalibration:
    """The file as it stands."""
    found = load_calibrations()["llama.cpp"]
    assert isinstance(found, LlamaCppCalibration)  # noqa: S101 - the engine's own file
    return found
