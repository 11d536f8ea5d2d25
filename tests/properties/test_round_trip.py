"""Whatever the settings, what is rendered is read back as the same deployment, in every format."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.assess import Case, assess
from advisor.catalog import load_catalog
from advisor.check.flags import usable_flags
from advisor.domain.plan import PlannedDeployment, PlannedEngine, PlannedHardware, PlannedImage, PlannedModel, Setting
from advisor.domain.workload import Load, Privacy, Request, TokenLengths, Workload
from advisor.engines.settings import parallelism_from_flags, settings_from_flags
from advisor.manifests.blueprint import blueprint
from advisor.manifests.command import render_command
from advisor.manifests.compose import render_compose
from advisor.manifests.kubernetes import render_kubernetes
from advisor.manifests.reading import parse_manifest
from advisor.planning.demand import complete
from advisor.planning.resolve import resolve
from advisor.rules.rule import RuleSet

CATALOG = load_catalog()
RENDERERS = {"command": render_command, "compose": render_compose, "kubernetes": render_kubernetes}
WORKLOAD = Workload(
    schema="advisor.workload/1",
    load=Load(in_flight=1),
    request=Request(TokenLengths(100, 100, 100), TokenLengths(10, 10, 10)),
    privacy=Privacy("anywhere"),
    models="any",
)
CASE = Case(WORKLOAD, complete(WORKLOAD, CATALOG.preset("chat"))[0], CATALOG, RuleSet(()))
VLLM = PlannedDeployment(
    name="letters",
    model=PlannedModel("Qwen/Qwen3-8B", "bf16"),
    engine=PlannedEngine("vllm", "vllm-serve", "0.33.0", "cuda"),
    hardware=PlannedHardware("h100-sxm"),
    settings={},
    image=PlannedImage("vllm/vllm-openai:v0.33.0"),
)
LLAMA = PlannedDeployment(
    name="notes",
    model=PlannedModel("Qwen/Qwen3-8B", "Q4_K_M"),
    engine=PlannedEngine("llama.cpp", "llama-server", "b11549", "cuda"),
    hardware=PlannedHardware("h100-sxm"),
    settings={},
    image=PlannedImage("ghcr.io/ggml-org/llama.cpp:server-cuda-b11549"),
)
ASSESSED = {planned.name: assess(*resolve(planned, WORKLOAD, CATALOG), CASE, look="quick") for planned in (VLLM, LLAMA)}
TOKENS = st.integers(256, 40_960)
VLLM_FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "max-model-len": TOKENS,
        "max-num-seqs": st.integers(1, 256),
        "max-num-batched-tokens": st.integers(256, 65_536),
        "gpu-memory-utilization": st.floats(0.1, 1.0).map(lambda x: round(x, 3)),
        "kv-cache-dtype": st.sampled_from(["auto", "fp8"]),
        "enable-prefix-caching": st.booleans(),
        "enforce-eager": st.booleans(),
        "tensor-parallel-size": st.sampled_from([1, 2, 4]),
    },
)
LLAMA_FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "ctx-size": TOKENS,
        "parallel": st.integers(1, 16),
        "kv-unified": st.booleans(),
        "swa-full": st.just(True),
        "flash-attn": st.sampled_from(["on", "off"]),
        "cache-type-k": st.sampled_from(["f16", "q8_0"]),
        "batch-size": st.integers(32, 4096),
        "n-gpu-layers": st.integers(0, 40),
        "load-mode": st.sampled_from(["mmap", "none", "mlock"]),
        "repack": st.booleans(),
        "cache-ram": st.integers(0, 8192),
    },
)


def effective(planned, flags, device):
    record = CATALOG.engine(planned.engine.name)
    spread = parallelism_from_flags(record, planned.engine.runtime, flags)
    model = CATALOG.model(planned.model.id)
    found = settings_from_flags(
        record, planned.engine.runtime, flags, architecture=model.architecture, device=device, backend="cuda", parallelism=spread
    )
    return found, spread


@pytest.mark.parametrize("target", RENDERERS)
@pytest.mark.parametrize(("base", "flags"), [(VLLM, VLLM_FLAGS), (LLAMA, LLAMA_FLAGS)], ids=["vllm", "llama-server"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_round_trip(target, base, flags, data):
    chosen = data.draw(flags)
    if chosen.get("max-num-batched-tokens", 65_536) < chosen.get("max-num-seqs", 1):
        chosen["max-num-seqs"] = 1
    planned = dataclasses.replace(
        base,
        replicas=data.draw(st.integers(1, 5)),
        hardware=dataclasses.replace(base.hardware, devices=data.draw(st.integers(1, 8))),
        settings={flag: Setting(value, data.draw(st.text(max_size=20))) for flag, value in chosen.items()},
    )
    record, assessment = CATALOG.engine(planned.engine.name), ASSESSED[planned.name]
    text = RENDERERS[target]([blueprint(planned, assessment, record)]).files[0].text
    parsed = parse_manifest(text, "rendered.sh" if target == "command" else "rendered.yaml", CATALOG.engines.values())
    (found,) = parsed.deployments
    device = assessment.deployment.candidate.node.device
    assert (found.name, found.engine, found.runtime, found.version) == (
        planned.name,
        planned.engine.name,
        planned.engine.runtime,
        planned.engine.version,
    )
    assert (found.replicas, found.devices, found.backend) == (planned.replicas, planned.hardware.devices, "cuda")
    assert effective(planned, usable_flags(found, record), device) == effective(planned, chosen, device)
    assert found.identity["model"] == planned.model.id and found.identity["quantization"] == planned.model.quantization
    assert not parsed.not_checked
