"""The catalog's devices against known truths, among them values that public tables have wrong."""

import csv
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.errors import UserInputError

HERE = Path(__file__).parent
KNOWN = list(csv.DictReader((HERE / "known_devices.csv").open()))
WRITTEN = list(csv.DictReader((HERE / "device_spellings.csv").open()))
CATALOG = load_catalog()
DEVICES, SLICES, LISTED = CATALOG.devices, CATALOG.slices, CATALOG.listed_devices
WITH_OWN_MEMORY = [d for d in DEVICES.values() if not (d.unified_memory or d.is_cpu)]
INLINE_ECC = {"a10", "a10g", "a40", "l4", "l40", "l40s", "t4"}  # GDDR memory of data-centre cards, error correction on


@pytest.mark.parametrize("row", KNOWN, ids=[f"{row['device']}-{row['field']}" for row in KNOWN])
def test_known_value_and_not_the_wrong_public_one(row):
    value = getattr(DEVICES[row["device"]], row["field"])
    assert value == pytest.approx(float(row["value"]), rel=float(row["tolerance_pct"]) / 100 + 1e-9)
    assert value != pytest.approx(float(row["wrong_public_value"]), rel=0.002)


def test_from_a_board_to_a_data_centre():
    assert len(DEVICES) >= 120
    assert {"raspberry-pi-5", "cpu", "rtx-4090", "h200-sxm", "b200-sxm", "mi300x", "apple-m4"} <= DEVICES.keys()


@pytest.mark.parametrize("device", WITH_OWN_MEMORY, ids=lambda d: d.id)
def test_the_driver_shows_nearly_all_of_the_nominal_memory(device):
    """Within 5 %; where error correction keeps its bits in the memory itself, of fifteen sixteenths."""
    nominal = device.installed_memory_bytes * (15 / 16 if device.id in INLINE_ECC else 1)
    assert device.memory_bytes == pytest.approx(nominal, rel=0.05)


@pytest.mark.parametrize("device", DEVICES.values(), ids=list(DEVICES))
def test_every_device_is_plausible_and_has_a_source(device):
    assert 10e9 < device.memory_bandwidth_bytes_per_s < 20e12
    assert device.source and device.retrieved
    assert device.fp8_flops_per_s is None or device.bf16_flops_per_s is None or device.fp8_flops_per_s > device.bf16_flops_per_s
    assert (device.vendor == "NVIDIA") == (device.compute_capability is not None)


@pytest.mark.parametrize("device", [d for d in DEVICES.values() if d.compute_capability is not None], ids=lambda d: d.id)
def test_formats_follow_the_compute_capability(device):
    """Ampere has no FP8 units, Ada and Hopper have no FP4 units."""
    assert device.compute_capability >= 8.9 or device.fp8_flops_per_s is None
    assert device.compute_capability >= 10 or device.fp4_flops_per_s is None
    assert "cuda" in device.backends


# spellings of price lists, benchmark tables and drivers -> id; None: the word is shared by several devices
SPELLINGS = {
    "NVIDIA H100 80GB HBM3": "h100-sxm",
    "NVIDIA H100 PCIe": "h100-pcie",
    "NVIDIA A100-SXM4-80GB": "a100-80gb-sxm",
    "NVIDIA A100 80GB PCIe": "a100-80gb-pcie",
    "NVIDIA GeForce RTX 4090": "rtx-4090",
    "NVIDIA GeForce RTX 4070 Laptop GPU": "rtx-4070-laptop",
    "NVIDIA RTX 6000 Ada Generation": "rtx-6000-ada",
    "Tesla T4": "t4",
    "NVIDIA L4": "l4",
    "RTX-3090": "rtx-3090",
    "A100-40GB": None,
    "A100-80GB": None,
    "H100": None,
    "GB10": "dgx-spark",
    "Strix-Halo-8060S": "strix-halo",
    "RX-7900-XTX": "rx-7900-xtx",
    "Apple-M2-Ultra": "apple-m2-ultra",
    "H100-SXM": "h100-sxm",
    "B200-SXM": "b200-sxm",
    "H200": "h200-sxm",
    "L40S": "l40s",
    "RTX-PRO-6000-Server": "rtx-pro-6000-server",
    "R9700": "radeon-ai-pro-r9700",
    "RTX 4090": "rtx-4090",
}


@pytest.mark.parametrize(("spelling", "device_id"), SPELLINGS.items())
def test_spellings(spelling, device_id):
    if device_id is not None:
        assert CATALOG.device(spelling).id == device_id
        return
    with pytest.raises(UserInputError, match="devices:"):
        CATALOG.device(spelling)


