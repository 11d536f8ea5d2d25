"""llama.cpp's memory as a sum, device by device and the host: weights, cells times rows, states, the graph, the context."""

from collections.abc import Iterator
from typing import Final

from advisor.domain.architecture import LayerGroup, ModelArchitecture
from advisor.domain.engine import LlamaCppSettings
from advisor.domain.estimate import DeviceMemory, HostMemory
from advisor.domain.quantity import Basis
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_llama_cpp import Context, context_of, layer_cache_bytes, layer_state_bytes, layer_token_bytes
from advisor.planning.held import Held
from advisor.planning.term import Term
from advisor.units import GIB, MIB

_ALLOCATOR: Final = "src/llama-kv-cache.cpp and src/llama-memory-recurrent.cpp, b11549"


def llama_cpp_memory_terms(held: Held) -> Iterator[Term]:
    """The fullest device's parts, then the host's beside it, then what a layer of each kind caches."""
    candidate, settings = held.candidate, held.candidate.settings
    if not isinstance(settings, LlamaCppSettings):
        raise UserInputError("llama.cpp memory needs llama.cpp settings")
    architecture = candidate.model.architecture
    context = context_of(architecture, settings)
    fullest = max(held.memory.devices, key=lambda device: device.required_bytes.value - device.usable_bytes.value)
    yield from _parts(fullest, _texts(held, settings, context), adds=True)
    yield Term(
        fullest.usable_bytes.value / GIB, " GiB", "usable", fullest.usable_bytes.source, adds=False, basis=fullest.usable_bytes.basis
    )
    for term in _parts(held.memory.host, _texts(held, settings, context), adds=False):
        yield Term(term.value, term.unit, f"on the host: {term.text}", term.source, adds=False, basis=term.basis)
    for group in architecture.layer_groups:
        yield from _layer(group, architecture, settings, context)


def _texts(held: Held, settings: LlamaCppSettings, context: Context) -> dict[str, str]:
    architecture = held.candidate.model.architecture
    streams = f" in each of {context.streams} streams" if context.streams > 1 else ""
    return {
        "weights": f"weights as {held.candidate.checkpoint.quantization}, {architecture.layers} layers and tables: the tensors placed here",
        "adapters": "LoRA files: the tensors that go with the layers placed here",
        "repacked_weights": "weights copied into the processor's own layout",
        "kv_cache": f"cache: {context.cells:,} cells{streams}, keys {settings.cache_type_k}, values {settings.cache_type_v}, by layer",
        "recurrent_state": f"recurrent state: 4 bytes an element, {context.sequences} sequences",
        "compute_buffer": f"compute buffer: the widest point of the graph for {settings.ubatch_size:,} tokens, "
        f"flash attention {settings.flash_attn}",
        "output_buffer": f"output: 4 bytes x {settings.parallel} sequences x {architecture.vocab_size:,} words",
        "prompt_cache": "prompt cache, at most",
        "context_checkpoints": f"context checkpoints, at most {settings.ctx_checkpoints} copies of a slot's windows and states",
        "runtime_overhead": "the process" if held.candidate.on_cpu else "driver context and kernels, or the process on the host",
    }


def _parts(memory: DeviceMemory | HostMemory, texts: dict[str, str], *, adds: bool) -> Iterator[Term]:
    for name, text in texts.items():
        part = getattr(memory, f"{name}_bytes", None)
        if part is not None and part.value:
            yield Term(part.value / GIB, " GiB", text, part.source, adds=adds, basis=part.basis)


def _layer(group: LayerGroup, architecture: ModelArchitecture, settings: LlamaCppSettings, context: Context) -> Iterator[Term]:
    """One layer of each kind: what it caches, and what a further token adds."""
    cached, state = layer_cache_bytes(group, architecture, settings, context), layer_state_bytes(group, context)
    if cached:
        grows = layer_token_bytes(group, architecture, settings)
        text = f"cached in each of {len(group.layers)} layers: "
        text += f"{context.total_tokens:,} cells x {grows:,} bytes" if grows else "the cells of a sliding window, and a micro-batch more"
        yield Term(cached / MIB, " MiB", text, _ALLOCATOR, adds=False, basis=Basis.EXACT)
    if state:
        text = f"state in each of {len(group.layers)} layers: {context.sequences} sequences x {state // context.sequences:,} bytes"
        yield Term(state / MIB, " MiB", text, _ALLOCATOR, adds=False, basis=Basis.EXACT)
