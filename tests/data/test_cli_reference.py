"""docs/cli.md is what the commands say of themselves."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page():
    path = ROOT / "scripts" / "cli_reference.py"
    spec = importlib.util.spec_from_file_location("cli_reference", path)
    module = sys.modules["cli_reference"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reference()


def test_the_committed_page_is_the_generated_one(page):
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == page, "run python scripts/generate_docs.py"


def test_the_page_is_plain_markdown(page):
    assert "[bold]" not in page and "[dim]" not in page
    assert "| `--output`, `-o` |" in page
    assert "\nadvisor ask -o capacity/letters/workload.yaml\n" in page


def test_links_lead_somewhere(page):
    headings = {line.removeprefix("## ").replace(" ", "-") for line in page.splitlines() if line.startswith("## ")}
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert links and links == headings
    assert (ROOT / "docs" / "exit-codes.md").exists()
