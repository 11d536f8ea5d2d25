"""How many tensors llama.cpp's graph has, and how many its scheduler has room for: where there are more, the engine aborts.

The scheduler's table holds operations, weights, caches and inputs. Its size is the first prime after a power of two that reaches
max(1024, 8 x tensors of the model): llama_context::graph_max_nodes in src/llama-context.cpp:2396, ggml_hash_size in ggml/src/ggml.c:6640,
ggml_hash_find_or_insert in ggml/src/ggml-impl.h:330 (b11549).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from advisor.architectures.tensors import gguf_tensors
from advisor.domain.architecture import GroupedAttention, IndexerCache, LatentCache, ModelArchitecture
from advisor.domain.engine import LlamaCppSettings
from advisor.estimate.graph_llama_cpp import restated_tensors
from advisor.estimate.kv_cache_llama_cpp import context_of

_PRIMES: Final = (1031, 2053, 4099, 8209, 16411, 32771, 65537)
_LEAST_NODES: Final = 1024
_NODES_PER_TENSOR: Final = 8
_MORE_NODES_PER_TENSOR: Final = dict.fromkeys(("qwen3next", "qwen35", "qwen35moe"), 32)
_CACHE_VIEWS: Final = 5  # of a layer of grouped attention: keys and values as they are read, and turned for the product
_CACHE_RESHAPES: Final = 2  # where each slot has a cache: keys and values of all of them as one
_NO_INFLUENCE: Final[dict[str, Any]] = {
    "threads": None,
    "n_gpu_layers": 0,
    "n_cpu_moe": 0,
    "tensor_split": (),
    "cache_ram_mib": 0,
    "load_mode": "none",
    "repack": False,
    "ctx_checkpoints": 0,
}
_SMALL: Final[dict[str, Any]] = {"ctx_size": 512, "batch_size": 512, "ubatch_size": 8, "outputs": 2, "swa_full": False}


@dataclass(frozen=True, slots=True)
class GraphRoom:
    """`tensors` are those of the graph, some of a few architectures not counted; `room` is for how many there is a place."""

    tensors: int
    room: int


NOT_COUNTED: Final = GraphRoom(0, 0)


def graph_room(architecture: ModelArchitecture, settings: LlamaCppSettings) -> GraphRoom:
    """Counted for these settings; only the cache types, flash attention and whether each slot has a cache of its own change it."""
    return _graph_room(architecture, replace(settings, parallel=min(settings.parallel, 2), **_NO_INFLUENCE, **_SMALL))


@lru_cache(1024)
def _graph_room(architecture: ModelArchitecture, settings: LlamaCppSettings) -> GraphRoom:
    context = context_of(architecture, settings)
    weights = len(gguf_tensors(architecture))
    grouped = sum(group.count for group in architecture.layer_groups if isinstance(group.mixer, GroupedAttention))
    views = grouped * (_CACHE_VIEWS + (_CACHE_RESHAPES if context.streams > 1 else 0))
    tensors = restated_tensors(architecture, settings, context) + views + weights + _cache_tensors(architecture)
    per_tensor = _MORE_NODES_PER_TENSOR.get(architecture.gguf_name or "", _NODES_PER_TENSOR)
    nodes = max(_LEAST_NODES, per_tensor * weights)
    return GraphRoom(tensors, next(prime for prime in _PRIMES if prime >= nodes))


def _cache_tensors(architecture: ModelArchitecture) -> int:
    """Keys and values, or the two states; one where keys are values."""
    caches = [(cache, group.count) for group in architecture.layer_groups for cache in group.caches]
    return sum(count * (1 if isinstance(cache, LatentCache | IndexerCache) else 2) for cache, count in caches)
