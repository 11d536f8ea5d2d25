"""llama.cpp's settings as the engine would take them: defaults of the runtime, what the user fixed, and the engine's own laws.

Laws seen in the engine's log at the record's commit: an automatic number of slots is 4 slots that share one pool, whatever else
is said; an explicit number splits the context unless --kv-unified is given; a batch is never larger than the context, a
micro-batch never larger than the batch; a quantised V cache needs flash attention.
"""

from collections.abc import Mapping
from typing import Final, Literal, cast

from advisor.domain.architecture import IndexerCache, LatentCache, ModelArchitecture, StateCache
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.engine_record import FlagFact, Runtime
from advisor.domain.hardware import Device
from advisor.engines.flags import GivenFlag, Value, parse_value, plain_value, positive
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_llama_cpp import padded

AUTO_SLOTS: Final = 4  # llama-server: "n_parallel is set to auto, using n_parallel = 4 and kv_unified = true"
MOST_SEQUENCES: Final = 256  # LLAMA_MAX_SEQ
_QUANTISED_ROW: Final = 32  # elements of a block of every quantised cache type
_PLAIN_TYPES: Final = frozenset({"f32", "f16", "bf16"})
LoadMode = Literal["mmap", "none", "mlock"]
_WITHOUT_FLASH_ATTENTION: Final = frozenset({"grok"})  # the engine switches it off itself (src/llama-context.cpp)


def llama_cpp_settings(runtime: Runtime, given: list[GivenFlag], *, architecture: ModelArchitecture, device: Device) -> LlamaCppSettings:
    """The settings with which the engine would run. Raises UserInputError where the engine would refuse to start."""
    chosen = {flag.fact.setting: flag.value for flag in given if flag.fact.setting is not None}
    values = _defaults(runtime) | {name: value for name, value in chosen.items() if name is not None}
    if any("use_mmap" in fact.names for fact in runtime.flags):
        values["load_mode"] = _python_load_mode(runtime, given)
    parallel, unified = _slots(values)
    context = _context(values, architecture)
    batch = min(positive(values, "batch_size"), padded(context))
    settings = LlamaCppSettings(
        ctx_size=context,
        parallel=parallel,
        kv_unified=unified,
        swa_full=bool(values["swa_full"]),
        flash_attn=_flash_attention(values, architecture),
        cache_type_k=str(values["cache_type_k"]),
        cache_type_v=str(values["cache_type_v"]),
        batch_size=batch,
        ubatch_size=min(positive(values, "ubatch_size"), batch),
        n_gpu_layers=_gpu_layers(values, architecture, device),
        n_cpu_moe=_cpu_moe_layers(values, architecture, device),
        split_mode=_split_mode(values),
        tensor_split=cast("tuple[float, ...]", values["tensor_split"]),
        load_mode=cast("LoadMode", values["load_mode"]),
        repack=bool(values["repack"]),
        cache_ram_mib=_cache_ram(values),
        outputs=parallel if values["outputs"] == "slots" else batch,
        ctx_checkpoints=_checkpoints(values),
        threads=positive(values, "threads") if "threads" in values else None,
    )
    _check_cache_types(settings, architecture)
    return settings


def _defaults(runtime: Runtime) -> dict[str, Value]:
    facts = {fact.setting: fact for fact in runtime.flags if fact.setting is not None}
    return {name: _default(facts.get(name), name, text) for name, text in runtime.defaults.items()}


def _default(fact: FlagFact | None, name: str, text: str) -> Value:
    if fact is not None and fact.pin != "never":
        return parse_value(fact, name, text)
    return plain_value(text)


def _python_load_mode(runtime: Runtime, given: list[GivenFlag]) -> LoadMode:
    """The bindings spell the load mode as two booleans (llama_cpp/llama.py); pinned is pinned, mapped or not."""
    asked: Mapping[str, bool] = {flag.name: bool(flag.value) for flag in given if flag.fact.setting == "load_mode"}
    if asked.get("use-mlock", runtime.defaults["load_mode"] == "mlock"):
        return "mlock"
    return "mmap" if asked.get("use-mmap", True) else "none"


def python_load_flags(load_mode: LoadMode) -> dict[str, bool]:
    """The two booleans for a load mode."""
    return {"use_mmap": load_mode != "none", "use_mlock": load_mode == "mlock"}


