"""vLLM's step times on the columns of all cases, as a function of the constants to be fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from advisor.accuracy.case import Case, CaseMetric
from advisor.accuracy.predict import case_load
from advisor.domain.calibration import Arithmetic, Metric, VllmCalibration
from advisor.domain.engine import VllmSettings
from advisor.domain.memory_constants import MemoryConstants
from advisor.errors import UserInputError
from advisor.estimate.memory import estimate_memory
from advisor.estimate.step_time_base import Scheduling
from advisor.estimate.step_time_vllm import scheduling, vllm_generation
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
from fit_step_time.closed_loop import Loop, Step, all_at_once, closed_loop
from fit_step_time.columns import stacked
from fit_step_time.observations import Array, Observation, Observations, observations
from fit_step_time.optimise import Constants, Predict, Prior

ROWS_THAT_COUNT, DAMPING = 2, 0.25  # half the groups have two rows; a site of one odd group weighs no more than one of many
FitMetric = Metric | Literal["batch"]
# Of a good model, and how much times other than per token may pull at the constants of decoding.
SIGMA: Final[Mapping[FitMetric, float]] = {"decode": 0.10, "prefill": 0.40, "batch": 0.20}
WAITS: Final[Mapping[Scheduling, float]] = {"mixed": 0.5, "ahead": 1.5, "separate": -0.5}
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
    Prior("sequence_s", 10e-6, 0.3, "sampling, scheduling, detokenising"),
    Prior("sequence_v0", 20.0, 0.7, "Python per sequence"),
    Prior("all_reduce_fast_s", 8e-6, 0.6, "5 to 15 us: engines.md D3"),
    Prior("all_reduce_slow_s", 30e-6, 0.6, "20 to 60 us over PCIe"),
    Prior("link_efficiency", 0.5, 0.2),
    Prior("decode_mfu", 0.55, 0.05, "what a prompt's products reach; free, it takes up what other terms miss"),
    Prior("decode_moe", 0.4, 0.5),
    Prior("mfu_16bit", 0.55, 0.12, "8B, 28k tokens, 16 bits: 0.55 to 0.71 on H200, A6000, A100"),
    Prior("mfu_fp8", 0.55, 0.08, "70B on one or two devices: 0.38 to 0.47"),
    Prior("mfu_int8", 0.5, 0.12, "like fp8"),
    Prior("mfu_fp4", 0.5, 0.12, "of the fp4 peak"),
    Prior("mfu_moe", 0.28, 0.4),
    Prior("tensor_exponent", 0.25, 0.1, "70B fp8, 1 to 8 GPUs: H200 0.47 to 0.28, B200 0.38 to 0.14"),
    Prior("peak_exponent", 0.25, 0.08, "0.90 of an H20's 148 TFLOP/s, 0.71 of an A100's 312, 0.55 of an H200's 989, 0.47 of 1,979"),
    Prior("desktop", 0.8, 0.2, "28k tokens of an 8B model in 16 bits: 0.29 of an RTX 6000 Ada, 0.69 of an A6000"),
    Prior("attention_mfu", 0.6, 0.3),
    Prior("prompt_layer_s", 80e-6, 0.25, "ten to fifteen launches of 5 to 8 us without a graph"),
    Prior("floor_s", 0.030, 0.4),
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
    requests: Array  # that come at once
    waits: Array  # steps that pass before a prompt's own, in which others' tokens are generated or not
    decode_rows: Array  # of the observations
    prefill_rows: Array
    batch_rows: Array
    observed: Observations

    @property
    def metrics(self) -> list[tuple[int, CaseMetric]]:
        """Of each observation the place of its case, and what of it was measured."""
        kinds = ((self.decode_rows, "tpot_s"), (self.prefill_rows, "ttft_s"), (self.batch_rows, "output_tokens_per_s"))
        return [(int(place), metric) for places, metric in kinds for place in places]

    @property
    def tokens_log(self) -> Array:
        """Of each observation the logarithm of the tokens of all requests that come at once."""
        places = [place for place, _ in self.metrics]
        return np.log(np.maximum(self.requests * self.loop.output_tokens, 1.0))[places]


def fit_cases(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Closed loops and requests all at once with a metric that may be compared."""
    return tuple(case for case in cases if any(_measured_s(case, metric) for metric in ("decode", "prefill", "batch")))


