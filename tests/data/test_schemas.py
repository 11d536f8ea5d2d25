"""The committed JSON Schemas are those of the types, and they accept what the advisor accepts."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from advisor.catalog.check import YAML_KINDS
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


class Plain(yaml.SafeLoader):
    """As editors read YAML 1.2: a date is text, and so are off, yes and no."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp") and (first in "tTfF" or not tag.endswith("bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CATALOG = {name: sorted((ROOT / "catalog" / name).rglob("*.yaml")) for name in YAML_KINDS}


@pytest.mark.parametrize("folder", YAML_KINDS)
def test_the_schema_of_each_kind_accepts_every_file_of_the_catalog(folder):
    validator = jsonschema.Draft202012Validator(schema_document(f"catalog-{folder}"))
    assert CATALOG[folder]
    for path in CATALOG[folder]:
        faults = [f"{path}: {fault.json_path}: {fault.message}" for fault in validator.iter_errors(yaml.load(path.read_text(), Plain))]
        assert not faults


@pytest.mark.parametrize(
    ("folder", "wrong"),
    [("devices", "bandwith: 1 TB/s"), ("models", "licence: [mit]"), ("workloads", "pause_s: long"), ("licences", "commercial_use: maybe")],
)
def test_the_schema_of_each_kind_refuses_what_the_catalog_refuses(folder, wrong):
    document = yaml.load(CATALOG[folder][0].read_text(), Plain) | yaml.safe_load(wrong)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema_document(f"catalog-{folder}"))


@pytest.mark.parametrize("name", YAML_KINDS)
def test_the_catalogs_readme_names_every_schema(name):
    assert f"catalog-{name}.schema.json" in (ROOT / "catalog" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [{"load": {"user": 3}}, {"privacy": {"stays_on": "moon"}}, {"schema": "advisor.workload/2"}, {"surprise": 1}, {"request": {}}],
)
def test_the_schema_refuses_what_the_advisor_refuses(change):
    document = yaml.safe_load(EXAMPLES[0].read_text(encoding="utf-8")) | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema_document("workload"))
