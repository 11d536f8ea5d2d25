"""The JSON Schemas of the files and documents that others may read or write, made from their types."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from advisor.catalog.check import YAML_KINDS
from advisor.documents import json_schema
from advisor.domain.evidence import EvidenceFile
from advisor.domain.plan import Plan
from advisor.domain.workload import Workload
from advisor.report.accuracy_json import accuracy_schema
from advisor.report.doctor import doctor_schema
from advisor.report.estimate_json import estimate_schema

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "accuracy": accuracy_schema,
    "doctor": doctor_schema,
    "estimate": estimate_schema,
    "evidence": lambda: json_schema(EvidenceFile),
    "plan": lambda: json_schema(Plan),
    "workload": lambda: json_schema(Workload),
    # of each kind of YAML file in the catalog's folders, for editors
    **{f"catalog-{folder}": partial(json_schema, kind) for folder, kind in YAML_KINDS.items()},
}


def schema_document(name: str) -> dict[str, Any]:
    """The JSON Schema of `advisor.<name>/1`."""
    return {"$schema": _DIALECT, "title": f"advisor.{name}/1"} | {k: v for k, v in SCHEMAS[name]().items() if k != "title"}
