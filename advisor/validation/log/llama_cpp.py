"""A llama-server start-up log as numbers by claim name, and the settings, devices and build in it against the planned ones."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from advisor.domain.engine import build_number
from advisor.domain.engine_record import EngineRecord
from advisor.engines.llama_server_log import MEMORY_VERBOSITY, LlamaServerLog, read_llama_server_log
from advisor.errors import UserInputError
from advisor.units import GIB
from advisor.validation.log.shown import LogShown, Names, context_differs, device_differs, message_of
from advisor.validation.subject import Subject

_MISSING: Final = f"memory lines missing: start llama-server with -lv {MEMORY_VERBOSITY}"
_HOST: Final = "CPU"


def read_llama_cpp(subject: Subject, log: BinaryIO, record: EngineRecord, names: Names) -> LogShown:
    """Raises UserInputError for a log that holds no start of llama-server."""
    seen = read_llama_server_log(log, record.log_patterns)
    if not seen.tells:
        raise UserInputError("no line of a llama-server start-up in it: give the whole log from the start of the server")
    version = None if seen.commit is None else record.version_of_build(seen.build, seen.commit)
    context = _number(seen, "n_ctx_seq") or seen.slot_tokens
    other_context, shrunk = context_differs(subject, context)
    differs = [*_identity(subject, seen, version, names), other_context, *_settings(subject, seen)]
    told = bool(seen.memory.weights_bytes)
    return LogShown(
        engine={"name": record.id, "version": version, "build": seen.build, "commit": seen.commit},
        device=next((names.id_of(device.name) for device in seen.accelerators), None),
        values={name: value for name, value in _values(seen, context).items() if value is not None},
        differs=tuple(difference for difference in differs if difference),
        remarks=tuple(remark for remark in (shrunk, *_remarks(subject, seen, version)) if remark),
        reasons={"starts": "no readiness line: the log may be cut off"} | ({} if told else dict.fromkeys(_FROM_MEMORY_LINES, _MISSING)),
    )


_FROM_MEMORY_LINES: Final = ("weights_gib", "kv_cache_gib", "recurrent_state_gib", "compute_buffer_gib", "kv_capacity_tokens")


def _values(seen: LlamaServerLog, context: int | None) -> dict[str, float | None]:
    memory, buffer = seen.memory, _fullest(seen)
    single = len(memory.cache_buffer_bytes) <= 1
    state = memory.recurrent_state_bytes or 0.0
    in_bytes = {
        "weights_gib": _weights(seen, buffer),
        "kv_cache_gib": (memory.kv_cache_bytes or 0.0) if single else None if state else memory.cache_buffer_bytes.get(buffer),
        "recurrent_state_gib": state if single else None if state else 0.0,
        "compute_buffer_gib": memory.compute_buffer_bytes.get(buffer),
        "output_buffer_gib": sum(memory.output_buffer_bytes.values()) or None,
        "repacked_weights_gib": memory.repacked_bytes or None,
    }
    return {
        "starts": 1.0 if seen.ready else 0.0 if seen.refusal else None,
        "context_per_request_tokens": context,
        "kv_capacity_tokens": _number(seen, "n_ctx"),
        "start_s": seen.start_s,
        **{name: size / GIB for name, size in in_bytes.items() if size is not None and memory.weights_bytes},
    }


def _fullest(seen: LlamaServerLog) -> str:
    """The device that holds most: what the plan's claims about one device are about."""
    memory = seen.memory
    parts = (memory.weights_bytes, memory.cache_buffer_bytes, memory.compute_buffer_bytes)
    taken = {device.buffer: sum(part.get(device.buffer, 0.0) for part in parts) for device in seen.accelerators}
    return max(taken, key=lambda buffer: taken[buffer]) if taken else _HOST


def _weights(seen: LlamaServerLog, buffer: str) -> float | None:
    """Of the device; on a CPU of the mapped file, or of all buffers where it is read instead of mapped."""
    weights = seen.memory.weights_bytes
    if buffer != _HOST:
        return weights.get(buffer)
    mapped = any(name.endswith("_Mapped") for name in weights)
    return sum(size for name, size in weights.items() if not (mapped and "REPACK" in name))


def _number(seen: LlamaServerLog, name: str) -> int | None:
    text = seen.memory.context.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 13 else None


def _identity(subject: Subject, seen: LlamaServerLog, version: str | None, names: Names) -> Iterator[str]:
    planned, node = subject.planned, subject.candidate.node
    if version is not None and build_number(version) != build_number(planned.engine.version):
        yield f"engine version {planned.engine.version} -> {version}"
    used = seen.accelerators
    if seen.memory.weights_bytes and subject.candidate.on_cpu == bool(used):
        yield f"device {planned.hardware.device} -> {used[0].name if used else 'the CPU'}"
        return
    for device in used:
        yield device_differs(subject, names, named=device.name, memory_bytes=device.total_bytes)
    if len(used) > 1 and len(used) != planned.hardware.devices:
        yield f"devices {planned.hardware.devices} -> {len(used)}"
    if subject.candidate.on_cpu and not node.assumed_host and seen.devices:
        yield device_differs(subject, names, named=None, memory_bytes=seen.devices[0].total_bytes)


def _settings(subject: Subject, seen: LlamaServerLog) -> Iterator[str]:
    """Every planned setting that the log shows with another value; the context is judged by itself."""
    planned, context = subject.settings, seen.memory.context
    layers = planned.n_gpu_layers if seen.layers is None else min(planned.n_gpu_layers, seen.layers)
    pairs: dict[str, tuple[object, object]] = {
        "parallel": (planned.parallel, _number(seen, "n_seq_max") or seen.slots),
        "ubatch-size": (planned.ubatch_size, _number(seen, "n_ubatch")),
        "kv-unified": (planned.kv_unified, seen.unified),
        "flash-attn": (planned.flash_attn, {"enabled": "on", "disabled": "off"}.get(context.get("flash_attn", ""))),
        "cache-type-k": (planned.cache_type_k, seen.key_type),
        "cache-type-v": (planned.cache_type_v, seen.value_type),
        "n-gpu-layers": (layers, seen.offloaded_layers),
    }
    for name, (wanted, shown) in pairs.items():
        if shown is not None and shown != wanted:
            yield f"{name} {wanted} -> {shown}"


def _remarks(subject: Subject, seen: LlamaServerLog, version: str | None) -> Iterator[str]:
    if seen.starts > 1:
        yield f"the log holds {seen.starts} starts: the last one counts"
    if not seen.memory.weights_bytes:
        yield _MISSING
    if version is None:
        yield f"the log does not say which build ran: taken to be the planned {subject.planned.engine.version}"
    if seen.refusal:
        yield f"llama-server refused: {message_of(seen.refusal)}"
