"""Feed-forward blocks in llama.cpp's graphs: dense (build_ffn) and experts (build_moe_ffn), src/llama-graph.cpp of b11549."""

from advisor.domain.architecture import DenseFfn, Ffn, MoeFfn
from advisor.estimate.ggml_graph import Tensor
from advisor.estimate.graph_batch_llama_cpp import Batch, op, same, view


def feed_forward(batch: Batch, current: Tensor, ffn: Ffn | None) -> Tensor:
    """The block on what `current` holds, as many rows; without a block `current` itself."""
    match ffn:
        case DenseFfn():
            return dense(batch, current, ffn.width, gated=ffn.gated)
        case MoeFfn():
            return _experts(batch, current, ffn)
        case _:
            return current


def dense(batch: Batch, current: Tensor, width: int, *, gated: bool = True) -> Tensor:
    """Up, gate, down."""
    rows = current.shape[-1]
    if not gated:
        return op((batch.hidden, rows), same(same(op((width, rows), current))))
    if batch.style.fused_gate:
        return op((batch.hidden, rows), op((width, rows), op((2 * width, rows), current)))
    gate, up = op((width, rows), current), op((width, rows), current)
    return op((batch.hidden, rows), op((width, rows), gate, up))


def _experts(batch: Batch, current: Tensor, ffn: MoeFfn) -> Tensor:
    rows = current.shape[-1]
    narrow = op((ffn.latent_width, rows), current) if ffn.latent_width else current
    chosen, weights = routing(batch, current, ffn)
    out = routed(batch, narrow, ffn, chosen, weights)
    if ffn.latent_width:
        out = op((batch.hidden, rows), out)
    return same(out, _shared(batch, current, ffn)) if ffn.shared_width else out


def routing(batch: Batch, current: Tensor, ffn: MoeFfn) -> tuple[Tensor, Tensor]:
    """The chosen experts of each token and their weights, computed at once."""
    rows, used, style = current.shape[-1], ffn.experts_per_token, batch.style
    logits = op((ffn.experts, rows), current)
    probabilities = logits if style.softmax_after_choice else same(logits)
    ranked = logits if style.weights_first else same(probabilities) if ffn.correction_bias else probabilities
    chosen = view(op((ffn.experts, rows), ranked), used, rows)
    weights = op((1, used, rows), view(probabilities, 1, ffn.experts, rows), chosen)
    if style.softmax_after_choice:
        weights = view(same(view(weights, used, rows)), 1, used, rows)
    if style.weights_sum_to_one:
        flat = view(weights, used, rows)
        weights = view(same(flat, same(op((1, rows), flat))), 1, used, rows)
    if style.weights_scaled:
        weights = same(weights)
    return chosen, batch.graph.expand(weights)


def routed(batch: Batch, current: Tensor, ffn: MoeFfn, chosen: Tensor, weights: Tensor) -> Tensor:
    """The chosen experts' outputs, weighted and summed."""
    width, rows, used = current.shape[0], current.shape[-1], ffn.experts_per_token
    each = view(current, width, 1, rows)
    if batch.style.weights_first:
        each = same(op((width, used, rows), each), weights)
    down = op((width, used, rows), _activated(batch, each, ffn, chosen, rows), chosen)
    weighted = batch.graph.expand(down if batch.style.weights_first else same(down, weights))
    parts = [batch.graph.expand(view(weighted, width, rows, 0)) for _ in range(used)]
    if used == 1:
        return op((width, rows), parts[0])
    out = op((width, rows), parts[0], parts[1])
    for part in parts[2:]:
        out = same(batch.graph.expand(out), part)
    return batch.graph.expand(out)


def _activated(batch: Batch, each: Tensor, ffn: MoeFfn, chosen: Tensor, rows: int) -> Tensor:
    shape = (ffn.expert_width, ffn.experts_per_token, rows)
    if not ffn.gated:
        return same(same(op(shape, each, chosen)))
    if batch.style.fused_experts:
        both = op((2 * ffn.expert_width, *shape[1:]), each, chosen)
        return op(shape, view(both, 0), view(both, 0))
    return op(shape, op(shape, each, chosen), op(shape, each, chosen))


def _shared(batch: Batch, current: Tensor, ffn: MoeFfn) -> Tensor:
    out = dense(batch, current, ffn.shared_width, gated=ffn.gated)
    return same(out, same(op((1, current.shape[-1]), current))) if ffn.shared_gate else out
