"""Gaps are filled from the preset, and every filling is an assumption."""

import dataclasses

from advisor.catalog import load_catalog
from advisor.domain.workload import Load, Request, TokenLengths, Users, Volume
from advisor.planning.demand import complete
from tests.unit.planning.questions import CHAT

PRESET = load_catalog().preset("chat")


def test_a_complete_workload_needs_no_assumption():
    demand, assumptions = complete(CHAT, PRESET)
    assert assumptions == ()
    assert (demand.input_tokens.p95, demand.output_tokens.max, demand.typical_tokens, demand.longest_tokens) == (2000, 1000, 1000, 5000)


def test_a_missing_pause_comes_from_the_preset_and_is_said():
    demand, assumptions = complete(dataclasses.replace(CHAT, load=Load(users=Users(10))), PRESET)
    assert demand.load.users.pause_s == PRESET.pause_s
    assert [(a.path, str(a.basis)) for a in assumptions] == [("load.users.pause_s", "preset")]


def test_missing_lengths_keep_the_presets_proportions():
    request = Request(TokenLengths(500), TokenLengths(100, 200, 300))
    demand, assumptions = complete(dataclasses.replace(CHAT, request=request), PRESET)
    usual = PRESET.input_tokens
    assert demand.input_tokens.p95 == round(500 * usual.p95 / usual.p50)
    assert demand.input_tokens.max == round(demand.input_tokens.p95 * usual.max / usual.p95)
    assert [a.path for a in assumptions] == ["request.input_tokens.p95", "request.input_tokens.max"]


def test_what_the_owner_has_not_confirmed_is_listed_with_its_value():
    _, assumptions = complete(dataclasses.replace(CHAT, assumed=("load.users.pause_s",)), PRESET)
    assert [(a.path, a.text) for a in assumptions] == [("load.users.pause_s", "pause_s 60")]


def test_the_bill_is_divided_by_the_volume_not_by_the_peak():
    demand, _ = complete(dataclasses.replace(CHAT, volume=Volume(6000, 22)), PRESET)
    assert demand.requests_per_month == 132_000
