"""Fits what vLLM takes beside weights and cache to the start-up logs of the `fit` side, and writes it into the catalog.

What a step of the profiling run and its sampler hold is counted in vLLM's source and not fitted; the rest is, and captured graphs.

`python scripts/fit_memory.py` shows the constants and their errors on both sides; with `--write` they go into
`catalog/calibration/memory.yaml`. The loss is the mean relative error of the pool, groups of like starts counting alike; weights are
those of the log. A constant's range is the 10th to 90th percentile of what is left over.
"""

import argparse
import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import vllm_starts
from vllm_starts import Start

from advisor.catalog import load_catalog
from advisor.domain.memory_constants import Spread, VllmMemoryConstants
from advisor.units import GIB, MIB

TABLE = Path(__file__).parent.parent / "catalog" / "calibration" / "memory.yaml"
STEPS: Mapping[str, Sequence[float]] = {  # what is tried, coarse enough to be no more exact than the logs
    "other_bytes": [step * 16 * MIB for step in range(1, 65)],
    "other_parallel_bytes": [step * 16 * MIB for step in range(1, 97)],
}
_ROUNDS = 6
_OF_STARTS = "scripts/fit_memory.py: {starts} starts of vLLM {oldest} to {newest} in {groups} groups"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, between neighbours in proportion."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    lower = int(position)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (position - lower)


def grouped(starts: Iterable[Start]) -> dict[tuple[str, str, str, int], list[Start]]:
    """Starts by group."""
    groups = defaultdict(list)
    for start in starts:
        groups[start.group].append(start)
    return dict(groups)


def error(start: Start, constants: VllmMemoryConstants, *, logged_weights: bool) -> float:
    """Predicted over logged pool, less one."""
    return start.estimate(constants, logged_weights=logged_weights).devices[0].kv_cache_bytes.value / start.pool_bytes - 1


def fitted(groups: Iterable[list[Start]], first: VllmMemoryConstants) -> VllmMemoryConstants:
    """The values of the least loss, one constant after the other until none moves."""
    groups, constants = list(groups), first
    for _ in range(_ROUNDS):
        before = constants
        for name, steps in STEPS.items():
            constants = min((_with(constants, name, step) for step in steps), key=lambda tried: _loss(groups, tried))
        if constants == before:
            break
    return constants


def _loss(groups: list[list[Start]], constants: VllmMemoryConstants) -> float:
    means = [sum(abs(error(start, constants, logged_weights=True)) for start in group) / len(group) for group in groups]
    return sum(means) / len(means)


def _with(constants: VllmMemoryConstants, name: str, value: float) -> VllmMemoryConstants:
    return dataclasses.replace(constants, **{name: Spread(value, value, value, "")})


def fit(starts: Sequence[Start], first: VllmMemoryConstants) -> VllmMemoryConstants:
    """Values, ranges and sources of everything that the logs tell."""
    groups = grouped(start for start in starts if start.row.split == "fit")
    source = _source(groups)
    best = fitted(groups.values(), first)
    left_over = {several: _left_over(groups, best, several=several) for several in (False, True)}
    found = {}
    for name, several in (("other_bytes", False), ("other_parallel_bytes", True)):
        value = getattr(best, name).value
        ends = [max(value + percentile(left_over[several], share), 0.0) for share in (0.1, 0.9)]
        found[name] = Spread(value, min(ends[0], value), max(ends[1], value), f"{source}; the range is what is left over")
    return dataclasses.replace(first, **found, cuda_graph_bytes=_graphs(starts))


def _left_over(groups: Mapping[object, list[Start]], constants: VllmMemoryConstants, *, several: bool) -> list[float]:
    """Bytes that a group's starts took beyond the prediction, the group's mean."""
    rest = []
    for group in groups.values():
        if (group[0].candidate.parallelism.devices > 1) == several:
            pools = [start.estimate(constants, logged_weights=True).devices[0].kv_cache_bytes.value - start.pool_bytes for start in group]
            rest.append(sum(pools) / len(pools))
    return rest


def _graphs(starts: Sequence[Start]) -> Spread:
    """As logged after capture; less than nothing means that something else was freed meanwhile."""
    groups = grouped(start for start in starts if start.row.split == "fit" and (start.row.cudagraph_gib or 0) > 0)
    sizes = [sum((start.row.cudagraph_gib or 0) * GIB for start in group) / len(group) for group in groups.values()]
    source = f"{_source(groups)} that logged captured graphs, 10th to 90th percentile; since 0.21 their estimate is taken off the pool"
    return Spread(percentile(sizes, 0.5), percentile(sizes, 0.1), percentile(sizes, 0.9), source)


def _source(groups: Mapping[object, list[Start]]) -> str:
    starts = [start for group in groups.values() for start in group]
    versions = sorted(filter(None, (vllm_starts.version_of(start.row) for start in starts)))
    return _OF_STARTS.format(starts=len(starts), groups=len(groups), oldest=versions[0].base_version, newest=versions[-1].base_version)


def line(name: str, spread: Spread) -> str:
    """The constant as the table writes it."""
    value, low, high = (f"{round(number)}" for number in (spread.value, spread.low, spread.high))
    return f'  {name}: {{value: {value}, low: {low}, high: {high}, source: "{spread.source}"}}'


def main() -> None:
    """Fit, show, and write if told."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the constants into the catalog")
    told_to_write = parser.parse_args().write
    compared, _ = vllm_starts.starts()
    constants = fit(compared, load_catalog().memory_constants.vllm)
    text = TABLE.read_text(encoding="utf-8")
    head, separator, vllm = text.partition("\nvllm:\n")
    for name in (*STEPS, "cuda_graph_bytes"):
        print(line(name, getattr(constants, name)))
        vllm = re.sub(rf"(?m)^  {name}: .*$", lambda _, name=name: line(name, getattr(constants, name)), vllm)
    for side in ("fit", "report"):
        for logged in (True, False):
            errors = [abs(error(start, constants, logged_weights=logged)) for start in compared if start.row.split == side]
            shown = f"median {percentile(errors, 0.5):.1%}, 90th percentile {percentile(errors, 0.9):.1%}, worst {max(errors):.1%}"
            print(f"{side}: {len(errors)} starts, {'logged' if logged else 'predicted'} weights: {shown}")
    if told_to_write:
        TABLE.write_text(head + separator + vllm, encoding="utf-8")


if __name__ == "__main__":
    main()
