"""Two columns: does the requirement hold (gates), was the prediction right (teaches); speeds that are modelled never gate."""

from dataclasses import replace

import pytest

from advisor.domain.quantity import Basis
from advisor.errors import EngineFailed, UserInputError
from advisor.units import MIB
from advisor.validation.compare import compare
from advisor.validation.expectations import expectations
from advisor.validation.load import SmokeLoad, shortened, smoke_load
from advisor.validation.measurements import read_report
from advisor.validation.verdict import exit_code, tally

from .conftest import CLAIMS, KV, WHOLE, run_row, stage

LOAD = SmokeLoad((1, 4), 200, 24, 3)


def results(subject, report, load=LOAD):
    return {claim.name: claim for claim in compare(subject, load, expectations(subject, load), read_report(report))}


def test_a_run_as_planned_proves_everything(make_subject, make_report):
    claims = results(make_subject(), make_report())
    assert all(claim.requirement == "proven" for claim in claims.values() if claim.gates)
    assert all(claim.prediction in ("right", None) for claim in claims.values()), claims
    assert exit_code(list(claims.values())) == 0
    assert {name for name, claim in claims.items() if claim.gates} == {
        "starts",
        "context_per_request_tokens",
        "kv_capacity_tokens",
        "ttft_p95_s",
        "memory_bytes",
    }


@pytest.mark.parametrize(
    ("change", "name", "measured"),
    [
        ({"context": {"n_ctx": 4096, "n_ctx_seq": 1024}}, "context_per_request_tokens", 1024),
        ({"context": {"n_ctx": 4096, "n_ctx_seq": 2048}}, "kv_capacity_tokens", 4096),
        ({"benchmark": [run_row(4, 1, first_s=0.6)]}, "ttft_p95_s", None),
    ],
)
def test_a_broken_promise_is_refuted(make_subject, make_report, change, name, measured):
    claims = results(make_subject(in_flight=4.0), make_report(**change))
    assert claims[name].requirement == "refuted"
    assert measured in (None, claims[name].measured)
    assert exit_code(list(claims.values())) == 1


def test_a_modelled_speed_never_gates(make_subject, make_report):
    slow = make_report(benchmark=[run_row(4, 1, step_s=0.5)])
    claims = results(make_subject(in_flight=4.0), slow)
    assert (claims["tpot_p95_s"].requirement, claims["tpot_p95_s"].gates) == ("refuted", False)
    assert claims["tpot_s at 4"].prediction == "outside"
    assert exit_code([claims["tpot_p95_s"]]) == 0
    gating = make_subject(in_flight=4.0, claims=CLAIMS | {"tpot_p95_s": replace(CLAIMS["tpot_p95_s"], basis=Basis.MEASURED)})
    assert exit_code([results(gating, slow)["tpot_p95_s"]]) == 1


def test_a_burst_of_more_than_planned_is_a_proof_only(make_subject, make_report):
    slow = results(make_subject(in_flight=2.0), make_report(benchmark=[run_row(4, 1, first_s=0.6)]))["ttft_p95_s"]
    assert (slow.requirement, slow.decides, slow.note) == ("not tested", "proof", "burst of 4 requests with 200 tokens, 2 planned")
    fast = results(make_subject(in_flight=2.0), make_report())["ttft_p95_s"]
    assert (fast.requirement, fast.decides) == ("proven", "proof")


def test_other_settings_than_planned_decide_no_speed(make_subject, make_report):
    measured = replace(read_report(make_report()), differing_settings=("ctx-size 8192 -> 4096",))
    subject = make_subject()
    claims = {claim.name: claim for claim in compare(subject, LOAD, expectations(subject, LOAD), measured)}
    assert (claims["ttft_p95_s"].requirement, claims["ttft_p95_s"].note) == ("not tested", "not as planned: ctx-size 8192 -> 4096")
    assert claims["kv_capacity_tokens"].requirement == "proven"


def test_speed_is_not_told_by_an_easier_load(make_subject, make_report):
    claims = results(make_subject(in_flight=6.0), make_report())
    assert claims["ttft_p95_s"].requirement == "not tested"
    assert claims["ttft_p95_s"].note == "needs 6 requests at once"
    assert exit_code(list(claims.values())) == 3
    shorter = results(make_subject(), make_report(), SmokeLoad((1, 4), 50, 24, 3))
    assert shorter["ttft_p95_s"].requirement == "not tested"


def test_another_machine_tells_memory_but_no_speed(make_subject, make_report):
    claims = results(make_subject(same_machine=False), make_report())
    assert claims["memory_bytes"].requirement == "proven"
    assert claims["tpot_s at 1"].measured is None
    assert exit_code(list(claims.values())) == 3


