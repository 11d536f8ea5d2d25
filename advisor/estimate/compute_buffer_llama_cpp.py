"""llama.cpp's compute ("graph") buffer: the most that the tensors of its largest step hold at once.

The engine builds that step at start-up and keeps the peak (src/llama-context.cpp:640-700, b11549); the restated graph gives the same.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from advisor.domain.architecture import ModelArchitecture
from advisor.domain.engine import LlamaCppSettings
from advisor.estimate.graph_batch_llama_cpp import batch_tokens
from advisor.estimate.graph_llama_cpp import graph_bytes, is_restated
from advisor.estimate.kv_cache_llama_cpp import Context, widest_window_cells

__all__ = ["NO_INFLUENCE", "ComputeBuffer", "compute_buffer", "forget", "is_restated"]
_F32: Final = 4
_F16: Final = 2
NO_INFLUENCE: Final[dict[str, Any]] = {
    "threads": None,
    "n_gpu_layers": 0,
    "n_cpu_moe": 0,
    "tensor_split": (),
    "cache_ram_mib": 0,
    "load_mode": "none",
    "repack": False,
    "ctx_checkpoints": 0,
}
_REMEMBERED: Final = 4096
_remembered_bytes = lru_cache(_REMEMBERED)(graph_bytes)  # milliseconds, and the same for every device, format and placement
forget: Final = _remembered_bytes.cache_clear  # for measurements


@dataclass(frozen=True, slots=True)
class ComputeBuffer:
    """The buffer of one step of these settings."""

    architecture: ModelArchitecture
    settings: LlamaCppSettings
    context: Context

    @property
    def peak_bytes(self) -> int:
        """Of a backend that runs every layer and the output."""
        return _remembered_bytes(self.architecture, self.settings, self.context)

    @property
    def forward_bytes(self) -> int:
        """Of a backend that runs layers only."""
        return _remembered_bytes(self.architecture, self.settings, self.context, head=False)

    @property
    def embeddings_bytes(self) -> int:
        """The step's embeddings, read on the host: one hidden state a token. As much is reserved for embeddings in place of tokens."""
        return _F32 * self.architecture.hidden_size * batch_tokens(self.settings, self.context)

    @property
    def masks_bytes(self) -> int:
        """One row of cells a token, f16 with flash attention and f32 without; models with windows have a second mask."""
        cells = self.context.cells + widest_window_cells(self.architecture, self.settings, self.context)
        return batch_tokens(self.settings, self.context) * cells * (_F16 if self.settings.flash_attn == "on" else _F32)


def compute_buffer(architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> ComputeBuffer:
    """The buffer at T = min(total context, n_ubatch) tokens and min(T, outputs) rows of logits."""
    return ComputeBuffer(architecture, replace(settings, **NO_INFLUENCE), context)
