"""Manifests against their plan: rendered ones are silent, each kind of drift is found at its line, and said with what it comes to."""

import re

import pytest

from advisor.check.run import CheckOptions, Input, check_files

from .test_plan_file import by_rule, edit, line_of

FILES = {"kubernetes": "deployment.yaml", "compose": "compose.yaml"}


def check(path, **options):
    return check_files([Input(path, named=True)], CheckOptions(**options))


def file_of(name, target):
    return FILES.get(target, f"{name}.sh")


@pytest.mark.parametrize("target", ["kubernetes", "compose", "command"])
@pytest.mark.parametrize("name", ["letters", "notes"])
def test_what_was_rendered_is_as_planned(rendered, name, target):
    folder = rendered(name, target)
    report = check(folder / file_of(name, target))
    assert report.checked[0].against.endswith("plan.yaml"), "the plan beside it is found"
    assert not [f for f in report.findings if f.severity != "note" or f.rule.startswith(("DRF", "FLG"))]
    assert not report.not_checked and not report.faults


@pytest.mark.parametrize("target", ["kubernetes", "compose", "command"])
def test_a_deleted_kv_unified(rendered, target):
    path = rendered("notes", target) / file_of("notes", target)
    edit(path, r"(?m)^.*--kv-unified.*\n", "")
    (finding,) = by_rule(check(path), "DRF001")
    assert finding.severity == "warn"
    assert "--kv-unified: on in the plan, missing here" in finding.message
    assert "a request may use 9,984 tokens instead of 39,680" in finding.message
    anchor = {"kubernetes": "args:", "compose": "command:", "command": "exec"}[target]
    assert finding.position.line == line_of(path, anchor)


@pytest.mark.parametrize("target", ["kubernetes", "compose", "command"])
def test_max_model_len_above_the_positions(rendered, target):
    path = rendered("letters", target) / file_of("letters", target)
    edit(path, r"--max-model-len=16384", "--max-model-len=65536")
    report = check(path)
    (finding,) = by_rule(report, "MOD012")
    assert finding.severity == "block" and "40,960" in finding.message
    assert "--max-model-len=65536" in path.read_text().splitlines()[finding.position.line - 1]
    assert by_rule(report, "DRF001")[0].position == finding.position


def test_the_image_is_latest(rendered):
    path = rendered("letters", "kubernetes") / "deployment.yaml"
    edit(path, r"vllm-openai:v0\.33\.0", "vllm-openai:latest")
    (finding,) = by_rule(check(path), "IMG001")
    assert finding.severity == "warn" and finding.position.line == line_of(path, "image:")


def test_replicas_devices_and_engine(rendered):
    path = rendered("letters", "kubernetes") / "deployment.yaml"
    edit(path, r"replicas: 3", "replicas: 1")
    edit(path, r"nvidia\.com/gpu: 1", "nvidia.com/gpu: 2")
    report = check(path)
    assert [f.position.line for f in by_rule(report, "DRF002")] == [line_of(path, "replicas:")]
    assert "1 in the plan, 2 here" in by_rule(report, "DRF003")[0].message
    assert by_rule(report, "AVL002")[0].severity == "block", "with one replica down none is left: that is arithmetic"


def test_another_model(rendered):
    path = rendered("letters", "kubernetes") / "deployment.yaml"
    edit(path, r"/models/Qwen3-32B-FP8", "/models/Qwen3-8B")
    (finding,) = by_rule(check(path), "DRF005")
    assert "serves /models/Qwen3-8B; the plan is for Qwen/Qwen3-32B" in finding.message


def test_a_probe_that_gives_up_too_early(rendered):
    path = rendered("letters", "kubernetes") / "deployment.yaml"
    edit(path, r"failureThreshold: \d{2,}", "failureThreshold: 1")
    (finding,) = by_rule(check(path), "OPS004")
    assert finding.position.line == line_of(path, "failureThreshold: 1")


def test_a_service_of_another_file_opens_it(rendered):
    folder = rendered("letters", "kubernetes")
    edit(folder / "service.yaml", "type: ClusterIP", "type: LoadBalancer")
    files = [folder / "deployment.yaml", folder / "service.yaml"]
    report = check_files([Input(path, named=True) for path in files], CheckOptions())
    assert by_rule(report, "SEC001"), "exposed with a key: the key guards some paths only"
    assert not by_rule(check(folder / "deployment.yaml"), "SEC001")


