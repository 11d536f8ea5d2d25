"""catalog/slices/<source>.csv -> Device: slices of cards (NVIDIA MIG), each a device of its own that is worked out from its card.

A slice has its share of the memory, with the bandwidth that goes with it, and its share of the multiprocessors. It has no link: slices of a
card, and of several, exchange nothing directly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BeforeValidator, Field

from advisor.catalog.layers import Root
from advisor.catalog.records import Bytes, csv_records
from advisor.domain.hardware import Device
from advisor.domain.strict import STRICT, FieldFault, IsoDate
from advisor.errors import DataError


def _share(text: object) -> float:
    """`60/132` -> 0.4545."""
    part, _, whole = str(text).partition("/")
    if not (part.isdecimal() and whole.isdecimal() and 0 < int(part) <= int(whole)):
        raise ValueError(f"{text!r} is not a share such as 3/7")
    return int(part) / int(whole)


Share = Annotated[float, BeforeValidator(_share), Field(gt=0, le=1)]


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """One profile of the cards that have it. `memory` is what the driver lists, where that was read; else the share of the card's."""

    __pydantic_config__ = STRICT
    cards: str  # ids of devices, blanks between them
    profile: str
    memory_share: Share
    compute_share: Share
    per_card: int
    as_of: IsoDate
    source: str
    memory: Bytes | None = None

    def __post_init__(self) -> None:
        if self.per_card < 1:
            raise FieldFault("per_card", f"{self.per_card}: a card holds at least one")


def load_slices(root: Root, devices: Mapping[str, Device]) -> dict[str, Device]:
    """Every slice by its id, `<card>/mig-<profile>`. Raises DataError for a card that is not in the catalog."""
    return {device.id: device for device in _slices(root, devices)}


def _slices(root: Root, devices: Mapping[str, Device]) -> Iterator[Device]:
    for record, position in csv_records(root, "slices", SliceRecord):
        for card in record.cards.split():
            if card not in devices:
                raise DataError.at(position, f"cards: {card!r} is not in catalog/devices")
            yield _slice(devices[card], record)


def _slice(card: Device, record: SliceRecord) -> Device:
    """Its other names are those that drivers print (`nvidia-smi -L`), and one without a slash for labels of Kubernetes."""
    return replace(
        card,
        id=f"{card.id}/mig-{record.profile}",
        name=f"{card.name} MIG {record.profile}",
        memory_bytes=int(record.memory or card.memory_bytes * record.memory_share),
        installed_memory_bytes=int(card.installed_memory_bytes * record.memory_share),
        memory_bandwidth_bytes_per_s=card.memory_bandwidth_bytes_per_s * record.memory_share,
        bf16_flops_per_s=_part(card.bf16_flops_per_s, record.compute_share),
        fp8_flops_per_s=_part(card.fp8_flops_per_s, record.compute_share),
        fp4_flops_per_s=_part(card.fp4_flops_per_s, record.compute_share),
        int8_ops_per_s=_part(card.int8_ops_per_s, record.compute_share),
        link=None,
        link_bytes_per_s=None,
        peer_link_bytes_per_s=None,
        power_w=_part(card.power_w, 1 / record.per_card),
        aliases=(*(f"{alias} MIG {record.profile}" for alias in card.aliases), f"{card.id}.mig-{record.profile}"),
        source=f"{record.source}; the card: {card.source}",
        retrieved=record.as_of,
        slices_per_card=record.per_card,
    )


def _part(whole: float | None, share: float) -> float | None:
    return None if whole is None else whole * share
