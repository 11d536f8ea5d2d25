"""What a workload may run on: owned machines, instances on offer, machines to buy, this machine."""

from dataclasses import replace

from advisor.catalog.catalog import Catalog
from advisor.domain.hardware import Available, Inventory, Node, Offer, in_use
from advisor.domain.workload import BoughtHardware, HardwareChoice, OwnedHardware, RentedHardware, Workload
from advisor.units import GIB

_BOUGHT_PER_HOST = (1, 2, 4, 8)
_TERMS = ("max_devices", "providers", "regions", "devices")  # of rent, those given up first first


def inventory_of(workload: Workload, catalog: Catalog, machine: Node | None) -> Inventory:
    """Every machine the workload allows. `machine` is this computer, where the workload asks for it."""
    choice = workload.hardware or HardwareChoice(rent=RentedHardware())
    available = [_owned(entry, catalog) for entry in choice.owned]
    if choice.this_machine and machine is not None:
        available.append(Available(machine, 1, "this_machine"))
    if choice.rent is not None:
        available += _rented(choice.rent, catalog)
    if choice.buy is not None:
        available += _bought(choice.buy, catalog)
    return Inventory(tuple(available))


def _owned(entry: OwnedHardware, catalog: Catalog) -> Available:
    per_node = entry.per_node or entry.count
    node = catalog.node(catalog.device(entry.device).id, per_node)
    if entry.in_use_gib is not None:
        node = in_use(node, round(entry.in_use_gib * GIB))
    known = _with_purchase(Available(node, entry.count // per_node, "owned"), catalog)
    paid, power = entry.usd_per_device, entry.all_in_kw_per_device
    known = known if paid is None else replace(known, purchase_usd_per_device=paid, purchase_as_of=None)
    return known if power is None else replace(known, all_in_kw_per_device=power)


def _rented(choice: RentedHardware, catalog: Catalog) -> list[Available]:
    """The cheapest offer for each device and instance size: other offers of the same machine serve the same requests for more."""
    wanted = {catalog.device(name).id for name in choice.devices}
    cheapest: dict[tuple[str, int], Offer] = {}
    for offer in catalog.offers:
        if _allowed(offer, choice, wanted):
            key = (offer.device, offer.devices)
            best = cheapest.get(key)
            if best is None or _price(offer, spot=choice.spot) < _price(best, spot=choice.spot):
                cheapest[key] = offer
    return [rented(offer, choice, catalog) for offer in cheapest.values() if not choice.max_devices or choice.max_devices >= offer.devices]


def rented(offer: Offer, choice: RentedHardware, catalog: Catalog) -> Available:
    """An offer under the workload's terms: spot where that is accepted and the offer has such a price."""
    most = choice.max_devices // offer.devices if choice.max_devices else None
    spot = choice.spot and offer.spot_usd_per_hour is not None
    return Available(catalog.node_of(offer), most, "rent", offer, spot=spot)


def no_offer(choice: RentedHardware, catalog: Catalog) -> str | None:
    """Why nothing can be rented under these terms, with the nearest that can; None where something can."""
    if _rented(choice, catalog):
        return None
    asked = {name: value for name in _TERMS if (value := getattr(choice, name))}
    terms = ", ".join(f"{name} {value if isinstance(value, int) else ' '.join(value)}" for name, value in asked.items())
    if not catalog.offers:
        return "the catalog has no offers: state what you own, or would buy"
    begin = f"no offer in the catalog has {terms}"
    for name in asked:
        without = _rented(replace(choice, **{name: getattr(RentedHardware(), name)}), catalog)
        if without:
            offer = min((one.offer for one in without if one.offer), key=lambda one: one.usd_per_hour)
            nearest = f"{offer.provider} {offer.instance}, {offer.devices} x {offer.device}, {offer.usd_per_hour:,.4g} USD/h"
            return f"{begin}; nearest, without {name}: {nearest}"
    return begin


def _allowed(offer: Offer, choice: RentedHardware, devices: set[str]) -> bool:
    return (
        (not devices or offer.device in devices)
        and (offer.provider in choice.providers if choice.providers else not offer.marketplace)
        and (not choice.regions or offer.region in choice.regions)
    )


def _price(offer: Offer, *, spot: bool) -> float:
    return offer.spot_usd_per_hour if spot and offer.spot_usd_per_hour is not None else offer.usd_per_hour


def _bought(choice: BoughtHardware, catalog: Catalog) -> list[Available]:
    wanted = [catalog.device(name).id for name in choice.devices] or _for_sale(catalog)
    return [
        _with_purchase(Available(catalog.node(device, count), choice.max_devices // count if choice.max_devices else None, "buy"), catalog)
        for device in wanted
        for count in _BOUGHT_PER_HOST
        if not choice.max_devices or count <= choice.max_devices
    ]


def _for_sale(catalog: Catalog) -> list[str]:
    return [device for device, purchase in catalog.purchases.items() if purchase.usd_per_device is not None]


def _with_purchase(available: Available, catalog: Catalog) -> Available:
    """With the price and the power of its devices. What must be bought and has no price costs nobody knows what."""
    purchase = catalog.purchase(available.node.device)
    if purchase is None or (available.acquisition == "buy" and purchase.usd_per_device is None):
        return available
    return Available(
        available.node,
        available.nodes,
        available.acquisition,
        purchase_usd_per_device=purchase.usd_per_device,
        purchase_as_of=purchase.as_of if purchase.usd_per_device is not None else None,
        all_in_kw_per_device=purchase.all_in_kw_per_device,
    )
