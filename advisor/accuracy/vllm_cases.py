"""Published loads on vLLM (`catalog/measurements/vllm`) as the advisor would be asked for them.

A row is left out, or one of its metrics, by what it says and by physics, never by name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from advisor.accuracy.case import Case, CaseMetric, Group, Harness, LeftOut
from advisor.accuracy.vllm_measured import measured
from advisor.accuracy.vllm_physics import checked, warm_marked
from advisor.catalog import Catalog
from advisor.catalog.coverage import unmapped
from advisor.catalog.measurements import Names
from advisor.domain.calibration import VllmCalibration
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.domain.memory_constants import MemoryConstants
from advisor.domain.published import VllmRun
from advisor.errors import UserInputError
from advisor.estimate.step_time_vllm import vllm_generation
from advisor.estimate.weights import checkpoint_weights
from advisor.intake.candidate import build_candidate

NIGHTLY: Final = "nightly"  # what a build without a release number counts as
UNSERVED: Final = "no server in it, which takes most of the time per sequence in this version"
IN_STEP: Final = "clients with requests all alike: whether they keep in step is not stated, and first tokens hang on it"
NOMINAL_SHARE: Final = 0.9  # lengths drawn from 0.8 to 1.0 of the nominal one
_UNUSABLE: Final[Mapping[str, str]] = {  # words of a row's flags or arguments, and why it cannot be compared
    "spec": "speculative decoding",
    "mtp": "speculative decoding",
    "eagle": "speculative decoding",
    "disagg": "prefill and decode on devices of their own",
    "gpu_count_ambiguous": "how many devices it ran on is ambiguous, as the source's reader says",
}
_INFERENCEMAX: Final = "InferenceX benchmark_serving"
_INFERENCEMAX_ROUNDS: Final = 10
_ALIKE: Final = ("fixed", "nominal", "as recorded")  # kinds of length
_NO_SERVER: Final = "LLM.generate"
_RANGED: Final = "random_range_ratio_0.8"
_FLAG: Final = re.compile(
    r"\b(max[-_]num[-_]seqs|max[-_]num[-_]batched[-_]tokens|max[-_]model[-_]len|gpu[-_]memory[-_]utilization)['\"]?[ =:]+([\d.]+)"
)
_EAGER: Final = re.compile(r"enforce[-_]eager(?!['\"]?[ =:]+False)")


def vllm_cases(
    rows: Iterable[VllmRun], catalog: Catalog, names: Names, constants: MemoryConstants
) -> tuple[tuple[Case, ...], tuple[LeftOut, ...]]:
    """Every row as a case, or why it is none. Warm prompts are told from all runs of a group, so give whole groups."""
    found: list[Case] = []
    left_out: list[LeftOut] = []
    for row in rows:
        try:
            found.append(checked(_case(row, catalog, names), constants))
        except UserInputError as error:
            left_out.append(LeftOut(row, str(error)))
    return tuple(warm_marked(found)), tuple(left_out)


def _case(row: VllmRun, catalog: Catalog, names: Names) -> Case:
    """Raises UserInputError with the reason of a row that cannot be compared."""
    reason = _refused(row) or unmapped(row, names, catalog)
    if reason:
        raise UserInputError(reason)
    candidate = _candidate(row, catalog, names)
    quantization = catalog.quantization(candidate.checkpoint.quantization)
    weights = checkpoint_weights(candidate.model.architecture, candidate.checkpoint, quantization, parallelism=candidate.parallelism)
    input_tokens, output_tokens = _lengths(row)
    found = measured(row, output_tokens, _in_flight(row))
    if not found:
        raise UserInputError("no speed that can be compared")
    harness = _harness(row)
    return Case(
        row=row,
        group=Group(row.source_id, candidate.node.device.id, candidate.model.id),
        candidate=candidate,
        weights=weights,
        quantization=quantization,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        in_flight=_in_flight(row),
        depth_tokens=0.0,
        measured=found,
        unreliable=dict(_unserved(row, candidate.runtime.version, catalog)) | _in_step(row, harness),
        harness=harness,
    )


def _refused(row: VllmRun) -> str | None:
    """Reasons that the row itself gives."""
    said = f"{row.flags or ''} {row.launch_args or ''}".lower()
    for word, reason in _UNUSABLE.items():
        if word in said:
            return reason
    if row.tp is None:
        return "tensor parallelism is not stated"
    if row.input_len_tokens is None or row.output_len_tokens is None:
        return "lengths are not stated"
    return None


def _lengths(row: VllmRun) -> tuple[float, float]:
    """Mean lengths: what the client counted, else what the source names, less where it drew from a range below that."""
    done = row.completed_requests
    share = NOMINAL_SHARE if _RANGED in (row.flags or "") else 1.0
    counted = [total / done if done and total else None for total in (row.total_input_tokens, row.total_output_tokens)]
    named = [(row.input_len_tokens or 0.0) * share, (row.output_len_tokens or 0.0) * share]
    inputs, outputs = (count or name for count, name in zip(counted, named, strict=True))
    return max(inputs, 1.0), max(outputs, 1.0)


def _in_flight(row: VllmRun) -> int | None:
    if row.load_class == "single":
        return 1
    return row.max_concurrency if row.load_class == "closed_loop" else None


def _harness(row: VllmRun) -> Harness:
    """InferenceMAX sends from all clients at once, ten rounds, of stated lengths or down to 0.8 of them, and goes on past an end token.

    The dumps of a range do not say of what statistic their times are: of the mean. What clients add to a first token is the same whether
    outputs have 1,000 tokens or 8,000, which only the first round of a mean explains.
    """
    if _RANGED in (row.flags or ""):
        return Harness(together=True, rounds=_INFERENCEMAX_ROUNDS, longest=1 / NOMINAL_SHARE, states_mean=True)
    if _INFERENCEMAX in (row.client_or_dataset or "") and row.num_prompts and row.max_concurrency:
        return Harness(together=True, rounds=max(1, row.num_prompts // row.max_concurrency))
    return Harness()


def _in_step(row: VllmRun, harness: Harness) -> dict[CaseMetric, str]:
    """Clients whose requests are all alike may keep the step in which they began: their prompts come together, or one by one."""
    alike = row.output_len_kind in _ALIKE and not harness.together
    return {"ttft_s": IN_STEP} if alike and (_in_flight(row) or 1) > 1 else {}


def _unserved(row: VllmRun, version: str, catalog: Catalog) -> Mapping[CaseMetric, str]:
    """Rates of a run without a server, where the fitted times per sequence have its work in them."""
    calibration = catalog.calibrations["vllm"]
    assert isinstance(calibration, VllmCalibration)  # noqa: S101 - the engine's own file
    in_process = vllm_generation(version, calibration) is calibration.generations[0]
    if not (in_process and _NO_SERVER in (row.client_or_dataset or "")):
        return {}
    return dict.fromkeys(("output_tokens_per_s", "requests_per_s"), UNSERVED)


def _candidate(row: VllmRun, catalog: Catalog, names: Names) -> Candidate:
    device_id, model_id = names.device_id(row), names.model_id(row)
    assert device_id is not None and model_id is not None  # noqa: S101 - an unmapped row is refused before
    word = names.format("vllm", row.weight_quant or "bf16", row.model)
    if word is None or word.id is None:
        raise UserInputError(f"weights: {word.why if word else 'no word of the catalog'}")
    parallelism = Parallelism(tensor=row.tp or 1, pipeline=row.pp or 1, data=row.dp or 1, expert=(row.ep or 1) > 1)
    candidate = build_candidate(
        catalog,
        model=catalog.model(model_id),
        quantization=word.id,
        engine="vllm",
        runtime=None,
        version=None,
        node=catalog.node(device_id, parallelism.devices),
        devices=parallelism.devices,
        parallelism=parallelism,
        flags=dict(_flags(row)),
    )
    return replace(candidate, runtime=replace(candidate.runtime, version=_version(row)))


def _flags(row: VllmRun) -> Iterator[tuple[str, object]]:
    """Settings that the row's arguments state, in whichever spelling."""
    said = row.launch_args or ""
    for name, value in _FLAG.findall(said):
        setting = name.replace("-", "_")
        yield setting, float(value) if setting == "gpu_memory_utilization" else int(float(value))
    if _EAGER.search(said):
        yield "enforce_eager", True
    if row.kv_dtype and row.kv_dtype.startswith(("fp8", "int8")):
        yield "kv_cache_dtype", row.kv_dtype


def _version(row: VllmRun) -> str:
    """The release, without what a build adds to it; of a blank one nothing is known but the date of its source."""
    match = re.match(r"v?(\d+\.\d+(?:\.\d+)*)", row.engine_version or "")
    return match[1] if match else NIGHTLY
