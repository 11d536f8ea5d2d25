"""The quantiser's rules as data: conditions are a closed set, types fall back where blocks do not divide a row."""

import pytest

from advisor.catalog import load_catalog
from advisor.domain.quantization import GgufMix, MixStep, Quantization
from advisor.errors import UserInputError
from advisor.estimate.gguf_mixing import CONDITIONS, tensor_types
from advisor.estimate.weights import gguf_weights
from advisor.units import MIB

CATALOG = load_catalog()
GGUF = [quantization for quantization in CATALOG.quantizations.values() if quantization.mix]


@pytest.mark.parametrize("quantization", GGUF, ids=lambda quantization: quantization.id)
def test_every_condition_is_one_that_the_code_knows(quantization):
    named = {name.removeprefix("not ") for steps in quantization.mix.roles.values() for step in steps for name in step.when}
    assert named <= CONDITIONS.keys()


def types_of(model, quantization, *, imatrix=False):
    return tensor_types(CATALOG.models[model].architecture, CATALOG.quantizations[quantization], imatrix=imatrix)


def test_tied_tables_are_stored_as_an_output():
    assert types_of("Qwen/Qwen3-0.6B", "Q4_K_M")["token_embd.weight"] == "Q6_K"
    assert types_of("Qwen/Qwen3-8B", "Q4_K_M")["token_embd.weight"] == "Q4_K"


def test_rows_that_blocks_do_not_divide_fall_back():
    """gpt-oss: rows of 2880; DeepSeek: k_b rows of 128."""
    assert types_of("openai/gpt-oss-20b", "Q4_K_M")["blk.5.attn_q.weight"] == "Q5_0"
    assert types_of("openai/gpt-oss-20b", "Q4_K_M")["output.weight"] == "Q8_0"
    assert types_of("deepseek-ai/DeepSeek-V3", "Q4_K_M")["blk.5.attn_k_b.weight"] == "Q5_0"


def test_eight_experts_keep_attention_in_eight_bits():
    types = types_of("mistralai/Mixtral-8x7B-Instruct-v0.1", "Q4_K_M")
    assert (types["blk.9.attn_v.weight"], types["blk.9.attn_k.weight"], types["blk.9.attn_output.weight"]) == ("Q8_0", "Q8_0", "Q5_K")


def test_the_70b_lifts_its_values():
    types = types_of("meta-llama/Llama-3.3-70B-Instruct", "Q4_K_M")
    assert {types[f"blk.{layer}.attn_v.weight"] for layer in range(80)} == {"Q5_K", "Q6_K"}


def test_pruned_models_of_eighty_layers_do_so_too():
    """llama-quantize --dry-run at commit 0c1e570: 28808.33 MiB in Q4_K_M."""
    pruned = CATALOG.models["nvidia/Llama-3_3-Nemotron-Super-49B-v1"].architecture
    total_bytes = gguf_weights(pruned, CATALOG.quantizations["Q4_K_M"]).total_bytes
    assert total_bytes / MIB == pytest.approx(28808.33, abs=0.006)


def test_routers_and_norms_stay_in_32_bits_and_sixteen_bit_files_mix_nothing():
    types = types_of("Qwen/Qwen3-30B-A3B", "BF16")
    assert types["blk.0.ffn_gate_inp.weight"] == types["blk.0.attn_norm.weight"] == "F32"
    assert types["output.weight"] == "BF16"


def test_an_importance_matrix_changes_the_first_layers():
    with_matrix = types_of("Qwen/Qwen3-8B", "IQ4_XS", imatrix=True)
    without = types_of("Qwen/Qwen3-8B", "IQ4_XS")
    assert (without["blk.0.ffn_down.weight"], with_matrix["blk.0.ffn_down.weight"]) == ("Q5_K", "IQ4_XS")


def test_the_last_matching_step_wins_and_any_stands_for_the_rest():
    steps = {"any": (MixStep("Q8_0"), MixStep("Q5_K", ("not more_bits",))), "ffn_up": (MixStep("Q6_K"),)}
    mix = Quantization("x", "gguf", "some", "", "16bit", mix=GgufMix(default_type="Q4_K", roles=steps))
    types = tensor_types(CATALOG.models["Qwen/Qwen3-8B"].architecture, mix, imatrix=False)
    assert (types["blk.0.ffn_up.weight"], types["blk.0.attn_q.weight"], types["blk.4.attn_q.weight"]) == ("Q6_K", "Q8_0", "Q5_K")


def test_a_scheme_has_no_mixing_rules():
    with pytest.raises(UserInputError, match="awq-int4"):
        types_of("Qwen/Qwen3-8B", "awq-int4")
