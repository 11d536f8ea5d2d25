"""What the rules decide before the estimate: settings with their reason, refusals with their rule, assumptions that the judge sees."""

import dataclasses

import pytest

from advisor.assess import assess
from advisor.domain.deployment import Deployment
from advisor.planning.inventory import inventory_of
from advisor.planning.option import Dropped, Option, Space
from advisor.planning.planner import acceptable_models
from advisor.planning.prospects import prospects
from advisor.planning.size import size_prospect
from advisor.rules.load import load_rules
from tests.unit.planning.questions import CHAT, case_for

RULE = """\
id: {id}
title: Our own setting
scope: candidate
severity: note
applies_to: {{engine: [{engine}]}}
when: workload.concurrent
effect:
  set: {{{setting}}}
message: "{message}"
evidence:
  - {{source: "measurement: our cluster", retrieved: 2026-11-20, says: It was better.}}
examples:
  - {{given: {{workload.concurrent: true}}, fires: true}}
  - {{given: {{workload.concurrent: false}}, fires: false}}
"""


@pytest.fixture
def sized_with(tmp_path):
    def sized(*texts: str, engine: str = "vllm", workload=CHAT) -> Option | Dropped:
        for text in texts:
            (tmp_path / f"{text[4:10]}-ours.yaml").write_text(text)
        case = dataclasses.replace(case_for(workload), rules=load_rules([tmp_path]))
        models, _ = acceptable_models(workload, case.catalog, {})
        wanted = {"engine": engine, "quantization": "fp8" if engine == "vllm" else "Q4_K_M"}
        (prospect, *_) = prospects(case, inventory_of(workload, case.catalog, None), models, wanted, Space())
        return size_prospect(case, prospect)

    return sized


def rule(setting: str, *, id: str = "OUR001", engine: str = "vllm", message: str = "Shared with another service.") -> str:
    return RULE.format(id=id, engine=engine, setting=setting, message=message)


def test_a_setting_is_taken_before_anything_is_sized(sized_with):
    plain, ours = sized_with(), sized_with(rule("vllm.gpu_memory_utilization: 0.8"))
    assert (plain.candidate.settings.gpu_memory_utilization, ours.candidate.settings.gpu_memory_utilization) == (0.92, 0.8)
    assert ours.sized.memory.kv_cache_capacity_tokens.value < plain.sized.memory.kv_cache_capacity_tokens.value
    assert ours.candidate.why["gpu-memory-utilization"] == "Shared with another service. [OUR001]"


def test_a_decided_cap_keeps_its_own_reason(sized_with):
    option = sized_with(rule("vllm.max_num_seqs: 7"))
    assert option.candidate.settings.max_num_seqs == 7
    assert option.candidate.why["max-num-seqs"].endswith("[OUR001]")


def test_what_depends_on_a_decided_setting_follows_it(sized_with):
    option = sized_with(rule("llama_cpp.parallel: 3", engine="llama.cpp"), engine="llama.cpp")
    assert (option.candidate.settings.parallel, option.candidate.settings.outputs) == (3, 3)


def test_a_reason_stands_at_the_flag_of_its_runtime(sized_with):
    option = sized_with(rule("llama_cpp.cache_ram_mib: 512", engine="llama.cpp"), engine="llama.cpp")
    assert option.candidate.settings.cache_ram_mib == 512
    assert option.candidate.why["cache-ram"].endswith("[OUR001]")


def test_a_rule_may_decide_on_the_size_of_the_graph(sized_with):
    """Which is counted before the settings are decided only because this rule asks for it."""
    on_graph = rule("llama_cpp.cache_ram_mib: 512", engine="llama.cpp").replace(
        "when: workload.concurrent", "when: llama_cpp.graph_tensors > 9"
    )
    for concurrent, tensors in (("true", 10), ("false", 9)):
        on_graph = on_graph.replace(f"workload.concurrent: {concurrent}", f"llama_cpp.graph_tensors: {tensors}")
    assert sized_with(on_graph, engine="llama.cpp").candidate.settings.cache_ram_mib == 512


def test_what_the_engine_refuses_names_the_rule(sized_with):
    dropped = sized_with(rule("vllm.gpu_memory_utilization: 1.5"))
    assert isinstance(dropped, Dropped)
    assert "gpu-memory-utilization: 1.5 is not a share of the memory" in dropped.verdict.message
    assert dropped.verdict.message.endswith("(set by OUR001)")


def test_an_assumption_is_what_the_judge_sees_and_is_said(sized_with, tmp_path):
    """Patient data is `assumed` to need 16-bit arithmetic, and a second rule warns of 16-bit arithmetic."""
    assumption = rule("").replace("set: {}", "assume: {quantization.compute: 16bit}")
    warning = (
        rule("", id="OUR002", message="In 16 bits.")
        .replace("effect:\n  set: {}", "effect: warn")
        .replace("severity: note", "severity: warn")
        .replace("when: workload.concurrent", "when: quantization.compute == '16bit'")
        .replace("scope: candidate", "scope: deployment")
        .replace("{workload.concurrent: true}", "{quantization.compute: 16bit}")
        .replace("{workload.concurrent: false}", "{quantization.compute: fp8, quantization.id: fp8}")
    )
    option = sized_with(assumption, warning)
    case = dataclasses.replace(case_for(CHAT), rules=load_rules([tmp_path]))
    found = assess(Deployment("x", option.candidate, 1), option.available, case)
    assert {"OUR001", "OUR002"} <= {verdict.rule for verdict in found.verdicts}
    without = assess(Deployment("x", option.candidate, 1), option.available, case_for(CHAT))
    assert not {"OUR001", "OUR002"} & {verdict.rule for verdict in without.verdicts}
