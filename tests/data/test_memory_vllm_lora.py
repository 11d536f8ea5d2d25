"""What vLLM reserves for LoRA adapters, as its own code makes the slots on the meta device: scripts/vllm_lora."""

import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError
from tests.scripts_for_tests import script

golden = script("vllm_lora.golden")
CATALOG = load_catalog()
ROWS = golden.read()
ANSWERED = [row for row in ROWS if row.slot_bytes]


def name(row):
    return f"{row.model}-{row.tensor}-{row.fully_sharded}"


@pytest.mark.parametrize("row", ANSWERED, ids=name)
def test_the_slots_are_the_engine_s_to_the_byte_or_refused_by_name(row):
    try:
        told = golden.predicted(CATALOG, row)
    except UserInputError as refusal:
        assert CATALOG.model(row.model).architecture.name in str(refusal)
    else:
        assert told == row.slot_bytes


def test_most_architectures_are_counted():
    counted = set()
    for row in ANSWERED:
        architecture = CATALOG.model(row.model).architecture
        try:
            golden.predicted(CATALOG, row)
        except UserInputError:
            continue
        counted.add(architecture.name)
    assert len(counted) >= 20


def test_every_cell_was_asked():
    assert {(row.model, row.tensor, row.fully_sharded) for row in ROWS} >= set(golden.cells(CATALOG))
    assert {row.engine_version for row in ROWS} == set(CATALOG.engine("vllm").versions.asked)
