"""vLLM's settings as `vllm serve` would take them: defaults by device, what the user fixed, and what the engine refuses.

Sources: vllm/engine/arg_utils.py (get_batch_defaults, _set_default_max_num_seqs_and_batched_tokens_args) and
vllm/config/scheduler.py of 0.32.0 and 0.33.0.
"""

from dataclasses import dataclass
from typing import Final, TypedDict, cast

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.domain.engine_record import DeviceDefaults, EngineRecord, Runtime
from advisor.domain.hardware import Device
from advisor.engines.flags import GivenFlag, Value, parse_value, positive
from advisor.errors import UserInputError
from advisor.units import GIB

LORA_RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)
_TRAINED: Final = "trained"  # in the record: the length in config.json


@dataclass(frozen=True, slots=True)
class RunsOn:
    """What vLLM looks at when it chooses defaults; `backend` is a platform of the record."""

    architecture: ModelArchitecture
    device: Device
    backend: str
    parallelism: Parallelism


def vllm_settings(record: EngineRecord, runtime: Runtime, given: list[GivenFlag], on: RunsOn) -> VllmSettings:
    """The settings with which the engine would run. Raises UserInputError where it would refuse to start."""
    chosen = {flag.fact.setting: flag.value for flag in given if flag.fact.setting is not None}
    values: dict[str, Value] = _defaults(record, runtime, on)
    values |= {name: value for name, value in chosen.items() if name is not None}
    length = _model_length(values, on.architecture)
    sequences, tokens = _scheduler_limits(
        values, length, sequences_given="max_num_seqs" in chosen, tokens_given="max_num_batched_tokens" in chosen
    )
    reserved = values.get("kv_cache_memory_bytes")
    return VllmSettings(
        max_model_len=length,
        max_num_seqs=sequences,
        max_num_batched_tokens=tokens,
        gpu_memory_utilization=_utilization(values),
        kv_cache_dtype=str(values["kv_cache_dtype"]),
        block_size=positive(values, "block_size"),
        enable_prefix_caching=bool(values["enable_prefix_caching"]),
        enforce_eager=bool(values["enforce_eager"]),
        kv_cache_memory_bytes=None if reserved is None else positive(values, "kv_cache_memory_bytes"),
        **_lora(values),
    )


class _Lora(TypedDict):
    enable_lora: bool
    max_loras: int
    max_lora_rank: int
    fully_sharded_loras: bool
    max_cpu_loras: int | None


def _lora(values: dict[str, Value]) -> _Lora:
    """The slots for adapters; without --enable-lora the rest says nothing (vllm/config/lora.py)."""
    slots, rank = positive(values, "max_loras"), positive(values, "max_lora_rank")
    in_host = positive(values, "max_cpu_loras") if "max_cpu_loras" in values else None
    if rank not in LORA_RANKS:
        raise UserInputError(f"max-lora-rank: {rank} is none that vLLM takes: {', '.join(map(str, LORA_RANKS))}")
    if in_host is not None and in_host < slots:
        raise UserInputError(f"max-cpu-loras: {in_host} is below max-loras ({slots}); vLLM refuses to start")
    return _Lora(
        enable_lora=bool(values["enable_lora"]),
        max_loras=slots,
        max_lora_rank=rank,
        fully_sharded_loras=bool(values["fully_sharded_loras"]),
        max_cpu_loras=in_host,
    )


def device_defaults(record: EngineRecord, on: RunsOn) -> dict[str, int]:
    """The defaults that depend on the device: the first entry of the record that matches, setting by setting."""
    ranks = on.parallelism.tensor * on.parallelism.pipeline
    found: dict[str, int] = {}
    for entry in record.defaults_by_device:
        if _matches(entry, on):
            for name, text in entry.settings.items():
                found.setdefault(name, int(text) * (ranks if name in entry.per_rank else 1))
    return found


def _matches(entry: DeviceDefaults, on: RunsOn) -> bool:
    name = on.device.name.lower()  # the engine looks for these words in the driver's device name
    return (
        entry.backend in (None, on.backend)
        and on.device.memory_bytes >= (entry.memory_at_least_gib or 0) * GIB
        and not any(word in name for word in entry.name_without)
        and (entry.processor_feature is None or entry.processor_feature in on.device.planned_features)
        and (entry.cache is None or entry.cache in on.architecture.kinds)
    )


def _defaults(record: EngineRecord, runtime: Runtime, on: RunsOn) -> dict[str, Value]:
    facts = {fact.setting: fact for fact in runtime.flags if fact.setting is not None}
    fixed: dict[str, Value] = {
        name: on.architecture.max_context_tokens if text == _TRAINED else parse_value(facts[name], name, text)
        for name, text in runtime.defaults.items()
    }
    return fixed | device_defaults(record, on)


def _model_length(values: dict[str, Value], architecture: ModelArchitecture) -> int:
    if values["max_model_len"] in ("auto", -1):
        raise UserInputError(
            "max-model-len: auto takes what fits after loading, so it cannot be planned; "
            f"give a length up to {architecture.max_context_tokens:,}"
        )
    return positive(values, "max_model_len")


def _scheduler_limits(values: dict[str, Value], length: int, *, sequences_given: bool, tokens_given: bool) -> tuple[int, int]:
    """Unset limits are capped by each other; set ones that contradict each other are refused, as the engine does."""
    sequences, tokens = positive(values, "max_num_seqs"), positive(values, "max_num_batched_tokens")
    if not tokens_given:
        tokens = min(sequences * length, tokens)
    if not sequences_given:
        sequences = min(sequences, tokens)
    if tokens < sequences:
        raise UserInputError(
            f"max-num-batched-tokens: {tokens:,} is below max-num-seqs ({sequences:,}); vLLM refuses to start. "
            f"Use max-num-seqs {tokens:,} or less, or a larger token budget"
        )
    return sequences, tokens


def _utilization(values: dict[str, Value]) -> float:
    share = cast("float", values["gpu_memory_utilization"])
    if not 0 < share <= 1:
        raise UserInputError(f"gpu-memory-utilization: {share:g} is not a share of the memory; use a number above 0 and up to 1")
    return share
