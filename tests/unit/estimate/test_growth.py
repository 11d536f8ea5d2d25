"""A compute buffer that was read off a straight piece is the one that the graph gives; a graph cut short is the whole one's."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate import graph_llama_cpp
from advisor.estimate.compute_buffer_llama_cpp import ComputeBuffer, forget
from advisor.estimate.growth import form, parts, piece
from advisor.estimate.kv_cache_llama_cpp import context_of
from tests.unit.estimate.architectures_for_tests import ARCHITECTURES
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP

SUPPORTED = sorted(name for name, architecture in ARCHITECTURES.items() if architecture.gguf_name)
contexts = st.integers(1, 600).map(lambda cells: 256 * cells)
architectures = st.sampled_from(SUPPORTED)
variants = st.fixed_dictionaries(
    {
        "flash_attn": st.sampled_from(["on", "off"]),
        "swa_full": st.booleans(),
        "kv_unified": st.booleans(),
        "parallel": st.sampled_from([1, 3, 4]),
        "outputs": st.sampled_from([1, 4, 2048]),
    }
)


def graph(name, chosen):
    return graph_llama_cpp.graph_piece(ARCHITECTURES[name], chosen, context_of(ARCHITECTURES[name], chosen))


@settings(max_examples=150, deadline=None)
@given(name=architectures, variant=variants, sizes=st.lists(contexts, min_size=2, max_size=6))
def test_what_is_read_off_a_piece_is_what_the_graph_gives(name, variant, sizes):
    forget()
    for cells in sizes:
        chosen = replace(LLAMA_CPP, **variant, ctx_size=cells)
        context = context_of(ARCHITECTURES[name], chosen)
        assert ComputeBuffer(ARCHITECTURES[name], chosen, context).peak_bytes == graph(name, chosen).at(context.cells)


@pytest.mark.parametrize("name", SUPPORTED)
def test_a_piece_holds_up_to_its_ends(name):
    start = graph(name, replace(LLAMA_CPP, ctx_size=8192))
    for cells in (256 * -(-max(start.first, 512) // 256), 256 * (min(start.last, 2**20) // 256)):
        assert graph(name, replace(LLAMA_CPP, ctx_size=cells)).at(cells) == start.at(cells)


@pytest.mark.parametrize("flash", ["on", "off"])
@pytest.mark.parametrize("name", SUPPORTED)
def test_layers_left_out_change_nothing(monkeypatch, name, flash):
    sizes = [replace(LLAMA_CPP, ctx_size=cells, flash_attn=flash) for cells in (1024, 20480)]
    short = [graph(name, chosen) for chosen in sizes]
    graph_llama_cpp._telling_layers.cache_clear()
    monkeypatch.setattr(graph_llama_cpp, "_FEW_PERIODS", 10**6)
    whole = [graph(name, chosen) for chosen in sizes]
    graph_llama_cpp._telling_layers.cache_clear()
    assert [(one.value, one.slope) for one in short] == [(one.value, one.slope) for one in whole]


def test_a_piece_ends_where_a_comparison_would_turn():
    # at 1,000 cells: twice the cells against 2,600, and 700 against the cells
    found = piece(1000, form(2000, 2), [form(2000 - 2600, 2), form(700 - 1000, -1), form(5)])
    assert (found.first, found.last) == (701, 1299)
    assert found.at(1200) == 2400
    assert piece(1000, form(2000, 2), [form(0, 1)]) is None  # undecided just here


@given(value=st.integers(-(2**60), 2**60), slope=st.integers(-(2**40), 2**40))
def test_forms_keep_value_and_slope(value, slope):
    assert parts(form(value, slope)) == (value, slope)
