"""A plan whose engine was asked: the same choice, the engine's memory in it, and a verdict that follows from it."""

import json
from dataclasses import replace

import pytest

from advisor.domain.witness import Witness
from advisor.domain.workload import HardwareChoice, OwnedHardware, ServiceLevel
from advisor.planning.compose import claims_of, planned_deployment
from advisor.planning.decision import with_engine_asked
from advisor.report.plan_json import decision_document
from advisor.units import GIB
from tests.unit.planning.questions import ALONE, decided

ON_A_MAC = replace(  # where vLLM does not run
    ALONE,
    hardware=HardwareChoice(owned=(OwnedHardware("apple-m3-max"),)),
    service_level=ServiceLevel(ttft_p95_s=5.0, tpot_p95_s=0.06),
)
SOURCE = "llama.cpp b11549 (llama-cpp-python 0.3.36), asked without loading"


@pytest.fixture(scope="module")
def decision():
    made = decided(ON_A_MAC)
    assert made.feasible and made.chosen.deployment.candidate.runtime.engine == "llama.cpp"
    return made


def asked_with(decision, **told):
    questions = []

    def ask(candidate, quantization, record):
        questions.append((candidate, quantization.id, record.id))
        return Witness(SOURCE, **told)

    answer = with_engine_asked(decision, ask)
    candidate = decision.chosen.deployment.candidate
    assert questions == [(candidate, candidate.checkpoint.quantization, "llama.cpp")]
    return answer


def predicted_cache(decision):
    memory = decision.chosen.estimate.memory
    return sum(place.kv_cache_bytes.value for place in (*memory.devices, memory.host))


def test_agreement_changes_no_number_and_names_the_engine(decision):
    asked = asked_with(decision, kv_cache_bytes=predicted_cache(decision))
    assert asked.feasible
    assert asked.testimony.differences == ()
    assert asked.chosen.estimate.memory.devices[0].kv_cache_bytes.source == SOURCE
    planned = planned_deployment(asked.chosen, asked.case.catalog, name="chat")
    assert claims_of([(planned, asked.chosen)]) == claims_of([(planned, decision.chosen)])
    assert json.loads(json.dumps(decision_document(asked), default=str))["witness"]["told"][0]["agrees"] is True


def test_a_cache_that_does_not_fit_makes_the_choice_not_recommended(decision):
    asked = asked_with(decision, kv_cache_bytes=600 * GIB)
    assert not asked.feasible
    assert asked.chosen.deployment == decision.chosen.deployment
    assert asked.chosen.estimate.memory.devices[0].kv_cache_bytes.value == 600 * GIB
    planned = planned_deployment(asked.chosen, asked.case.catalog, name="chat")
    assert claims_of([(planned, asked.chosen)])["chat"]["kv_cache_gib"].expect == 600


def test_nothing_chosen_nobody_to_ask(decision):
    empty = replace(decision, chosen=None)
    assert with_engine_asked(empty, lambda *_: pytest.fail("nobody to ask")) is empty
