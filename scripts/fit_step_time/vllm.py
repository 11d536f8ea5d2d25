"""Fits vLLM's step times and writes `catalog/calibration/vllm.yaml`: constants with their ranges, error bands, what is measured."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Final

import numpy as np

from advisor import resources
from advisor.accuracy.case import Case, LeftOut
from advisor.accuracy.vllm_cases import vllm_cases
from advisor.catalog import load_catalog
from advisor.catalog.calibration import load_calibrations
from advisor.catalog.measurements import load_published
from advisor.catalog.memory_constants import load_memory_constants
from advisor.documents import load
from advisor.domain.calibration import ErrorBand, ErrorLevel, Fitted, VllmCalibration
from advisor.estimate.vllm_parts import VllmConstants
from fit_step_time.bands import error_band
from fit_step_time.folds import bootstrap_fits, spread
from fit_step_time.found import LEVELS, METRICS, Fit, errors_by_level
from fit_step_time.observations import Array
from fit_step_time.optimise import Constants, fit
from fit_step_time.simulated import held_to, simulated
from fit_step_time.vllm_model import ARITHMETICS, GENERATIONS, PRIORS, Columns, Generations, columns, constants_of, fit_cases, predictor
from fit_step_time.write import band_lines, fitted, flow, quoted, replaced, with_bands

OF_A_GENERATION: Final = ("weights_efficiency", "layer_s", "layer_factor_moe", "sequence_s")
SIMULATIONS: Final = 4  # after which the constants stand still within a per cent
FILE: Final = resources.folder("catalog") / "calibration" / "vllm.yaml"


def cases_of(split: str) -> tuple[tuple[Case, ...], tuple[LeftOut, ...]]:
    """The cases of one side of the split, and what was left out of it."""
    published = load_published(resources.folder("catalog"))
    rows = [row for row in published.vllm if row.split == split]
    return vllm_cases(rows, load_catalog(), published.names, load_memory_constants())


def fitted_cases(cases: Sequence[Case], file: VllmCalibration) -> list[Case]:
    """Closed loops on the backends that the constants are of."""
    return [case for case in fit_cases(cases) if case.candidate.runtime.backend in file.measured_backends]


def fitted_to(cases: Sequence[Case], file: VllmCalibration) -> Fit[Columns]:
    """Constants, their ranges and the errors on what was held out."""
    data = columns(fitted_cases(cases, file), file, load_memory_constants())
    closed_form = predictor(data)
    constants = fit(closed_form, data.observed, PRIORS)
    for _ in range(SIMULATIONS):
        predict = held_to(closed_form, simulated_log(data, constants), constants)
        constants = fit(predict, data.observed, PRIORS, start=constants)
    errors = errors_by_level(predict, data.observed, PRIORS, constants)
    draws = bootstrap_fits(predict, data.observed, PRIORS, start=constants)
    return Fit(data, constants, draws, errors, bands(data, errors))


def simulated_log(data: Columns, constants: Constants) -> Array:
    """Logarithms of what the product would say of every observation with these constants in its file."""
    values = {place: flow(Fitted(value, value, value)) for place, value in stated(constants).items()}
    return simulated_by(data, load(replaced(FILE.read_text(encoding="utf-8"), values), str(FILE), VllmCalibration))


def simulated_by(data: Columns, calibration: VllmCalibration) -> Array:
    """The same with a calibration."""
    catalog = load_catalog()
    said = simulated(data.cases, data.metrics, replace(catalog, calibrations={**catalog.calibrations, "vllm": calibration}))
    return np.where(data.observed.where("batch"), data.tokens_log - said, said)


def bands(data: Columns, errors: Mapping[ErrorLevel, Array]) -> tuple[ErrorBand, ...]:
    """The band of each level; one of less knowledge is at least as wide as those of more."""
    found: list[ErrorBand] = []
    for metric in METRICS:
        wider = ErrorBand(metric, "point", 1.0, 1.0)
        for level in LEVELS:
            own = error_band(data.observed, errors[level], metric=metric, level=level)
            wider = ErrorBand(metric, level, min(own.low, wider.low), max(own.high, wider.high), own.note)
            found.append(wider)
    return tuple(found)


def text_of(found: Fit[Columns], text: str) -> str:
    """The calibration file with this fit in it."""
    cases = found.data.cases
    newest = max(case.row.source_date for case in cases)
    text = re.sub(r"(?m)^as_of: .*$", f"as_of: {newest}", text)
    text = re.sub(r"(?m)^source: .*$", f"source: {quoted(source_of(cases))}", text)
    kinds = sorted({kind for case in cases for kind in case.candidate.model.architecture.kinds})
    devices = sorted({case.candidate.node.device.id for case in cases})
    listed = {"measured_kinds": f"[{', '.join(kinds)}]", "measured_devices": f"[{', '.join(devices)}]"}
    return with_bands(replaced(text, {**_values(found), **listed}), found.bands)


def source_of(cases: Sequence[Case]) -> str:
    """What was fitted, in words."""
    groups = {case.group for case in cases}
    return (
        f"scripts/fit_calibration.py: {len(cases)} public runs of vLLM in closed loops, {len(groups)} groups of source, device and model "
        f"({len({g.source for g in groups})} sources, {len({g.device for g in groups})} devices, {len({g.model for g in groups})} models)"
    )


def _values(found: Fit[Columns]) -> dict[str, str]:
    """The file's flow values by their places, each with the range of the bootstrap."""
    value, drawn = stated(found.constants), [stated(constants) for constants in found.draws]
    return {place: flow(fitted(value[place], spread([draw[place] for draw in drawn]))) for place in value}


