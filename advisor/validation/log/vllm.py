"""A vLLM start-up log as numbers by claim name, and the settings, device and version in it against the planned ones."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from advisor.domain.engine import VllmSettings
from advisor.domain.engine_record import EngineRecord
from advisor.engines.vllm_log import VllmLog, read_vllm_log
from advisor.errors import UserInputError
from advisor.units import GIB, gib_text
from advisor.validation.log.shown import LogShown, Names, context_differs, device_differs, message_of
from advisor.validation.subject import Subject

_SAME_KV_TYPE: Final = {"fp8_e4m3": "fp8"}  # two names of one type, vllm/config/cache.py
_CLOSE: Final = 0.005  # of shares, which the log prints as they were given


def read_vllm(subject: Subject, log: BinaryIO, record: EngineRecord, names: Names) -> LogShown:
    """Raises UserInputError for a log that holds no start of vLLM."""
    seen = read_vllm_log(log, record.log_patterns)
    if not seen.tells:
        raise UserInputError("no line of a vLLM start-up in it: give the whole log from the start of the server")
    context = seen.length_tokens or _whole(seen.settings.get("max_model_len"))
    other_context, shrunk = context_differs(subject, context, given=_asked_otherwise(subject, seen))
    differs = [*_identity(subject, seen, names), other_context, *_settings(subject, seen)]
    values = {name: value for name, value in _values(seen, context).items() if value is not None}
    return LogShown(
        engine={"name": record.id, "version": seen.version},
        device=None if seen.device_name is None else names.id_of(seen.device_name),
        values=values,
        differs=tuple(difference for difference in differs if difference),
        remarks=tuple(remark for remark in (shrunk, *_remarks(subject, seen)) if remark),
        reasons={"starts": "no readiness line: the log may be cut off"},
        synthetic=seen.settings.get("load_format") == "dummy",
        parts_bytes=_parts(seen),
    )


def _values(seen: VllmLog, context: int | None) -> dict[str, float | None]:
    started = 1.0 if seen.ready else 0.0 if seen.refusal else None
    in_bytes = {
        "weights_gib": seen.weights_bytes,
        "kv_cache_gib": seen.pool_bytes,
        "compute_buffer_gib": seen.activation_bytes,
        "cuda_graphs_gib": seen.graphs_bytes,
        "reserved_gib": None if seen.on_cpu else seen.budget_bytes,
    }
    return {
        "starts": started,
        "context_per_request_tokens": context,
        "kv_capacity_tokens": seen.kv_tokens,
        "max_concurrency_x": seen.max_concurrency_x,
        "num_blocks": seen.blocks,
        "load_s": seen.load_s,
        "start_s": seen.start_s or seen.engine_s,
        **{name: None if size is None else size / GIB for name, size in in_bytes.items()},
    }


def _parts(seen: VllmLog) -> dict[str, float]:
    """What took the budget of one device; all of it or nothing, so that the rest is really the rest."""
    known = {"weights": seen.weights_bytes, "activation peak": seen.activation_bytes, "pool": seen.pool_bytes, "budget": seen.budget_bytes}
    found = {name: size for name, size in known.items() if size is not None}
    if len(found) < len(known):
        return {}
    rest = found["budget"] - found["weights"] - found["activation peak"] - found["pool"]
    return found | {"CUDA graphs and memory outside PyTorch": rest}


def _identity(subject: Subject, seen: VllmLog, names: Names) -> Iterator[str]:
    planned = subject.planned
    if seen.version is None:
        yield "engine version not told: the beginning of the log is missing"
    elif seen.version.split("+")[0] != planned.engine.version.split("+")[0]:
        yield f"engine version {planned.engine.version} -> {seen.version}"
    if seen.on_cpu != subject.candidate.on_cpu and (seen.kv_tokens or seen.on_cpu):
        yield f"device {planned.hardware.device} -> {'a CPU' if seen.on_cpu else 'an accelerator'}"
    elif not seen.on_cpu:
        yield device_differs(subject, names, named=seen.device_name, memory_bytes=seen.device_bytes)
    if seen.model and _is_hub_id(seen.model) and seen.model.casefold() not in subject.model_names:
        yield f"model {planned.model.repo_id or planned.model.id} -> {seen.model}"


def _is_hub_id(model: str) -> bool:
    """A path tells nothing: images mount any model as /model."""
    return model.count("/") == 1 and not model.startswith(("/", ".", "~"))


def _asked_otherwise(subject: Subject, seen: VllmLog) -> bool:
    given = _whole(seen.given.get("max_model_len"))
    return given is not None and given != subject.memory.context_per_request_tokens


def _settings(subject: Subject, seen: VllmLog) -> Iterator[str]:
    """Every planned setting that the log shows with another value; the context is judged by itself."""
    for name, planned in _planned(subject).items():
        shown = seen.given.get(name, seen.settings.get(name))
        if shown is not None and name != "max_model_len" and not _same(planned, shown):
            yield f"{name.replace('_', '-')} {'unset' if planned is None else planned} -> {shown}"


def _planned(subject: Subject) -> Mapping[str, object]:
    settings, spread = subject.candidate.settings, subject.candidate.parallelism
    if not isinstance(settings, VllmSettings):
        raise UserInputError("a vLLM log needs a plan with vLLM settings")
    values = {name: getattr(settings, name) for name in VllmSettings.__slots__}
    return values | {"tensor": spread.tensor, "pipeline": spread.pipeline, "data": spread.data}


def _same(planned: object, shown: str) -> bool:
    if isinstance(planned, bool):
        return shown.casefold() == str(planned).casefold()
    if isinstance(planned, int | float):
        try:
            return abs(float(shown) - planned) <= (_CLOSE if isinstance(planned, float) else 0)
        except ValueError:
            return False
    return _SAME_KV_TYPE.get(shown, shown) == _SAME_KV_TYPE.get(str(planned), planned)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _remarks(subject: Subject, seen: VllmLog) -> Iterator[str]:
    if seen.starts > 1:
        yield f"the log holds {seen.starts} starts: the last one counts"
    if seen.refusal:
        yield f"vLLM refused: {message_of(seen.refusal)}"
    if seen.longest_tokens and not seen.ready:
        yield f"vLLM says that a length of {seen.longest_tokens:,} tokens would fit"
    if seen.later_error:
        yield f"after it was ready, the log says: {message_of(seen.later_error)}"
    if seen.uneven:
        yield f"{seen.ranks} ranks do not agree on {', '.join(seen.uneven)}: the tightest counts"
    if not (seen.on_cpu or seen.device_name):
        size = f", only its {gib_text(seen.device_bytes, 2)}" if seen.device_bytes else ""
        yield f"the log does not name the device{size}: taken to be the planned {subject.planned.hardware.device}"
