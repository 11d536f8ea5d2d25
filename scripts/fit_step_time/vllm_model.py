"""vLLM's step times on the columns of all cases, as a function of the constants to be fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from advisor.accuracy.case import Case
from advisor.domain.calibration import Arithmetic, VllmCalibration
from advisor.domain.engine import VllmSettings
from advisor.estimate.step_time_vllm import vllm_generation
from advisor.estimate.vllm_parts import (
    DecodeWork,
    PromptWork,
    RankTraits,
    VllmConstants,
    cache_s,
    decode_parts,
    mixed_prompt_parts,
    prompt_parts,
    vllm_rates,
)
from advisor.estimate.vllm_rank import vllm_rank
from fit_step_time.closed_loop import Loop, Step, closed_loop
from fit_step_time.columns import stacked
from fit_step_time.observations import Array, Observation, Observations, observations
from fit_step_time.optimise import Constants, Predict, Prior

ROWS_THAT_COUNT, DAMPING = 2, 0.25  # half the groups have two rows; a site of one odd group weighs no more than one of many
TPOT_SIGMA, TTFT_SIGMA = 0.10, 0.40  # of a good model, and how much a first token may pull at the constants of decoding
MOST: Final = 0.95  # of a nominal rate: nothing reads or multiplies faster
OLD_ENGINE: Final = "V0"  # the generation whose prompts ran in steps of their own

GENERATIONS: Final = (OLD_ENGINE, "V1 before 0.18", "V1")  # as the file names them
ARITHMETICS: Final[tuple[Arithmetic, ...]] = ("16bit", "fp8", "int8", "fp4")
OVERLAP_NORM: Final = 3.0

PRIORS: Final = (
    Prior("weights_efficiency", 0.85, 0.15, "STREAM reaches 0.9 of HBM's nominal bandwidth"),
    Prior("weights_v0", 1.0, 0.15),
    Prior("kv_efficiency", 0.85, 0.2),
    Prior("layer_s", 60e-6, 0.5, "ten launches of 5 us from a captured graph"),
    Prior("layer_v0", 2.0, 0.3),
    Prior("layer_moe", 1.35, 0.4, "router, permutation, a second matrix"),
    Prior("layer_moe_old", 1.2, 0.3, "0.9 to 0.17 over later ones"),
    Prior("sequence_s", 10e-6, 0.7, "sampling, scheduling, detokenising"),
    Prior("sequence_v0", 20.0, 0.7, "Python per sequence"),
    Prior("all_reduce_fast_s", 8e-6, 0.6, "5 to 15 us: engines.md D3"),
    Prior("all_reduce_slow_s", 30e-6, 0.6, "20 to 60 us over PCIe"),
    Prior("link_efficiency", 0.5, 0.2),
    Prior("decode_mfu", 0.5, 0.1, "products of a batch too small to fill the device reach half; free, it takes up what other terms miss"),
    Prior("decode_moe", 0.4, 0.5),
    Prior("mfu_16bit", 0.6, 0.12, "8B, 28k tokens, 16 bits: 0.55 to 0.71 on H200, A6000, A100"),
    Prior("mfu_fp8", 0.5, 0.12, "70B on one or two devices: 0.38 to 0.47"),
    Prior("mfu_int8", 0.5, 0.12, "like fp8"),
    Prior("mfu_fp4", 0.4, 0.12, "of the fp4 peak"),
    Prior("mfu_moe", 0.28, 0.4),
    Prior("tensor_exponent", 0.25, 0.1, "70B fp8, 1 to 8 GPUs: H200 0.47 to 0.28, B200 0.38 to 0.14"),
    Prior("attention_mfu", 0.6, 0.3),
    Prior("prompt_layer_s", 150e-6, 0.5, "launches without a graph"),
    Prior("floor_s", 0.030, 0.4),
    Prior("burst", 0.07, 0.5, "of the harness, not of the engine"),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Everything about the cases that no constant changes."""

    cases: tuple[Case, ...]
    traits: RankTraits
    decode: DecodeWork
    prompt: PromptWork
    cache_bytes: Array  # of one sequence
    attention_flops: Array
    loop: Loop
    arithmetic: tuple[str, ...]
    generation: tuple[str, ...]
    decode_rows: Array  # of the observations
    prefill_rows: Array
    observed: Observations


