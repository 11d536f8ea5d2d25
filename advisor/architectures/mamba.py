"""Mamba-2 alone: no attention, no feed-forward blocks, one norm a layer, a state instead of a cache that grows.

transformers: models/mamba2.
"""

from typing import Final

from advisor.architectures.build import Layer, assemble
from advisor.architectures.fields import Fields
from advisor.architectures.granite import mamba2_state
from advisor.domain.architecture import Mamba2, ModelArchitecture
from advisor.errors import UserInputError

_CONTEXT_TOKENS: Final = 2**20  # such a model has no longest context; llama.cpp's converter writes this number


def read_mamba2(fields: Fields) -> ModelArchitecture:
    """mamba2. Raises UserInputError for a missing or unusable field."""
    hidden = fields.whole("hidden_size")
    inner = hidden * fields.whole("expand", default=2)
    head_dim = fields.whole("head_dim", default=64)
    if fields.flag("use_bias") or inner % head_dim:
        raise UserInputError(f"{fields.where}: use_bias, or an inner width of {inner} that is not whole heads of {head_dim}: refused")
    heads = fields.whole("num_heads", default=inner // head_dim)
    mixer = Mamba2(
        heads=heads,
        head_dim=head_dim,
        state_dim=fields.whole("state_size", default=128),
        groups=fields.whole("n_groups", default=1),
        conv_kernel=fields.whole("conv_kernel", default=4),
        conv_bias=fields.flag("use_conv_bias", default=True),
    )
    return assemble(
        [Layer(mixer, (mamba2_state(mixer),), None, norms=1)] * fields.whole("num_hidden_layers"),
        name="mamba2",
        gguf_name="mamba2",
        hidden_size=hidden,
        vocab_size=fields.whole("vocab_size"),
        tied_embeddings=fields.flag("tie_word_embeddings"),
        max_context_tokens=fields.whole("max_position_embeddings", default=_CONTEXT_TOKENS),
    )
