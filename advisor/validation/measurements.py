"""A validator's raw report as named numbers: bytes the engine allocated, tokens it serves, seconds of its steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median, quantiles
from typing import Any

from advisor.domain.evidence import DeviceSeen
from advisor.engines.llama_cpp_log import parse_log
from advisor.errors import EngineFailed
from advisor.units import GIB
from advisor.validation.contention import Contention, judge_contention


@dataclass(frozen=True, slots=True)
class Speed:
    """Steps at one concurrency over all repeats: the median seconds of a step, and the wait for the first token of a burst.

    `last_first_token_s` is the median over repeats of the last sequence's first token: the time of all prompts together.
    """

    concurrency: int
    step_s: float
    last_first_token_s: float
    first_token_p95_s: float
    output_tokens_per_s: float
    repeats: int


@dataclass(frozen=True, slots=True)
class Measurements:
    """What a run showed. `values` are by claim name, in the claim's unit; what was not seen is absent."""

    engine: dict[str, Any]
    values: dict[str, float]
    speeds: tuple[Speed, ...]
    incomplete: tuple[int, ...]  # concurrencies that the time limit cut short
    memory: dict[str, float]
    contention: Contention
    ignored_settings: tuple[str, ...]
    differing_settings: tuple[str, ...] = ()  # what the engine took instead of the planned, in words
    devices: tuple[DeviceSeen, ...] | None = None


def read_report(report: Mapping[str, Any]) -> Measurements:
    """Raises EngineFailed for a report that lacks what a run must show."""
    try:
        runs = sorted(report["benchmark"], key=lambda run: int(run["concurrency"]))
        broken = [run for run in runs if run["logits_finite"] is False]
        speeds, incomplete = read_speeds(runs)
        measured = Measurements(
            engine=dict(report["engine"]),
            values=_values(report),
            speeds=speeds,
            incomplete=incomplete,
            memory=_memory(report["memory"]),
            contention=judge_contention(report["contention"], runs),
            ignored_settings=tuple(report["ignored_settings"]),
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise EngineFailed(f"the validator's report lacks or misshapes {error}: it does not belong to this version") from None
    if broken:
        raise EngineFailed("the engine loaded the model but computed numbers that are none (not finite): damaged weights or a broken build")
    return measured


def _values(report: Mapping[str, Any]) -> dict[str, float]:
    log, context, memory = parse_log(report["log"]), report["context"], report["memory"]
    resident, start = memory["end"]["resident_bytes"], memory["start"]["resident_bytes"]
    state = log.recurrent_state_bytes or 0.0
    seen: dict[str, float | None] = {
        "starts": 1.0,
        "context_per_request_tokens": context["n_ctx_seq"] or context["n_ctx"],
        "kv_capacity_tokens": context["n_ctx"],
        "weights_bytes": report["model"]["tensor_bytes"],
        "kv_cache_bytes": 0.0 if log.kv_cache_bytes is None and state else log.kv_cache_bytes,
        "recurrent_state_bytes": state if log.kv_cache_bytes is not None or state else None,
        "compute_buffer_bytes": sum(log.compute_buffer_bytes.values()) if log.compute_buffer_bytes else None,
        "output_buffer_bytes": sum(log.output_buffer_bytes.values()) if log.output_buffer_bytes else None,
        "repacked_weights_bytes": log.repacked_bytes if log.weights_bytes else None,
        "memory_bytes": resident - start if resident is not None and start is not None else None,
        "reserved_bytes": resident,
        "required_bytes": resident - log.repacked_bytes if resident is not None else None,  # mapped originals may be evicted
    }
    known = {name: float(value) for name, value in seen.items() if value is not None}
    in_gib = {name.replace("_bytes", "_gib"): value / GIB for name, value in known.items() if name.endswith("_bytes")}
    return known | in_gib


def _memory(told: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """`loaded_anonymous_bytes` and the like, each over the interpreter's own before it loaded anything."""
    base = told["start"]
    kinds = ("anonymous_bytes", "file_bytes", "resident_bytes")
    result = {f"start_{kind}": float(value) for kind in kinds if (value := base[kind]) is not None}
    for stage in ("loaded", "context", "end"):
        for kind in kinds:
            now, before = told[stage][kind], base[kind]
            if now is not None and before is not None:
                result[f"{stage}_{kind}"] = float(now - before)
    return result


def read_speeds(runs: Sequence[Mapping[str, Any]]) -> tuple[tuple[Speed, ...], tuple[int, ...]]:
    """Of runs sorted by concurrency: the speed at each, and the concurrencies at which no repeat was finished."""
    speeds, incomplete = [], []
    for concurrency, group in groupby(runs, key=lambda run: run["concurrency"]):
        complete = [run for run in group if run["complete"] and run["steps_s"]]
        if complete:
            speeds.append(_speed(int(concurrency), complete))
        else:
            incomplete.append(int(concurrency))
    return tuple(speeds), tuple(incomplete)


def _speed(concurrency: int, runs: Sequence[Mapping[str, Any]]) -> Speed:
    step_s = median(seconds for run in runs for seconds in run["steps_s"])
    first = [seconds for run in runs for seconds in run["first_token_s"]]
    return Speed(
        concurrency=concurrency,
        step_s=step_s,
        last_first_token_s=median(run["first_token_s"][-1] for run in runs),
        first_token_p95_s=quantiles(first, n=20, method="inclusive")[-1] if len(first) > 1 else first[0],
        output_tokens_per_s=concurrency / step_s if step_s > 0 else 0.0,  # tokens that all came at once tell no rate
        repeats=len(runs),
    )
