"""Deployments of one plan that use one device: each within its share, all within what is owned."""

import re

import pytest

from tests.unit.check.test_plan_file import by_rule, check, edit, line_of


def shared(folder, share):
    edit(folder / "plan.yaml", r"share: 1(\.0)?,", f"share: {share},")


def twice(folder):
    """The same deployment under a second name."""
    plan = folder / "plan.yaml"
    text = plan.read_text()
    body = re.search(r"deployments:.*\n((?:  .*\n)+)", text)[1]
    plan.write_text(text.replace(body, body + re.sub(r"name: (\w+)", r"name: other-\1", body, count=1), 1))


def test_vllm_takes_its_share_of_the_whole_device(case):
    folder = case("letters")
    shared(folder, 0.5)
    (finding,) = by_rule(check(folder), "PLN006")
    assert (finding.severity, finding.position.line) == ("block", line_of(folder / "plan.yaml", "gpu-memory-utilization:"))
    assert "its share of 0.5 is" in finding.message
    assert "0.5 or less" in finding.message


def test_a_share_that_holds_it_is_silent(case):
    folder = case("letters")
    shared(folder, 0.93)
    assert not by_rule(check(folder), "PLN006")


def test_llama_cpp_takes_what_its_buffers_take(case):
    folder = case("notes")
    shared(folder, 0.5)
    (finding,) = by_rule(check(folder), "PLN006")
    assert finding.severity == "warn"  # the compute buffer is modelled
    assert "a shorter context, or a larger share" in finding.message


@pytest.mark.parametrize(("share", "found"), [(1.0, 1), (0.5, 0)])
def test_two_deployments_on_one_owned_device(case, share, found):
    folder = case("notes")
    shared(folder, share)
    assert not by_rule(check(folder), "PLN007")
    twice(folder)
    findings = by_rule(check(folder), "PLN007")
    assert len(findings) == found
    for finding in findings:
        assert "notes, other-notes: together they need 2 devices rtx-3090, 1 are there (owned)" in finding.message
