"""llama.cpp's step times on the columns of all cases, as a function of the constants to be fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from advisor.accuracy.case import Case, CaseMetric
from advisor.accuracy.llama_cpp_cases import decode_context_tokens, is_bench
from advisor.accuracy.llama_cpp_physics import prompts
from advisor.domain.calibration import LlamaCppCalibration, Metric
from advisor.estimate.llama_cpp_parts import (
    DecodeWork,
    LlamaCppConstants,
    PromptWork,
    ReplicaTraits,
    cache_s,
    decode_parts,
    llama_cpp_rates,
    prompt_parts,
)
from advisor.estimate.llama_cpp_replica import llama_cpp_replica
from advisor.estimate.step_time_llama_cpp import backend_of, build_factor, cell_of, format_of
from fit_step_time.columns import stacked
from fit_step_time.observations import Array, Observation, Observations, observations
from fit_step_time.optimise import Constants, Predict, Prior

SIGMA: Final = 0.15
NO_CELL: Final = "none"

SHARED: Final = (
    Prior("unpack_exponent", 0.3, 0.5, "more memory channels come with more units to unpack"),
    Prior("kv_efficiency", 0.65, 0.2),
    Prior("step_s", 200e-6, 0.7, "one graph launch, sampling"),
    Prior("build_layer_factor", 1.5, 0.3, "before CUDA graphs"),
    Prior("moe_layer_factor", 3.0, 0.5, "router, sorting and three matrices of experts"),
    Prior("state_layer_factor", 1.0, 0.5),
    Prior("latent_layer_factor", 2.0, 0.5),
    Prior("batch_moe_factor", 0.7, 0.5),
    Prior("batch_norm", 1.4, 0.15),
    Prior("prefill_norm", 1.5, 0.15),
    Prior("host_bandwidth_efficiency", 0.8, 0.15),
    Prior("host_unpack_s", 3e-12, 0.5, "eight cores of a laptop, as a CPU of 0.8 TFLOP/s"),
    Prior("host_layer_s", 100e-6, 0.5),
    Prior("link_efficiency", 0.9, 0.1),
    Prior("host_flops_per_byte", 5.0, 0.5, "two Zen 4 cores: 0.24-0.38 TFLOP/s of prompt at 47 GB/s"),
    Prior("reached_bandwidth", 0.75, 0.15, "STREAM on desktop DDR5"),
)
OF_BACKEND: Final = (
    Prior("unpack_s", 0.6e-12, 0.5, "a few instructions a weight on 10^12 lanes a second"),
    Prior("layer_s", 12e-6, 0.7, "some ten launches"),
    Prior("prefill_mfu", 0.3, 0.5),
    Prior("prefill_moe_factor", 0.45, 0.35),
    Prior("attention_mfu", 0.3, 0.6),
    Prior("prefill_layer_s", 100e-6, 0.7),
    Prior("batch_mfu", 0.08, 0.6),
)
OF_CPU: Final = {  # a CPU's peak is that of its vectors in 32 bits: integer products do up to four times as much
    "unpack_s": Prior("unpack_s", 2.2e-12, 0.3, "two Zen 4 cores 1.3-2.2, two AMX cores 2.8"),
    "layer_s": Prior("layer_s", 40e-6, 0.4, "threads meet after each of some ten operations"),
    "prefill_mfu": Prior("prefill_mfu", 1.5, 0.12, "short prompts: two Zen 4 cores 0.30 of 0.24 TFLOP/s, two AMX cores 0.30 of 0.17"),
    "batch_mfu": Prior("batch_mfu", 0.7, 0.3, "0.5B on two Zen 4 cores, batch 16"),
    "attention_mfu": Prior("attention_mfu", 0.06, 0.4),
    "prefill_layer_s": Prior("prefill_layer_s", 50e-6, 0.7),
}
OF_FORMAT: Final = (Prior("unpack", 1.0, 0.5), Prior("prefill", 1.0, 0.22))
OF_CELL: Final = (Prior("unpack", 1.0, 0.6), Prior("prefill", 1.0, 0.4))


@dataclass(frozen=True, slots=True)
class Columns:
    """Everything about the cases that no constant changes."""

    cases: tuple[Case, ...]
    decode_rows: Array  # of the observations
    prefill_rows: Array
    traits: ReplicaTraits
    decode: DecodeWork
    prompt: PromptWork
    device_cache_bytes: Array  # of one sequence
    host_cache_bytes: Array
    sequences: Array
    backend: tuple[str, ...]
    format: tuple[str, ...]
    cell: tuple[str, ...]
    old: Array  # 1 for a build of before the newest generation
    cpu: Array
    observed: Observations


def fit_cases(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Runs without a client, with a metric that may be compared."""
    return tuple(case for case in cases if is_bench(case) and (metric(case, "tpot_s") or metric(case, "prefill_s")))


def metric(case: Case, name: CaseMetric) -> float | None:
    """What was measured, unless physics says that it was something else."""
    return None if name in case.unreliable else case.measured.get(name)


