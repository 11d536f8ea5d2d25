"""The published runs of one side of the split, of both engines, as cases; or left out, and why."""

from advisor.accuracy.case import Case, LeftOut
from advisor.accuracy.llama_cpp_cases import llama_cpp_cases
from advisor.accuracy.vllm_cases import vllm_cases
from advisor.catalog import Catalog
from advisor.catalog.measurements import PublishedTables
from advisor.domain.measurement import Split


def published_cases(catalog: Catalog, published: PublishedTables, split: Split) -> tuple[tuple[Case, ...], tuple[LeftOut, ...]]:
    """Every row of that side, once. Groups are never divided by the split, so what is told from whole groups holds."""
    llama_rows = (row for row in published.llama_cpp if row.split == split)
    vllm_rows = (row for row in published.vllm if row.split == split)
    llama, without_llama = llama_cpp_cases(llama_rows, catalog, published.names)
    vllm, without_vllm = vllm_cases(vllm_rows, catalog, published.names, catalog.memory_constants)
    return (*vllm, *llama), (*without_vllm, *without_llama)
