"""`advisor accuracy`: text of 80 columns, a document with a schema, a page or a document as a file. The figures are the committed ones."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from advisor.cli import accuracy
from advisor.report.accuracy_json import read_accuracy
from advisor.report.schemas import schema_document
from tests.unit.cli.command_line import advisor, refused

FIGURES = Path(__file__).parents[3] / "docs" / "accuracy" / "performance.json"


@pytest.fixture(autouse=True)
def judged(monkeypatch):
    told = read_accuracy(FIGURES.read_text(encoding="utf-8"))
    monkeypatch.setattr(accuracy, "judged_study", lambda split: replace(told, split=split))


def test_text_names_the_worst_and_fits_a_terminal():
    text = advisor("accuracy").out
    assert "split report" in text and "farthest off" in text and "no test" not in text
    tables = [line for line in text.splitlines() if line.endswith(tuple("0123456789"))]
    assert tables and max(map(len, tables)) <= 80


def test_the_side_that_was_fitted_is_said_to_be_no_test():
    assert "no test" in advisor("accuracy", "--split", "fit").out


def test_json_is_what_its_schema_says():
    document = json.loads(advisor("accuracy", "--format", "json").out)
    jsonschema.validate(document, schema_document("accuracy"))
    assert document["schema"] == "advisor.accuracy/1"


def test_a_file_is_the_page_or_the_document(tmp_path):
    assert advisor("accuracy", "--output", str(tmp_path / "page.md")).out == ""
    advisor("accuracy", "--output", str(tmp_path / "figures.json"))
    assert (tmp_path / "page.md").read_text().startswith("# Accuracy: speed")
    assert json.loads((tmp_path / "figures.json").read_text())["split"] == "report"


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    refused("accuracy", "--output", str(tmp_path / "file" / "page.md"), says="cannot be written")
