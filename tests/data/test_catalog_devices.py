"""The catalog's devices against known truths, among them values that public tables have wrong."""

import csv
from pathlib import Path

import pytest

from advisor.catalog import load_catalog

KNOWN = list(csv.DictReader((Path(__file__).parent / "known_devices.csv").open()))
DEVICES = load_catalog().devices


@pytest.mark.parametrize("row", KNOWN, ids=[f"{row['device']}-{row['field']}" for row in KNOWN])
def test_known_value_and_not_the_wrong_public_one(row):
    value = getattr(DEVICES[row["device"]], row["field"])
    assert value == pytest.approx(float(row["value"]), rel=float(row["tolerance_pct"]) / 100 + 1e-9)
    assert value != pytest.approx(float(row["wrong_public_value"]), rel=0.002)


def test_from_a_board_to_a_data_centre():
    assert len(DEVICES) >= 30
    assert {"raspberry-pi-5", "cpu", "rtx-4090", "h200-sxm", "b200-sxm", "mi300x", "apple-m4"} <= DEVICES.keys()


@pytest.mark.parametrize("device", DEVICES.values(), ids=list(DEVICES))
def test_every_device_is_plausible_and_has_a_source(device):
    assert 0.85 * device.installed_memory_bytes <= device.memory_bytes <= device.installed_memory_bytes or device.unified_memory
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
    from advisor.errors import UserInputError

    if device_id is not None:
        assert load_catalog().device(spelling).id == device_id
        return
    with pytest.raises(UserInputError, match="devices:"):
        load_catalog().device(spelling)
