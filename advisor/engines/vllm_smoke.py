"""vLLM really loading models and generating with them: does this build run this format of this structure here, and in which KV pool?

No server: vLLM's own classes in one process, forked for each model, so that a dozen small models take a minute. What a server does with
the same flags is the validation's to prove.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from advisor.domain.engine import VllmSettings
from advisor.domain.engine_record import EngineRecord
from advisor.domain.hardware import ProcessorFeature
from advisor.engines.find import FoundVllm
from advisor.engines.launch_environment import launch_environment
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.errors import EngineFailed

LoadFormat = Literal["auto", "dummy"]
_VALIDATOR: Final = "vllm_smoke.py"
_LIMITS: Final = Limits(time_s=900.0, silence_s=300.0, output_bytes=32 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class VllmLoad:
    """One model to try: a Hugging Face folder and vLLM's settings. `dummy`: the engine draws the weights and reads none."""

    folder: Path
    settings: VllmSettings
    load_format: LoadFormat = "dummy"


@dataclass(frozen=True, slots=True)
class VllmTraffic:
    """Requests that are answered at once: random token ids in, exactly `output_tokens` greedy ones out of each."""

    sequences: int = 2
    prompt_tokens: int = 12
    output_tokens: int = 4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class VllmRun:
    """What became of one model. `refused` is the engine's own reason why it did not load or generate; the rest is then zero.

    `kv_cache_bytes` are those of the tensors that the worker holds, `block_size` and prefix caching what the engine settled on;
    `generated_tokens` are counted per request, `finite` says that every token's log-probability was a number.
    """

    refused: str = ""
    load_s: float = 0.0
    num_blocks: int = 0
    block_size: int = 0
    kv_cache_bytes: int = 0
    max_concurrency: float = 0.0
    max_model_len: int = 0
    enable_prefix_caching: bool = False
    generated_tokens: tuple[int, ...] = ()
    finite: bool = False


def smoke(
    found: FoundVllm,
    loads: Sequence[VllmLoad],
    *,
    record: EngineRecord,
    traffic: VllmTraffic | None = None,
    processor_features: Sequence[ProcessorFeature] | None = None,
    limits: Limits = _LIMITS,
) -> list[VllmRun]:
    """One run a model, in order; a refusal of the engine is a run too.

    With `processor_features` vLLM is shown a processor that has no others: what it would do on a lesser one than this.

    Raises NotProven where the interpreter has no vLLM, EngineFailed for a report that is not one, TimedOut, Interrupted.
    """
    request = {"models": [_model(load) for load in loads], "processor_features": processor_features, **asdict(traffic or VllmTraffic())}
    name, environment = f"{record.title} {found.version}", launch_environment(record, found.backend)
    report = ask_validator(found.python, _VALIDATOR, request, name=name, limits=limits, environment=environment)
    try:
        runs = [_run(told) for told in report["answers"]]
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailed(f"{name}: its report lacks or misshapes {error}") from None
    if len(runs) != len(loads):
        raise EngineFailed(f"{name}: answered for {len(runs)} of {len(loads)} models")
    return runs


def _model(load: VllmLoad) -> dict[str, Any]:
    settings = {name: value for name, value in asdict(load.settings).items() if value is not None}
    return {"folder": str(load.folder), "load_format": load.load_format, "settings": settings}


def _run(told: Mapping[str, Any]) -> VllmRun:
    if "refused" in told:
        return VllmRun(refused=str(told["refused"]))
    return VllmRun(
        load_s=float(told["load_s"]),
        num_blocks=int(told["num_blocks"]),
        block_size=int(told["block_size"]),
        kv_cache_bytes=int(told["kv_cache_bytes"]),
        max_concurrency=float(told["max_concurrency"]),
        max_model_len=int(told["max_model_len"]),
        enable_prefix_caching=bool(told["enable_prefix_caching"]),
        generated_tokens=tuple(map(int, told["generated_tokens"])),
        finite=bool(told["logprobs_finite"]),
    )