def _slots(values: Mapping[str, Value]) -> tuple[int, bool]:
    asked = values["parallel"]
    if asked in ("auto", -1):
        return AUTO_SLOTS, True
    slots = positive(values, "parallel")
    if slots > MOST_SEQUENCES:
        raise UserInputError(f"parallel: {slots} slots; llama.cpp serves at most {MOST_SEQUENCES} sequences at once. Add replicas")
    return slots, bool(values["kv_unified"])


def _context(values: Mapping[str, Value], architecture: ModelArchitecture) -> int:
    asked = cast("int", values["ctx_size"])
    if asked < 0:
        raise UserInputError(f"ctx-size: {asked} is negative; 0 means the trained length ({architecture.max_context_tokens:,})")
    return asked or architecture.max_context_tokens


def _flash_attention(values: Mapping[str, Value], architecture: ModelArchitecture) -> Literal["on", "off"]:
    off = architecture.gguf_name in _WITHOUT_FLASH_ATTENTION or values["flash_attn"] == "off"
    return "off" if off else "on"


def _gpu_layers(values: Mapping[str, Value], architecture: ModelArchitecture, device: Device) -> int:
    """`auto`, `all` and -1 mean every layer and the output layer; a CPU has nothing to offload to."""
    if device.is_cpu:
        return 0
    everything = architecture.layers + 1
    asked = values["n_gpu_layers"]
    if asked in ("auto", "all", -1):
        return everything
    if cast("int", asked) < 0:
        raise UserInputError(f"n-gpu-layers: {asked} is negative; write all, or 0 to {everything}")
    return min(cast("int", asked), everything)


def _cpu_moe_layers(values: Mapping[str, Value], architecture: ModelArchitecture, device: Device) -> int:
    asked = values["n_cpu_moe"]
    layers = architecture.layers if asked == "all" else cast("int", asked)
    if layers < 0:
        raise UserInputError(f"n-cpu-moe: {layers} is negative; it counts the first layers whose experts stay in host memory")
    if device.is_cpu or not architecture.experts:
        return 0
    return min(layers, architecture.layers)


def _split_mode(values: Mapping[str, Value]) -> Literal["none", "layer", "row"]:
    asked = values["split_mode"]
    if asked == "tensor":
        raise UserInputError("split-mode: tensor is experimental in llama.cpp and not estimated; use layer or row")
    return cast('Literal["none", "layer", "row"]', asked)


def _cache_ram(values: Mapping[str, Value]) -> int:
    asked = cast("int", values["cache_ram_mib"])
    if asked < 0:
        raise UserInputError(
            "cache-ram: -1 lets the prompt cache grow without limit, which no host memory can be planned for; give MiB, 0 is off"
        )
    return asked


def _checkpoints(values: Mapping[str, Value]) -> int:
    asked = cast("int", values["ctx_checkpoints"])
    if asked < 0:
        raise UserInputError(f"ctx-checkpoints: {asked} must be 0 or more; 0 is off")
    return asked


def _check_cache_types(settings: LlamaCppSettings, architecture: ModelArchitecture) -> None:
    """What context creation refuses (src/llama-context.cpp)."""
    k, v = settings.cache_type_k, settings.cache_type_v
    if _has(architecture, LatentCache) and k != v:
        raise UserInputError(f"cache-type-k {k}, cache-type-v {v}: {architecture.name} keeps one latent row a token, so both must be equal")
    if v not in _PLAIN_TYPES and settings.flash_attn == "off":
        raise UserInputError(
            f"cache-type-v {v}: llama.cpp refuses a quantised V cache without flash attention; use --flash-attn on, or f16"
        )
    if settings.flash_attn == "off" or {k, v} <= _PLAIN_TYPES:
        return
    for width in sorted(_row_widths(architecture)):
        if width % _QUANTISED_ROW:
            raise UserInputError(f"cache types {k}, {v}: heads of {width} elements do not fill blocks of {_QUANTISED_ROW}; use f16")


def _row_widths(architecture: ModelArchitecture) -> set[int]:
    widths: set[int] = set()
    for group in architecture.layer_groups:
        for cache in group.caches:
            if isinstance(cache, LatentCache):
                widths.add(cache.rank + cache.rope_dim)
            elif not isinstance(cache, StateCache | IndexerCache):
                widths |= {cache.key_dim, cache.value_dim}
    return widths - {0}


def _has(architecture: ModelArchitecture, kind: type) -> bool:
    return any(isinstance(cache, kind) for group in architecture.layer_groups for cache in group.caches)
