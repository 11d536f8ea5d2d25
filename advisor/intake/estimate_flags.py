"""The estimate's own words for settings that both engines have, and the engine's names beside them, as flags of one runtime."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from advisor.domain.engine_record import EngineRecord
from advisor.engines.flags import find_runtime, split_arguments
from advisor.errors import UserInputError

_LLAMA_CPP: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "context": ("ctx_size",),
        "parallel": ("parallel",),
        "gpu-layers": ("n_gpu_layers",),
        "cpu-moe-layers": ("n_cpu_moe",),
        "unified-kv": ("kv_unified",),
        "swa-full": ("swa_full",),
        "flash-attention": ("flash_attn",),
        "ubatch": ("ubatch_size",),
        "kv-cache-dtype": ("cache_type_k", "cache_type_v"),
    }
)
_VLLM: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "context": ("max_model_len",),
        "parallel": ("max_num_seqs",),
        "prefix-caching": ("enable_prefix_caching",),
    }
)


def estimate_flags(record: EngineRecord, runtime: str, arguments: Sequence[str]) -> dict[str, object]:
    """Arguments such as `--context 8192 --no-swa-full --cache-ram 0` as flags of the runtime. Raises UserInputError for stray words."""
    words = _LLAMA_CPP if record.id == "llama.cpp" else _VLLM
    switches = _switches(words)
    given, rest = split_arguments(find_runtime(record, runtime), arguments, switches=switches)
    if rest:
        raise UserInputError(f"{rest[0]!r}: neither a flag nor its value; write the model first, then --flag value")
    flags: dict[str, object] = {}
    for name, value in given.items():
        plain = name.removeprefix("no-") if name.removeprefix("no-") in switches else name
        settings = words.get(plain, (plain,))
        flags |= dict(zip(settings, _values(plain, value, len(settings), negated=plain != name), strict=True))
    return flags


def _switches(words: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    on_off = {name for name in ("unified-kv", "swa-full", "prefix-caching") if name in words}
    return frozenset(on_off | {f"no-{name}" for name in on_off})


def _values(name: str, value: object, count: int, *, negated: bool) -> tuple[object, ...]:
    """One value a setting: `f16` for both halves of a cache, `q8_0,f16` for keys and values."""
    if negated:
        return (False,)
    if count == 1:
        return (value,)
    parts = [part.strip() for part in str(value).split(",")]
    if len(parts) > count:
        raise UserInputError(f"{name}: {value!r} names {len(parts)} types; give one for both, or K,V")
    return tuple(parts * count if len(parts) == 1 else parts)
