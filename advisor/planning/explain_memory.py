"""Where the bytes go: the components of the fullest device or of the host, with what each was computed from."""

from collections.abc import Callable, Iterator

from advisor.assess import Case, Sized
from advisor.domain.assessment import Assessment
from advisor.domain.estimate import DeviceMemory, HostMemory
from advisor.planning.term import Term
from advisor.units import GIB

Terms = Callable[[Case, Assessment, Sized], Iterator[Term]]
_DEVICE = ("weights", "adapters", "draft", "recurrent_state", "compute_buffer", "output_buffer", "runtime_overhead")
_HOST = ("weights", "repacked_weights", "adapters", "kv_cache", "recurrent_state", "compute_buffer", "output_buffer", "runtime_overhead")


def weights_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """Parameters and format; the sum over tensors is the estimate's own."""
    candidate, device = sized.candidate, _fullest(sized)
    model, checkpoint = candidate.model, candidate.checkpoint
    architecture = model.architecture
    gib = device.weights_bytes.value / GIB
    bits = device.weights_bytes.value * 8 * len(sized.memory.devices) / architecture.parameters_total
    text = f"{architecture.parameters_total:,} parameters in {architecture.layers} layers as {checkpoint.quantization}"
    spread = f", spread over {len(sized.memory.devices)} devices" if len(sized.memory.devices) > 1 else ""
    yield Term(gib, " GiB", f"{text}{spread}: {bits:.2f} bits each on devices", device.weights_bytes.source)


def device_terms(claim: str) -> Terms:
    """The fullest device's components; `required` holds one request of full length, `reserved` the whole cache."""

    def terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
        device = _fullest(sized)
        yield from _components(device, _DEVICE)
        total = device.reserved_bytes if claim.startswith("reserved") else device.required_bytes
        rest_gib = (total.value - sum(getattr(device, f"{name}_bytes").value for name in _DEVICE)) / GIB
        pool = device.kv_cache_bytes.value / GIB
        what = "the cache" if abs(rest_gib - pool) < 0.01 else "the cache of one request of the full length"
        per_token = sized.memory.kv_cache_bytes_per_token
        yield Term(rest_gib, " GiB", f"{what}, {per_token.value:,.0f} bytes a token", device.kv_cache_bytes.source)
        yield Term(device.usable_bytes.value / GIB, " GiB", "usable", device.usable_bytes.source, adds=False)

    return terms


def host_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The host's components that are not zero."""
    host = sized.memory.host
    yield from _components(host, _HOST)
    cache, usable = host.prompt_cache_bytes, host.usable_bytes
    if cache.value:
        yield Term(cache.value / GIB, " GiB", "prompt cache, at most, beside it", cache.source, adds=False)
    if host.context_checkpoints_bytes.value:
        copies = host.context_checkpoints_bytes
        yield Term(copies.value / GIB, " GiB", "context checkpoints, at most, beside it", copies.source, adds=False)
    yield Term(usable.value / GIB, " GiB", "usable", usable.source, adds=False)


def capacity_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """The cache: tokens times bytes a token."""
    cache, token = _fullest(sized).kv_cache_bytes, sized.memory.kv_cache_bytes_per_token
    held = sized.memory.kv_cache_capacity_tokens
    yield Term(cache.value / GIB, " GiB", "the cache on a device", cache.source, adds=False)
    yield Term(token.value, " bytes", "one more token on a device, at full length", token.source, adds=False)
    yield Term(held.value, " tokens", "held", held.source, adds=False)


def held_terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
    """How many typical requests the cache holds."""
    yield from capacity_terms(case, assessment, sized)
    demand, held = case.demand, sized.memory.requests_held_typical
    text = f"a typical request: {demand.input_tokens.p50:,} in + {demand.output_tokens.p50:,} out"
    yield Term(demand.typical_tokens, " tokens", text, held.source, adds=False)


def _fullest(sized: Sized) -> DeviceMemory:
    return max(sized.memory.devices, key=lambda device: device.required_bytes.value - device.usable_bytes.value)


def _components(memory: DeviceMemory | HostMemory, names: tuple[str, ...]) -> Iterator[Term]:
    for name in names:
        number = getattr(memory, f"{name}_bytes")
        if number.value:
            yield Term(number.value / GIB, " GiB", name.replace("_", " "), number.source)
