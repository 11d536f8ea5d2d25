"""A plan checked: silent when nothing moved; an edited line, moved inputs, a stale half and a broken requirement each told apart."""

import re

import pytest

from advisor.check.report import CheckReport
from advisor.check.run import CheckOptions, Input, check_files
from advisor.domain.quantity import Basis


def check(folder):
    return check_files([Input(folder / "plan.yaml", named=True)], CheckOptions())


def edit(path, pattern, replacement):
    text = path.read_text()
    changed, count = re.subn(pattern, replacement, text)
    assert count >= 1, f"{pattern} is not in {path}"
    path.write_text(changed)


def line_of(path, start):
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if line.strip().startswith(start))


def by_rule(report: CheckReport, rule):
    return [finding for finding in report.findings if finding.rule == rule]


@pytest.mark.parametrize("name", ["letters", "notes"])
def test_an_untouched_plan(case, name):
    report = check(case(name))
    assert not report.faults
    assert not [f for f in report.findings if f.severity == "block" or f.rule.startswith("PLN")]
    assert [(each.what, each.deployment) for each in report.checked] == [("plan", name)]


@pytest.mark.parametrize(
    ("claim", "field"), [("weights_gib", "expect"), ("ttft_p95_s", "expect"), ("kv_capacity_tokens", "expect"), ("required_gib", "at_most")]
)
def test_an_edited_claim_blocks_at_its_line(case, claim, field):
    folder = case("letters")
    edit(folder / "plan.yaml", rf"( {claim}: {{.*{field}: )([0-9.]+)", r"\g<1>7.5")
    (finding,) = by_rule(check(folder), "PLN001")
    assert (finding.severity, finding.basis) == ("block", Basis.EXACT)
    assert finding.position.line == line_of(folder / "plan.yaml", claim + ":")
    assert f"claims.letters.{claim}.{field}: 7.5 in the file" in finding.message
    assert "plan --update" in finding.message


def test_within_the_tolerance_nothing_is_said(case):
    folder = case("letters")
    value = float(re.search(r"tpot_p95_s: {expect: ([0-9.]+)", (folder / "plan.yaml").read_text())[1])
    edit(folder / "plan.yaml", r"( tpot_p95_s: {expect: )[0-9.]+", rf"\g<1>{value * 1.05:.4g}")
    assert not by_rule(check(folder), "PLN001")


def test_a_claim_that_was_removed(case):
    folder = case("letters")
    edit(folder / "plan.yaml", r"(?m)^    weights_gib: .*\n", "")
    (finding,) = by_rule(check(folder), "PLN001")
    assert "missing in the file" in finding.message


def test_moved_inputs_are_a_note_whatever_they_change(case):
    folder = case("letters")
    edit(folder / "plan.yaml", r"(made_with: .*catalog: )'?[-0-9]+'?", r"\g<1>'2020-01-01'")
    edit(folder / "plan.yaml", r"( weights_gib: {expect: )[0-9.]+", r"\g<1>30.5")
    report = check(folder)
    (finding,) = by_rule(report, "PLN002")
    assert finding.severity == "note" and "catalog 2020-01-01 ->" in finding.message and "letters.weights_gib 30.5 ->" in finding.message
    assert not by_rule(report, "PLN001")


def test_an_edited_deployment_is_told_from_an_edited_claim(case):
    folder = case("letters")
    edit(folder / "plan.yaml", r"max-num-seqs:( +){value: \d+", r"max-num-seqs:\1{value: 8")
    report = check(folder)
    (finding,) = by_rule(report, "PLN004")
    assert finding.severity == "block" and finding.position.line == line_of(folder / "plan.yaml", "claims:")
    assert not by_rule(report, "PLN001")


def test_a_requirement_that_no_longer_holds(case):
    folder = case("letters")
    edit(folder / "workload.yaml", r"tpot_p95_s: 0\.5", "tpot_p95_s: 0.0001")
    report = check(folder)
    changed = by_rule(report, "PLN003")
    assert {finding.position.line for finding in changed} >= {line_of(folder / "plan.yaml", "tpot_p95_s:")}
    assert all(finding.severity == "warn" for finding in changed), "modelled grounds do not block"
    assert "the workload was edited" in by_rule(report, "PLN002")[0].message


def test_an_exact_requirement_that_breaks_blocks(case):
    folder = case("letters")
    edit(folder / "workload.yaml", r"max: 15000", "max: 30000")
    report = check(folder)
    assert [f.severity for f in by_rule(report, "PLN003") if "longest request" in f.message] == ["block"]


def test_beyond_the_models_positions(case):
    folder = case("letters")
    edit(folder / "plan.yaml", r"max-model-len:( +){value: \d+", r"max-model-len:\1{value: 65536")
    (finding,) = by_rule(check(folder), "MOD012")
    assert (finding.severity, finding.position.line) == ("block", line_of(folder / "plan.yaml", "max-model-len:"))
    assert finding.position.column == (folder / "plan.yaml").read_text().splitlines()[finding.position.line - 1].index("65536") + 1


@pytest.mark.parametrize(
    ("pattern", "replacement", "where", "text"),
    [
        (r"max-num-batched-tokens:( +){value: \d+", r"max-num-batched-tokens:\1{value: 4", "max-num-batched-tokens:", "refuses to start"),
        (r"max-num-seqs:( +){value: \d+", r"max-num-seqs:\1{value: lots", "max-num-seqs:", "lots"),
        (r"version: 0.33.0", "version: 0.1.0", "engine:", "0.1.0"),
        (r"id: Qwen/Qwen3-32B", "id: Qwen/Qwen9", "model:", "Qwen9"),
    ],
)
def test_what_cannot_be_built_blocks_where_it_stands(case, pattern, replacement, where, text):
    folder = case("letters")
    edit(folder / "plan.yaml", pattern, replacement)
    (finding,) = by_rule(check(folder), "PLN005")
    assert finding.severity == "block" and text in finding.message
    assert finding.position.line == line_of(folder / "plan.yaml", where)


def test_a_faulty_plan_and_a_missing_workload_are_faults_and_the_rest_is_checked(case):
    faulty, lonely, good = case("letters"), case("notes"), None
    (lonely / "workload.yaml").unlink()
    edit(faulty / "plan.yaml", r"replicas: 3", "replcas: 3")
    (faulty / "more.yaml").write_text("a: [1\n")
    (faulty / "fine.sh").write_text("vllm serve a/b --swap-space 4\n")
    inputs = [faulty / "plan.yaml", lonely / "plan.yaml", faulty / "more.yaml", faulty / "absent.yaml", faulty / "fine.sh"]
    report = check_files([Input(path, named=True) for path in inputs], CheckOptions())
    assert good is None
    assert len(report.faults) == 4
    assert any("replcas: unknown key; did you mean replicas?" in str(fault) for fault in report.faults)
    assert [finding.rule for finding in report.findings] == ["FLG001"]
