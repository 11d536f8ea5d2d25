"""`advisor explain memory MODEL`: the question, and how its answer is printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from advisor.cli.output import Format
from advisor.errors import UserInputError

if TYPE_CHECKING:
    from advisor.planning.explanation import Explanation


@dataclass(frozen=True, slots=True)
class AskedMemory:
    """A model on an engine and device, with the engine's settings as they were typed."""

    model: str | None
    engine: str | None
    device: str | None
    quantization: str | None
    devices: int | None
    tensor: int
    pipeline: int
    settings: tuple[str, ...]


def explained_memory(asked: AskedMemory) -> "Explanation":
    """Raises UserInputError for what is missing and for what cannot be estimated."""
    from advisor.catalog import load_catalog
    from advisor.domain.engine import Parallelism
    from advisor.intake.estimate_flags import estimate_flags
    from advisor.intake.estimation import EstimateRequest, Program, Traffic, WeightFiles, estimate_request
    from advisor.planning.explain_held import explain_memory
    from advisor.planning.held import Held

    if asked.model is None or asked.engine is None or asked.device is None:
        raise UserInputError("advisor explain memory needs a model, --engine and --device, and takes the settings of advisor estimate")
    catalog = load_catalog()
    record = catalog.engine(asked.engine)
    request = EstimateRequest(
        model=asked.model,
        device=asked.device,
        program=Program(asked.engine),
        weights=WeightFiles(asked.quantization),
        parallelism=Parallelism(tensor=asked.tensor, pipeline=asked.pipeline),
        traffic=Traffic(),
        flags=estimate_flags(record, record.default_runtime.partition("/")[0], list(asked.settings)),
        devices=asked.devices,
    )
    answer = estimate_request(request, catalog)
    held = Held(answer.candidate, answer.weights, answer.estimate.memory)
    return explain_memory(held, catalog.memory_constants, deployment=answer.model.id)


def refuse_settings(arguments: Sequence[str], *named: str | None) -> None:
    """A rule or a plan takes no settings. Raises UserInputError."""
    if arguments or any(named):
        raise UserInputError(f"{' '.join(arguments) or 'a model and its device'}: only advisor explain memory takes settings")


def show(explanation: "Explanation", output_format: Format, *, quiet: bool) -> None:
    """As text or JSON; quietly, the headline alone."""
    from advisor.cli.output import emit_json, printable
    from advisor.report.explain_text import explanation_document, explanation_text

    if output_format == "json":
        emit_json(explanation_document(explanation))
        return
    text = printable(explanation_text(explanation))
    typer.echo(text.splitlines()[0] if quiet else text)
