"""measurements/*.csv -> Measurement: beside a plan, what `advisor validate --record` kept."""

from pathlib import Path

from advisor.catalog.records import csv_records
from advisor.domain.measurement import Measurement
from advisor.files.measurements import FOLDER


def load_measurements(root: Path) -> tuple[Measurement, ...]:
    """Every row of every table in `root`/measurements. Raises DataError with every fault of the first faulty table."""
    return tuple(row for row, _ in csv_records(root, FOLDER, Measurement))
