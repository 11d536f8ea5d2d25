"""The vLLM section of docs/accuracy/memory.md: the engine's own planning, and start-up logs that no fit saw. `section()` is the text."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import fit_memory
import vllm_golden
import vllm_starts
from vllm_golden import Row
from vllm_starts import Start

from advisor.catalog import Catalog, load_catalog
from advisor.units import GIB

_WITNESS = """## vLLM: what the engine itself plans

{cells:,} deployments of the catalog's models were put to vLLM {version} (`scripts/vllm_golden.py`, `tests/data/memory/vllm.csv`). Of the
{wanted:,} that are wanted {open} have not been asked yet; of what cannot be asked about there is one row. Every model is asked about once,
the smallest of each architecture at tensor parallelism 1, 2, 4 and 8, with blocks of 16 and 64 tokens, a cache in 16 bits and in FP8,
with prefix caching and without, and on processors. The largest error of each column:

| architecture | cells | refused by both | weights of a rank | bytes a block | groups | blocks | concurrency |
|---|---:|---:|---:|---:|---:|---:|---:|"""
_NOT_ASKED = """
Not asked, because this CPU build of the engine cannot be; their numbers follow from the same rules:

| model | device | why |
|---|---|---|"""
_POOL = """
## vLLM: the pool of start-up logs

`catalog/measurements/vllm-memory` holds {rows} start-up logs; {fitted} were fitted and {reported} are reported on here, which no fit saw
(`scripts/fit_memory.py`). Weights are predicted too. Groups are rows of one source, device, model and tensor parallelism.

| reported on | starts | median | 90th percentile | worst | in their range |
|---|---:|---:|---:|---:|---:|"""
_WEIGHTS = """
Predicted weights against those that the logs say were loaded, all of them:

| format | starts | largest error | row |
|---|---:|---:|---|"""
_MORE = """
The logs count more than parameters: the table of positions, 32 MiB on each rank of Llama 3.1, and on ROCm some 72 MiB beside it (VM00021).
VM00019 is a third party's checkpoint whose config is not in the catalog: in groups of 32 with zero points, with all but its experts in 16
bits, it would be 23.1 GiB a rank, which is near the 23.5 GiB of the log; as this format usually is, it would be 19.6 GiB."""
_ROWS = """
| row | source | device | model | logged GiB | predicted GiB | error |
|---|---|---|---|---:|---:|---:|"""
_LEFT_OUT = """
Left out, by what a row says:

| why | rows |
|---|---|"""


def section() -> str:
    """The section in Markdown."""
    catalog, rows = load_catalog(), vllm_golden.read()
    compared, left_out = vllm_starts.starts()
    reported = [start for start in compared if start.row.split == "report"]
    fitted = len(compared) - len(reported)
    return "\n".join(
        [
            _WITNESS.format(cells=len(rows), version=rows[0].engine_version, **_wanted(catalog, rows)),
            *_architectures(catalog, rows),
            _NOT_ASKED,
            *(f"| {row.model} | {row.device} | {_plain(row.not_asked)} |" for row in rows if row.not_asked and row.tensor == 1),
            _POOL.format(rows=len(compared) + len(left_out), fitted=fitted, reported=len(reported)),
            *_errors(catalog, reported),
            _WEIGHTS,
            *_weights(compared),
            _MORE,
            _ROWS,
            *_starts(catalog, reported),
            _fitted_rows(compared),
            _LEFT_OUT,
            *_reasons(left_out),
            "",
        ]
    )


def _wanted(catalog: Catalog, rows: list[Row]) -> dict[str, int]:
    return {"wanted": len(set(vllm_golden.cells(catalog))), "open": len(vllm_golden.open_cells(catalog, rows))}


def _architectures(catalog: Catalog, rows: list[Row]) -> Iterator[str]:
    by_name = defaultdict(list)
    for row in rows:
        by_name[catalog.model(row.model).architecture.name].append(row)
    for name, own in sorted(by_name.items()):
        told = [(row, vllm_golden.predicted(catalog, row.cell)) for row in own if row.weight_bytes]
        if told:
            names = ("weight_bytes", "bytes_per_block", "groups", "num_blocks", "max_concurrency")
            errors = [max(abs(getattr(ours, column) / getattr(row, column) - 1) for row, ours in told) for column in names]
            refused = sum(bool(row.refused) for row in own)
            yield f"| {name} | {len(told)} | {refused} | {' | '.join(f'{_rounded(error):.2%}' for error in errors)} |"


def _rounded(error: float) -> float:
    return 0.0 if error < 1e-9 else error


def _errors(catalog: Catalog, reported: list[Start]) -> Iterator[str]:
    constants = catalog.memory_constants.vllm
    each = [abs(fit_memory.error(start, constants, logged_weights=False)) for start in reported]
    groups = [
        sum(abs(fit_memory.error(start, constants, logged_weights=False)) for start in group) / len(group)
        for group in fit_memory.grouped(reported).values()
    ]
    pools = [(start.estimate(constants, logged_weights=False).devices[0].kv_cache_bytes, start.pool_bytes) for start in reported]
    inside = sum(pool.low <= logged <= pool.high for pool, logged in pools) / len(pools)
    yield f"| starts | {len(each)} | {_percentiles(each)} | {inside:.0%} |"
    yield f"| groups | {len(groups)} | {_percentiles(groups)} | |"


def _percentiles(errors: Sequence[float]) -> str:
    return f"{fit_memory.percentile(errors, 0.5):.1%} | {fit_memory.percentile(errors, 0.9):.1%} | {max(errors):.1%}"


def _weights(compared: Iterable[Start]) -> Iterator[str]:
    by_format = defaultdict(list)
    for start in compared:
        if start.logged_weights_bytes:
            error = start.predicted_weights.total_bytes / start.logged_weights_bytes - 1
            by_format[start.candidate.checkpoint.quantization].append((error, start.row.row_id))
    for name, errors in sorted(by_format.items()):
        worst, row_id = max(errors, key=lambda pair: abs(pair[0]))
        yield f"| {name} | {len(errors)} | {worst:+.1%} | {row_id} |"


def _starts(catalog: Catalog, reported: Iterable[Start]) -> Iterator[str]:
    for start in reported:
        pool = start.estimate(catalog.memory_constants.vllm, logged_weights=False).devices[0].kv_cache_bytes
        node, row = start.candidate.node, start.row
        shown = f"{start.pool_bytes / GIB:.2f} | {pool.value / GIB:.2f} | {pool.value / start.pool_bytes - 1:+.1%}"
        yield f"| {row.row_id} | {row.source_id} | {row.tp or 1} x {node.device.id} | {row.model} | {shown} |"


def _fitted_rows(compared: Iterable[Start]) -> str:
    return f"\nFitted: {', '.join(start.row.row_id for start in compared if start.row.split == 'fit')}."


def _reasons(left_out: Iterable[tuple[object, str]]) -> Iterator[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for row, why in left_out:
        reasons[_plain(why.partition(";")[0])].append(getattr(row, "row_id", ""))
    order: Callable[[str], int] = lambda why: -len(reasons[why])  # noqa: E731
    for why in sorted(reasons, key=order):
        yield f"| {why} | {', '.join(reasons[why])} |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
