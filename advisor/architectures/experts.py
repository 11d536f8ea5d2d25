"""Routed experts beside shared ones as DeepSeek describes them, and which layers have them: also GLM 4.5 and its like."""

from advisor.architectures.fields import Fields
from advisor.domain.architecture import MoeFfn
from advisor.errors import UserInputError


def routed_experts(fields: Fields, *, corrected: bool, float32_router: bool = False) -> MoeFfn:
    """n_routed_experts of moe_intermediate_size, n_shared_experts as one block; `corrected` routers have a bias in 32 bits."""
    width = fields.whole("moe_intermediate_size")
    return MoeFfn(
        experts=fields.whole("n_routed_experts"),
        experts_per_token=fields.whole("num_experts_per_tok"),
        expert_width=width,
        shared_width=width * (fields.whole_or_none("n_shared_experts") or 0),
        router_bias=corrected,
        correction_bias=corrected,
        float32_router=float32_router,
    )


def dense_layers(fields: Fields, layers: int, *, leading: int = 0) -> tuple[bool, ...]:
    """Which layers are dense: as mlp_layer_types lists them, else the first `first_k_dense_replace`.

    moe_layer_freq may restate it as one flag a layer (MiMo); as a number only 1 is known.
    """
    kinds = fields.layer_kinds(layers, "mlp_layer_types")
    first = fields.whole_or_none("first_k_dense_replace") or leading
    frequency = fields.value("moe_layer_freq")
    if isinstance(frequency, list | tuple):
        return tuple(kind == "0" for kind in fields.layer_kinds(layers, "moe_layer_freq") or ())
    if frequency not in (None, 1):
        raise UserInputError(f"{fields.where}: moe_layer_freq: only 1 is known here: refused, not guessed")
    if kinds is not None:
        return tuple(kind == "dense" for kind in kinds)
    return tuple(index < first for index in range(layers))
