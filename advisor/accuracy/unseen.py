"""What the fit had not seen of a case: its group alone, or its model, its device, its source as well."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from advisor.accuracy.case import Group
from advisor.catalog.measurements import Names
from advisor.domain.published import Published

Unseen = Literal["group", "model", "device", "source"]
"""The hardest thing that is new; `group`: source, device and model are each known from other rows."""
LEVELS: Final[tuple[Unseen, ...]] = get_args(Unseen)


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the rows of the fitted side name, of one engine."""

    sources: frozenset[str]
    devices: frozenset[str]
    models: frozenset[str]

    def unseen(self, group: Group) -> Unseen:
        """What of a group is new."""
        if group.source not in self.sources:
            return "source"
        if group.device not in self.devices:
            return "device"
        return "group" if group.model in self.models else "model"


def seen_in(rows: Iterable[Published], names: Names) -> Seen:
    """What the rows of the side that is fitted name."""
    fitted = [row for row in rows if row.split == "fit"]
    devices, models = ({name(row) or "" for row in fitted} for name in (names.device_id, names.model_id))
    return Seen(frozenset(row.source_id for row in fitted), frozenset(devices), frozenset(models))
