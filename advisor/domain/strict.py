"""How the dataclasses of files behave: unknown keys refused, no infinities. One constant, so that every schema is equally strict."""

from typing import Any, Final

STRICT: Final[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}


class FieldFault(ValueError):
    """A fault that a dataclass finds in one of its own fields; the loader turns `field` into a line and column."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)
