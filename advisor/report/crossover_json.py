"""A measured crossover as `advisor.crossover/1`."""

import dataclasses
from typing import Any, Final

from advisor.estimate.crossing import Comparison
from advisor.validation.crossover.curves import Curve, Point, compare_measured, compare_predicted
from advisor.validation.crossover.run import Crossover

SCHEMA: Final = "advisor.crossover/1"


def crossover_document(found: Crossover) -> dict[str, Any]:
    """The curves point by point, where they cross, where they were predicted to (null with one curve), and what failed."""
    both = len(found.curves) == 2
    return {
        "schema": SCHEMA,
        "model": found.model,
        "machine": found.machine,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "reduced": list(found.reduced),
        "curves": [_curve(curve) for curve in found.curves],
        "measured": _comparison(compare_measured(*found.curves)) if both else None,
        "predicted": _comparison(compare_predicted(*found.curves)) if both else None,
        "invalid": list(found.invalid),
        "faults": [{"engine": one.engine, "exit_code": one.error.exit_code, "message": str(one.error)} for one in found.faults],
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "engine": curve.engine,
        "runtime": curve.runtime,
        "version": curve.version,
        "quantization": curve.quantization,
        "start_s": curve.start_s,
        "ended": curve.ended,
        "contention": curve.contention.as_dict(),
        "points": [_point(point) for point in curve.points],
    }


def _point(point: Point) -> dict[str, Any]:
    return {**dataclasses.asdict(point), "predicted": dataclasses.asdict(point.predicted) if point.predicted else None}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    ratios = [{"concurrency": load, f"{comparison.second}_over_{comparison.first}": ratio} for load, ratio in comparison.ratios.items()]
    crossings = [dataclasses.asdict(crossing) for crossing in comparison.crossings]
    return {"sentence": comparison.sentence(), "ratios": ratios, "crossings": crossings}
