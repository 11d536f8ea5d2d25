"""catalog/devices/listed_only.csv: devices that price lists and benchmarks name and that are not planned for, each with the reason."""

from dataclasses import dataclass

from advisor.catalog.layers import Root
from advisor.catalog.records import csv_records
from advisor.domain.strict import STRICT, IsoDate


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device that is known by name alone. `spellings` are its other names, semicolons between them."""

    __pydantic_config__ = STRICT
    id: str
    name: str
    reason: str
    as_of: IsoDate
    source: str
    spellings: str = ""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its other names."""
        return tuple(part.strip() for part in self.spellings.split(";") if part.strip())


def load_listed_devices(root: Root) -> dict[str, ListedDevice]:
    """Every listed device by its id."""
    return {row.id: row for row, _ in csv_records(root, "devices", ListedDevice)}
