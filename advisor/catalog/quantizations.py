"""catalog/quantizations/<format>/<id>.yaml -> Quantization: GGUF file types with their mixing rules, vLLM schemes with their bits.

The folder keeps apart what differs in nothing but case (`BF16`, `bf16`): some file systems cannot hold both in one.
"""

from dataclasses import replace

from advisor.catalog.json_values import json_value
from advisor.catalog.layers import Root
from advisor.catalog.records import yaml_records
from advisor.domain.quantization import Quantization
from advisor.errors import DataError


def load_quantizations(root: Root) -> dict[str, Quantization]:
    """Every weight format by its id. Raises DataError when a file's path and its id differ, or a format lacks its rules."""
    found: dict[str, Quantization] = {}
    for path, record, document in yaml_records(root, "quantizations", Quantization):
        name = f"{record.format}/{record.id}"
        if path != name:
            raise DataError.at(document.position(("id",)), f"format and id say {name}, but the file is {path}: the path is the id")
        rules = record.mix if record.format == "gguf" else record.scheme
        if rules is None:
            needed = "mix" if record.format == "gguf" else "scheme"
            raise DataError.at(document.position(("format",)), f"{needed}: required for format {record.format}, but missing")
        found[record.id] = replace(record, config_json=json_value(record.config_json))
    return found
