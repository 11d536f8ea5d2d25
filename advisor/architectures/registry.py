"""Which reader understands which `model_type`. Adding a family is one reader and one line here."""

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from advisor.architectures.fields import STRUCTURAL, Fields, unknown_fields
from advisor.architectures.llama import FAMILIES, read_llama
from advisor.domain.architecture import ModelArchitecture
from advisor.errors import UserInputError

Reader = Callable[[Fields], ModelArchitecture]
READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        **dict.fromkeys(FAMILIES, read_llama),
    }
)


def read_config(config: Mapping[str, Any], where: str) -> ModelArchitecture:
    """The architecture of a raw config.json. Raises UserInputError for an unknown model_type or structural field."""
    model_type = config.get("model_type")
    reader = READERS.get(str(model_type))
    if reader is None:
        raise UserInputError(_refusal(config, where))
    fields = Fields(config, where)
    architecture = reader(fields)
    fields.refuse_unread()
    return architecture


def _refusal(config: Mapping[str, Any], where: str) -> str:
    model_type = config.get("model_type")
    if model_type is None:
        return f"{where}: no model_type: not a config.json of a language model, or an incomplete one; known: {', '.join(sorted(READERS))}"
    unknown = unknown_fields(config, STRUCTURAL)
    named = f" It has fields that no known architecture uses: {', '.join(map(repr, unknown[:6]))}." if unknown else ""
    near = difflib.get_close_matches(str(model_type), READERS, n=3)
    return (
        f"{where}: architecture {str(model_type)!r} is not known to this version: refused, not guessed.{named}"
        f" {'Near names: ' + ', '.join(near) if near else 'Known: ' + ', '.join(sorted(READERS))}."
        " Try --ask-engine with a llama.cpp that knows it, or catalog/README.md#add-a-model"
    )