def test_every_setting_that_changes_is_found(rendered):
    path = rendered("notes", "kubernetes") / "deployment.yaml"
    planned = re.findall(r"(?m)^ +- --(ctx-size|parallel|cache-type-k|batch-size|n-gpu-layers|cache-ram)\n", path.read_text())
    text = path.read_text()
    for flag, other in [("ctx-size", "8192"), ("parallel", "2"), ("cache-type-k", "q8_0"), ("n-gpu-layers", "10"), ("cache-ram", "0")]:
        assert flag in planned
        path.write_text(re.sub(rf"(- --{flag}\n +- )'?[\w.]+'?", rf"\g<1>'{other}'", text))
        found = by_rule(check(path), "DRF001")
        assert [finding.message.split(":")[0] for finding in found] == [f"--{flag}"]
        assert path.read_text().splitlines()[found[0].position.line - 1].endswith(f"--{flag}")


# ---- without a plan

HAND = """\
services:
  llm:
    image: {image}
    command: {command}
    ports: ["8000:8000"]
"""


def hand(tmp_path, command, image="vllm/vllm-openai:v0.33.0"):
    path = tmp_path / "compose.yaml"
    path.write_text(HAND.format(image=image, command=command))
    return path


@pytest.mark.parametrize(
    ("command", "image", "rules"),
    [
        ("--model Qwen/Qwen3-8B --max-model-len 65536", "vllm/vllm-openai:v0.33.0", {"MOD012": "block", "SEC002": "warn"}),
        ("--model a/b --swap-space 4", "vllm/vllm-openai:latest", {"FLG001": "block", "IMG002": "warn", "SEC002": "warn"}),
        ("--model a/b --api-key hunter2", "vllm/vllm-openai:v0.33.0", {"SEC003": "warn", "SEC001": "note"}),
        ("--model a/b --max-nun-seqs 4 --api-key x", "vllm/vllm-openai:v0.33.0", {"FLG002": "warn"}),
        ("--model a/b --max-num-seqs many --api-key x", "vllm/vllm-openai:v0.33.0", {"FLG001": "block"}),
        ("--model a/b --swap-space 4 --api-key x", "vllm/vllm-openai:v0.9.1", {"VER001": "note"}),
        ("--model a/b --cpu-offload-gb 4 --api-key x", "vllm/vllm-openai:v0.33.0", {"FLG003": "note"}),
        ("-m a.gguf --no-mmap --api-key x", "ghcr.io/ggml-org/llama.cpp:server-cuda-b11549", {"FLG001": "block"}),
        ("-m a.gguf --ctx-size=4096 --api-key x", "ghcr.io/ggml-org/llama.cpp:server-cuda-b11549", {"FLG001": "block"}),
    ],
)
def test_without_plan_and_workload(tmp_path, command, image, rules):
    report = check(hand(tmp_path, command, image))
    found = {finding.rule: finding.severity for finding in report.findings}
    assert rules.items() <= found.items()
    assert set(found) - set(rules) <= {"SEC001", "SEC003", "LIC002", "QNT010"}
    assert any("not judged" in each.reason for each in report.not_checked)


def test_a_removed_flag_says_what_to_use(tmp_path):
    path = hand(tmp_path, "-m a.gguf --no-mmap", "ghcr.io/ggml-org/llama.cpp:server-cuda-b11549")
    (finding,) = by_rule(check(path), "FLG001")
    assert "--load-mode none" in finding.message
    assert str(finding).startswith(f"{path}:4:")


def test_with_a_workload_and_a_device(tmp_path, case):
    workload = case("letters") / "workload.yaml"
    path = hand(tmp_path, "--model Qwen/Qwen3-8B --max-model-len 4096")
    report = check(path, workload=workload, device="h100-sxm")
    assert by_rule(report, "CTX001")[0].severity == "block"
    assert not report.not_checked


def test_what_is_missing_is_asked_for(tmp_path, case):
    workload = case("letters") / "workload.yaml"
    report = check(hand(tmp_path, "--model Qwen/Qwen3-8B"), workload=workload)
    assert any("--device" in finding.message for finding in report.findings) or any("--device" in n.reason for n in report.not_checked)


def test_adapter_slots_are_drift_with_what_they_take(rendered):
    path = rendered("letters", "command") / "letters.sh"
    edit(path, r"(--max-model-len=16384)", r"\1 --enable-lora --max-loras=8 --max-lora-rank=64")
    findings = by_rule(check(path), "DRF001")
    assert {finding.severity for finding in findings} <= {"warn", "block"}
    assert any("enable-lora" in finding.message for finding in findings)


def test_slots_whose_bytes_are_not_known_warn(rendered, monkeypatch):
    path = rendered("letters", "command") / "letters.sh"
    edit(path, r"(--max-model-len=16384)", r"\1 --enable-lora")
    monkeypatch.setattr("advisor.estimate.lora_vllm._STYLES", {})
    (finding,) = by_rule(check(path), "FLG003")
    assert (finding.severity, "was not compared" in finding.message) == ("warn", True)
