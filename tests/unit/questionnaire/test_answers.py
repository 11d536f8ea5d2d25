"""What hardware, load and lengths are understood as, and what is refused with which words."""

import json

import pytest

from advisor.errors import DataError, UserInputError
from advisor.questionnaire.load_answers import parse_lengths, parse_load, parse_pause
from advisor.questionnaire.place_answers import parse_hardware, parse_regions
from advisor.questionnaire.question import Situation
from tests.unit.questionnaire.interviews import CATALOG, small_machine, unknown_gpu


def situation(find_machine=small_machine, **values):
    return Situation(CATALOG, find_machine, {path.replace("__", "."): value for path, value in values.items()})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4 h100-sxm", {"hardware.owned": [{"device": "h100-sxm", "count": 4}]}),
        ("h100-sxm", {"hardware.owned": [{"device": "h100-sxm", "count": 1}]}),
        ("2x rtx 4090", {"hardware.owned": [{"device": "rtx-4090", "count": 2}]}),
        ("h100-sxm x 8 in servers of 4", {"hardware.owned": [{"device": "h100-sxm", "count": 8, "per_node": 4}]}),
        ("h100-sxm, 4 in one server, owned", {"hardware.owned": [{"device": "h100-sxm", "count": 4, "per_node": 4}]}),
        ("8 l40s, in servers of 4", {"hardware.owned": [{"device": "l40s", "count": 8, "per_node": 4}]}),
        ("rent", {"hardware.rent": {}}),
        ("Rent l4 or l40s", {"hardware.rent": {"devices": ["l4", "l40s"]}}),
        ("buy and this machine", {"hardware.buy": {}, "hardware.this_machine": True}),
        ("2 l4, rent h100-sxm", {"hardware.owned": [{"device": "l4", "count": 2}], "hardware.rent": {"devices": ["h100-sxm"]}}),
        ("NVIDIA H100 80GB HBM3", {"hardware.owned": [{"device": "h100-sxm", "count": 1}]}),
    ],
)
def test_hardware(text, values):
    assert parse_hardware(text, situation()).values == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("4 h100", "is three devices: h100-nvl .* h100-pcie .* h100-sxm"),
        ("4 h1000-sxm", "did you mean h100-sxm"),
        ("0 l4", "at least one"),
        ("6 l4 in servers of 4", "6 devices do not fill servers of 4"),
        ("4 in one server", "name the device first"),
        (", ", "names no hardware"),
        ("rent h100", "is three devices"),
    ],
)
def test_hardware_refused(text, says):
    with pytest.raises(UserInputError, match=says):
        parse_hardware(text, situation())


def test_a_gpu_that_the_catalog_does_not_know_is_refused_by_name():
    with pytest.raises(UserInputError, match="NVIDIA Q9000"):
        parse_hardware("this machine", situation(unknown_gpu))


def test_what_was_understood_is_echoed():
    said = parse_hardware("8 l40s in servers of 4, rent l4, this machine", situation()).said
    assert said == "You own 8 x L40S in servers of 4; you may rent l4; this machine: 8 cores, 32 GiB, no GPU."


def test_regions_must_have_a_price():
    assert parse_regions("us-east-1, westeurope", situation()).values == {"hardware.rent.regions": ["us-east-1", "westeurope"]}
    with pytest.raises(UserInputError, match=r"atlantis.*known: .*us-east-1"):
        parse_regions("atlantis", situation())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("240", {"load.users.active": 240}),
        ("1,200 people", {"load.users.active": 1200}),
        ("3/s", {"load.requests_per_s": 3}),
        ("0.5 requests/s", {"load.requests_per_s": 0.5}),
        ("16 in flight", {"load.in_flight": 16}),
        ("10000 in 8 h", {"load.batch.requests": 10_000, "load.batch.finish_within_h": 8}),
        ("10k requests within 0.5 hours", {"load.batch.requests": 10_000, "load.batch.finish_within_h": 0.5}),
    ],
)
def test_load(text, values):
    assert parse_load(text, situation()).values == values


@pytest.mark.parametrize("text", ["lots", "0", "0/s", "5 in 0 h", "-3", "in flight"])
def test_load_refused(text):
    with pytest.raises(UserInputError):
        parse_load(text, situation())


def test_a_pause_is_turned_into_requests():
    said = parse_pause("2 min", situation(load__users__active=240)).said
    assert "at most 2.0 requests/s" in said and "4.0 requests/s" in said


def test_lengths_that_are_not_given_keep_the_presets_proportion_and_are_assumed():
    understood = parse_lengths("output_tokens", "1000", situation(task="summarisation"))  # preset 500/900/1200
    assert list(understood.values.values()) == [1000, 1800, 2400]
    assert set(understood.assumed) == {"request.output_tokens.p95", "request.output_tokens.max"}
    assert parse_lengths("output_tokens", "500/900/1200", situation(task="summarisation")).assumed == {}


@pytest.mark.parametrize(("text", "says"), [("4000/900", "p95 .900. is below p50"), ("1/2/3/4", "at most three"), ("long", "whole number")])
def test_lengths_refused(text, says):
    with pytest.raises(UserInputError, match=says):
        parse_lengths("input_tokens", text, situation())


def test_lengths_from_a_log(tmp_path):
    log = tmp_path / "requests.jsonl"
    log.write_text(
        "".join(json.dumps({"prompt_tokens": n, "usage": {"completion_tokens": 2 * n}, "prompt": "secret"}) + "\n" for n in range(1, 101))
    )
    understood = parse_lengths("input_tokens", str(log), situation())
    assert list(understood.values.values()) == [50, 95, 100, 100, 190, 200]
    assert understood.assumed == {} and "100 requests" in understood.said and "secret" not in understood.said


def test_a_log_without_counts_is_refused_at_its_lines(tmp_path):
    log = tmp_path / "requests.jsonl"
    log.write_text('{"input_tokens": 5, "output_tokens": 6}\nnot json\n{"input_tokens": true, "output_tokens": 1}\n[]\n')
    with pytest.raises(DataError) as refused:
        parse_lengths("input_tokens", str(log), situation())
    assert [fault.place.rsplit(":", 2)[1] for fault in refused.value.faults] == ["2", "3", "4"]
    log.write_text("\n")
    with pytest.raises(UserInputError, match="no requests"):
        parse_lengths("input_tokens", str(log), situation())
