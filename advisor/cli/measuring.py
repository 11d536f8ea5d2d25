"""`--measured`: what the user measured, from a file or written out."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.domain.measured import MeasuredPoint

MeasuredOption = Annotated[
    list[str] | None,
    typer.Option(
        "--measured",
        metavar="FILE|tpot_s=S@N[,ttft_s=S][,input_tokens=N,output_tokens=N]",
        help="What you measured: predictions near it are scaled by it. A file is evidence or a table of advisor validate, a result of "
        "guidellm, vllm bench serve or llama-bench -o json. May be repeated.",
    ),
]


def recorded_beside(plan: "Path | None") -> tuple["MeasuredPoint", ...]:
    """What `advisor validate --record` kept beside a plan. Raises DataError for a faulty table."""
    from advisor.files.measurements import FOLDER

    if plan is None or not (plan.parent / FOLDER).is_dir():
        return ()
    from advisor.catalog.measurements import load_measurements
    from advisor.validation.measured.rows import sound_points

    return sound_points(load_measurements(plan.parent))


def measured_points(given: list[str] | None) -> tuple["MeasuredPoint", ...]:
    """Raises UserInputError for what is no measurement."""
    if not given:
        return ()
    from advisor.validation.measured import read_measured

    return tuple(point for text in given for point in read_measured(text))
