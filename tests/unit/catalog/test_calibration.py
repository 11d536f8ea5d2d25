"""The calibration files are complete and speak of things that exist."""

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.calibration import load_calibrations
from advisor.domain.calibration import error_band
from advisor.errors import DataError
from advisor.resources import folder

CALIBRATIONS = load_calibrations()
FILE = folder("catalog") / "calibration" / "vllm.yaml"


@pytest.mark.parametrize("engine", CALIBRATIONS)
def test_a_new_class_of_device_is_never_more_certain(engine):
    for metric in ("decode", "prefill"):
        known, new = (error_band(CALIBRATIONS[engine], metric, level) for level in ("group", "device"))
        assert new.low <= known.low and new.high >= known.high


def test_every_format_and_backend_that_is_named_exists():
    catalog, calibration = load_catalog(), CALIBRATIONS["llama.cpp"]
    for entry in calibration.formats:
        for name in entry.quantizations:
            assert catalog.quantization(name).id == name
    backends = {backend for device in catalog.devices.values() for backend in device.backends}
    assert {cell.backend for cell in calibration.cells} <= set(calibration.backends) <= backends


def test_the_last_format_is_that_of_all_others():
    formats = CALIBRATIONS["llama.cpp"].formats
    assert [bool(entry.quantizations) for entry in formats] == [True] * (len(formats) - 1) + [False]
    named = [quantization for entry in formats for quantization in entry.quantizations]
    assert len(named) == len(set(named))


def test_the_cells_of_a_backend_are_told_apart():
    cells = CALIBRATIONS["llama.cpp"].cells
    assert len({cell.name for cell in cells}) == len(cells)
    devices = [(cell.backend, device) for cell in cells for device in cell.devices]
    assert len(devices) == len(set(devices))


def test_the_last_generation_is_open():
    generations = CALIBRATIONS["vllm"].generations
    assert [g.before is None for g in generations] == [False] * (len(generations) - 1) + [True]


def test_a_range_that_misses_its_value_is_a_fault_with_a_place(tmp_path):
    text = FILE.read_text(encoding="utf-8")
    broken = text.replace("flops_per_byte: {value: 150, low: 60", "flops_per_byte: {value: 150, low: 160")
    assert broken != text
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "vllm.yaml").write_text(broken, encoding="utf-8")
    with pytest.raises(DataError, match=r"vllm.yaml:\d+:\d+: flops_per_byte"):
        load_calibrations(tmp_path)
