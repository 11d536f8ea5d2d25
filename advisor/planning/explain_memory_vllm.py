"""vLLM's memory as a sum: the budget of one device, what is gone before the pool, how the pool is cut, what a request takes."""

from collections.abc import Iterator
from typing import Final

from advisor.domain.engine import VllmSettings
from advisor.domain.memory_constants import VllmMemoryConstants
from advisor.domain.quantity import Basis, Quantity
from advisor.errors import UserInputError
from advisor.estimate.kv_cache_vllm import Bucket, PoolLayout, platform_of, pool_layout, tokens_in_flight
from advisor.estimate.memory_vllm import LOGIT_BYTES, encoder_cache_bytes, forward_bytes
from advisor.planning.held import Held
from advisor.planning.term import Term
from advisor.units import GIB

_PLANNING: Final = "vllm/v1/kv_cache_interface.py and v1/core/kv_cache_utils.py"
_KINDS: Final = {"full": "full attention", "sliding": "sliding windows", "chunked": "chunked attention", "state": "recurrent layers"}


def vllm_memory_terms(held: Held, constants: VllmMemoryConstants) -> Iterator[Term]:
    """One device of the replica, all being alike."""
    candidate, device, settings = held.candidate, held.memory.devices[0], held.candidate.settings
    if not isinstance(settings, VllmSettings):
        raise UserInputError("vLLM memory needs vLLM settings")
    layout = pool_layout(candidate.cached_architecture, settings, candidate.parallelism, platform_of(candidate))
    yield _gib(device.weights_bytes, weights_text(held))
    if device.adapters_bytes.value:
        yield _gib(device.adapters_bytes, _adapters(held, settings))
    if candidate.draft is not None:
        yield _gib(device.draft_bytes, f"{candidate.draft.model.id} as {candidate.draft.quantization}, which drafts; it caches in the pool")
    yield _gib(device.compute_buffer_bytes, f"activation: {_activation(held, settings, constants)}")
    yield _gib(device.runtime_overhead_bytes, _overhead(held, settings))
    in_flight = tokens_in_flight(settings, candidate.parallelism, on_cpu=candidate.on_cpu)
    yield from _cut(layout, settings, in_flight)
    yield from _pool(held, layout, settings, in_flight)


def weights_text(held: Held) -> str:
    """Layers, tables and the rest of one rank, in GiB."""
    weights, parallelism = held.weights, held.candidate.parallelism
    dense, experts = (sum(getattr(layer, f"{kind}_bytes") for layer in weights.layers) / GIB for kind in ("dense", "experts"))
    table = weights.token_embedding_bytes / GIB
    parts = [f"{len(weights.layers)} layers {dense:.2f}"]
    parts += [f"their experts {experts:.2f}"] if experts else []
    parts += [f"token table {table:.2f}"] if table else []
    parts += ["head, the same table"] if weights.tied else [f"head {weights.output_bytes / GIB:.2f}"]
    tower = 2 * held.candidate.model.architecture.encoder_parameters / GIB
    parts += [f"vision encoder {tower:.2f}"] if tower and weights.token_embedding_bytes else []
    spread = f" on one of {parallelism.tensor} x {parallelism.pipeline} ranks" if parallelism.devices > 1 else ""
    return f"weights as {held.candidate.checkpoint.quantization}{spread}: {' + '.join(parts)}"


def _activation(held: Held, settings: VllmSettings, constants: VllmMemoryConstants) -> str:
    architecture, tensor = held.candidate.model.architecture, held.candidate.parallelism.tensor
    step, rows = settings.max_num_batched_tokens, min(settings.max_num_seqs, settings.max_num_batched_tokens)
    widths = forward_bytes(architecture, 1, tensor=tensor) // 2
    forward = constants.forward_factor.value * forward_bytes(architecture, step, tensor=tensor) / GIB
    copies = constants.sampler_copies.value
    sampler = copies * LOGIT_BYTES * rows * architecture.vocab_size / GIB
    cached = encoder_cache_bytes(architecture, settings)
    tower = f"; beside it the vision encoder's cache, 2 bytes x {step:,} tokens x {architecture.hidden_size:,}" if cached else ""
    return (
        f"the larger of a step, 2 bytes x {step:,} tokens x {widths:,} widths = {forward:.2f} GiB, and of sampling, "
        f"{copies:g} x {LOGIT_BYTES} bytes x {rows:,} sequences x {architecture.vocab_size:,} words = {sampler:.2f} GiB{tower}"
    )


