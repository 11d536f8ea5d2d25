"""`advisor.accuracy/1` as JSON: the study as it is."""

import json
from typing import Any, Final

from pydantic import TypeAdapter

from advisor.accuracy.document import Study

_ADAPTER: Final = TypeAdapter(Study)


def accuracy_json(study: Study) -> dict[str, Any]:
    """The document; every key always there."""
    document: dict[str, Any] = _ADAPTER.dump_python(study, mode="json")
    return document


def accuracy_document(study: Study) -> str:
    """The document as a file."""
    return json.dumps(accuracy_json(study), indent=1, ensure_ascii=False) + "\n"


def read_accuracy(text: str) -> Study:
    """A file that `accuracy_document` wrote."""
    return _ADAPTER.validate_json(text)


def accuracy_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return _ADAPTER.json_schema(mode="serialization")
