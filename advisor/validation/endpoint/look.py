"""A server that somebody else started, before it is given work: which engine and model it is, how it is set, and whether it is busy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from advisor.domain.engine import LlamaCppSettings
from advisor.domain.engine_record import EngineRecord
from advisor.errors import NotProven, UserInputError
from advisor.units import gib_text
from advisor.validation.endpoint.pages import EndpointPages, read_pages
from advisor.validation.log.shown import LogShown, context_differs
from advisor.validation.planned_load import settings_apart, tokens_held
from advisor.validation.subject import Subject

_PARAMETERS_APART: Final = 0.05  # tied embeddings counted once or twice
_BYTES_APART: Final = 0.10
_SILENCE: Final = "not visible from outside"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a server tells. `model` is the planned model's name there; `shown` its numbers by claim name and what is not as planned.

    `others` are requests that it works on for others; None: it does not tell.
    """

    base_url: str
    model: str
    shown: LogShown
    others: int | None


def look_at(base_url: str, subject: Subject, records: Iterable[EngineRecord], *, api_key: str | None, served_model: str | None) -> Endpoint:
    """Read its pages.

    Raises UserInputError for an address that is no completions server, that asks for another key, or that serves another model than
    `served_model`; NotProven when nobody answers; TimedOut.
    """
    base_url = base_url.rstrip("/").removesuffix("/v1")
    known = list(records)
    pages = read_pages(base_url, known, api_key)
    model, named = _served(pages.models, subject, served_model)
    record = next(record for record in known if record.id == subject.planned.engine.name)
    shown = _shown(_Look(subject, pages, model, pages.version(record)), named=named)
    return Endpoint(base_url, model, shown, None if pages.live is None else pages.live.busy)


@dataclass(frozen=True, slots=True)
class _Look:
    """The plan's deployment and what a server tells of its own."""

    subject: Subject
    pages: EndpointPages
    model: str
    version: str | None


# ---- which model


def _served(models: Mapping[str, Any], subject: Subject, chosen: str | None) -> tuple[str, bool]:
    """The model's name there, and whether the name says that it is the planned one."""
    listed = ", ".join(sorted(models)[:5])
    if chosen is not None:
        if chosen not in models:
            raise UserInputError(f"--served-model {chosen}: not served there; it serves {listed}")
        return chosen, True
    found = next((name for name in models if name.casefold() in subject.model_names), None)
    if found is not None:
        return found, True
    if len(models) > 1:
        raise UserInputError(f"it serves {listed}: say which is the planned {subject.planned.model.id} with --served-model NAME")
    return next(iter(models)), False


# ---- against the plan


def _shown(look: _Look, *, named: bool) -> LogShown:
    context = look.pages.context_tokens(look.model)
    other_context, shrunk = context_differs(look.subject, context)
    differs = [*_identity(look, named=named), other_context, *_settings(look)]
    values = {"starts": 1.0, "context_per_request_tokens": context, "kv_capacity_tokens": _capacity(look, context)}
    return LogShown(
        engine={"name": look.pages.engine, "version": look.version},
        device=None,
        values={name: float(value) for name, value in values.items() if value is not None},
        differs=tuple(difference for difference in differs if difference),
        remarks=tuple(remark for remark in (shrunk, *_remarks(look)) if remark),
        silence=_SILENCE,
    )


def _capacity(look: _Look, context: int | None) -> float | None:
    """Of the tightest rank; of llama-server all slots together, which share one context where they are unified."""
    settings, slots = look.subject.candidate.settings, look.pages.slots
    if isinstance(settings, LlamaCppSettings):
        if slots is None or context is None:
            return None
        return context if settings.kv_unified else context * slots
    caches = look.pages.live.caches if look.pages.live else ()
    return min((tokens for cache in caches if (tokens := tokens_held(look.subject, cache)) is not None), default=None)


def _identity(look: _Look, *, named: bool) -> Iterator[str]:
    planned, engine, version = look.subject.planned, look.pages.engine, look.version
    if engine is not None and engine != planned.engine.name:
        yield f"engine {planned.engine.name} -> {engine}"
    elif version is not None and version.split("+")[0] != planned.engine.version.split("+")[0]:
        yield f"engine version {planned.engine.version} -> {version}"
    if not named:
        yield f"model {planned.model.id} -> {look.model} (if that is its name there, say so with --served-model)"
    yield from _weights(look)


def _weights(look: _Look) -> Iterator[str]:
    parameters, size_bytes = look.pages.loaded(look.model)
    candidate = look.subject.candidate
    planned = candidate.model.architecture.parameters_total
    if parameters and abs(parameters / planned - 1) > _PARAMETERS_APART:
        yield f"model of {planned / 1e9:.2f} billion parameters -> {parameters / 1e9:.2f} billion"
        return
    memory = look.subject.memory
    computed_bytes = sum(device.weights_bytes.value for device in memory.devices) + memory.host.weights_bytes.value
    held_bytes = candidate.checkpoint.weights_bytes or computed_bytes
    if size_bytes and held_bytes and abs(size_bytes / held_bytes - 1) > _BYTES_APART:
        yield f"weights of {gib_text(held_bytes, 2)} -> {gib_text(size_bytes, 2)}: another quantisation"


def _settings(look: _Look) -> Iterator[str]:
    settings, slots = look.subject.candidate.settings, look.pages.slots
    if isinstance(settings, LlamaCppSettings) and slots is not None and slots != settings.parallel:
        yield f"parallel {settings.parallel} -> {slots}"
    for cache in look.pages.live.caches if look.pages.live else ():
        for flag, planned, told in settings_apart(look.subject, cache):
            yield f"{flag} {planned} -> {told}"


def _remarks(look: _Look) -> Iterator[str]:
    planned = look.subject.planned
    taken = f"taken to be the planned {planned.hardware.device} and {planned.model.quantization}"
    yield f"hardware and weights cannot be seen from outside: {taken}"
    if look.pages.engine is None:
        yield f"the server does not say which engine it is: taken to be {planned.engine.runtime}"
    elif look.version is None:
        yield f"the server does not say its version: taken to be the planned {planned.engine.version}"


def require_quiet(endpoint: Endpoint, *, yes: bool) -> None:
    """Raises NotProven for a server that works for others, or may, unless that was agreed to."""
    if yes or endpoint.others == 0:
        return
    if endpoint.others is None:
        raise NotProven(_refusal(endpoint, "does not show its metrics, so others may be using it"))
    raise NotProven(_refusal(endpoint, f"works on {endpoint.others} requests of others"))


def _refusal(endpoint: Endpoint, why: str) -> str:
    return f"{endpoint.base_url} {why}: nothing was sent. Take one that nobody uses, or add --yes to measure it as it is"