def _adapters(held: Held, settings: VllmSettings) -> str:
    slots, rank = settings.max_loras, settings.max_lora_rank
    per_rank = held.memory.devices[0].adapters_bytes.value / (slots * rank)
    return f"adapter slots, filled or not: {slots} slots x rank {rank} x {per_rank:,.0f} bytes over the inputs and outputs of every layer"


def _overhead(held: Held, settings: VllmSettings) -> str:
    if held.candidate.on_cpu:
        return "the process: Python and PyTorch"
    graphs = "no CUDA graphs" if settings.enforce_eager else "CUDA graphs"
    several = " and their communication" if held.candidate.parallelism.devices > 1 else ""
    return f"outside PyTorch{several}, and {graphs}"


def _cut(layout: PoolLayout, settings: VllmSettings, in_flight: int) -> Iterator[Term]:
    """Every kind of layer with its page and what a request of the full length takes of it."""
    for bucket, groups in layout.buckets:
        needed = groups * bucket.blocks(settings.max_model_len, in_flight)
        text = f"a page: {bucket.layers} layers of {_KINDS[bucket.kind]} in {groups} groups, {_page(bucket)}; a request takes "
        yield _count(bucket.page_bytes, " bytes", f"{text}{groups} x {_blocks(bucket, settings, in_flight)} = {needed:,} blocks")
    yield _count(layout.bytes_per_block, " bytes", "a block: one page in every layer of a group")


def _page(bucket: Bucket) -> str:
    if bucket.kind == "state":
        return "one state"
    return f"{bucket.block_tokens:,} tokens x {bucket.page_bytes / bucket.block_tokens:,.0f} bytes"


def _blocks(bucket: Bucket, settings: VllmSettings, in_flight: int) -> str:
    length, tokens = settings.max_model_len, bucket.block_tokens
    match bucket.kind:
        case "full":
            return f"ceil({length:,} / {tokens:,})"
        case "sliding":
            return f"(ceil(min({bucket.span_tokens:,} - 1 + {in_flight:,}, {length:,}) / {tokens:,}) + 1)"
        case "chunked":
            return f"ceil(min({bucket.span_tokens:,} + {in_flight:,}, {length:,}) / {tokens:,})"
        case "state":
            return f"{bucket.states}"


def _pool(held: Held, layout: PoolLayout, settings: VllmSettings, in_flight: int) -> Iterator[Term]:
    """What is left, in blocks, and how many requests of the full length it holds: at admission, as logged, and while they only decode."""
    memory, length = held.memory, settings.max_model_len
    device, blocks = memory.devices[0], memory.num_blocks
    needed, steady = layout.blocks_per_request(length, in_flight_tokens=in_flight), layout.blocks_per_request(length)
    yield _gib(_one_request(held), f"one request of {length:,} tokens: ({needed:,} + the null block) x {layout.bytes_per_block:,} bytes")
    yield _gib(device.usable_bytes, "usable", adds=False)
    given = settings.kv_cache_memory_bytes is not None
    yield _gib(device.kv_cache_bytes, "the pool, as told" if given else "the pool: usable less what comes before it", adds=False)
    for number, text in (
        (blocks, f"blocks in it, each {layout.bytes_per_block:,} bytes"),
        (memory.max_concurrency_x, f"requests of {length:,} tokens at admission, {needed:,} blocks each: what the log prints"),
        (memory.steady_concurrency_x, f"the same while all decode, {steady:,} blocks each"),
    ):
        if number is not None:
            yield Term(number.value, "", text, number.source, adds=False, basis=number.basis)


def _one_request(held: Held) -> Quantity:
    device = held.memory.devices[0]
    before = (device.weights_bytes, device.adapters_bytes, device.draft_bytes, device.compute_buffer_bytes, device.runtime_overhead_bytes)
    taken = [part.value for part in before]
    rest = device.required_bytes.value - sum(taken)
    return Quantity(rest, rest, rest, Basis.EXACT, _PLANNING)


def _gib(quantity: Quantity, text: str, *, adds: bool = True) -> Term:
    return Term(quantity.value / GIB, " GiB", text, quantity.source, adds=adds, basis=quantity.basis)


def _count(value: float, unit: str, text: str) -> Term:
    return Term(value, unit, text, _PLANNING, adds=False, basis=Basis.EXACT)
