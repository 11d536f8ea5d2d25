"""What a run should show: the prediction of every number that llama.cpp tells, and the bounds that the plan sets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from advisor.domain.evidence import Source
from advisor.domain.plan import Claim
from advisor.domain.quantity import Basis, Quantity, exact, total
from advisor.engines.llama_cpp_log import ROUNDING_BYTES
from advisor.units import GIB, MIB
from advisor.validation.load import SmokeLoad
from advisor.validation.speed_rule import is_speed, may_gate
from advisor.validation.subject import Subject

_EXACT_PCT: Final = 0.1
_BUFFERS: Final = 3
_MEMORY_PCT: Final = 5.0
_SMALL_MODEL_BYTES: Final = GIB
_SMALL_SLACK_BYTES: Final = 64 * MIB  # allocator, libraries: a fixed cost that 5 % of a small model would not cover
_TOTALS: Final = frozenset({"memory_bytes", "reserved_gib", "required_gib"})
_ALWAYS: Final = frozenset({"starts", "context_per_request_tokens"})


@dataclass(frozen=True, slots=True)
class Expected:
    """One number: what was predicted (None: nothing), what is required, how far off still counts as right, whether it gates."""

    name: str
    predicted: Quantity | None
    at_most: float | None
    at_least: float | None
    tolerance_pct: float
    gates: bool

    @property
    def is_speed(self) -> bool:
        """Speeds depend on the machine and on who else uses it."""
        return is_speed(self.name)


def expectations(subject: Subject, load: SmokeLoad, *, served: bool = False, source: Source = "run") -> tuple[Expected, ...]:
    """The plan's claims first, then the parts of the memory estimate, then steps at each concurrency; no name twice.

    A server (`served`) also has a time to start, and tells the settings that it runs with. `source` is what the evidence is of.
    """
    rows: dict[str, Expected] = {}
    own = _of_a_server(subject) if served else ()
    for row in (*_promises(subject), *own, *_claims(subject, source), *_memory_parts(subject), *_steps(subject, load)):
        rows.setdefault(row.name, row)
    missing = [name for name in subject.required if name not in rows]
    rows |= {name: Expected(name, None, None, None, _MEMORY_PCT, gates=True) for name in missing}
    return tuple(rows.values())


def gating_names(subject: Subject) -> tuple[str, ...]:
    """What has to be proven of a server, speeds that are modelled left out."""
    return tuple(row.name for row in expectations(subject, SmokeLoad((), 0, 0, 0), served=True) if row.gates)


def _promises(subject: Subject) -> Iterable[Expected]:
    """What every plan promises without saying so."""
    yield Expected("starts", exact(1, "the plan"), None, 1, 0.0, gates=True)
    context, longest = subject.memory.context_per_request_tokens, subject.demand.longest_tokens
    needed = min(context, longest)
    yield Expected("context_per_request_tokens", exact(context, "the settings"), None, needed, 0.0, gates=True)


def _of_a_server(subject: Subject) -> Iterable[Expected]:
    yield Expected("settings_as_planned", None, None, 1, 0.0, gates=True)
    yield Expected("start_s", subject.start_s, None, None, 0.0, gates=False)
    memory = subject.memory
    cache = total([*(device.kv_cache_bytes for device in memory.devices), memory.host.kv_cache_bytes], "the whole cache")
    if memory.kv_cache_capacity_tokens.low > 0 and cache.low > 0:
        tokens = memory.kv_cache_capacity_tokens
        each = Quantity(cache.value / tokens.value, cache.low / tokens.low, cache.high / tokens.high, cache.basis, "cache and its tokens")
        # a pool is told by its size, which whole blocks fill but for a part of one
        rest_pct = 100 / memory.num_blocks.low if memory.num_blocks is not None and memory.num_blocks.low > 0 else 0.0
        yield Expected("kv_cache_bytes_per_token", each, None, None, _part_tolerance_pct(subject, cache) + rest_pct, gates=False)


def _claims(subject: Subject, source: Source) -> Iterable[Expected]:
    for name, claim in subject.claims.items():
        speed = is_speed(name)
        gates = (name in subject.required or name in _ALWAYS) and may_gate(name, claim, [source])
        predicted = claimed(claim)
        tolerance = (
            _total_tolerance_pct(subject, predicted.value * GIB) if name in _TOTALS else _part_tolerance_pct(subject, predicted, unit=GIB)
        )
        # a simulated load is not what a smoke benchmark repeats: its speeds are not held against the claim's expectation
        yield Expected(name, None if speed else predicted, claim.at_most, claim.at_least, tolerance, gates)


def claimed(claim: Claim) -> Quantity:
    """What the plan predicts, with its range."""
    low = claim.expect if claim.low is None else min(claim.low, claim.expect)
    high = claim.expect if claim.high is None else max(claim.high, claim.expect)
    return Quantity(claim.expect, low, high, claim.basis, "plan")


def _memory_parts(subject: Subject) -> Iterable[Expected]:
    """Summed over devices and host: one process holds them all on a CPU."""
    host, devices = subject.memory.host, subject.memory.devices
    parts: dict[str, Quantity] = {}
    for name in ("weights_bytes", "kv_cache_bytes", "recurrent_state_bytes", "compute_buffer_bytes", "output_buffer_bytes"):
        parts[name] = total([*(getattr(device, name) for device in devices), getattr(host, name)], name)
    parts["repacked_weights_bytes"] = host.repacked_weights_bytes
    if subject.planned.engine.name == "vllm":  # a few processes of Python and PyTorch are no rounding error
        overheads = [*(device.runtime_overhead_bytes for device in devices), host.runtime_overhead_bytes]
        parts["runtime_overhead_bytes"] = total(overheads, "runtime_overhead_bytes")
    for name, quantity in parts.items():
        yield Expected(name, quantity, None, None, _part_tolerance_pct(subject, quantity), gates=False)
    yield from _pool(subject)
    whole = total(parts.values(), "sum of the parts")
    usable_bytes = sum(device.usable_bytes.value for device in devices)
    yield Expected("memory_bytes", whole, usable_bytes, None, _total_tolerance_pct(subject, whole.value), gates=True)


def _pool(subject: Subject) -> Iterable[Expected]:
    """What vLLM's log and metrics tell about its pool."""
    memory = subject.memory
    for name, quantity in (("num_blocks", memory.num_blocks), ("max_concurrency_x", memory.max_concurrency_x)):
        if quantity is not None:
            tolerance = _EXACT_PCT if quantity.basis is Basis.EXACT else _MEMORY_PCT
            yield Expected(name, quantity, None, None, tolerance, gates=False)


