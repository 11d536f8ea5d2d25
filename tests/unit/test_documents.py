"""Bad files are refused with every fault at its place; good scalars survive what YAML 1.1 would do to them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.documents import load, parse
from advisor.domain.workload import Workload
from advisor.errors import AdvisorError, DataError

GOOD = """\
schema: advisor.workload/1
load: {users: {active: 240, pause_s: 120}}
request:
  input_tokens: {p50: 4000, p95: 9000, max: 15000}
  output_tokens: {p50: 500}
privacy: {stays_on: premises, data: patient}
models: [Qwen/Qwen3-32B]
"""


@pytest.mark.parametrize("text", ["NO", "off", "1.10", "0123456", "22:30", "2026-11-20", "yes", "0x1F", "1e3", ".5"])
def test_scalars_that_yaml_1_1_changes_stay_text(text):
    assert load(GOOD.replace("Qwen/Qwen3-32B", text), "w.yaml", Workload).models == (text,)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("pause_s", "think_time_s"), "w.yaml:2:29: load.users.think_time_s: unknown key; did you mean pause_s?"),
        (("p95: 9000", "p95: 900"), "w.yaml:4:34: request.input_tokens.p95: p95 (900) is below p50 (4000); p50 <= p95 <= max"),
        (("active: 240", "active: -3"), "w.yaml:2:24: load.users.active: -3 must be above 0"),
        (("p50: 500", "p50: .inf"), "request.output_tokens.p50"),
        (("premises", "premise"), "privacy.stays_on: expected 'this_device', 'premises'"),
        (("models: [Qwen/Qwen3-32B]", "models: []"), "w.yaml:7:9: models: the list is empty"),
        (("models: [Qwen/Qwen3-32B]", "growth_pct_per_year: much"), "growth_pct_per_year"),
        (("schema: advisor.workload/1", "schema: advisor.workload/9"), "schema: expected 'advisor.workload/1'"),
        (
            ("pause_s: 120}}", "pause_s: 120}, requests_per_s: 3}"),
            "give exactly one of users, requests_per_s, in_flight, batch; found users and",
        ),
    ],
)
def test_each_fault_names_its_place(change, expected):
    with pytest.raises(DataError) as caught:
        load(GOOD.replace(*change), "w.yaml", Workload)
    assert expected in str(caught.value)


def test_all_faults_of_a_file_in_one_run():
    text = GOOD.replace("active: 240", "active: x").replace("p50: 500", "p50: -1").replace("premises", "moon")
    with pytest.raises(DataError) as caught:
        load(text, "w.yaml", Workload)
    assert len(caught.value.faults) == 3


def test_no_more_than_twenty_faults_are_printed():
    keys = "\n".join(f"bad_{n}: 1" for n in range(32))
    with pytest.raises(DataError) as caught:
        load(GOOD + keys + "\n", "w.yaml", Workload)
    assert str(caught.value).endswith("and 12 more")


@pytest.mark.parametrize(
    "text",
    ["a: [1, 2", "a: 1\na: 2", "a: &x [*x]", "? [1]\n: 2", "\tx: 1", "a: !!python/object/apply:os.system [ls]\n--- b", "[" * 500, "\x00"],
)
def test_hostile_yaml_is_one_clear_error(text):
    with pytest.raises(AdvisorError) as caught:
        parse(text, "evil.yaml")
    assert str(caught.value).startswith("evil.yaml:")


def test_alias_bombs_are_refused():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(AdvisorError):
        parse("\n".join(rows), "bomb.yaml")


@given(st.text(max_size=200))
def test_any_text_parses_or_is_refused(text):
    with contextlib.suppress(AdvisorError):
        parse(text, "any.yaml")
