"""llama.cpp's sizes of many settings: asked of the engine without loading, predicted by the advisor, kept in a table."""

import csv
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from advisor.catalog import load_catalog
from advisor.domain.architecture import LatentCache, ModelArchitecture, without_windows
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.ggml_types import ggml_type
from advisor.engines.find_llama_cpp import FoundEngine
from advisor.engines.llama_cpp_log import parse_log
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.errors import EngineFailed
from advisor.estimate.compute_buffer_llama_cpp import ComputeBuffer
from advisor.estimate.kv_cache_llama_cpp import context_of, layer_cache_bytes, layer_state_bytes
from advisor.synthesis.gguf import write_gguf
from advisor.units import MIB

TABLE = Path(__file__).parents[2] / "tests" / "data" / "memory" / "llama_cpp.csv"
CATALOG = load_catalog()
_QUANTIZATION = "Q8_0"  # caches and buffers do not depend on it
_LIMITS = Limits(time_s=300.0, silence_s=120.0, output_bytes=64 * 1024 * 1024)
_ALL = 2048  # outputs of the library, which gives every token of a batch its logits
PLAIN = LlamaCppSettings(
    ctx_size=8192,
    parallel=1,
    kv_unified=True,
    swa_full=False,
    flash_attn="on",
    cache_type_k="f16",
    cache_type_v="f16",
    batch_size=_ALL,
    ubatch_size=512,
    n_gpu_layers=0,
    n_cpu_moe=0,
    split_mode="layer",
    tensor_split=(),
    load_mode="mmap",
    repack=False,
    cache_ram_mib=0,
    outputs=1,
)
_VARIED: tuple[dict[str, Any], ...] = (
    {},
    {"ctx_size": 32768, "parallel": 4, "outputs": 4},
    {"ctx_size": 32768, "parallel": 4, "outputs": 4, "kv_unified": False, "cache_type_k": "q8_0", "cache_type_v": "q8_0"},
    {"ctx_size": 10000, "parallel": 3, "outputs": 3, "kv_unified": False},
    {"ctx_size": 4096, "parallel": 6, "outputs": 6},  # no power of two: states of other sizes than anything else
    {"ctx_size": 131072, "parallel": 2, "outputs": 2, "cache_type_v": "q8_0"},
    {"ctx_size": 4100, "ubatch_size": 128, "outputs": _ALL},
    {"ctx_size": 16384, "ubatch_size": 2048, "outputs": _ALL, "cache_type_k": "q4_0", "cache_type_v": "q4_0"},
    {"cache_type_k": "q8_0", "swa_full": True},
    {"flash_attn": "off", "outputs": _ALL},
    {"flash_attn": "off", "ctx_size": 32768, "parallel": 4, "outputs": 4},
    {"flash_attn": "off", "cache_type_k": "q8_0", "kv_unified": False, "parallel": 2, "outputs": 2},
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """One row: the settings that were varied, and what the engine said. MiB as its log has them, two decimals."""

    model: str
    architecture: str
    ctx_size: int
    parallel: int
    kv_unified: bool
    swa_full: bool
    flash_attn: str
    cache_type_k: str
    cache_type_v: str
    ubatch_size: int
    outputs: int
    cells: int
    kv_mib: float
    state_mib: float
    compute_mib: float
    output_mib: float

    def settings(self) -> LlamaCppSettings:
        """The settings of the row, complete."""
        return replace(PLAIN, **{name: getattr(self, name) for name in _NAMES})


_NAMES = [field.name for field in fields(Sizes) if field.name in LlamaCppSettings.__slots__]


def models() -> list[str]:
    """The smallest and the largest model of every architecture that the catalog has a llama.cpp name for, with experts and without, and
    with embeddings for each layer and without."""
    return sorted({name for sized in _by_architecture() for _, name in (min(sized), max(sized))})


def smallest_models() -> list[str]:
    """The smallest alone."""
    return sorted(min(sized)[1] for sized in _by_architecture())


def _by_architecture() -> list[list[tuple[int, str]]]:
    known: dict[tuple[str, bool, bool], list[tuple[int, str]]] = {}
    for model in CATALOG.models.values():
        one = model.architecture
        if one.gguf_name and model.support == "planned":
            known.setdefault((one.gguf_name, one.experts > 0, one.token_width > 0), []).append((one.parameters_total, model.id))
    return list(known.values())


def as_run(model: str) -> ModelArchitecture:
    """The architecture with the caches that llama.cpp gives it."""
    architecture = CATALOG.model(model).architecture
    ignored = CATALOG.engine("llama.cpp").ignores_windows_of
    return without_windows(architecture) if architecture.gguf_name in ignored else architecture


def variations(architecture: ModelArchitecture) -> list[LlamaCppSettings]:
    """The settings to ask; without those that the engine refuses for this architecture."""
    latent = any(isinstance(cache, LatentCache) for group in architecture.layer_groups for cache in group.caches)
    wanted = [replace(PLAIN, **varied) for varied in _VARIED]
    if latent:  # both caches are one, which flash attention alone reads in a quantised type
        wanted = [replace(one, cache_type_v=one.cache_type_k) for one in wanted]
        wanted = [one for one in wanted if one.flash_attn == "on" or ggml_type(one.cache_type_k).block == 1]
    return list(dict.fromkeys(wanted))


def ask(engine: FoundEngine, model: str, settings: Iterable[LlamaCppSettings]) -> list[Sizes]:
    """The engine's sizes of one model, a row for each of the settings; settings on which it aborts have none."""
    wanted = list(settings)
    try:
        return _asked(engine, model, wanted)
    except EngineFailed as stopped:
        if len(wanted) == 1:
            print(f"{model}: {stopped}", file=sys.stderr)
            return []
    return [row for one in wanted for row in ask(engine, model, [one])]


def _asked(engine: FoundEngine, model: str, wanted: list[LlamaCppSettings]) -> list[Sizes]:
    architecture = CATALOG.model(model).architecture
    with tempfile.TemporaryDirectory(prefix="llm-serving-advisor-") as folder:
        path = Path(folder) / "sparse.gguf"
        write_gguf(path, architecture, CATALOG.quantization(_QUANTIZATION), sparse=True)
        request = {"mode": "size_each", "model": str(path), "settings": [asdict(one) for one in wanted]}
        report = ask_validator(engine.python, "llama_cpp_smoke.py", request, name="llama.cpp", limits=_LIMITS)
    return [_row(model, architecture, one, context) for one, context in zip(wanted, report["contexts"], strict=True)]


def _row(model: str, architecture: ModelArchitecture, settings: LlamaCppSettings, context: dict[str, Any]) -> Sizes:
    log = parse_log(context["log"])
    found = (
        log.kv_cache_bytes or 0,
        log.recurrent_state_bytes or 0,
        sum(log.compute_buffer_bytes.values()),
        sum(log.output_buffer_bytes.values()),
    )
    chosen = {name: getattr(settings, name) for name in _NAMES}
    cells = context["n_ctx_seq"] or context["n_ctx"]
    return Sizes(
        model, architecture.gguf_name or "", **chosen, cells=cells, **dict(zip(_SIZES, (round(x / MIB, 2) for x in found), strict=True))
    )


_SIZES = ("kv_mib", "state_mib", "compute_mib", "output_mib")


def predicted(row: Sizes) -> dict[str, float]:
    """The advisor's sizes of the same row, in MiB."""
    architecture, settings = as_run(row.model), row.settings()
    context = context_of(architecture, settings)
    groups = architecture.layer_groups
    sizes = (
        sum(group.count * layer_cache_bytes(group, architecture, settings, context) for group in groups),
        sum(group.count * layer_state_bytes(group, context) for group in groups),
        ComputeBuffer(architecture, settings, context).peak_bytes,
        4 * settings.parallel * architecture.vocab_size,
    )
    return dict(zip(_SIZES, (size / MIB for size in sizes), strict=True))


def read() -> tuple[str, list[Sizes]]:
    """The engine's name in the table's first line, and the rows."""
    stamp, *lines = TABLE.read_text(encoding="utf-8").splitlines()
    return stamp.removeprefix("# "), list(_parsed(csv.DictReader(lines)))


def _parsed(rows: Iterable[dict[str, str]]) -> Iterator[Sizes]:
    readers: dict[Any, Any] = {bool: lambda text: text == "True", int: int, float: float, str: str}
    for row in rows:
        yield Sizes(**{field.name: readers[field.type](row[field.name]) for field in fields(Sizes)})


def write(stamp: str, rows: Iterable[Sizes]) -> None:
    """The table anew."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {stamp}\n")
        table = csv.writer(file, lineterminator="\n")
        table.writerow(field.name for field in fields(Sizes))
        table.writerows([getattr(row, field.name) for field in fields(Sizes)] for row in rows)
