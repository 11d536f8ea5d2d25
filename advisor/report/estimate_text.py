"""An estimate for the terminal: what it is of, whether it fits, where the bytes are, how fast, how dear. 80 columns, no colour."""

import textwrap
from collections.abc import Iterable, Iterator

from advisor.domain.estimate import CostEstimate, DeviceMemory, HostMemory, MemoryEstimate, Percentiles, PerformanceEstimate
from advisor.domain.quantity import Basis, Quantity
from advisor.engines.settings import flags_of
from advisor.engines.settings_vllm import RunsOn
from advisor.intake.estimation import EstimateAnswer
from advisor.report.witness_text import testimony_lines
from advisor.units import GIB, MIB, significant, size_unit, time_unit

FITS = {True: "fits", False: "does not fit", None: "may not fit: the range straddles the limit"}
_WIDTH = 80
_PARTS = (
    "weights",
    "repacked_weights",
    "adapters",
    "draft",
    "kv_cache",
    "recurrent_state",
    "compute_buffer",
    "output_buffer",
    "prompt_cache",
    "shared_memory",
    "runtime_overhead",
)


def estimate_text(answer: EstimateAnswer) -> str:
    """The whole report, ending without a line break."""
    return "\n".join(_lines(answer))


def _lines(answer: EstimateAnswer) -> Iterator[str]:
    estimate = answer.estimate
    yield from _head(answer)
    yield ""
    yield from _memory(estimate.memory)
    yield from _cache(estimate.memory, answer.request_tokens)
    yield from _beyond_the_model(answer)
    if answer.testimony is not None:
        yield ""
        yield "Asked   the engine itself"
        for line in testimony_lines(answer.testimony):
            yield from textwrap.wrap(line, 80, initial_indent="  ", subsequent_indent="    ")
    if answer.request_tokens is not None:
        yield ""
        yield from _speed(estimate.performance, answer.start_s)
    if estimate.cost is not None:
        yield ""
        yield from _money(estimate.cost)
    yield ""
    yield from _settings(answer)


def _head(answer: EstimateAnswer) -> Iterator[str]:
    candidate = answer.candidate
    runtime, checkpoint, node = candidate.runtime, candidate.checkpoint, candidate.node
    made = "" if checkpoint.published else " (not published, bytes computed)"
    yield f"{answer.model.id} {checkpoint.quantization}{made}"
    host = ", host assumed" if node.assumed_host else ""
    yield f"{runtime.runtime} {runtime.version} ({runtime.backend}) on {candidate.parallelism.devices} x {node.device.id}{host}"


def _memory(memory: MemoryEstimate) -> Iterator[str]:
    yield f"Memory  {FITS[memory.fits]}"
    for group in _equal_devices(memory.devices):
        count = f"{len(group)} x " if len(group) > 1 else ""
        yield f"  {count}{group[0].device}"
        yield from _parts(group[0])
    if any(_shown(part) for _, part in _quantities(memory.host)):
        yield "  host"
        yield from _parts(memory.host)


def _equal_devices(devices: tuple[DeviceMemory, ...]) -> list[list[DeviceMemory]]:
    groups: list[list[DeviceMemory]] = []
    for device in devices:
        if groups and _parts_of(groups[-1][0]) == _parts_of(device):
            groups[-1].append(device)
        else:
            groups.append([device])
    return groups


def _parts_of(memory: DeviceMemory) -> tuple[Quantity, ...]:
    return tuple(part for _, part in _quantities(memory))


def _quantities(memory: DeviceMemory | HostMemory) -> Iterator[tuple[str, Quantity]]:
    for name in _PARTS:
        part = getattr(memory, f"{name}_bytes", None)
        if part is not None:
            yield name.replace("_", " "), part


def _parts(memory: DeviceMemory | HostMemory) -> Iterator[str]:
    rows = [(name, part) for name, part in _quantities(memory) if _shown(part)]
    rows.append(("required", memory.required_bytes))
    if isinstance(memory, DeviceMemory):
        rows.append(("reserved", memory.reserved_bytes))
    rows.append(("usable", memory.usable_bytes))
    for name, part in rows:
        yield f"    {name:<18}{_amount(part)}"


def _shown(part: Quantity) -> bool:
    return part.high > 0


def _amount(part: Quantity) -> str:
    """Bytes and their range in one unit: MiB below one GiB."""
    scale, unit = size_unit(part.value)
    digits = 0 if 10 * MIB <= part.value < GIB else 2
    shown = f"{part.value / scale:,.{digits}f} {unit}"
    if part.low == part.high:
        return f"{shown:>12}  {part.basis}"
    return f"{shown:>12}  ({part.low / scale:,.{digits}f}-{part.high / scale:,.{digits}f}, {part.basis})"