def fit_cases(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Closed loops with a metric that may be compared."""
    return tuple(case for case in cases if case.in_flight is not None and (_metric(case, "tpot_s") or _metric(case, "ttft_s")))


def columns(cases: Sequence[Case], calibration: VllmCalibration) -> Columns:
    """The columns of some cases; of the calibration only generations' names, links and assumptions are used, no fitted value."""
    ranks = [vllm_rank(case.candidate, case.weights, case.quantization, flops_per_byte=calibration.flops_per_byte) for case in cases]
    clients = [max(1.0, (case.in_flight or 1) / case.candidate.parallelism.data) for case in cases]
    contexts = [case.depth_tokens + case.input_tokens + case.output_tokens / 2 for case in cases]
    decode_rows = [i for i, case in enumerate(cases) if _metric(case, "tpot_s")]
    prefill_rows = [i for i, case in enumerate(cases) if _metric(case, "ttft_s")]
    rows = [_observation(cases[i], "tpot_s") for i in decode_rows] + [_observation(cases[i], "ttft_s") for i in prefill_rows]
    pairs = list(zip(cases, ranks, strict=True))
    return Columns(
        cases=tuple(cases),
        traits=stacked([rank.traits(fast_links=calibration.fast_links) for rank in ranks]),
        decode=stacked([rank.decode_work(batch) for rank, batch in zip(ranks, clients, strict=True)]),
        prompt=stacked([rank.prompt_work(case.input_tokens, case.depth_tokens) for case, rank in pairs]),
        cache_bytes=np.array([rank.cache_bytes(context) for rank, context in zip(ranks, contexts, strict=True)]),
        attention_flops=np.array([rank.work.attention_flops.at(context) for rank, context in zip(ranks, contexts, strict=True)]),
        loop=Loop(
            np.array(clients),
            np.array([case.input_tokens for case in cases]),
            np.array([case.output_tokens for case in cases]),
            np.array([_budget(case) for case in cases]),
        ),
        arithmetic=tuple(rank.rate.arithmetic for rank in ranks),
        generation=tuple(vllm_generation(case.candidate.runtime.version, calibration).name for case in cases),
        decode_rows=np.array(decode_rows),
        prefill_rows=np.array(prefill_rows),
        observed=observations(rows, rows_that_count=ROWS_THAT_COUNT, damping=DAMPING),
    )


def _metric(case: Case, name: str) -> float | None:
    return None if name in case.unreliable else case.measured.get(name)  # type: ignore[call-overload]


def _budget(case: Case) -> float:
    assert isinstance(case.candidate.settings, VllmSettings)  # noqa: S101 - cases of vLLM
    return float(case.candidate.settings.max_num_batched_tokens)


def _observation(case: Case, name: str) -> Observation:
    spread = case.candidate.parallelism
    series = (case.quantization.id, spread.tensor, spread.pipeline, spread.data, spread.expert, case.candidate.runtime.version)
    metric, sigma = ("decode", TPOT_SIGMA) if name == "tpot_s" else ("prefill", TTFT_SIGMA)
    return Observation(metric, case.group, series, float(case.in_flight or 1), _metric(case, name) or 0.0, sigma)


def predictor(data: Columns) -> Predict:
    """Logarithms of predicted times: per further token of the cases that have it, then to the first token."""
    index = Generations(data.generation)

    def predict(found: Constants) -> Array:
        tpot, ttft = times(data, index, found)
        return np.concatenate((np.log(tpot[data.decode_rows]), np.log(ttft[data.prefill_rows])))

    return predict


def times(data: Columns, index: "Generations", found: Constants) -> tuple[Array, Array]:
    """Seconds per further token and to the first token of every case."""
    rates = vllm_rates(data.traits, constants_of(found, data.arithmetic, index))
    cache = cache_s(data.cache_bytes, data.attention_flops, rates)
    mixed = mixed_prompt_parts(data.prompt, rates)
    step = Step(
        decode_s=sum(decode_parts(data.decode, rates).values()) + data.loop.clients * cache,
        prompt_alone_s=sum(prompt_parts(data.prompt, rates).values()),
        prompt_added_s=sum(mixed.values()) - mixed["layers"],
        prompts_step_s=mixed["layers"],
    )
    old = index.is_old
    waits = np.where(old, -0.5, 0.5)  # a V0 step of prompts has no tokens of others in it
    return closed_loop(data.loop, step, floor_s=found["floor_s"], waits=waits, burst=found["burst"])


class Generations:
    """0 or 1 for each row: from which version on."""

    def __init__(self, names: Sequence[str]) -> None:
        order = list(GENERATIONS)
        place = np.array([order.index(name) for name in names])
        self.is_old = (place == 0).astype(float)
        self.is_middle = (place == 1).astype(float)


def constants_of(found: Constants, arithmetic: Sequence[str], index: Generations) -> VllmConstants:
    """The constants of each row. Efficiencies are cut where nothing can be faster."""
    mfu = {name: min(found[f"mfu_{name}"], MOST) for name in ARITHMETICS}
    weights = found["weights_efficiency"] * found["weights_v0"] ** index.is_old
    return VllmConstants(
        weights_efficiency=np.minimum(weights, MOST),
        kv_efficiency=min(found["kv_efficiency"], MOST),
        layer_s=found["layer_s"] * found["layer_v0"] ** index.is_old,
        layer_factor_moe=found["layer_moe"] * found["layer_moe_old"] ** index.is_middle,
        sequence_s=found["sequence_s"] * found["sequence_v0"] ** index.is_old,
        all_reduce_fast_s=found["all_reduce_fast_s"],
        all_reduce_slow_s=found["all_reduce_slow_s"],
        link_efficiency=min(found["link_efficiency"], MOST),
        decode_mfu=min(found["decode_mfu"], MOST),
        decode_mfu_moe=found["decode_mfu"] * found["decode_moe"],
        prefill_mfu=np.array([mfu[name] for name in arithmetic]),
        prefill_mfu_moe_factor=min(found["mfu_moe"], 1.0),
        prefill_tensor_exponent=found["tensor_exponent"],
        attention_mfu=min(found["attention_mfu"], MOST),
        prompt_layer_s=found["prompt_layer_s"],
        overlap_norm=OVERLAP_NORM,
    )
