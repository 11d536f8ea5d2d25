"""Measured rows beside a plan: added and never changed, whole or not at all, read back as they were."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from advisor.catalog.measurements import load_measurements
from advisor.domain.measurement import Measurement, row_id_of, split_of
from advisor.errors import DataError, UserInputError
from advisor.files import measurements
from advisor.files.measurements import COLUMNS, append_measurements, measurements_path

ROW = Measurement(
    row_id="",
    source_id="advisor-validate",
    source='run of "letters", twice\nin two lines',
    source_date="2026-11-24",
    engine="vllm",
    engine_version="0.33.0",
    model="Qwen/Qwen3-32B",
    weight_quant="fp8",
    gpu="h100-sxm",
    gpu_count=1,
    split="fit",
    gpu_kv_cache_tokens=129_856.0,
    tpot_p50_ms=27.123456789,
)


def row(**changes):
    changed = replace(ROW, **changes)
    return replace(changed, row_id=row_id_of(changed))


@pytest.fixture
def plan(tmp_path):
    return tmp_path / "plan.yaml"


def test_what_is_written_is_read_back(plan, tmp_path):
    rows = (row(), row(max_concurrency=4, flags="synthetic_weights"))
    path, added = append_measurements(plan, "letters", rows)
    assert (path, added) == (measurements_path(plan, "letters"), 2)
    assert load_measurements(tmp_path) == rows
    assert [file.name for file in path.parent.iterdir()] == ["letters.csv"]


def test_rows_are_added_and_the_same_row_only_once(plan, tmp_path):
    append_measurements(plan, "letters", [row()])
    before = measurements_path(plan, "letters").read_bytes()
    assert append_measurements(plan, "letters", [row()])[1] == 0
    assert append_measurements(plan, "letters", [row(), row(max_concurrency=2)])[1] == 1
    assert measurements_path(plan, "letters").read_bytes().startswith(before)
    assert len(load_measurements(tmp_path)) == 2


def test_a_last_line_without_its_end_stays_a_row_of_its_own(plan, tmp_path):
    append_measurements(plan, "letters", [row()])
    path = measurements_path(plan, "letters")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    append_measurements(plan, "letters", [row(max_concurrency=2)])
    assert [one.max_concurrency for one in load_measurements(tmp_path)] == [None, 2]


def test_many_recorders_at_once_lose_nothing(plan, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda count: append_measurements(plan, "letters", [row(max_concurrency=count)]), range(1, 41)))
    assert sorted(one.max_concurrency for one in load_measurements(tmp_path)) == list(range(1, 41))


def test_a_full_disk_leaves_no_half_row(plan, tmp_path, monkeypatch):
    append_measurements(plan, "letters", [row()])
    write = os.write
    monkeypatch.setattr(measurements.os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(UserInputError, match=r"letters\.csv: cannot be written: the disk is full"):
        append_measurements(plan, "letters", [row(max_concurrency=2)])
    assert load_measurements(tmp_path) == (row(),)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", ",".join(COLUMNS[:-1]) + "\n", 'x"\0\n'])
def test_a_table_of_other_columns_is_left_alone(plan, text):
    path = measurements_path(plan, "letters")
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(DataError, match=r"letters\.csv"):
        append_measurements(plan, "letters", [row()])
    assert path.read_text() == text


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "measurements").write_text("a file")
    with pytest.raises(UserInputError, match="cannot be written"):
        append_measurements(tmp_path / "plan.yaml", "letters", [row()])


@pytest.mark.parametrize(
    ("column", "cell"), [("gpu_count", "many"), ("tpot_p50_ms", "nan"), ("split", "both"), ("source_date", "yesterday")]
)
def test_a_wrong_cell_is_found_at_its_place(plan, tmp_path, column, cell):
    path, _ = append_measurements(plan, "letters", [replace(row(), source="x")])
    lines = path.read_text().splitlines()
    cells = lines[1].split(",")
    cells[COLUMNS.index(column)] = cell
    path.write_text("\n".join([lines[0], ",".join(cells)]))
    with pytest.raises(DataError, match=rf"letters\.csv:2:\d+: {column}"):
        load_measurements(tmp_path)


def test_a_group_is_drawn_to_one_side_once():
    assert split_of("s", "h100-sxm", "m") == split_of("s", "h100-sxm", "m")
    sides = [split_of("s", f"device-{number}", "m") for number in range(400)]
    assert 60 < sides.count("report") < 140