def test_without_the_device_its_memory_is_not_told(make_subject, make_report):
    claims = results(make_subject(device_here=False, same_machine=False), make_report())
    assert claims["kv_cache_bytes"].prediction == "right"
    assert claims["memory_bytes"].requirement == "not tested"
    assert exit_code(list(claims.values())) == 3


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (1.04, True), (1.2, False), (0.8, False)])
def test_total_memory_is_right_within_its_tolerance(make_subject, make_report, factor, right):
    report = make_report()
    start = report["memory"]["start"]
    report["memory"]["end"] = stage(start["anonymous_bytes"] + WHOLE * factor, start["file_bytes"])
    claim = results(make_subject(), report)["memory_bytes"]
    assert (claim.prediction == "right") is right
    assert claim.tolerance_pct == pytest.approx(5 + 100 * 64 * MIB / WHOLE)
    assert claim.requirement == "proven"


def test_the_logs_rounding_is_no_error(make_subject, make_report):
    log = [line.replace("256.00 MiB", "256.01 MiB") for line in make_report()["log"]]
    claims = results(make_subject(), make_report(log=log))
    assert claims["kv_cache_bytes"].prediction == "right"
    assert claims["kv_cache_bytes"].measured == pytest.approx(KV, rel=1e-4)
    log = [line.replace("256.00 MiB", "288.00 MiB") for line in make_report()["log"]]
    assert results(make_subject(), make_report(log=log))["kv_cache_bytes"].prediction == "outside"


def test_a_busy_machine_shows_speeds_but_judges_none(make_subject, make_report):
    busy = make_report(contention={**make_report()["contention"], "host_busy_s": 290.0, "own_cpu_s": 150.0})
    claims = results(make_subject(), busy)
    assert claims["tpot_s at 1"].measured == pytest.approx(0.010)
    assert claims["tpot_s at 1"].prediction is None
    assert claims["ttft_p95_s"].requirement == "not tested"
    assert "70%" in claims["tpot_s at 1"].note
    assert claims["memory_bytes"].requirement == "proven"


def test_medians_that_disagree_make_the_measurement_worthless(make_subject, make_report):
    report = make_report(benchmark=[run_row(1, 1, step_s=0.01), run_row(4, 1), run_row(1, 2, step_s=0.05)])
    contention = read_report(report).contention
    assert contention.medians_apart == pytest.approx(5.0)
    claims = list(results(make_subject(), report).values())
    assert exit_code(claims, unusable=contention.unusable) == 5
    memory_only = make_subject(claims={}, required=("starts",))
    assert exit_code(list(results(memory_only, report).values()), unusable=contention.unusable) == 0


def test_what_the_time_limit_cut_is_not_counted(make_report):
    measured = read_report(make_report(benchmark=[run_row(1, 1), run_row(4, 1, complete=False)]))
    assert [speed.concurrency for speed in measured.speeds] == [1]
    assert measured.incomplete == (4,)


@pytest.mark.parametrize("broken", [{"memory": {}}, {"benchmark": None}, {"model": {}}, {"contention": None}, {"context": {}}])
def test_a_misshapen_report_is_the_engines_failure(make_report, broken):
    with pytest.raises(EngineFailed, match="report"):
        read_report(make_report(**broken))


def test_logits_that_are_no_numbers_are_a_failure(make_report):
    with pytest.raises(EngineFailed, match="not finite"):
        read_report(make_report(benchmark=[run_row(1, 1, logits_finite=False)]))


def test_claims_that_nobody_measures_stay_not_tested(make_subject, make_report):
    claims = results(make_subject(required=("starts", "quality_pct")), make_report())
    assert (claims["quality_pct"].requirement, claims["quality_pct"].gates) == ("not tested", True)
    assert str(tally(list(claims.values()))) == "proven 3, refuted 0, not tested 1"


def test_the_load_is_the_planned_one_where_time_allows(make_subject):
    assert smoke_load(make_subject(), (), 600.0) == SmokeLoad((1, 2, 4), 200, 24, 3)
    assert smoke_load(make_subject(in_flight=None), (), 600.0) == SmokeLoad((1, 4), 200, 24, 3)
    short = smoke_load(make_subject(), (1, 2), 10.0)
    assert 16 <= short.prompt_tokens < 200
    assert shortened(make_subject(), short) == (f"prompts 200 -> {short.prompt_tokens} tokens",)
    with pytest.raises(UserInputError, match="4 slots"):
        smoke_load(make_subject(), (8,), 600.0)
