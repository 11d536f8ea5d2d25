"""A plan survives writing and reading, keeps a person's half when refreshed, and is fingerprinted by what decides it."""

import dataclasses

import pytest

from advisor.documents import load
from advisor.domain.plan import (
    Claim,
    Instead,
    MadeWith,
    Plan,
    PlannedDeployment,
    PlannedEngine,
    PlannedHardware,
    PlannedImage,
    PlannedModel,
    Setting,
)
from advisor.domain.quantity import Basis
from advisor.errors import UserInputError
from advisor.files.plan import fingerprint, plan_text, updated_text
from advisor.files.writing import write_atomically, write_beside

DEPLOYMENT = PlannedDeployment(
    name="letters",
    model=PlannedModel(id="org/model", quantization="fp8", revision="0123456"),
    engine=PlannedEngine(name="vllm", runtime="vllm-serve", version="0.33.0"),
    hardware=PlannedHardware(device="a-card"),
    settings={"max-model-len": Setting(16384, "longest request: 16,200 # tokens"), "kv-cache-dtype": Setting("auto")},
    replicas=4,
    image=PlannedImage(ref="repo/image:v1"),
)
PLAN = Plan(
    schema="advisor.plan/1",
    workload="workload.yaml",
    decision="NO: this is a sentence with 'quotes', a colon: and a # sign. " * 4,
    deployments=(DEPLOYMENT,),
    claims={"letters": {"ttft_p95_s": Claim(1.2, Basis.SCALED, 0.9, 1.9, at_most=2.0), "weights_gib": Claim(31.96, Basis.EXACT)}},
    made_with=MadeWith("1.0", "2026-11-18", "ab12"),
    evidence_required=("starts",),
    instead=(Instead(option="llama-server, 4 x 1", lost_on="tpot_p95_s", expect=0.09, at_most=0.05, basis=Basis.MODELLED),),
    changes_if=("more than 360 users: no replica can be lost any more",),
)


def test_round_trip():
    assert load(plan_text(PLAN), "plan.yaml", Plan) == dataclasses.replace(PLAN, decision=PLAN.decision.strip())


def test_update_replaces_only_the_derived_half():
    edited = plan_text(PLAN).replace("replicas: 4", "replicas: 5   # asked for by the night shift")
    changed = dataclasses.replace(PLAN, claims={"letters": {"weights_gib": Claim(1.0, Basis.EXACT)}})
    text = updated_text(edited, changed)
    assert "replicas: 5   # asked for by the night shift" in text
    assert load(text, "plan.yaml", Plan).claims == changed.claims


def test_update_refuses_a_plan_without_its_marker():
    with pytest.raises(UserInputError, match="derived"):
        updated_text("schema: advisor.plan/1\n", PLAN)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"replicas": 1}, True),
        ({"name": "other"}, True),
        ({"settings": {f: Setting(s.value, "another reason") for f, s in reversed(DEPLOYMENT.settings.items())}}, True),
        ({"settings": {**DEPLOYMENT.settings, "max-model-len": Setting(8192)}}, False),
        ({"engine": PlannedEngine("vllm", "vllm-serve", "0.34.0")}, False),
        ({"model": PlannedModel("org/model", "fp8", "9999999")}, False),
        ({"image": PlannedImage("repo/image:v1", "sha256:00")}, False),
        ({"hardware": PlannedHardware(device="other-card")}, False),
    ],
)
def test_fingerprint_covers_what_decides_and_nothing_else(change, same):
    assert (fingerprint(dataclasses.replace(DEPLOYMENT, **change)) == fingerprint(DEPLOYMENT)) is same


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    target = tmp_path / "plan.yaml"
    assert write_beside(target, "a: 1\n") == (target, "")
    where, difference = write_beside(target, "a: 2\n")
    assert where.name == "plan.yaml.new" and "-a: 1" in difference
    assert target.read_text() == "a: 1\n"


def test_nothing_half_written_when_the_place_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserInputError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "plan.yaml", "a: 1\n")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