def _cache(memory: MemoryEstimate, request_tokens: int | None) -> Iterator[str]:
    yield f"  cache holds       {_count(memory.kv_cache_capacity_tokens, 'tokens')}"
    yield f"  one more token    {_count(memory.kv_cache_bytes_per_token, 'bytes')}"
    yield f"  one request       up to {memory.context_per_request_tokens:,} tokens, {memory.parallel_requests:,} requests at once"
    if memory.max_concurrency_x is not None:
        length = f"{memory.context_per_request_tokens:,}"
        yield f"  expect in the log  Maximum concurrency for {length} tokens per request: {_times(memory.max_concurrency_x)}"
    if request_tokens is not None:
        yield f"  held at once      {_count(memory.requests_held_typical, f'requests of {request_tokens:,} tokens')}"


def _beyond_the_model(answer: EstimateAnswer) -> Iterator[str]:
    """The arithmetic holds for any length, vLLM starts with no more than the model's own; llama-server caps a slot at it by itself."""
    asked, most = answer.estimate.memory.context_per_request_tokens, answer.model.architecture.max_context_tokens
    if answer.candidate.runtime.engine == "vllm" and asked > most > 0:
        yield f"  watch             {asked:,} tokens are beyond the model's {most:,} positions: vLLM refuses to start [MOD012]"


def _count(quantity: Quantity, unit: str) -> str:
    if quantity.low == quantity.high:
        return f"{quantity.value:,.0f} {unit} ({quantity.basis})"
    return f"{quantity.value:,.0f} {unit} ({quantity.low:,.0f}-{quantity.high:,.0f}, {quantity.basis})"


def _times(quantity: Quantity) -> str:
    if quantity.basis is Basis.EXACT:
        return f"{quantity.value:.2f}x"
    return f"about {significant(quantity.value)}x ({significant(quantity.low)}-{significant(quantity.high)})"


def _speed(performance: PerformanceEstimate | None, start_s: Quantity) -> Iterator[str]:
    if performance is None:
        yield "Speed   not estimated: it does not start"
        return
    most = f"saturated: more is asked than the {significant(performance.capacity_requests_per_s.value)} requests/s that it serves at most"
    yield f"Speed   {most if performance.saturated else 'keeps up'}"
    yield f"  {'':<16}{'p50':<32}p95"
    for name, percentiles in _latencies(performance):
        yield f"  {name:<16}{_seconds(percentiles)}"
    rates = (("output", performance.output_tokens_per_s, " tokens/s"), ("served", performance.requests_per_s, " requests/s"))
    for name, rate, unit in rates:
        yield f"  {name:<16}{rate.show(unit)}"
    yield f"  {'at once':<16}{_busy(performance)}"
    if performance.failed_share.value > 0:
        yield f"  {'fail':<16}{performance.failed_share.times(100).show(' %')} of the requests: the shared context runs out"
    yield f"  {'start':<16}{start_s.show(' s')}"
    if performance.scaled_by:
        yield from textwrap.wrap(f"  {'scaled by':<16}{performance.scaled_by}", _WIDTH, subsequent_indent=" " * 18)


def _latencies(performance: PerformanceEstimate) -> tuple[tuple[str, Percentiles], ...]:
    return (
        ("first token", performance.ttft_s),
        ("per token", performance.tpot_s),
        ("between tokens", performance.itl_s),
        ("request", performance.e2e_s),
    )


def _busy(performance: PerformanceEstimate) -> str:
    """`17 in service, 0.2 waiting, cache 29 % full, 0.07 preemptions a request`."""
    parts = [f"{significant(performance.in_flight.value)} in service", f"{significant(performance.queued.value)} waiting"]
    parts.append(f"cache {performance.kv_cache_used_share.value * 100:.0f} % full")
    if performance.preemptions_per_request.value > 0:
        parts.append(f"{significant(performance.preemptions_per_request.value)} preemptions a request")
    return ", ".join(parts)


def _seconds(percentiles: Percentiles) -> str:
    return f"{_time(percentiles.p50):<32}{_time(percentiles.p95)}"


def _time(seconds: Quantity) -> str:
    scale, unit = time_unit(seconds.value)
    return seconds.times(1 / scale).show(f" {unit}")


def _money(cost: CostEstimate) -> Iterator[str]:
    yield f"Cost    {cost.basis_text}"
    rows = (
        ("per month", cost.usd_per_month),
        ("per request", cost.usd_per_request),
        ("  at capacity", cost.usd_per_request_at_capacity),
        ("per Mtok input", cost.usd_per_million_input_tokens),
        ("per Mtok output", cost.usd_per_million_output_tokens),
    )
    for name, amount in rows:
        if amount is not None:
            yield f"  {name:<16}{amount.show(' USD')}"


def _settings(answer: EstimateAnswer) -> Iterator[str]:
    candidate = answer.candidate
    on = RunsOn(candidate.model.architecture, candidate.node.device, candidate.runtime.backend, candidate.parallelism)
    flags = flags_of(candidate.settings, answer.record, candidate.runtime.runtime, parallelism=candidate.parallelism, on=on)
    yield "Settings that decide it, defaults included (--format json shows all)"
    yield from _wrapped(f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in flags.items())


def _wrapped(words: Iterable[str]) -> Iterator[str]:
    line = " "
    for word in words:
        if len(line) + 1 + len(word) > 80:
            yield line
            line = " "
        line += f" {word}"
    yield line
