"""The driver's numbers in evidence: beside the prediction, none where there is no driver, and no trace of whose machine it was."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from advisor.domain.evidence import DeviceSeen
from advisor.engines.accelerators import Accelerator
from advisor.files.evidence import read_evidence, write_evidence
from advisor.report.validation_text import validation_lines
from advisor.units import GIB
from advisor.validation.contention import Contention
from advisor.validation.evidence import evidence_of
from advisor.validation.load import SmokeLoad
from advisor.validation.measurements import Measurements
from advisor.validation.served import run
from advisor.validation.served.devices import devices_seen
from advisor.validation.subject import Weights

from ..conftest import INTERPRETER, SETTINGS, WHOLE, planned

PREDICTED = WHOLE + INTERPRETER
LOAD = SmokeLoad((1,), 200, 24, 1)


def card(held):
    return Accelerator("NVIDIA L4", "570.86.15", 24 * GIB, 20 * GIB, held)


@pytest.fixture
def subject(make_subject):
    candidate = SimpleNamespace(settings=SETTINGS, runtime=SimpleNamespace(engine="llama.cpp", backend="cuda"), on_cpu=False)
    return make_subject(candidate=candidate, planned=planned())


def test_the_prediction_stands_beside_the_card_that_the_engine_uses(subject):
    idle, used = devices_seen(subject, [card({1: GIB}), card({7: 2 * GIB, 8: 3 * GIB, 1: GIB})], frozenset({7, 8}))
    assert (idle.engine_bytes, idle.predicted_reserved_bytes) == (None, None)
    assert used == DeviceSeen("NVIDIA L4", "570.86.15", 24 * GIB, 20 * GIB, 5 * GIB, PREDICTED)


def test_without_a_driver_there_is_nothing(subject):
    assert devices_seen(subject, [], frozenset({7})) is None


def test_a_plan_for_the_processor_predicts_nothing_of_a_card(make_subject):
    (seen,) = devices_seen(make_subject(), [card({7: GIB})], frozenset({7}))
    assert seen.predicted_reserved_bytes is None


def evidence(subject, devices):
    contention = Contention(None, None, None, None, None)
    engine = {"name": "llama.cpp", "version": "b11549"}
    measured = Measurements(engine, {"starts": 1.0}, (), (), {}, contention, (), devices=devices)
    return evidence_of(subject, Weights("/x", synthetic=True), LOAD, measured, driven=(), today="2026-11-28", served=True)


def test_it_is_kept_and_shown(subject, tmp_path):
    made = evidence(subject, devices_seen(subject, [card({7: 5 * GIB})], frozenset({7})))
    read = read_evidence(write_evidence(tmp_path / "plan.yaml", made))
    assert read.devices == made.devices
    line = f"device NVIDIA L4, driver 570.86.15: the engine holds 5.00 GiB of 24.00 GiB, {PREDICTED / GIB:.2f} GiB predicted"
    assert line in list(validation_lines(read))


@pytest.mark.parametrize(
    ("found", "remark"),
    [([], "no driver of an accelerator could be asked"), ([card({7: None})], "the driver does not say what the engine's processes hold")],
)
def test_what_was_not_measured_is_said(subject, found, remark):
    made = evidence(subject, devices_seen(subject, found, frozenset({7})))
    assert (made.devices is None) == (not found)
    assert remark in made.remarks[0]
    on_cpu = replace(subject, candidate=SimpleNamespace(runtime=SimpleNamespace(backend="cpu"), on_cpu=True))
    assert evidence(on_cpu, None).remarks == ()


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([2 * GIB, 3 * GIB], {"memory_bytes": 5 * GIB, "reserved_bytes": 3 * GIB}),
        ([None, 3 * GIB], {"memory_bytes": 3 * GIB, "reserved_bytes": 3 * GIB}),
        ([None], {}),
        ([], {}),
    ],
)
def test_the_memory_of_a_device_is_what_its_driver_counts(subject, held, expected):
    """The server's own resident memory says nothing about a card."""
    devices = tuple(DeviceSeen("NVIDIA L4", "1", 24 * GIB, 20 * GIB, bytes_, None) for bytes_ in held) or None
    shown = SimpleNamespace(devices=devices, end=SimpleNamespace(counted_once_bytes=GIB), truth=SimpleNamespace(values={}))
    assert run._counted(subject, shown) == expected


def test_the_memory_of_a_processor_is_the_servers_own(make_subject):
    shown = SimpleNamespace(
        devices=None, end=SimpleNamespace(counted_once_bytes=5 * GIB), truth=SimpleNamespace(values={"repacked_weights_bytes": GIB})
    )
    assert run._counted(make_subject(), shown) == {"memory_bytes": 5 * GIB, "reserved_bytes": 5 * GIB, "required_bytes": 4 * GIB}
