"""What a workload may run on, from what it says about hardware."""

import dataclasses

import pytest

from advisor.catalog import load_catalog
from advisor.domain.workload import BoughtHardware, HardwareChoice, OwnedHardware, RentedHardware
from advisor.errors import UserInputError
from advisor.planning.inventory import inventory_of
from tests.unit.planning.questions import CHAT


def available(hardware: HardwareChoice | None, machine=None):
    return inventory_of(dataclasses.replace(CHAT, hardware=hardware), load_catalog(), machine).available


def test_owned_devices_are_grouped_into_their_nodes():
    (found,) = available(HardwareChoice(owned=(OwnedHardware("h100-sxm", count=8, per_node=4),)))
    assert (found.nodes, found.node.devices, found.acquisition) == (2, 4, "owned")
    assert found.purchase_usd_per_device > 0


def test_devices_in_one_node_when_nothing_else_is_said():
    (found,) = available(HardwareChoice(owned=(OwnedHardware("h100-sxm", count=4),)))
    assert (found.nodes, found.node.devices) == (1, 4)


def test_renting_keeps_the_cheapest_offer_of_each_device_and_size():
    catalog = load_catalog()
    found = available(HardwareChoice(rent=RentedHardware(devices=("l4",))))
    sizes = [entry.node.devices for entry in found]
    assert len(sizes) == len(set(sizes))
    for entry in found:
        prices = [o.usd_per_hour for o in catalog.offers if o.device == "l4" and o.devices == entry.node.devices and not o.marketplace]
        assert entry.offer.usd_per_hour == min(prices)


def test_renting_respects_providers_and_the_number_of_devices():
    found = available(HardwareChoice(rent=RentedHardware(providers=("aws",), max_devices=2)))
    assert {entry.offer.provider for entry in found} == {"aws"}
    assert all(entry.nodes * entry.node.devices <= 2 for entry in found)


def test_buying_offers_hosts_of_several_sizes():
    found = available(HardwareChoice(buy=BoughtHardware(devices=("rtx-5090",), max_devices=2)))
    assert [(entry.node.devices, entry.nodes, entry.acquisition) for entry in found] == [(1, 2, "buy"), (2, 1, "buy")]


def test_what_has_no_price_is_bought_only_by_name_and_then_costs_nobody_knows_what():
    offered = {entry.node.device.id for entry in available(HardwareChoice(buy=BoughtHardware()))}
    assert "h100-sxm" in offered and not {"mi355x", "gb200"} & offered
    (named,) = available(HardwareChoice(buy=BoughtHardware(devices=("mi355x",), max_devices=1)))
    assert (named.purchase_usd_per_device, named.all_in_kw_per_device) == (None, None)


def test_slices_are_owned_as_devices_are():
    (found,) = available(HardwareChoice(owned=(OwnedHardware("h100-sxm/mig-3g.40gb", count=4),)))
    assert (found.node.device.id, found.node.devices) == ("h100-sxm/mig-3g.40gb", 4)
    assert found.node.host == load_catalog().node("h100-sxm", 2).host


def test_slices_are_never_offered_unasked():
    everything = available(HardwareChoice(rent=RentedHardware(), buy=BoughtHardware()))
    assert all(entry.node.device.slices_per_card is None for entry in everything)


def test_without_a_word_on_hardware_everything_may_be_rented():
    assert {entry.acquisition for entry in available(None)} == {"rent"}


def test_this_machine_is_there_only_when_it_is_asked_for():
    machine = load_catalog().node("cpu", 1)
    assert available(HardwareChoice(this_machine=True), machine)[0].node is machine
    assert available(HardwareChoice(owned=(OwnedHardware("cpu"),)), machine)[0].acquisition == "owned"


def test_an_ambiguous_device_is_refused_with_what_it_may_mean():
    with pytest.raises(UserInputError, match="h100-sxm"):
        available(HardwareChoice(owned=(OwnedHardware("h100"),)))


def test_a_marketplace_is_rented_from_only_where_it_is_named():
    market = next(offer for offer in load_catalog().offers if offer.marketplace)
    anywhere = available(HardwareChoice(rent=RentedHardware(devices=(market.device,))))
    assert not any(entry.offer.marketplace for entry in anywhere)
    named = available(HardwareChoice(rent=RentedHardware(devices=(market.device,), providers=(market.provider,))))
    assert [entry.offer for entry in named] == [market]


def test_spot_is_paid_where_it_is_accepted_and_offered():
    found = available(HardwareChoice(rent=RentedHardware(devices=("h100-sxm", "l40s"), spot=True)))
    assert any(entry.spot for entry in found)
    assert all(entry.spot == (entry.offer.spot_usd_per_hour is not None) for entry in found)
    assert not any(entry.spot for entry in available(HardwareChoice(rent=RentedHardware(devices=("h100-sxm",)))))


def test_an_owners_own_figures_replace_the_catalogs():
    (found,) = available(HardwareChoice(owned=(OwnedHardware("h100-sxm", usd_per_device=12_000, all_in_kw_per_device=1.2),)))
    assert (found.purchase_usd_per_device, found.all_in_kw_per_device) == (12_000, 1.2)
