"""catalog/offers/*.csv -> Offer: dated prices of whole instances. A row may have no on-demand price, then it is no offer and refused."""

from collections.abc import Collection

from advisor.catalog.layers import Root
from advisor.catalog.records import newest_rows
from advisor.domain.hardware import Offer
from advisor.errors import DataError, Fault


def load_offers(root: Root, devices: Collection[str]) -> tuple[Offer, ...]:
    """Every offer. Raises DataError with each row that names a device outside the catalog."""
    rows = newest_rows(root, "offers", Offer, lambda offer: (offer.provider, offer.instance, offer.region))
    faults = [Fault(str(at), f"device: {offer.device!r} is not in catalog/devices") for offer, at in rows if offer.device not in devices]
    if faults:
        raise DataError(faults)
    return tuple(offer for offer, _ in rows)
