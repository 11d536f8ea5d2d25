"""The memory test on buffers that take no time; how fast they are is nobody's claim here."""

import importlib.util
import json
import subprocess
import sys

import pytest

from advisor.errors import EngineFailed
from advisor.resources import folder
from advisor.validation.calibrate import rates
from advisor.validation.contention import RETRIES
from tests.unit.validation.hosts import BUSY, QUIET, watching

FILE = folder("validators") / "machine_rates.py"


@pytest.fixture
def machine_rates(monkeypatch):
    spec = importlib.util.spec_from_file_location("machine_rates", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BUFFER_BYTES", 4 * module.PIECE_BYTES)
    return module


def test_a_read_touches_each_byte_and_a_copy_moves_each_three_times(machine_rates):
    library = machine_rates.c_library()
    whole = machine_rates.BUFFER_BYTES
    assert machine_rates.reading(library)() == whole
    assert machine_rates.copying(library)() == 3 * whole / 2


def test_a_copy_really_copies(machine_rates):
    copied = []

    class Library:
        def memcpy(self, target, source, size):
            copied.append((target - source, size))

    machine_rates.copying(Library())()
    assert copied == [(2 * machine_rates.PIECE_BYTES, machine_rates.PIECE_BYTES)] * 2


def test_threads_add_up(machine_rates):
    found = machine_rates.report_for({"seconds": 0.01})
    assert found["threads"] == machine_rates.processors()
    assert found["read_bytes_per_s"] > 0 and found["copy_bytes_per_s"] > 0


def test_a_bad_request_is_told_as_such():
    done = subprocess.run([sys.executable, str(FILE)], input="{}", capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "lacks something" in json.loads(done.stdout)["error"]


TOLD = {"threads": 2, "read_bytes_per_s": 2e10, "copy_bytes_per_s": 4e10, "flops_per_s": None}


@pytest.mark.parametrize(("host", "times"), [(QUIET, 1), (BUSY, 1 + RETRIES)])
def test_a_busy_machine_is_measured_again(monkeypatch, host, times):
    asked = []
    monkeypatch.setattr(rates, "watch_host", watching(host))
    monkeypatch.setattr(rates, "ask_validator", lambda *_, **__: asked.append(1) or TOLD)
    found, contention = rates.measure_rates(FILE, left_s=lambda: 100.0, say=lambda _: None)
    assert (found.bytes_per_s, len(asked), contention.disturbed) == (4e10, times, times > 1)


def test_a_report_that_lacks_a_rate_is_no_report(monkeypatch):
    monkeypatch.setattr(rates, "watch_host", watching(QUIET))
    monkeypatch.setattr(rates, "ask_validator", lambda *_, **__: TOLD | {"threads": 0})
    with pytest.raises(EngineFailed, match="threads"):
        rates.measure_rates(FILE, left_s=lambda: 100.0, say=lambda _: None)
