"""A GGUF file of an architecture that is not understood here: enough of it to ask llama.cpp, which may well understand it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from advisor.catalog import Catalog
from advisor.document_faults import shown
from advisor.domain.architecture import LayerGroup, ModelArchitecture
from advisor.domain.deployment import Candidate
from advisor.domain.engine_record import EngineRecord
from advisor.domain.model import Checkpoint, Model
from advisor.domain.witness import Ask, Witness
from advisor.engines.settings import best_backend, settings_from_flags
from advisor.errors import UserInputError
from advisor.intake.candidate import runtime_of
from advisor.intake.estimation import EstimateRequest
from advisor.intake.gguf_file import GgufHeader
from advisor.intake.gguf_shards import read_gguf_model

_MOST: Final = 10**8


@dataclass(frozen=True, slots=True)
class Asked:
    """What the engine alone told of a model that nothing else is known of."""

    candidate: Candidate
    record: EngineRecord
    witness: Witness


def ask_about_file(request: EstimateRequest, path: Path, catalog: Catalog, ask: Ask) -> Asked:
    """The engine's own sizes for the settings asked for. Raises UserInputError for a header without the barest facts, and as `ask` does."""
    record = catalog.engine(request.program.engine)
    header = read_gguf_model(path)
    architecture = _outline(header, path)
    node = catalog.node(request.device, request.devices or 1)
    runtime = runtime_of(record, request.program.runtime, request.program.version, node)
    settings = settings_from_flags(
        record, runtime.runtime, request.flags, architecture=architecture, device=node.device, backend=best_backend(record, node.device)
    )
    quantization = next(one for one in catalog.quantizations.values() if one.format == "gguf")  # the file's own types are what counts
    checkpoint = Checkpoint(path.stem, "gguf", quantization.id, weights_bytes=header.tensor_bytes, files=(path.name,))
    model = Model(path.stem, architecture, "", (checkpoint,), source=path.name)
    candidate = Candidate(model, checkpoint, runtime, node, request.parallelism, settings)
    return Asked(candidate, record, ask(candidate, quantization, record))


def _outline(header: GgufHeader, path: Path) -> ModelArchitecture:
    """Its name, how many layers it has, how long its context is: what settings default to. Layers of no known kind."""
    name = str(header.metadata.get("general.architecture"))
    layers, hidden, context = (_whole(header, path, f"{name}.{key}") for key in ("block_count", "embedding_length", "context_length"))
    group = LayerGroup(tuple(range(layers)), None, (), None)
    return ModelArchitecture(name, name, (group,), hidden, 0, False, 0, 0, context)


def _whole(header: GgufHeader, path: Path, key: str) -> int:
    value = header.metadata.get(key)
    if type(value) is not int or not 0 < value <= _MOST:
        raise UserInputError(f"{path}: {key}: {shown(value)} is no size: not a language model's file, or a damaged one")
    return value
