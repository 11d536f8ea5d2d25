"""A machine's own bandwidth, in the device where it is a processor and in the host around a card."""

import pytest

from advisor.catalog import load_catalog
from advisor.domain.calibrated import CalibratedMachine, MachineRates
from advisor.errors import DataError
from advisor.files.calibrated import read_calibrated, write_calibrated
from advisor.intake.calibrated import with_rates

CATALOG = load_catalog()
RATES = MachineRates(threads=2, read_bytes_per_s=20.4e9, copy_bytes_per_s=40.44e9, flops_per_s=None)


def test_a_processor_reads_at_the_most_that_was_seen():
    node = with_rates(CATALOG.node("cpu"), RATES)
    assert node.device.memory_bandwidth_bytes_per_s == node.host.memory_bandwidth_bytes_per_s == 40.4e9


def test_a_card_keeps_its_own_bandwidth():
    plain = CATALOG.node("rtx-3090")
    node = with_rates(plain, RATES)
    assert node.device == plain.device
    assert node.host.memory_bandwidth_bytes_per_s == 40.4e9


MACHINE = CalibratedMachine("advisor.machine/1", "machine-0123456789ab", "2026-11-28", "1.0", RATES, (), (), {"disturbed": False})


def test_a_calibration_is_read_as_it_was_written(tmp_path):
    write_calibrated(tmp_path / "below" / "machine.json", MACHINE)
    assert read_calibrated(tmp_path / "below" / "machine.json") == MACHINE


@pytest.mark.parametrize(("before", "after"), [("machine-0123456789ab", "my-laptop"), ('"threads": 2', '"threads": "two"'), ("{", "")])
def test_a_faulty_calibration_is_refused_with_its_name(tmp_path, before, after):
    path = tmp_path / "machine.json"
    write_calibrated(path, MACHINE)
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(DataError, match=r"machine\.json"):
        read_calibrated(path)
