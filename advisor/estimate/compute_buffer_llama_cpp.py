"""llama.cpp's compute ("graph") buffer: the live tensors of the largest step, in closed form.

The engine builds its worst-case graph at start-up and keeps the peak (src/llama-context.cpp:640-700, b11549). Checked against that
engine's own answers: dense models nearly always within 0.5 %, the others within a few percent, worst 14 %.
"""

from dataclasses import dataclass

from advisor.domain.architecture import (
    DenseFfn,
    Ffn,
    GroupedAttention,
    LatentAttention,
    Mixer,
    ModelArchitecture,
    MoeFfn,
    StateCache,
)
from advisor.domain.engine import LlamaCppSettings
from advisor.estimate.kv_cache_llama_cpp import Context, widest_window_cells

_F32 = 4
_F16 = 2


@dataclass(frozen=True, slots=True)
class ComputeBuffer:
    """Bytes by what they are needed for; the buffer is the larger of `forward` and `logits`."""

    forward_bytes: int
    logits_bytes: int
    inputs_bytes: int  # embeddings of the step and attention masks: in host memory when the layers are on a device

    @property
    def peak_bytes(self) -> int:
        """The buffer of a backend that runs every layer and the output."""
        return max(self.forward_bytes, self.logits_bytes)


def compute_buffer(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> ComputeBuffer:
    """The closed forms at T = min(total context, n_ubatch) tokens and min(T, outputs) rows of logits."""
    tokens = min(context.total_tokens, settings.ubatch_size)
    outputs = min(tokens, settings.outputs)
    hidden = architecture.hidden_size
    mask_bytes = _mask_bytes(architecture, settings, context, tokens)
    # 4 * n_out * (V + D) + 4 * T * D: the logits and what feeds them; the mask is dead by then
    logits = _F32 * outputs * (architecture.vocab_size + hidden) + _F32 * tokens * hidden
    width = max(_width(group.mixer, group.ffn, architecture, settings, context) for group in architecture.layer_groups)
    forward = max(_F32 * tokens * width, _recurrent_bytes(architecture, context, tokens)) + mask_bytes
    return ComputeBuffer(forward, logits, _F32 * tokens * hidden + mask_bytes)


def is_plain(architecture: ModelArchitecture) -> bool:
    """Dense attention models, whose closed form is nearly exact. Heads wider than the hidden size leave fragments."""
    return all(
        isinstance(group.ffn, DenseFfn)
        and isinstance(group.mixer, GroupedAttention)
        and group.mixer.heads * group.mixer.key_dim <= architecture.hidden_size
        for group in architecture.layer_groups
    )


def _mask_bytes(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context, tokens: int) -> int:
    """One row of cells a token, f16 with flash attention and f32 without; models with windows have a second mask."""
    element = _F16 if settings.flash_attn == "on" else _F32
    return element * tokens * (context.cells + widest_window_cells(architecture, settings, context))


def _recurrent_bytes(architecture: ModelArchitecture, context: Context, tokens: int) -> int:
    """A recurrent layer holds the state matrices of every sequence twice, next to 7D a token."""
    states = [c.state_elements for group in architecture.layer_groups for c in group.caches if isinstance(c, StateCache)]
    return 2 * _F32 * max(states) * context.sequences + 7 * _F32 * tokens * architecture.hidden_size if states else 0


def _width(mixer: Mixer | None, ffn: Ffn | None, architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> int:
    """Live f32 elements a token, at the widest point of a layer."""
    return max(
        _ffn_width(ffn, mixer, architecture.hidden_size),
        _attention_width(mixer, architecture.hidden_size),
        _score_width(mixer, architecture.hidden_size, settings, context),
    )


def _ffn_width(ffn: Ffn | None, mixer: Mixer | None, hidden: int) -> int:
    """3F + 4D for a gated block; with experts also 2k(D + Fe), what the k chosen experts hold at once, and what waits for them."""
    match ffn:
        case None:
            return 0
        case DenseFfn():
            return 3 * ffn.width + 4 * hidden
        case MoeFfn():
            used = ffn.experts_per_token
            waiting = (2 if isinstance(mixer, LatentAttention) else 1) * hidden if ffn.shared_width else 0
            return max(3 * used * ffn.expert_width + 4 * hidden, 2 * used * (hidden + ffn.expert_width) + waiting)


def _attention_width(mixer: Mixer | None, hidden: int) -> int:
    """Latent attention works on absorbed queries: per head 2 * rank + rope for query and result, next to the plain query and value."""
    if not isinstance(mixer, LatentAttention):
        return 0
    head = 2 * mixer.kv_lora_rank + mixer.qk_rope_dim + mixer.qk_nope_dim + mixer.qk_rope_dim + mixer.value_dim
    return mixer.heads * head + 4 * hidden


def _score_width(mixer: Mixer | None, hidden: int, settings: LlamaCppSettings, context: Context) -> int:
    """Without flash attention the scores of every head against every cell are a tensor: H * n_kv + 6D."""
    if settings.flash_attn == "on" or not isinstance(mixer, GroupedAttention | LatentAttention):
        return 0
    return mixer.heads * context.cells + max(6 * hidden, _attention_width(mixer, hidden))
