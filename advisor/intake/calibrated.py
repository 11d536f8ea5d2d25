"""This machine as it was calibrated: its measured memory bandwidth, and what its engines did there."""

from dataclasses import dataclass, replace
from pathlib import Path

from advisor.catalog import Catalog
from advisor.domain.calibrated import CalibratedMachine, MachineRates
from advisor.domain.hardware import Node
from advisor.domain.measured import MeasuredPoint
from advisor.engines.places import machines_folder
from advisor.files.calibrated import read_calibrated
from advisor.intake.machine import inspect_machine, this_machine
from advisor.intake.measured import Known, usable

NAME = "this-machine"  # on the command line


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """The node, and the points that predictions for it are scaled by; none where it was never calibrated."""

    node: Node
    points: tuple[MeasuredPoint, ...] = ()


def calibration_path(machine: str) -> Path:
    """Where the calibration of a machine lies or will lie."""
    return machines_folder() / f"{machine}.json"


def calibration_here() -> CalibratedMachine | None:
    """The calibration of this machine. Raises DataError for a file that is none."""
    path = calibration_path(inspect_machine().id)
    return read_calibrated(path) if path.is_file() else None


def calibrated_machine(catalog: Catalog, *, processor_only: bool = False) -> ThisMachine:
    """This computer, with its calibration where there is one. Raises what `this_machine` raises, DataError for a faulty file."""
    node, found = this_machine(catalog, processor_only=processor_only), calibration_here()
    if found is None:
        return ThisMachine(node)
    rated = with_rates(node, found.rates)
    points = [point for point in found.points if point.device == node.device.id]
    return ThisMachine(rated, usable(points, Known(catalog, {node.device.id: rated})))


def with_rates(node: Node, rates: MachineRates) -> Node:
    """The node with the bandwidth that its memory was seen to reach, and what llama.cpp's kernels were seen to take."""
    reached = float(f"{rates.bytes_per_s:.2e}")
    device = replace(node.device, memory_bandwidth_bytes_per_s=reached) if node.device.is_cpu else node.device
    return replace(node, device=device, host=replace(node.host, memory_bandwidth_bytes_per_s=reached, kernels=rates.kernels))
