"""Starts that were timed lie in the predicted ranges, cold and warm alike; every part shows where it belongs."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.errors import UserInputError
from advisor.estimate.start_up import start_time
from advisor.intake.estimation import EstimateRequest, Program
from tests.unit.estimate.candidates_for_tests import LLAMA_CPP, VLLM
from tests.unit.estimate.serving_for_tests import (
    CALIBRATIONS,
    CATALOG,
    EIGHT_B,
    THIRTY_TWO_B,
    llama_cpp_candidate,
    llama_cpp_steps,
    vllm_candidate,
    vllm_steps,
    weights_of,
)

DATA = Path(__file__).parents[2] / "data" / "start_up"
FIT = CALIBRATIONS["vllm"].start_up


def rows(engine):
    with (DATA / f"{engine}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def measured(column, **wanted):
    return [float(row[column]) for row in rows("vllm") if row[column] and all(row[name] == value for name, value in wanted.items())]


def predicted(row):
    """On a machine whose disk reads 1 GB/s, as one that nobody has measured is assumed to."""
    settings = replace(LLAMA_CPP, repack=row["repack"] == "on")
    found = llama_cpp_candidate(row["model"], "desktop-ddr5", backend="cpu", quantization=row["quantization"], settings=settings)
    host = replace(found.node.host, disk_bytes_per_s=1e9)
    candidate = replace(found, node=replace(found.node, host=host))
    return start_time(candidate, weights_of(candidate), CALIBRATIONS["llama.cpp"].start_up, source="a test")


def test_timed_starts_of_llama_cpp_lie_in_the_range_warm_and_cold():
    inside = {"warm": [], "cold": []}
    for row in rows("llama_cpp"):
        told = predicted(row)
        inside[row["page_cache"]].append(told.low <= float(row["ready_s"]) <= told.high)
    assert len(inside["warm"]) >= 20 and len(inside["cold"]) >= 20
    assert all(sum(held) >= 0.8 * len(held) for held in inside.values())


def test_what_is_expected_is_a_cold_start():
    cold = [row for row in rows("llama_cpp") if row["page_cache"] == "cold"]
    factors = sorted(predicted(row).value / float(row["ready_s"]) for row in cold)
    assert 0.75 < factors[len(factors) // 2] < 1.33


@pytest.mark.parametrize(
    ("column", "wanted", "fitted"),
    [("compile_s", {"compiled_before": "no"}, FIT.compile_s), ("capture_s", {}, FIT.capture_s)],
)
def test_published_parts_of_vllm_starts_lie_about_the_constants(column, wanted, fitted):
    told = measured(column, **wanted)
    assert min(told) <= fitted.value <= max(told)
    assert sum(fitted.low <= seconds <= fitted.high for seconds in told) >= len(told) / 2


def test_files_in_the_page_cache_were_read_at_the_cached_rate():
    read = [row for row in rows("vllm") if row["read_s"] and row["page_cache"] == "warm"]
    rates = [int(row["ranks"]) * float(row["weights_gib_per_rank"]) * 2**30 / float(row["read_s"]) for row in read]
    assert min(rates) >= FIT.cached_bytes_per_s.low and max(rates) <= 1.05 * FIT.cached_bytes_per_s.high


def test_compilation_and_graphs_are_of_a_start_that_is_not_eager():
    compiled = vllm_steps(THIRTY_TWO_B, "h100-sxm").start_s
    eager = vllm_steps(THIRTY_TWO_B, "h100-sxm", settings=replace(VLLM, enforce_eager=True)).start_s
    assert compiled.value - eager.value == pytest.approx(FIT.compile_s.value + FIT.capture_s.value)
    assert eager.value > 65.5e9 / CATALOG.node("h100-sxm").host.disk_bytes_per_s


def test_a_restart_reads_the_page_cache_and_a_first_start_the_disk():
    told = llama_cpp_steps(EIGHT_B, "rtx-3090").start_s
    size = weights_of(llama_cpp_candidate(EIGHT_B, "rtx-3090")).total_bytes
    assert told.value > size / CATALOG.node("rtx-3090").host.disk_bytes_per_s > told.low


def test_a_download_counts_where_its_speed_is_known_and_is_said_to_be_left_out_where_not():
    candidate = vllm_candidate(THIRTY_TWO_B, "h100-sxm")
    fetched = replace(candidate, node=replace(candidate.node, host=replace(candidate.node.host, download_bytes_per_s=1e9)))
    weights = weights_of(candidate)
    there, far = (start_time(each, weights, FIT, source="a test") for each in (candidate, fetched))
    assert far.value - there.value == pytest.approx(weights.total_bytes / 1e9)
    assert far.low == there.low
    assert "a download is not counted" in there.source and "download" in far.source and "not counted" not in far.source


@pytest.mark.parametrize("speed", [0.0, -5.0, 1e9])
def test_a_speed_that_no_link_has_is_refused(speed):
    with pytest.raises(UserInputError, match="download-speed"):
        EstimateRequest(EIGHT_B, "h100-sxm", Program("vllm"), download_mb_per_s=speed)


def test_nothing_is_repacked_where_the_processor_does_not():
    assert "repack" in llama_cpp_steps(EIGHT_B, "desktop-ddr5", backend="cpu").start_s.source
    assert "repack" not in llama_cpp_steps(EIGHT_B, "rtx-3090").start_s.source
