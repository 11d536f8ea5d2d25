"""The committed JSON Schemas are those of the types, and they accept what the advisor accepts."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from advisor.report.schemas import SCHEMAS, schema_document

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/workload.yaml"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_the_generated_one(name):
    committed = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert committed == schema_document(name), "run python scripts/generate_docs.py"
    jsonschema.Draft202012Validator.check_schema(committed)
    assert committed["title"] == f"advisor.{name}/1"


def test_no_other_schema_is_committed():
    assert {path.name for path in (ROOT / "docs" / "schemas").iterdir()} == {f"{name}.schema.json" for name in SCHEMAS}


def test_there_are_examples():
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_schema_accepts_every_example(path):
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema_document("workload"))


@pytest.mark.parametrize(
    "change",
    [{"load": {"user": 3}}, {"privacy": {"stays_on": "moon"}}, {"schema": "advisor.workload/2"}, {"surprise": 1}, {"request": {}}],
)
def test_the_schema_refuses_what_the_advisor_refuses(change):
    document = yaml.safe_load(EXAMPLES[0].read_text(encoding="utf-8")) | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema_document("workload"))
