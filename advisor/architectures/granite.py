"""Granite 4 hybrids: Mamba-2 layers with a few attention layers, experts next to a shared block, or the shared block alone.

transformers: models/granitemoehybrid.
"""

from advisor.architectures.attention import grouped, max_context_tokens
from advisor.architectures.build import Layer, assemble, full_cache
from advisor.architectures.fields import Fields
from advisor.domain.architecture import DenseFfn, Ffn, Mamba2, ModelArchitecture, MoeFfn, StateCache
from advisor.errors import UserInputError


def read_granite_hybrid(fields: Fields) -> ModelArchitecture:
    """granitemoehybrid. Raises UserInputError for a missing or unusable field."""
    hidden, layers = fields.whole("hidden_size"), fields.whole("num_hidden_layers")
    attention, mixer, ffn = grouped(fields, hidden_size=hidden), _mamba2(fields, hidden), _ffn(fields)
    if fields.flag("attention_bias"):
        raise UserInputError(f"{fields.where}: attention_bias: true is not known for this family: refused, not guessed")
    kinds = fields.layer_kinds(layers) or ("attention",) * layers
    by_kind = {"attention": Layer(attention, (full_cache(attention),), ffn), "mamba": Layer(mixer, (mamba2_state(mixer),), ffn)}
    unknown = sorted(set(kinds) - set(by_kind))
    if unknown:
        raise UserInputError(f"{fields.where}: layer_types: {', '.join(unknown)}: only attention and mamba are known for this family")
    return assemble(
        [by_kind[kind] for kind in kinds],
        name="granitemoehybrid",
        gguf_name="granitehybrid",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=max_context_tokens(fields),
    )


def _mamba2(fields: Fields, hidden: int) -> Mamba2:
    mixer = Mamba2(
        heads=fields.whole("mamba_n_heads"),
        head_dim=fields.whole("mamba_d_head", default=64),
        state_dim=fields.whole("mamba_d_state"),
        groups=fields.whole("mamba_n_groups", default=1),
        conv_kernel=fields.whole("mamba_d_conv"),
        conv_bias=fields.flag("mamba_conv_bias", default=True),
    )
    expanded = hidden * fields.whole("mamba_expand", default=2)
    if mixer.heads * mixer.head_dim != expanded:
        raise UserInputError(
            f"{fields.where}: mamba_n_heads x mamba_d_head is {mixer.heads * mixer.head_dim}, mamba_expand asks for {expanded}"
        )
    return mixer


def mamba2_state(mixer: Mamba2, *, float32: bool = False) -> StateCache:
    """Convolution tail (kernel - 1) * (inner + 2 * groups * state), state inner * state."""
    inner = mixer.heads * mixer.head_dim
    return StateCache((mixer.conv_kernel - 1) * (inner + 2 * mixer.groups * mixer.state_dim), inner * mixer.state_dim, float32)


def _ffn(fields: Fields) -> Ffn:
    experts = fields.whole_or_none("num_local_experts")
    shared, width = fields.whole("shared_intermediate_size"), fields.whole("intermediate_size", default=0)
    if experts is None:
        return DenseFfn(shared)
    return MoeFfn(experts, fields.whole("num_experts_per_tok"), expert_width=width, shared_width=shared)