def _total_tolerance_pct(subject: Subject, whole_bytes: float) -> float:
    """5 %; a small model may be off by a fixed cost besides."""
    weights_bytes = sum(device.weights_bytes.value for device in subject.memory.devices)
    small = weights_bytes < _SMALL_MODEL_BYTES and whole_bytes > 0
    return _MEMORY_PCT + (100 * _SMALL_SLACK_BYTES / whole_bytes if small else 0.0)


def _part_tolerance_pct(subject: Subject, quantity: Quantity, unit: int = 1) -> float:
    """Exact numbers are right to what the log rounds off, in each of a few buffers; others within the memory tolerance."""
    if quantity.basis is not Basis.EXACT:
        return _MEMORY_PCT
    return max(_EXACT_PCT, 100 * _rounding_bytes(subject) / (quantity.value * unit)) if quantity.value else 0.0


def _rounding_bytes(subject: Subject) -> float:
    """What a log rounds off: llama.cpp 0.005 MiB in each of a few buffers, vLLM 0.005 GiB."""
    return 0.005 * GIB if subject.planned.engine.name == "vllm" else _BUFFERS * ROUNDING_BYTES


def _steps(subject: Subject, load: SmokeLoad) -> Iterable[Expected]:
    """Like for like: the same steps that the benchmark takes."""
    for sequences in load.concurrency:
        step = subject.steps.decode(sequences, load.context_tokens).value_s
        prompts = subject.steps.prefill(load.prompt_tokens).value_s.times(sequences)
        yield Expected(f"tpot_s at {sequences}", step, None, None, 0.0, gates=False)
        yield Expected(f"ttft_s at {sequences}", prompts, None, None, 0.0, gates=False)