def columns(cases: Sequence[Case], calibration: LlamaCppCalibration) -> Columns:
    """The columns of some cases; of the calibration only classes, formats and assumptions are used, no fitted value."""
    per_byte, of_cpu = calibration.flops_per_byte, calibration.cpu.flops_per_byte
    replicas = [llama_cpp_replica(c.candidate, c.weights, flops_per_byte=per_byte, cpu_flops_per_byte=of_cpu) for c in cases]
    caches = [r.cache_bytes(decode_context_tokens(c)) for c, r in zip(cases, replicas, strict=True)]
    decode_rows = [i for i, case in enumerate(cases) if metric(case, "tpot_s")]
    prefill_rows = [i for i, case in enumerate(cases) if metric(case, "prefill_s")]
    rows = [_observation(cases[i], "decode") for i in decode_rows] + [_observation(cases[i], "prefill") for i in prefill_rows]
    cells = [cell_of(case.candidate, calibration) for case in cases]
    return Columns(
        cases=tuple(cases),
        decode_rows=np.array(decode_rows),
        prefill_rows=np.array(prefill_rows),
        traits=stacked([replica.traits for replica in replicas]),
        decode=stacked([replica.decode_work(case.in_flight or 1) for case, replica in zip(cases, replicas, strict=True)]),
        prompt=stacked(
            [r.prompt_work(prompts(c) * c.input_tokens, c.depth_tokens, prompts(c)) for c, r in zip(cases, replicas, strict=True)]
        ),
        device_cache_bytes=np.array([on_device for on_device, _ in caches]),
        host_cache_bytes=np.array([on_host for _, on_host in caches]),
        sequences=np.array([float(case.in_flight or 1) for case in cases]),
        backend=tuple(backend_of(case.candidate) for case in cases),
        format=tuple(format_of(calibration, case.quantization).name for case in cases),
        cell=tuple(cell.name if cell else NO_CELL for cell in cells),
        old=np.array([float(is_old(case, calibration)) for case in cases]),
        cpu=np.array([float(case.candidate.on_cpu) for case in cases]),
        observed=observations(rows),
    )


def is_old(case: Case, calibration: LlamaCppCalibration) -> bool:
    """A build of before the newest generation."""
    return build_factor(case.candidate, calibration) != 1.0


def _observation(case: Case, name: Metric) -> Observation:
    measured = metric(case, "tpot_s" if name == "decode" else "prefill_s") or 0.0
    settings = (case.candidate.runtime.backend, case.quantization.id, case.row.series_id)  # type: ignore[union-attr]
    load = (case.in_flight or 1) * 1e9 + case.depth_tokens + case.input_tokens
    return Observation(name, case.group, settings, load, measured, SIGMA)


def priors(data: Columns) -> tuple[Prior, ...]:
    """Every constant that some row may tell something of, named `constant.of`."""
    found = list(SHARED)
    for backend in sorted(set(data.backend)):
        own = OF_CPU if backend == "cpu" else {}
        found += [_of(own.get(prior.name, prior), backend) for prior in OF_BACKEND]
    for name in sorted(set(data.format)):
        found += [_of(prior, f"format {name}") for prior in OF_FORMAT]
    for name in sorted(set(data.cell) - {NO_CELL, "cpu"}):
        found += [_of(prior, f"cell {name}") for prior in OF_CELL]
    return tuple(found)


def _of(prior: Prior, thing: str) -> Prior:
    return Prior(f"{prior.name}.{thing}", prior.value, prior.sigma, prior.why)


class _Gather:
    """A constant of each row, by the thing that the row belongs to."""

    def __init__(self, things: Sequence[str]) -> None:
        self.names = sorted(set(things))
        self.index = np.array([self.names.index(thing) for thing in things])

    def __call__(self, found: Constants, name: str, prefix: str = "") -> Array:
        return np.array([found.get(f"{name}.{prefix}{thing}", 1.0) for thing in self.names])[self.index]


def predictor(data: Columns) -> Predict:
    """Logarithms of predicted times: of a decode step of the cases that have one, then of their prompts."""
    backend, cell, weights = _Gather(data.backend), _Gather(data.cell), _Gather(data.format)

    def predict(found: Constants) -> Array:
        rates = llama_cpp_rates(data.traits, _constants(data, found, backend, cell, weights))
        decode = sum(decode_parts(data.decode, rates).values())
        decode = decode + data.sequences * cache_s(data.device_cache_bytes, data.host_cache_bytes, rates)
        prompt = sum(prompt_parts(data.prompt, rates).values())
        return np.concatenate((np.log(decode[data.decode_rows]), np.log(prompt[data.prefill_rows])))

    return predict


def _constants(data: Columns, found: Constants, backend: _Gather, cell: _Gather, weights: _Gather) -> LlamaCppConstants:
    """The constants of each row."""
    return LlamaCppConstants(
        reached_bandwidth=np.where(data.cpu, found["reached_bandwidth"], 1.0),
        unpack_s=backend(found, "unpack_s"),
        unpack_exponent=np.where(data.cpu, 1.0, found["unpack_exponent"]),
        class_unpack=cell(found, "unpack", "cell "),
        format_unpack=weights(found, "unpack", "format ") ** (1 - data.cpu),
        kv_efficiency=found["kv_efficiency"],
        step_s=found["step_s"],
        layer_s=backend(found, "layer_s"),
        build_layer_factor=found["build_layer_factor"] ** data.old,
        moe_layer_factor=found["moe_layer_factor"],
        state_layer_factor=found["state_layer_factor"],
        latent_layer_factor=found["latent_layer_factor"],
        batch_mfu=backend(found, "batch_mfu"),
        batch_moe_factor=found["batch_moe_factor"],
        batch_norm=found["batch_norm"],
        prefill_mfu=backend(found, "prefill_mfu"),
        class_prefill=cell(found, "prefill", "cell "),
        format_prefill=weights(found, "prefill", "format ") ** (1 - data.cpu),
        prefill_moe_factor=backend(found, "prefill_moe_factor"),
        prefill_norm=found["prefill_norm"],
        attention_mfu=backend(found, "attention_mfu"),
        prefill_layer_s=backend(found, "prefill_layer_s"),
        host_bandwidth_efficiency=found["host_bandwidth_efficiency"],
        host_unpack_s=found["host_unpack_s"],
        host_layer_s=found["host_layer_s"],
        host_flops_per_byte=found["host_flops_per_byte"],
        link_efficiency=found["link_efficiency"],
    )
