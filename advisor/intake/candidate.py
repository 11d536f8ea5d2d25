"""A candidate from what a user names: every gap filled with the default of that engine, runtime and version, nothing guessed."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

from advisor.catalog import Catalog
from advisor.domain.architecture import without_windows
from advisor.domain.deployment import Candidate
from advisor.domain.engine import EngineSettings, LlamaCppSettings, Parallelism, RuntimeRef, build_number
from advisor.domain.engine_record import EngineRecord
from advisor.domain.hardware import Device, Node
from advisor.domain.model import Checkpoint, Model
from advisor.domain.quantization import Quantization
from advisor.engines.flags import find_runtime
from advisor.engines.settings import best_backend, settings_from_flags
from advisor.engines.support import refusal
from advisor.errors import UserInputError
from advisor.intake.quantization import find_quantization

_RELEASE: Final = re.compile(r"v?(\d+(?:\.\d+){1,3})(?:[.+-]?[a-z].*)?")


def build_candidate(
    catalog: Catalog,
    *,
    model: Model,
    quantization: str | None,
    engine: str,
    runtime: str | None,
    version: str | None,
    node: Node,
    devices: int,
    parallelism: Parallelism,
    flags: Mapping[str, object],
    imatrix: bool = False,
    weights_bytes: int | None = None,
) -> Candidate:
    """One replica on `devices` devices of `node`. `runtime` may name a backend behind a slash (`llama-server/vulkan`).

    Without `quantization` the model's only checkpoint is taken. llama.cpp splits layers over all its devices; vLLM's devices follow
    from `parallelism`. Raises UserInputError for what the engine would refuse.
    """
    record = catalog.engine(engine)
    model = _as_run(record, model)
    weights = find_quantization(quantization or _only_quantization(model), catalog, record)
    reference = runtime_of(record, runtime, version, node)
    spread = _spread(record, parallelism, devices)
    _check_support(record, weights, model, device=node.device, backend=reference.backend, spread=spread)
    settings = settings_from_flags(
        record,
        reference.runtime,
        flags,
        architecture=model.architecture,
        device=node.device,
        backend=reference.backend,
        parallelism=spread,
    )
    _check_shares(settings, spread)
    checkpoint = find_checkpoint(model, weights, imatrix=imatrix, weights_bytes=weights_bytes)
    return Candidate(model, checkpoint, reference, node, spread, settings)


def _check_support(record: EngineRecord, weights: Quantization, model: Model, *, device: Device, backend: str, spread: Parallelism) -> None:
    split = 1 if spread.expert else spread.tensor
    reason = refusal(record, weights, architecture=model.architecture, device=device, backend=backend, split=split)
    if reason is not None:
        raise UserInputError(reason)


def find_checkpoint(model: Model, quantization: Quantization, *, imatrix: bool = False, weights_bytes: int | None = None) -> Checkpoint:
    """The model's checkpoint in this format: a published one, else one that could be made, its bytes computed from the architecture."""
    found = [c for c in model.checkpoints if c.quantization == quantization.id and (c.imatrix or not imatrix)]
    found.sort(key=lambda checkpoint: (not checkpoint.published, checkpoint.weights_bytes is None))
    needs_imatrix = quantization.mix is not None and quantization.mix.needs_imatrix
    checkpoint = found[0] if found else _made(model, quantization, imatrix=imatrix or needs_imatrix)
    if weights_bytes is None:
        return checkpoint
    if weights_bytes <= 0:
        raise UserInputError(f"weights-bytes: {weights_bytes:,} must be above 0")
    return dataclasses.replace(checkpoint, weights_bytes=weights_bytes, source="stated with --weights-bytes")


def _made(model: Model, quantization: Quantization, *, imatrix: bool) -> Checkpoint:
    source = f"computed from the architecture of {model.id}; no published files are known"
    return Checkpoint(model.id, quantization.format, quantization.id, imatrix=imatrix, published=False, source=source)


def _check_shares(settings: EngineSettings, spread: Parallelism) -> None:
    if isinstance(settings, LlamaCppSettings) and len(settings.tensor_split) > spread.devices:
        raise UserInputError(f"tensor-split: {len(settings.tensor_split)} shares for {spread.devices} devices")


def _as_run(record: EngineRecord, model: Model) -> Model:
    """The model with the caches that this engine gives it."""
    if model.support != "planned":
        raise UserInputError(f"model {model.id}: {model.support}")
    if model.architecture.gguf_name not in record.ignores_windows_of:
        return model
    return dataclasses.replace(model, architecture=without_windows(model.architecture))


def _only_quantization(model: Model) -> str:
    names = sorted({checkpoint.quantization for checkpoint in model.checkpoints})
    if len(names) != 1:
        known = f"; known checkpoints: {', '.join(names)}" if names else f" ({model.source})" if model.source else ""
        raise UserInputError(f"--quantization: say in which format {model.id} is to be served{known}")
    return names[0]


def runtime_of(record: EngineRecord, runtime: str | None, version: str | None, node: Node) -> RuntimeRef:
    """The program that is meant, with the engine's defaults. Raises UserInputError for one that does not exist or not on this node."""
    name, _, backend = (runtime or record.default_runtime).partition("/")
    find_runtime(record, name)
    used = backend or best_backend(record, node.device)
    if used not in node.device.backends:
        raise UserInputError(
            f"runtime {runtime}: {node.device.id} has no backend {used}; it has {', '.join(node.device.backends) or 'none'}"
        )
    return RuntimeRef(record.id, name, _version(record, version, used), used)


def _version(record: EngineRecord, asked: str | None, backend: str) -> str:
    """The version in the record's own spelling. A commit or a release of the bindings is understood where the record maps it."""
    versions = record.versions
    if asked is None:
        return versions.default_for.get(backend, versions.default)
    for known in versions.known:
        if asked in (known.version, known.binding) or (known.commit and len(asked) >= 7 and known.commit.startswith(asked)):
            return known.version
    order = _order(record, asked)
    least, limit = _order(record, versions.minimum), _order(record, versions.below) if versions.below else None
    if order < least or (limit is not None and order >= limit):
        until = f" to before {versions.below}" if versions.below else ""
        raise UserInputError(f"engine version {asked}: what is known of {record.title} holds from {versions.minimum}{until}")
    return f"b{order[0]}" if versions.scheme == "build" else asked.removeprefix("v")


def _order(record: EngineRecord, version: str) -> tuple[int, ...]:
    build, release = build_number(version), _RELEASE.fullmatch(version)
    if record.versions.scheme == "build" and build is not None:
        return (build,)
    if record.versions.scheme != "build" and release is not None:
        return tuple(int(part) for part in release[1].split("."))
    raise UserInputError(f"engine version {version!r}: not a version of {record.title}, such as {record.versions.default}")


def _spread(record: EngineRecord, parallelism: Parallelism, devices: int) -> Parallelism:
    if devices < 1:
        raise UserInputError(f"devices: {devices} must be at least 1")
    if record.id != "llama.cpp":
        if parallelism.devices > devices:
            raise UserInputError(f"parallelism: needs {parallelism.devices} devices, {devices} given")
        return parallelism
    if parallelism not in (Parallelism(), Parallelism(pipeline=devices)):
        raise UserInputError(
            "llama.cpp splits layers over --devices (shares: --tensor-split); it has no tensor, data or expert parallelism"
        )
    return Parallelism(pipeline=devices)
