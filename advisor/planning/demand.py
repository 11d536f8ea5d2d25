"""Fills the gaps of a workload from its task's preset, and records each filling: an assumption nobody confirmed is still an assumption."""

from dataclasses import dataclass, replace

from advisor.domain.demand import Demand, Lengths
from advisor.domain.preset import Preset
from advisor.domain.quantity import InputBasis
from advisor.domain.workload import Load, TokenLengths, Workload


@dataclass(frozen=True, slots=True)
class Assumption:
    """One input that its owner did not state: where it belongs, what was taken instead, and on which basis."""

    path: str
    text: str
    basis: InputBasis


def complete(workload: Workload, preset: Preset) -> tuple[Demand, tuple[Assumption, ...]]:
    """The demand of a workload, and what had to be assumed for it."""
    assumptions = [Assumption(path, _stated_at(workload, path), InputBasis.ASSUMED) for path in workload.assumed]
    load, from_preset = _load(workload.load, preset)
    inputs, more = _lengths("request.input_tokens", workload.request.input_tokens, preset.input_tokens)
    outputs, most = _lengths("request.output_tokens", workload.request.output_tokens, preset.output_tokens)
    demand = Demand(
        load=load,
        input_tokens=inputs,
        output_tokens=outputs,
        shared_prefix_tokens=workload.request.shared_prefix_tokens,
        requests_per_month=workload.volume.requests_per_day * workload.volume.days_per_month if workload.volume else None,
        replicas_down=workload.service_level.with_replicas_down,
        running=workload.running,
    )
    return demand, (*assumptions, *from_preset, *more, *most)


def _stated_at(workload: Workload, path: str) -> str:
    """What the file says at a dotted path: `pause_s 120`."""
    value: object = workload
    for name in path.split("."):
        value = getattr(value, name, None)
    name = path.rpartition(".")[2]
    return f"{name} {value:g}" if isinstance(value, int | float) else name


def _load(load: Load, preset: Preset) -> tuple[Load, list[Assumption]]:
    if load.users is None or load.users.pause_s is not None:
        return load, []
    users = replace(load.users, pause_s=preset.pause_s)
    text = f"pause {preset.pause_s:g} s between requests"
    return replace(load, users=users), [_from_preset("load.users.pause_s", text, preset)]


def usual_lengths(given: TokenLengths, usual: Lengths) -> Lengths:
    """The given lengths; what is not given keeps the preset's proportion."""
    p95 = given.p95 or max(given.p50, round(given.p50 * usual.p95 / usual.p50))
    longest = given.max or max(p95, round(p95 * usual.max / usual.p95))
    return Lengths(given.p50, p95, longest)


def _lengths(path: str, given: TokenLengths, usual: Lengths) -> tuple[Lengths, list[Assumption]]:
    lengths = usual_lengths(given, usual)
    filled = [(name, value) for name, value, stated in (("p95", lengths.p95, given.p95), ("max", lengths.max, given.max)) if stated is None]
    texts = [
        Assumption(f"{path}.{name}", f"{path.split('.')[1]} {name} {value:,}, in the preset's proportion", InputBasis.PRESET)
        for name, value in filled
    ]
    return lengths, texts


def _from_preset(path: str, text: str, preset: Preset) -> Assumption:
    return Assumption(path, f'{text} (preset "{preset.task}")', InputBasis.PRESET)
