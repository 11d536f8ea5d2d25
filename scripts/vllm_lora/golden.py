"""Writes tests/data/memory/vllm_lora.csv, what vLLM reserves for adapters: `scripts/vllm_lora/golden.py --engine-python PYTHON`.

The smallest model of every architecture, on one rank, on two, and on two with fully sharded adapters. Rows are kept, not asked again.
"""

import argparse
import csv
import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from advisor.catalog import Catalog, load_catalog
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.engines.support import supports_architecture
from advisor.estimate.lora_vllm import check_lora, lora_bytes
from advisor.synthesis.hf_config import hf_config

GOLDEN = Path(__file__).parents[2] / "tests" / "data" / "memory" / "vllm_lora.csv"
SETTINGS = {"max_model_len": 4096, "max_num_seqs": 16, "max_num_batched_tokens": 2048, "enforce_eager": True, "enable_lora": True}
SLOTS, RANK = 2, 16
REASON_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One deployment: `slot_bytes` of one rank, or the reason why there is no answer."""

    engine_version: str
    model: str
    tensor: int
    fully_sharded: bool
    slot_bytes: int = 0
    refused: str = ""


def cells(catalog: Catalog) -> Iterator[tuple[str, int, bool]]:
    """Model, ranks, and whether adapters are fully sharded."""
    by_size = sorted(catalog.models.items(), key=lambda item: -item[1].architecture.parameters_total)
    asked = [(id_, model) for id_, model in by_size if supports_architecture(catalog.engine("vllm"), model.architecture)]
    for model_id in sorted({model.architecture.name: id_ for id_, model in asked}.values()):
        yield from ((model_id, tensor, sharded) for tensor, sharded in ((1, False), (2, False), (2, True)))


def predicted(catalog: Catalog, row: Row) -> int:
    """The advisor's own answer. Raises UserInputError for what it refuses."""
    architecture = catalog.model(row.model).architecture
    settings = VllmSettings(
        4096, 16, 2048, 0.9, "auto", 16, True, True,
        enable_lora=True, max_loras=SLOTS, max_lora_rank=RANK, fully_sharded_loras=row.fully_sharded,
    )  # fmt: skip
    check_lora(architecture, settings, Parallelism(tensor=row.tensor))
    return lora_bytes(architecture, settings, Parallelism(tensor=row.tensor))


def read() -> list[Row]:
    """The golden rows."""
    with GOLDEN.open(encoding="utf-8") as file:
        return [
            Row(
                line["engine_version"],
                line["model"],
                int(line["tensor"]),
                line["fully_sharded"] == "True",
                int(line["slot_bytes"] or 0),
                line["refused"],
            )
            for line in csv.DictReader(file)
        ]


def told(python: str, catalog: Catalog, asked: list[tuple[str, int, bool]]) -> Iterator[Row]:
    """A row a cell."""
    (version,) = catalog.engine("vllm").versions.asked
    request = {"tested_versions": [version], "questions": [_question(catalog, *cell) for cell in asked]}
    command = [python, str(Path(__file__).parent / "ask.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
        if engine.stdin is None or engine.stdout is None:
            raise RuntimeError("no pipes")
        json.dump(request, engine.stdin)
        engine.stdin.close()
        for cell, line in zip(asked, engine.stdout, strict=True):
            said = json.loads(line)
            yield Row(version, *cell, said.get("bytes", 0), said.get("refused", "")[:REASON_CHARACTERS])


def _question(catalog: Catalog, model: str, tensor: int, sharded: bool) -> dict[str, object]:
    settings = SETTINGS | {"max_loras": SLOTS, "max_lora_rank": RANK, "fully_sharded_loras": sharded}
    return {"config": hf_config(catalog.model(model).architecture), "settings": settings, "tensor": tensor}


def write(rows: Iterable[Row]) -> None:
    """Replace the table."""
    with GOLDEN.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        writer.writerows(("" if value == 0 and value is not False else value for value in astuple(row)) for row in rows)


def main() -> None:
    """Ask, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine-python", required=True, help="the interpreter of a CPU build of vLLM")
    python, catalog = parser.parse_args().engine_python, load_catalog()
    rows = read() if GOLDEN.exists() else []
    done = {(row.model, row.tensor, row.fully_sharded) for row in rows}
    for row in told(python, catalog, [cell for cell in cells(catalog) if cell not in done]):
        rows.append(row)
        write(rows)


if __name__ == "__main__":
    main()
