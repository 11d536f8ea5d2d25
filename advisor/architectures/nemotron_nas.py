"""Llama-Nemotron (DeciLM): Llama whose layers were pruned one by one: each names its own key-value heads and width, or has none.

Fields as in the configuration that comes with the release; `block_configs` describes each layer.
"""

from collections.abc import Mapping
from typing import Any

from advisor.architectures.attention import max_context_tokens, rope_frequencies
from advisor.architectures.build import Layer, assemble, full_cache
from advisor.architectures.fields import Fields
from advisor.domain.architecture import DenseFfn, GroupedAttention, ModelArchitecture
from advisor.errors import UserInputError

_WIDTH_MULTIPLE = 256  # find_multiple in the release's block_config.py; vllm/model_executor/models/nemotron_nas.py


def read_nemotron_nas(fields: Fields) -> ModelArchitecture:
    """nemotron-nas. Raises UserInputError for a missing or unusable field."""
    hidden, heads = fields.whole("hidden_size"), fields.whole("num_attention_heads")
    fields.value("num_key_value_heads")  # null: each layer has its own
    fields.value("intermediate_size")
    blocks = fields.listed("block_configs") or ()
    if len(blocks) != fields.whole("num_hidden_layers") or hidden % heads or fields.flag("attention_bias") or fields.flag("mlp_bias"):
        raise UserInputError(f"{fields.where}: block_configs: one entry a layer is needed, heads that divide the width, and no biases")
    size = hidden // heads
    try:
        layers = [_layer(fields.where, block, hidden, heads, size) for block in blocks]
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise UserInputError(f"{fields.where}: block_configs: an entry cannot be read ({type(error).__name__}: {error})") from None
    return assemble(
        layers,
        name="nemotron-nas",
        gguf_name="deci",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
        rope_frequencies=rope_frequencies(fields, size),
    )


def _layer(where: str, block: Mapping[str, Any], hidden: int, heads: int, size: int) -> Layer:
    attention, ffn = block["attention"], block["ffn"]
    if attention.get("replace_with_linear") or ffn.get("replace_with_linear"):
        raise UserInputError(f"{where}: block_configs: a block replaced by one matrix is not known to this version: refused, not guessed")
    mixer = None if attention["no_op"] else GroupedAttention(heads, heads // int(attention["n_heads_in_group"]), size, size)
    width = None if ffn["no_op"] else _width(float(ffn["ffn_mult"]), hidden)
    norms = (mixer is not None) + (width is not None)
    return Layer(mixer, (full_cache(mixer),) if mixer else (), DenseFfn(width) if width else None, norms)


def _width(multiplier: float, hidden: int) -> int:
    """int(2 * multiplier * hidden / 3) rounded up to whole 256."""
    width = int(2 * multiplier * hidden / 3)
    return width + -width % _WIDTH_MULTIPLE
