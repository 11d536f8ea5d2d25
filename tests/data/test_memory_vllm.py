"""vLLM's memory: what the engine plans for the catalog's models, and its start-up logs on the side that no fit saw."""

from collections import defaultdict

import pytest

from advisor.catalog import load_catalog
from advisor.engines.support import supports_architecture
from advisor.errors import UserInputError
from tests.scripts_for_tests import script

golden, starts, fit_memory = script("vllm_golden"), script("vllm_starts"), script("fit_memory")
FILES = script("accuracy_memory.vllm_files").read()
CATALOG = load_catalog()
ROWS = golden.read()
COMPARED, LEFT_OUT = starts.starts()
REPORTED = [start for start in COMPARED if start.row.split == "report"]


def by_model(rows):
    found = defaultdict(list)
    for row in rows:
        found[row.model].append(row)
    return found


@pytest.mark.parametrize(("model", "rows"), by_model(row for row in ROWS if row.weight_bytes).items())
def test_weights_groups_blocks_and_concurrency_are_what_the_engine_plans(model, rows):
    for row in rows:
        told = golden.predicted(CATALOG, row.cell)
        exact = ("weight_bytes", "groups", "bytes_per_block", "num_blocks")
        assert [getattr(told, name) for name in exact] == [getattr(row, name) for name in exact], row.cell
        assert told.max_concurrency == pytest.approx(row.max_concurrency, rel=1e-12), row.cell


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.refused], ids=lambda row: "-".join(map(str, (row.model, row.tensor, row.device)))
)
def test_what_the_engine_refuses_is_refused(row):
    with pytest.raises(UserInputError):
        golden.predicted(CATALOG, row.cell)


def test_every_model_that_is_planned_for_vllm_was_asked_or_says_why_not():
    planned = {m.id for m in CATALOG.models.values() if supports_architecture(CATALOG.engine("vllm"), m.architecture)}
    assert planned == {row.model for row in ROWS if row.device == golden.GPU}
    for row in ROWS:
        assert bool(row.weight_bytes) + bool(row.refused) + bool(row.not_asked) == 1


def test_every_answer_is_to_a_cell_and_nearly_every_cell_is_answered_or_cannot_be_asked_about():
    cells, answered = set(golden.cells(CATALOG)), {row.cell for row in ROWS}
    assert answered <= cells
    assert len(answered) == len(ROWS)
    assert len(golden.open_cells(CATALOG, ROWS)) <= 0.03 * len(cells)


@pytest.mark.parametrize("row", FILES, ids=lambda row: f"{row.model}-{row.quantization}")
def test_published_files_are_what_is_loaded_and_what_is_named_beyond_it(row):
    rounding = 0.005 / row.gib  # sizes are listed to a hundredth of a GiB
    assert abs(row.error) <= 0.0005 + rounding


def test_published_files_are_of_every_kind_of_format():
    assert {row.quantization for row in FILES} >= {"bf16", "fp8", "fp8-block", "nvfp4", "mxfp4", "w4a16"}
    assert len(FILES) >= 35


def test_one_version_was_asked():
    assert {row.engine_version for row in ROWS} == set(CATALOG.engine("vllm").versions.asked)


def test_the_constants_in_the_catalog_are_those_of_the_fit():
    fitted = fit_memory.fit(COMPARED, CATALOG.memory_constants.vllm)
    table = fit_memory.TABLE.read_text(encoding="utf-8").splitlines()
    for name in (*fit_memory.STEPS, "cuda_graph_bytes"):
        assert fit_memory.line(name, getattr(fitted, name)) in table, "run python scripts/fit_memory.py --write"


@pytest.mark.parametrize("logged_weights", [True, False])
def test_pools_of_logs_that_no_fit_saw(logged_weights):
    constants = CATALOG.memory_constants.vllm
    groups = fit_memory.grouped(REPORTED).values()
    errors = [sum(abs(fit_memory.error(s, constants, logged_weights=logged_weights)) for s in group) / len(group) for group in groups]
    assert len(REPORTED) > 40
    assert fit_memory.percentile(errors, 0.5) <= 0.03
    assert fit_memory.percentile(errors, 0.9) <= 0.10


def test_their_ranges_hold_them():
    constants = CATALOG.memory_constants.vllm
    pools = [(start.estimate(constants, logged_weights=True).devices[0].kv_cache_bytes, start.pool_bytes) for start in REPORTED]
    inside = sum(pool.low <= logged <= pool.high for pool, logged in pools)
    assert inside / len(pools) >= 0.8


def test_every_log_is_compared_or_says_why_not():
    rows = [start.row.row_id for start in COMPARED] + [row.row_id for row, reason in LEFT_OUT if reason]
    assert len(rows) == len(set(rows)) == 157


def test_no_log_of_the_fit_is_reported():
    sides = {start.group: start.row.split for start in COMPARED}
    assert all(sides[start.group] == start.row.split for start in COMPARED)