def stated(constants: Constants) -> dict[str, float]:
    """The constants as the file has them, by their places in it."""
    places: dict[str, float] = {}
    for name in GENERATIONS:
        own = constants_of(constants, ARITHMETICS, Generations([name] * len(ARITHMETICS)))
        places |= {f"generations.{name}.{field}": float(getattr(own, field)[0]) for field in OF_A_GENERATION}
    places |= {f"prefill_mfu.{arithmetic}": float(mfu) for arithmetic, mfu in zip(ARITHMETICS, own.prefill_mfu, strict=True)}
    rest = [f.name for f in fields(VllmConstants) if f.name not in (*OF_A_GENERATION, "prefill_mfu", "overlap_norm")]
    return places | {name: float(getattr(own, name)) for name in rest} | {"first_token_floor_s": constants["floor_s"]}


def constants_in(file: VllmCalibration) -> Constants:
    """The constants that a file states: the inverse of `stated`, where nothing was cut."""
    old, middle, new = file.generations
    direct = ("kv_efficiency", "all_reduce_fast_s", "all_reduce_slow_s", "link_efficiency", "decode_mfu", "attention_mfu", "prompt_layer_s")
    return {
        **{name: getattr(file, name).value for name in direct},
        **{f"mfu_{arithmetic}": file.prefill_mfu[arithmetic].value for arithmetic in ARITHMETICS},
        "weights_efficiency": new.weights_efficiency.value,
        "weights_v0": old.weights_efficiency.value / new.weights_efficiency.value,
        "layer_s": new.layer_s.value,
        "layer_v0": old.layer_s.value / new.layer_s.value,
        "layer_moe": new.layer_factor_moe.value,
        "layer_moe_old": middle.layer_factor_moe.value / new.layer_factor_moe.value,
        "sequence_s": new.sequence_s.value,
        "sequence_v0": old.sequence_s.value / new.sequence_s.value,
        "decode_moe": file.decode_mfu_moe.value / file.decode_mfu.value,
        "mfu_moe": file.prefill_mfu_moe_factor.value,
        "tensor_exponent": file.prefill_tensor_exponent.value,
        "peak_exponent": file.prefill_peak_exponent.value,
        "desktop": file.prefill_desktop_factor.value,
        "floor_s": file.first_token_floor_s.value,
    }


def run(write: bool) -> str:
    """The fit of the `fit` side in words; written into the file where asked for."""
    cases, left_out = cases_of("fit")
    found = fitted_to(cases, calibration())
    if write:
        FILE.write_text(text_of(found, FILE.read_text(encoding="utf-8")), encoding="utf-8")
    counted = Counter(row.why for row in left_out)
    return "\n".join(
        [
            f"vllm: {len(found.data.cases)} runs in {len({case.group for case in found.data.cases})} groups",
            *(f"  {count:4} left out: {why}" for why, count in counted.most_common()),
            *(f"  {place}: {value}" for place, value in _values(found).items()),
            *band_lines(found.bands),
        ]
    )


def calibration() -> VllmCalibration:
    """The file as it stands."""
    found = load_calibrations()["vllm"]
    assert isinstance(found, VllmCalibration)  # noqa: S101 - the engine's own file
    return found
