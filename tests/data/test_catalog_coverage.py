"""docs/catalog-coverage.md is what the catalog's own files say."""

import importlib.util
from pathlib import Path

import pytest

from advisor import resources
from advisor.catalog import load_catalog
from advisor.catalog.left_out import load_left_out

ROOT = Path(__file__).parents[2]
CATALOG = load_catalog()


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("catalog_coverage", ROOT / "scripts" / "catalog_coverage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page()


def test_the_committed_page_is_the_generated_one(page):
    assert (ROOT / "docs" / "catalog-coverage.md").read_text(encoding="utf-8") == page, "run python scripts/generate_docs.py"


def test_every_provider_source_and_format_has_a_line(page):
    for provider in {offer.provider for offer in CATALOG.offers}:
        assert f"| {provider}" in page
    for quantization in {row.quantization for row in CATALOG.quality}:
        assert f"| {quantization} |" in page


def test_every_row_that_was_read_is_in_a_table_or_left_out_with_a_reason():
    """Rows read in the sources: 312 instance prices, 934 hosted prices, 328 figures of quality."""
    left = dict.fromkeys(("offers", "api_prices", "quality", "measurements"), 0)
    for row in load_left_out(resources.folder("catalog")):
        assert row.reason.strip()
        left[row.table] += row.rows
    assert len(CATALOG.offers) + left["offers"] >= 312
    assert len(CATALOG.api_prices) + left["api_prices"] >= 934
    assert len(CATALOG.quality) + left["quality"] >= 328