def columns(cases: Sequence[Case], calibration: VllmCalibration, constants: MemoryConstants) -> Columns:
    """The columns of some cases; of the calibration only generations' names, links and assumptions are used, no fitted value."""
    ranks = [vllm_rank(case.candidate, case.weights, case.quantization, flops_per_byte=calibration.flops_per_byte) for case in cases]
    clients = [max(1.0, _in_service(case, constants) / case.candidate.parallelism.data) for case in cases]
    contexts = [case.depth_tokens + case.input_tokens + case.output_tokens / 2 for case in cases]
    wanted = {metric: [i for i, case in enumerate(cases) if _measured_s(case, metric)] for metric in SIGMA}
    rows = [_observation(cases[i], metric) for metric, places in wanted.items() for i in places]
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
        requests=np.array([_at_once(case) for case in cases], dtype=float),
        waits=np.array([WAITS[scheduling(case.candidate, calibration)] for case in cases]),
        **{f"{metric}_rows": np.array(places, dtype=int) for metric, places in wanted.items()},
        observed=observations(rows, rows_that_count=ROWS_THAT_COUNT, damping=DAMPING),
    )


def _measured_s(case: Case, metric: str) -> float | None:
    if metric == "batch":
        rate = None if "output_tokens_per_s" in case.unreliable else case.measured.get("output_tokens_per_s")
        return _at_once(case) * case.output_tokens / rate if rate and _at_once(case) else None
    name: CaseMetric = "tpot_s" if metric == "decode" else "ttft_s"
    return case.measured.get(name) if case.in_flight is not None and name not in case.unreliable else None


def _at_once(case: Case) -> int:
    """Requests that come together; 0 in another kind of load."""
    try:
        batch = case_load(case).batch
    except UserInputError:
        return 0
    return batch.requests if batch else 0


def _in_service(case: Case, constants: MemoryConstants) -> float:
    """Clients of a closed loop; of requests that come at once as many as slots and cache hold."""
    if case.in_flight is not None:
        return case.in_flight
    request = round(case.input_tokens + case.output_tokens / 2)
    memory = estimate_memory(case.candidate, case.weights, constants=constants, typical_tokens=request, longest_tokens=request)
    return min(_at_once(case), max(memory.requests_held_typical.value, 1))


def _budget(case: Case) -> float:
    assert isinstance(case.candidate.settings, VllmSettings)  # noqa: S101 - cases of vLLM
    return float(case.candidate.settings.max_num_batched_tokens)


def _observation(case: Case, metric: FitMetric) -> Observation:
    spread = case.candidate.parallelism
    series = (case.quantization.id, spread.tensor, spread.pipeline, spread.data, spread.expert, case.candidate.runtime.version)
    return Observation(metric, case.group, series, float(case.in_flight or _at_once(case)), _measured_s(case, metric) or 0.0, SIGMA[metric])


def predictor(data: Columns) -> Predict:
    """Logarithms of predicted times in the order of the observations."""
    index = Generations(data.generation)

    def predict(found: Constants) -> Array:
        tpot, ttft, whole = times(data, index, found)
        return np.log(np.concatenate((tpot[data.decode_rows], ttft[data.prefill_rows], whole[data.batch_rows])))

    return predict


def times(data: Columns, index: "Generations", found: Constants) -> tuple[Array, Array, Array]:
    """Seconds per further token and to the first token of every case as a closed loop, and of all its requests where they come at once."""
    rates = vllm_rates(data.traits, constants_of(found, data.arithmetic, index))
    cache = cache_s(data.cache_bytes, data.attention_flops, rates)
    mixed = mixed_prompt_parts(data.prompt, data.decode, rates)
    step = Step(
        decode_s=sum(decode_parts(data.decode, rates).values()) + data.loop.clients * cache,
        prompt_alone_s=sum(prompt_parts(data.prompt, rates).values()),
        prompt_added_s=sum(mixed.values()) - mixed["layers"],
        prompts_step_s=mixed["layers"],
    )
    tpot, ttft = closed_loop(data.loop, step, floor_s=found["floor_s"], waits=data.waits)
    return tpot, ttft, all_at_once(data.requests, data.loop, step)


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
        prefill_peak_exponent=found["peak_exponent"],
        prefill_desktop_factor=found["desktop"],
        attention_mfu=min(found["attention_mfu"], MOST),
        prompt_layer_s=found["prompt_layer_s"],
        overlap_norm=OVERLAP_NORM,
    )
