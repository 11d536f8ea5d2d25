"""llama.cpp's compute ("graph") buffer: the most that the tensors of its largest step hold at once.

The engine builds that step at start-up and keeps the peak (src/llama-context.cpp:640-700, b11549); the restated graph gives the same.
"""

from dataclasses import dataclass
from typing import Final

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.engine import LlamaCppSettings
from advisor.estimate.graph_batch_llama_cpp import batch_tokens
from advisor.estimate.graph_llama_cpp import graph_piece, is_restated
from advisor.estimate.growth import Piece
from advisor.estimate.kv_cache_llama_cpp import Context, widest_window_cells

__all__ = ["ComputeBuffer", "forget", "is_restated"]
_F32: Final = 4
_F16: Final = 2
_REMEMBERED: Final = 4096
_pieces: dict[tuple[object, ...], list[Piece]] = {}  # a graph takes milliseconds and is the same for every device, format and placement
forget: Final = _pieces.clear  # for measurements


@dataclass(frozen=True, slots=True)
class ComputeBuffer:
    """The buffer of one step of these settings: of T = min(total context, n_ubatch) tokens and min(T, outputs) rows of logits."""

    architecture: ModelArchitecture
    settings: LlamaCppSettings
    context: Context

    @property
    def peak_bytes(self) -> int:
        """Of a backend that runs every layer and the output."""
        return self._bytes(head=True)

    @property
    def forward_bytes(self) -> int:
        """Of a backend that runs layers only."""
        return self._bytes(head=False)

    @property
    def embeddings_bytes(self) -> int:
        """The step's embeddings, read on the host: one hidden state a token. As much is reserved for embeddings in place of tokens."""
        return _F32 * self.architecture.hidden_size * batch_tokens(self.settings, self.context)

    @property
    def masks_bytes(self) -> int:
        """One row of cells a token, f16 with flash attention and f32 without; models with windows have a second mask."""
        cells = self.context.cells + widest_window_cells(self.architecture, self.settings, self.context)
        return batch_tokens(self.settings, self.context) * cells * (_F16 if self.settings.flash_attn == "on" else _F32)

    def _bytes(self, *, head: bool) -> int:
        """From a piece that is known to hold these cells, or from the graph."""
        known = _known(self._all_but_cells(head=head))
        cells = self.context.cells
        for piece in known:
            if piece.first <= cells <= piece.last:
                return piece.at(cells)
        piece = graph_piece(self.architecture, self.settings, self.context, head=head)
        known.append(piece)
        return piece.at(cells)

    def _all_but_cells(self, *, head: bool) -> tuple[object, ...]:
        """Everything that the graph depends on beside the cells."""
        settings, context = self.settings, self.context
        total = min(context.total_tokens, settings.ubatch_size)
        return (
            self.architecture, total, min(total, settings.outputs), context.sequences, context.streams, head,
            settings.flash_attn, settings.cache_type_k, settings.cache_type_v, settings.swa_full, settings.ubatch_size,
        )  # fmt: skip


def _known(key: tuple[object, ...]) -> list[Piece]:
    if len(_pieces) > _REMEMBERED:
        _pieces.clear()
    return _pieces.setdefault(key, [])