@pytest.mark.parametrize("row", WRITTEN, ids=[row["spelling"] for row in WRITTEN])
def test_a_spelling_of_prices_benchmarks_and_logs_means_one_device_or_none(row):
    """Every device name in the collected tables: an exact alias, or refused because it does not say which device, or is only listed."""
    assert bool(row["device"]) != bool(row["why_not"])
    if row["device"]:
        assert CATALOG.device(row["spelling"]).id == row["device"]
        return
    with pytest.raises(UserInputError) as refused:
        CATALOG.device(row["spelling"])
    assert ("listed only" in str(refused.value)) == (row["why_not"] == "listed only")


@pytest.mark.parametrize("listed", LISTED.values(), ids=list(LISTED))
def test_what_is_only_listed_is_refused_with_its_reason(listed):
    assert listed.id not in DEVICES
    for name in (listed.id, *listed.aliases):
        with pytest.raises(UserInputError, match="listed only, not planned for") as refused:
            CATALOG.device(name)
        assert listed.reason in str(refused.value)


def test_a_card_of_the_mi300_generation_has_no_fp4_and_one_without_int8_says_so():
    assert DEVICES["mi300x"].fp4_flops_per_s is None and DEVICES["mi325x"].fp4_flops_per_s is None
    for device in ("b300-sxm", "gb300"):
        assert DEVICES[device].int8_ops_per_s < DEVICES[device].bf16_flops_per_s / 10


# (slice, GiB that CUDA or nvidia-smi shows, GB/s, multiprocessors of the card's)
KNOWN_SLICES = [
    ("h200-nvl/mig-3g.71gb", 69.6, 2445, 60 / 132),  # vLLM start-up logs: 5 % of the memory is 3.48 GiB
    ("h200-sxm/mig-1g.18gb", 16.0, 600, 16 / 132),
    ("h100-sxm/mig-3g.40gb", 39.5, 1675, 60 / 132),
    ("h100-sxm/mig-1g.10gb", 9.75, 419, 16 / 132),
    ("a100-40gb-sxm/mig-1g.5gb", 4.75, 194, 14 / 108),
    ("a100-80gb-pcie/mig-7g.80gb", 79.15, 1935, 98 / 108),
    ("b200-sxm/mig-3g.90gb", 89.2, 3850, 3 / 7),
]


@pytest.mark.parametrize(("slice_id", "memory_gib", "bandwidth_gb_per_s", "compute"), KNOWN_SLICES, ids=str)
def test_a_slice_is_its_part_of_the_card(slice_id, memory_gib, bandwidth_gb_per_s, compute):
    part = CATALOG.device(slice_id)
    card = DEVICES[part.card]
    assert part.memory_bytes / 2**30 == pytest.approx(memory_gib, rel=0.005)
    assert part.memory_bandwidth_bytes_per_s / 1e9 == pytest.approx(bandwidth_gb_per_s, rel=0.005)
    assert part.bf16_flops_per_s / card.bf16_flops_per_s == pytest.approx(compute)
    assert CATALOG.device(f"{card.aliases[0]} MIG {slice_id.rpartition('-')[2]}") is part  # as nvidia-smi -L names it


@pytest.mark.parametrize("part", SLICES.values(), ids=list(SLICES))
def test_slices_that_fill_a_card_do_not_exceed_it(part):
    """As many as the guide allows have together at most the card's memory, bandwidth and arithmetic, and no link."""
    card = DEVICES[part.card]
    for field in ("memory_bytes", "memory_bandwidth_bytes_per_s", "bf16_flops_per_s", "power_w"):
        whole = getattr(card, field)
        assert whole is None or part.slices_per_card * getattr(part, field) <= whole * 1.0001
    assert part.link is None and part.link_bytes_per_s is None
    assert part.compute_capability == card.compute_capability


def test_a_slice_costs_its_part_of_the_card_and_shares_its_host():
    part, card = CATALOG.device("h100-sxm/mig-1g.10gb"), CATALOG.purchases["h100-sxm"]
    assert CATALOG.purchase(part).usd_per_device == pytest.approx(card.usd_per_device / 7)
    assert CATALOG.purchase(part).all_in_kw_per_device == pytest.approx(card.all_in_kw_per_device / 7)
    assert CATALOG.node(part.id, 7).host == CATALOG.node("h100-sxm", 1).host
    assert CATALOG.node(part.id, 8).host == CATALOG.node("h100-sxm", 2).host
