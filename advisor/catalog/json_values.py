"""Parts of other programs' JSON files that catalog files quote: YAML scalars, read as text, back to what the JSON holds."""

import re
from typing import Any, Final

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
_WORDS: Final = {"true": True, "false": False, "null": None}


def json_value(value: Any) -> Any:  # noqa: ANN401 - raw YAML scalars to what JSON would have held
    """Text of a YAML scalar as the JSON value it stands for; the files hold no text that looks like a number."""
    if isinstance(value, dict):
        return {key: json_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [json_value(inner) for inner in value]
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value or "e" in value else int(value)
    return _WORDS.get(value, value) if isinstance(value, str) else value
