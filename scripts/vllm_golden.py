"""Writes tests/data/memory/vllm.csv, what vLLM itself plans for the catalog's models: `scripts/vllm_golden.py --engine-python PYTHON`.

Every model is asked about once; the smallest of each architecture at each tensor parallelism, with every pair of block size, cache type
and prefix caching, and on processors. A model that this build cannot be asked about is a row with the reason and nothing else. What the
table holds already is not asked again: remove it to begin anew.
"""

import argparse
import csv
import dataclasses
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor.catalog import Catalog, load_catalog
from advisor.domain.architecture import ModelArchitecture
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.engines.find import find_vllm
from advisor.engines.vllm_witness import VllmAnswer, VllmQuestion, ask
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_vllm import platform_of, pool_layout, pool_of, tokens_in_flight
from advisor.estimate.weights import safetensors_weights
from advisor.intake.candidate import build_candidate
from advisor.synthesis.hf_config import hf_config
from advisor.units import GIB

GOLDEN = Path(__file__).parent.parent / "tests" / "data" / "memory" / "vllm.csv"
POOL_BYTES = 40 * GIB
STEP_TOKENS = 8192
LONGEST_TOKENS = 8192
GPU, FORMAT = "h100-sxm", "bf16"
TENSOR = (1, 2, 4, 8)
WAYS = ((16, "auto", True), (16, "fp8", False), (64, "auto", False), (64, "fp8", True))  # every pair of block, cache type, prefixes
PROCESSORS = ("xeon-spr", "i9-13900k")  # with AMX, and with AVX2 at best
REASON_CHARACTERS = 160
_NO_KERNEL = "NotImplementedError"
AT_ONCE = 6  # questions of one process of the engine: its import takes ten seconds, it keeps what it built, and its time is limited


@dataclass(frozen=True, slots=True)
class Cell:
    """One deployment of a 16-bit model. A block size of 0 is the engine's own."""

    model: str
    device: str
    tensor: int
    block_size: int = 0
    kv_cache_dtype: str = "auto"
    prefix_caching: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """What the engine says to one cell; `refused` is why it would not start, `not_asked` why this build cannot tell."""

    engine_version: str
    model: str
    device: str
    tensor: int
    block_size: int
    kv_cache_dtype: str
    prefix_caching: bool
    weight_bytes: int = 0
    groups: int = 0
    bytes_per_block: int = 0
    num_blocks: int = 0
    max_concurrency: float = 0.0
    refused: str = ""
    not_asked: str = ""

    @property
    def cell(self) -> Cell:
        """The deployment that was asked about."""
        return Cell(self.model, self.device, self.tensor, self.block_size, self.kv_cache_dtype, self.prefix_caching)


def cells(catalog: Catalog) -> Iterator[Cell]:
    """Every cell, without a repetition."""
    yield from (Cell(model_id, GPU, 1) for model_id in sorted(catalog.models))
    by_size = sorted(catalog.models.items(), key=lambda item: -item[1].architecture.parameters_total)
    smallest = {_structure(model.architecture): model_id for model_id, model in by_size}
    for model_id in sorted(smallest.values()):
        yield from (Cell(model_id, GPU, tensor, *way) for tensor in TENSOR for way in WAYS)
        yield from (Cell(model_id, device, 1) for device in PROCESSORS)


def _structure(architecture: ModelArchitecture) -> tuple[str, bool, bool]:
    """A family's models with experts and without, with embeddings for each layer and without, are asked about apart."""
    return architecture.name, architecture.experts > 0, architecture.token_width > 0


def candidate_of(catalog: Catalog, cell: Cell) -> Candidate:
    """The cell as a candidate. Raises UserInputError for what the advisor refuses."""
    model = catalog.model(cell.model)
    flags: dict[str, object] = {
        "max_model_len": min(LONGEST_TOKENS, model.architecture.max_context_tokens),
        "max_num_batched_tokens": STEP_TOKENS,
        "max_num_seqs": 256,
        "kv_cache_dtype": cell.kv_cache_dtype,
        "enable_prefix_caching": cell.prefix_caching,
        "kv_cache_memory_bytes": POOL_BYTES,
    }
    return build_candidate(
        catalog,
        model=model,
        quantization=FORMAT,
        engine="vllm",
        runtime=None,
        version=None,
        node=catalog.node(cell.device, cell.tensor),
        devices=cell.tensor,
        parallelism=Parallelism(tensor=cell.tensor),
        flags=flags | ({"block_size": cell.block_size} if cell.block_size else {}),
    )


def question_of(catalog: Catalog, cell: Cell) -> VllmQuestion:
    """The cell as a question, of the language model alone."""
    candidate = candidate_of(catalog, cell)
    config = hf_config(candidate.model.architecture) | dict(catalog.quantization(FORMAT).config_json or {})
    features = candidate.node.device.planned_features
    return VllmQuestion(config, settings_of(candidate), candidate.parallelism, POOL_BYTES, candidate.on_cpu, features)


def settings_of(candidate: Candidate) -> VllmSettings:
    """The settings, which are vLLM's."""
    if not isinstance(candidate.settings, VllmSettings):
        raise TypeError(candidate.settings)
    return candidate.settings


