"""The sizes that llama.cpp told, against the formulas; the page that shows them."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from accuracy_memory import llama_cpp, llama_cpp_files, peers  # noqa: E402
from accuracy_memory.llama_cpp_sizes import CATALOG, TABLE, as_run, models, read, smallest_models, variations  # noqa: E402
from accuracy_memory.page import page  # noqa: E402

from advisor.estimate.graph_room_llama_cpp import graph_room  # noqa: E402

STAMP, ROWS = read()
ARCHITECTURES = sorted({row.architecture for row in ROWS})
COMPUTE_TOLERANCE = 0.0005  # the log's two decimals, and a few kilobytes of inputs


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_caches_and_states_are_equal_and_compute_buffers_within_a_fraction_of_a_percent(architecture):
    for row in (row for row in ROWS if row.architecture == architecture):
        errors = llama_cpp.errors(row)
        assert [errors[part] for part in llama_cpp.ROUNDING_MIB] == [0.0, 0.0, 0.0], row
        assert abs(errors["compute"]) < COMPUTE_TOLERANCE, row


def test_the_table_covers_every_architecture_that_llama_cpp_runs():
    claimed = {model.architecture.gguf_name for model in CATALOG.models.values() if model.support == "planned"} - {None}
    assert set(ARCHITECTURES) == claimed
    assert {row.model for row in ROWS} == set(models()), "run python scripts/ask_memory.py"
    assert TABLE.stat().st_size < 300_000


def test_the_table_names_the_engine_of_the_catalog():
    versions = CATALOG.engine("llama.cpp").versions.known
    assert any(fact.version in STAMP and f"llama-cpp-python {fact.binding}" in STAMP for fact in versions)


@pytest.mark.parametrize(
    "varied", ["ctx_size", "parallel", "kv_unified", "swa_full", "flash_attn", "cache_type_k", "cache_type_v", "ubatch_size", "outputs"]
)
def test_every_setting_that_moves_memory_is_varied(varied):
    for architecture in ARCHITECTURES:
        assert len({getattr(row, varied) for row in ROWS if row.architecture == architecture}) > 1, architecture


@pytest.mark.parametrize("quantization", llama_cpp_files.FILE_TYPES)
def test_files_of_every_architecture_have_the_bytes_of_the_dry_run(quantization):
    rows = [(model, mib) for model, name, mib in llama_cpp_files.read()[1] if name == quantization]
    assert {model for model, _ in rows} == set(smallest_models())
    for model, mib in rows:
        assert llama_cpp_files.predicted_mib(model, quantization) == pytest.approx(mib, abs=llama_cpp.FILE_ROUNDING_MIB), model


def test_the_engine_aborts_where_its_graph_is_larger_than_its_table_and_nowhere_else():
    asked = {(model, settings) for model in models() for settings in variations(as_run(model))}
    larger = {(model, settings) for model, settings in asked if (graph := graph_room(as_run(model), settings)).tensors > graph.room}
    assert larger == asked - {(row.model, row.settings()) for row in ROWS}
    assert {model for model, _ in larger} == {"microsoft/phi-4", "ibm-granite/granite-3.0-1b-a400m-instruct"}


def test_windows_that_llama_cpp_ignores_are_ignored():
    phi = as_run("microsoft/Phi-3-mini-4k-instruct")
    assert "sliding" in CATALOG.model("microsoft/Phi-3-mini-4k-instruct").architecture.kinds
    assert "sliding" not in phi.kinds


def test_our_figures_next_to_the_peers_are_the_engines():
    engine = {case: int(value) for case, value in peers.rows()[0].items() if case in peers.CASES}
    assert {case: round(mib) for case, mib in peers.ours().items()} == engine


def test_the_page_is_the_generated_one():
    assert (ROOT / "docs" / "accuracy" / "memory.md").read_text(encoding="utf-8") == page(), "run python scripts/generate_docs.py"
