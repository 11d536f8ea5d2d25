"""`advisor explain memory`, and what belongs to it alone."""

import json

import pytest

from tests.unit.cli.command_line import advisor, refused
from tests.unit.cli.small_plan import small_plan, small_workload

MEMORY = ["explain", "memory", "Qwen/Qwen3-8B", "--engine", "vllm", "--device", "l40s", "--quantization", "bf16"]


def test_the_formula_of_a_model_on_a_device():
    text = " ".join(advisor(*MEMORY, "--max-model-len", "16000").out.split())
    assert "ceil(16,000 / 16) = 1,000 blocks" in text
    assert "weights as bf16: 36 layers" in text


def test_adapter_slots_are_a_line():
    text = " ".join(advisor(*MEMORY, "--max-model-len", "8000", "--enable-lora", "--max-loras", "2").out.split())
    assert "adapter slots, filled or not: 2 slots x rank 16" in text


def test_the_same_for_programs():
    document = json.loads(advisor(*MEMORY, "--format", "json").out)
    assert (document["schema"], document["claim"], document["unit"]) == ("advisor.explanation/1", "memory", "GiB")
    adding = [term["value"] for term in document["terms"] if term["adds"]]
    assert sum(adding) == pytest.approx(document["value"]["value"])


def test_the_memory_of_a_plan_s_deployment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workload.yaml").write_text(small_workload())
    (tmp_path / "plan.yaml").write_text(small_plan())
    told = advisor("explain", "plan.yaml", "memory").out
    assert "usable" in told
    assert "required on a device" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explain", "memory"], "needs a model, --engine and --device"),
        (["explain", "memory", "Qwen/Qwen3-8B", "--engine", "vllm"], "needs a model, --engine and --device"),
        (["explain", "PRV001", "--device", "l40s"], "only advisor explain memory takes settings"),
        (["explain", "PRV001", "--max-model-len", "5"], "only advisor explain memory takes settings"),
        ([*MEMORY, "--lora-modules", "a=b"], "lora-modules"),
    ],
)
def test_what_cannot_be_explained(arguments, says):
    refused(*arguments, says=says)
