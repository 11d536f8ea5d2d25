"""Nemotron-H and Nemotron 3: each layer is one block with one norm: a Mamba-2 mixer, attention, a dense block or experts, none gated.

transformers: models/nemotron_h. The order is a string of letters or a list of words.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache
from advisor.architectures.fields import Fields
from advisor.architectures.granite import mamba2_state
from advisor.domain.architecture import DenseFfn, Mamba2, ModelArchitecture, MoeFfn
from advisor.errors import UserInputError

_WORDS: Final[Mapping[str, str]] = MappingProxyType({"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"})
_REFUSED: Final = ("attention_bias", "mlp_bias", "mamba_proj_bias", "use_bias")


def read_nemotron_h(fields: Fields) -> ModelArchitecture:
    """nemotron_h. Raises UserInputError for a missing or unusable field."""
    for name in _REFUSED:
        if fields.flag(name):
            raise UserInputError(f"{fields.where}: {name}: true is not known for this family: refused, not guessed")
    fields.value("intermediate_size")  # counts only where the pattern has dense blocks
    kinds, hidden = _kinds(fields), fields.whole("hidden_size")
    blocks = {kind: _block(fields, kind, hidden) for kind in dict.fromkeys(kinds)}
    return assemble(
        [blocks[kind] for kind in kinds],
        name="nemotron_h",
        gguf_name="nemotron_h_moe" if "moe" in kinds else "nemotron_h",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
    )


def _kinds(fields: Fields) -> tuple[str, ...]:
    pattern, listed = fields.value("hybrid_override_pattern"), fields.listed("layers_block_type")
    stated = [_WORDS.get(letter, letter) for letter in pattern] if isinstance(pattern, str) else [str(word) for word in listed or ()]
    unknown = sorted(set(stated) - set(_WORDS.values()))
    if unknown or not stated:
        raise UserInputError(f"{fields.where}: hybrid_override_pattern: {', '.join(unknown) or 'missing'}: refused, not guessed")
    if fields.whole("num_hidden_layers", default=len(stated)) != len(stated):
        raise UserInputError(f"{fields.where}: num_hidden_layers differs from the {len(stated)} blocks of the pattern")
    return tuple(stated)


def _block(fields: Fields, kind: str, hidden: int) -> Layer:
    if kind == "mamba":
        mixer = _mamba2(fields)
        stated = fields.value("mamba_ssm_cache_dtype") or "float32"  # as vllm/model_executor/models/config.py, NemotronHForCausalLMConfig
        return Layer(mixer, (mamba2_state(mixer, float32=stated == "float32"),), None, norms=1)
    if kind == "attention":
        fields.value("attention_head_dim")
        attention = grouped(fields, hidden_size=hidden)
        return Layer(attention, (full_cache(attention),), None, norms=1)
    if kind == "mlp":
        return Layer(None, (), DenseFfn(fields.whole("intermediate_size"), gated=False), norms=1)
    return Layer(None, (), _experts(fields), norms=1)


def _mamba2(fields: Fields) -> Mamba2:
    fields.value("expand")  # heads and their size say it
    return Mamba2(
        heads=fields.whole("mamba_num_heads"),
        head_dim=fields.whole("mamba_head_dim"),
        state_dim=fields.whole("ssm_state_size"),
        groups=fields.whole("n_groups"),
        conv_kernel=fields.whole("conv_kernel"),
        conv_bias=fields.flag("use_conv_bias", default=True),
    )


def _experts(fields: Fields) -> MoeFfn:
    return MoeFfn(
        experts=fields.whole("n_routed_experts"),
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=fields.whole("moe_intermediate_size"),
        shared_width=fields.whole("moe_shared_expert_intermediate_size") * fields.whole("n_shared_experts", default=1),
        gated=False,
        router_bias=True,
        correction_bias=True,
        latent_width=fields.whole_or_none("moe_latent_size") or 0,
    )
