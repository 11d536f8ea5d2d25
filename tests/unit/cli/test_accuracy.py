"""`advisor accuracy`: text of 80 columns, a document with a schema, a page or a document as a file."""

import json

import jsonschema

from advisor.report.schemas import schema_document
from tests.unit.cli.command_line import advisor, refused


def test_text_names_the_worst_and_fits_a_terminal():
    text = advisor("accuracy").out
    assert "split report" in text and "farthest off" in text
    tables = [line for line in text.splitlines() if line.endswith(tuple("0123456789"))]
    assert tables and max(map(len, tables)) <= 80


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
