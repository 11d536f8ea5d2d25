"""catalog/offers/*.csv -> Offer: dated prices of whole instances. A row may have no on-demand price, then it is no offer and refused."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from advisor.catalog.records import IsoDate, Usd, csv_records
from advisor.domain.hardware import Offer
from advisor.domain.strict import STRICT, FieldFault
from advisor.errors import DataError, Fault


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """A row of an offers table."""

    __pydantic_config__ = STRICT
    provider: str
    instance: str
    device: str
    devices: int
    usd_per_hour: Usd
    as_of: IsoDate
    source: str
    spot_usd_per_hour: Usd | None = None
    region: str = ""  # the source does not say

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise FieldFault("devices", f"{self.devices}: an instance has at least one")
        if self.spot_usd_per_hour is not None and self.spot_usd_per_hour > self.usd_per_hour:
            raise FieldFault("spot_usd_per_hour", f"{self.spot_usd_per_hour:g} is above the on-demand price {self.usd_per_hour:g}")


def load_offers(root: Path, devices: Collection[str]) -> tuple[Offer, ...]:
    """Every offer. Raises DataError with each row that names a device outside the catalog."""
    faults: list[Fault] = []
    offers: list[Offer] = []
    for row, at in csv_records(root, "offers", OfferRecord):
        if row.device not in devices:
            faults.append(Fault(str(at), f"device: {row.device!r} is not in catalog/devices"))
        offers.append(_offer(row))
    if faults:
        raise DataError(faults)
    return tuple(offers)


def _offer(row: OfferRecord) -> Offer:
    return Offer(
        provider=row.provider,
        instance=row.instance,
        device=row.device,
        devices=row.devices,
        usd_per_hour=row.usd_per_hour,
        spot_usd_per_hour=row.spot_usd_per_hour,
        region=row.region,
        as_of=row.as_of,
        source=row.source,
    )
