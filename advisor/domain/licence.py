"""What a model's licence lets one do, as far as a plan depends on it. Not legal advice."""

from dataclasses import dataclass
from typing import Literal

from advisor.domain.strict import STRICT


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence by its id. `commercial_use` is `restricted` when `condition` has to be checked, which no program can do."""

    __pydantic_config__ = STRICT
    id: str
    name: str
    commercial_use: Literal["allowed", "restricted", "forbidden"]
    source: str
    condition: str = ""
