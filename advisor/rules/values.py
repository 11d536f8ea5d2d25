"""Values of facts as they stand in files: raw text to the type of the fact."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from advisor.rules.fact_paths import FactPath, fact_paths, unknown_fact


def typed_value(fact: FactPath, raw: object) -> Any:  # noqa: ANN401 - the type of the fact
    """A value from a file, in the type of its fact. Raises ValueError when it is of another type or not one of its words."""
    try:
        value = _adapter(fact.path).validate_python(raw)
    except ValidationError as error:
        raise ValueError(f"{fact.path}: {error.errors()[0]['msg'].lower()}, found {raw!r}") from None
    words = value if isinstance(value, tuple) else (value,)
    wrong = [word for word in words if fact.choices and isinstance(word, str) and word not in fact.choices]
    if wrong:
        raise ValueError(f"{fact.path} is never {wrong[0]!r}; it is one of {', '.join(choice for choice in fact.choices if choice)}")
    return value


def given_fault(path: str, raw: object) -> str | None:
    """What is wrong with `path: raw` in an example or an effect, or None."""
    if path not in fact_paths():
        return unknown_fact(path)
    try:
        typed_value(fact_paths()[path], raw)
    except ValueError as error:
        return str(error)
    return None


@cache
def _adapter(path: str) -> TypeAdapter[Any]:
    return TypeAdapter(fact_paths()[path].kind)