def predicted(catalog: Catalog, cell: Cell) -> VllmAnswer:
    """The advisor's own answer. Raises UserInputError for what it refuses."""
    candidate = candidate_of(catalog, cell)
    settings, architecture = settings_of(candidate), dataclasses.replace(candidate.model.architecture, encoder_parameters=0)
    weights = safetensors_weights(architecture, catalog.quantization(FORMAT), parallelism=candidate.parallelism)
    layout = pool_layout(architecture, settings, candidate.parallelism, platform_of(candidate))
    in_flight_tokens = tokens_in_flight(settings, candidate.parallelism, on_cpu=candidate.on_cpu)
    pool = pool_of(layout, POOL_BYTES, settings, in_flight_tokens=in_flight_tokens)
    return VllmAnswer(
        weight_bytes=weights.total_bytes,
        groups=sum(groups for _, groups in layout.buckets),
        bytes_per_block=layout.bytes_per_block,
        num_blocks=pool.num_blocks,
        max_concurrency=pool.max_concurrency,
    )


def read() -> list[Row]:
    """The golden rows."""
    with GOLDEN.open(encoding="utf-8") as file:
        return [_row(line) for line in csv.DictReader(file)]


def _row(line: dict[str, str]) -> Row:
    numbers = {name: int(line[name] or 0) for name in ("tensor", "block_size", "weight_bytes", "groups", "bytes_per_block", "num_blocks")}
    words = {name: line[name] for name in ("engine_version", "model", "device", "kv_cache_dtype", "refused", "not_asked")}
    concurrency = float(line["max_concurrency"] or 0)
    return Row(**words, **numbers, prefix_caching=line["prefix_caching"] == "True", max_concurrency=concurrency)  # type: ignore[arg-type]


def told(python: str, catalog: Catalog, asked: Iterable[Cell]) -> Iterator[Row]:
    """A row a cell that the advisor does not refuse, in order."""
    engine, record = find_vllm(python), catalog.engine("vllm")
    questions = dict(_askable(catalog, asked))
    for batch in _batched(questions):
        answers = ask(engine, [question for _, question in batch], record=record)
        yield from (_told(engine.version, cell, answer) for (cell, _), answer in zip(batch, answers, strict=True))
        print(f"{batch[-1][0].model}", file=sys.stderr, flush=True)


def _batched(questions: dict[Cell, VllmQuestion]) -> Iterator[list[tuple[Cell, VllmQuestion]]]:
    items = list(questions.items())
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


def _askable(catalog: Catalog, asked: Iterable[Cell]) -> Iterator[tuple[Cell, VllmQuestion]]:
    for cell in asked:
        try:
            yield cell, question_of(catalog, cell)
        except UserInputError as error:
            print(f"refused by the advisor: {cell}: {error}", file=sys.stderr)


def _told(version: str, cell: Cell, answer: VllmAnswer) -> Row:
    numbers = {name: getattr(answer, name) for name in ("weight_bytes", "groups", "bytes_per_block", "num_blocks", "max_concurrency")}
    return Row(version, *dataclasses.astuple(cell), **numbers, refused=answer.refused[:REASON_CHARACTERS])


def sorted_out(rows: list[Row]) -> Iterator[Row]:
    """A model that is refused on one rank of a device cannot be asked there at all: one row for it, and none for its other cells.
    Nor can what this build has no kernel for."""
    whole = {(row.model, row.device): row for row in rows if row.tensor == 1 and not row.block_size and (row.refused or row.not_asked)}
    for row in rows:
        alone = whole.get((row.model, row.device))
        if row is alone or (alone is None and row.refused.startswith(_NO_KERNEL)):
            yield dataclasses.replace(row, refused="", not_asked=row.refused or row.not_asked)
        elif alone is None:
            yield row


def main() -> None:
    """Ask, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine-python", required=True, help="the interpreter of a CPU build of vLLM")
    python = parser.parse_args().engine_python
    catalog = load_catalog()
    rows = read() if GOLDEN.exists() else []
    for row in told(python, catalog, open_cells(catalog, rows)):
        rows.append(row)
        if len(rows) % AT_ONCE == 0:
            write(rows)
    write(list(sorted_out(rows)))


def open_cells(catalog: Catalog, rows: list[Row]) -> list[Cell]:
    """The cells without an answer, but for those of what cannot be asked about on its device: `sorted_out` keeps one row for them all."""
    done = {row.cell for row in rows}
    settled = {(row.model, row.device) for row in rows if row.not_asked and row.tensor == 1 and not row.block_size}
    return [cell for cell in cells(catalog) if cell not in done and (cell.model, cell.device) not in settled]


def write(rows: list[Row]) -> None:
    """Replace the table."""
    GOLDEN.parent.mkdir(exist_ok=True)
    with GOLDEN.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in dataclasses.fields(Row))
        writer.writerows(("" if value == 0 and value is not False else value for value in dataclasses.astuple(row)) for row in rows)


if __name__ == "__main__":
    main()
