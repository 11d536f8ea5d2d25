"""catalog/quantizations/<id>.yaml -> Quantization: GGUF file types with their mixing rules, vLLM schemes with their bits."""

from pathlib import Path

from advisor.catalog.records import yaml_records
from advisor.domain.quantization import Quantization
from advisor.errors import DataError


def load_quantizations(root: Path) -> dict[str, Quantization]:
    """Every weight format by its id. Raises DataError when a file's name and its id differ, or a format lacks its rules."""
    found: dict[str, Quantization] = {}
    for name, record, document in yaml_records(root, "quantizations", Quantization):
        if record.id != name:
            raise DataError.at(document.position(("id",)), f"id: {record.id}, but the file is named {name}: the path is the id")
        rules = record.mix if record.format == "gguf" else record.scheme
        if rules is None:
            needed = "mix" if record.format == "gguf" else "scheme"
            raise DataError.at(document.position(("format",)), f"{needed}: required for format {record.format}, but missing")
        found[name] = record
    return found
