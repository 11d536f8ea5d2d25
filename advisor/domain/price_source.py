"""Where newer prices come from, when a person asks for them: one published file, its format, and the table that it refreshes."""

from dataclasses import dataclass, field
from typing import Literal

from advisor.domain.strict import STRICT, FieldFault, IsoDate

PriceFormat = Literal["karpenter-aws", "karpenter-azure", "karpenter-gcp", "litellm"]


@dataclass(frozen=True, slots=True)
class Sold:
    """What an instance type holds."""

    __pydantic_config__ = STRICT
    device: str
    devices: int


@dataclass(frozen=True, slots=True)
class PriceSource:
    """A source of prices. `table` is the catalog's table without its ending; `instances` adds to those that its offers name already."""

    __pydantic_config__ = STRICT
    title: str
    format: PriceFormat
    address: str
    table: str
    licence: str
    source: str
    retrieved: IsoDate
    provider: str = ""
    instances: dict[str, Sold] = field(default_factory=dict)

    def __post_init__(self) -> None:
        folder = "api_prices/" if self.format == "litellm" else "offers/"
        if not self.table.startswith(folder) or ".." in self.table:
            raise FieldFault("table", f"{self.table!r}: prices of this format belong into {folder}")
        if folder == "offers/" and not self.provider:
            raise FieldFault("provider", "say whose instances these are")
