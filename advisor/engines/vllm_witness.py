"""vLLM asked for its own planning without weights: a config.json of the architecture, its model built on the meta device as one rank.

The CPU build is asked; for a plan on a GPU it takes back what only its own platform changes, and the answer says what. Only the versions
are asked whose planning was compared with ours, exactly those: the engine's own functions move between releases.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism, VllmSettings
from advisor.domain.engine_record import EngineRecord
from advisor.domain.hardware import ASSUMED_FEATURES, ProcessorFeature
from advisor.domain.quantization import Quantization
from advisor.domain.witness import Witness
from advisor.engines.find import FoundVllm
from advisor.engines.launch_environment import launch_environment
from advisor.engines.process import Limits
from advisor.engines.validator import ask_validator
from advisor.errors import AdvisorError, EngineFailed, NotProven
from advisor.estimate.kv_cache_vllm import platform_of, pool_layout
from advisor.synthesis.hf_folder import folder_documents
from advisor.units import GIB

_VALIDATOR: Final = "vllm_witness.py"
_LIMITS: Final = Limits(time_s=600.0, silence_s=300.0, output_bytes=32 * 1024 * 1024)
_ANY_POOL_BYTES: Final = 1024 * GIB  # where nobody said how much there is: enough to see how it would be cut


@dataclass(frozen=True, slots=True)
class VllmQuestion:
    """One deployment to plan: a config.json, vLLM's settings, the ranks, the bytes of the KV pool of one of them, and the device.

    `processor_features` are those of the CPU it is planned for, which the asked machine need not have: nothing is computed.
    """

    config: Mapping[str, Any]
    settings: VllmSettings
    parallelism: Parallelism
    kv_bytes: int
    on_cpu: bool
    processor_features: tuple[ProcessorFeature, ...] = ()


@dataclass(frozen=True, slots=True)
class VllmAnswer:
    """What vLLM says of one rank. `refused` is its own reason why it would not start; the numbers are then zero.

    `settings` are those it would run with where its platform changes them; `undone` is what was taken back for a plan on a GPU.
    """

    refused: str = ""
    weight_bytes: int = 0
    groups: int = 0
    num_blocks: int = 0
    bytes_per_block: int = 0
    max_concurrency: float = 0.0
    capacity_tokens: int = 0
    block_size: int = 0
    enable_prefix_caching: bool = False
    max_num_batched_tokens: int = 0
    max_model_len: int = 0
    undone: tuple[str, ...] = ()


def ask(found: FoundVllm, questions: Sequence[VllmQuestion], *, record: EngineRecord) -> list[VllmAnswer]:
    """One answer a question, in one process: the import takes ten seconds, each question a fraction of one.

    Raises NotProven for a version outside the tested ones or a spread that is not asked for, EngineFailed, TimedOut, Interrupted.
    """
    if found.version not in record.versions.asked:
        tested = ", ".join(record.versions.asked)
        raise NotProven(f"{record.title} {found.version} ({found.python}) is not asked for its memory: compared was {tested} only")
    request = {"tested_versions": record.versions.asked, "questions": [_question(question) for question in questions]}
    name, environment = f"{record.title} {found.version}", launch_environment(record, found.backend)
    report = ask_validator(found.python, _VALIDATOR, request, name=name, limits=_LIMITS, environment=environment)
    try:
        answers = [_answer(told) for told in report["answers"]]
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailed(f"{name}: its report lacks or misshapes {error}") from None
    if len(answers) != len(questions):
        raise EngineFailed(f"{name}: answered {len(answers)} of {len(questions)} questions")
    return answers


def ask_vllm(candidate: Candidate, quantization: Quantization, *, record: EngineRecord, engine: FoundVllm) -> Witness:
    """What this vLLM plans for one device of the candidate. The pool is told where --kv-cache-memory-bytes says how large it is.

    Raises NotProven, EngineFailed with the engine's own words, UserInputError where no config.json can be written, TimedOut.
    """
    settings = candidate.settings
    if not isinstance(settings, VllmSettings):
        raise NotProven(f"{candidate.model.id}: vLLM is asked about its own settings only")
    config = folder_documents(candidate.model.architecture, quantization)["config.json"]
    given, features = settings.kv_cache_memory_bytes, candidate.node.device.planned_features
    question = VllmQuestion(config, settings, candidate.parallelism, given or _ANY_POOL_BYTES, candidate.on_cpu, features)
    (answer,) = ask(engine, [question], record=record)
    if answer.refused:
        raise _refusal(f"{record.title} {engine.version}", candidate, quantization, answer.refused)
    return Witness(
        source=f"{record.title} {engine.version}, asked without loading",
        scope="device",
        weights_bytes=None if candidate.model.architecture.encoder_parameters else float(answer.weight_bytes),
        kv_cache_bytes=float(answer.num_blocks * answer.bytes_per_block) if given else None,
        context_per_request_tokens=answer.max_model_len,
        kv_cache_capacity_tokens=answer.capacity_tokens if given else None,
        num_blocks=answer.num_blocks if given else None,
        max_concurrency_x=answer.max_concurrency if given else None,
        remarks=tuple(_remarks(candidate, settings, answer, engine)),
    )


def _refusal(engine: str, candidate: Candidate, quantization: Quantization, reason: str) -> AdvisorError:
    """A CPU build's refusal is the engine's word on a plan for CPUs only."""
    subject = f"{candidate.model.id} in {quantization.id}"
    if candidate.on_cpu:
        return EngineFailed(f"{engine} refuses {subject}: {reason}")
    return NotProven(f"{engine}: its CPU build cannot be asked about {subject} on {candidate.node.device.id}: {reason}")


def _question(question: VllmQuestion) -> dict[str, Any]:
    spread = question.parallelism
    if spread.pipeline > 1 or spread.data > 1:
        raise NotProven(
            "vLLM is asked for tensor parallelism only: pipeline stages and data-parallel ranks hold different layers or experts"
        )
    settings = {name: value for name, value in asdict(question.settings).items() if value is not None and name != "kv_cache_memory_bytes"}
    return {
        "config": dict(question.config),
        "settings": settings,
        "tensor": spread.tensor,
        "expert": spread.expert,
        "kv_bytes": question.kv_bytes,
        "device": "cpu" if question.on_cpu else "gpu",
        "processor_features": question.processor_features,
    }


def _answer(told: Mapping[str, Any]) -> VllmAnswer:
    if "refused" in told:
        return VllmAnswer(refused=str(told["refused"]))
    return VllmAnswer(
        weight_bytes=int(told["weight_bytes"]),
        groups=len(told["groups"]),
        num_blocks=int(told["num_blocks"]),
        bytes_per_block=int(told["bytes_per_block"]),
        max_concurrency=float(told["max_concurrency"]),
        capacity_tokens=int(told["capacity_tokens"]),
        block_size=int(told["block_size"]),
        enable_prefix_caching=bool(told["enable_prefix_caching"]),
        max_num_batched_tokens=int(told["max_num_batched_tokens"]),
        max_model_len=int(told["max_model_len"]),
        undone=tuple(map(str, told["undone"])),
    )


def _remarks(candidate: Candidate, settings: VllmSettings, answer: VllmAnswer, engine: FoundVllm) -> Iterator[str]:
    """What the answer does not cover, in words."""
    if candidate.runtime.version != engine.version:
        yield f"the candidate is {candidate.runtime.version}, asked was {engine.version}"
    if settings.kv_cache_memory_bytes is None:
        layout = pool_layout(candidate.model.architecture, settings, candidate.parallelism, platform_of(candidate))
        agreed = layout.bytes_per_block == answer.bytes_per_block
        predicted = "as predicted" if agreed else f"predicted were {layout.bytes_per_block:,}"
        yield f"one block of the pool takes {answer.bytes_per_block:,} bytes, {predicted}; how many fit depends on the device's free memory"
    if candidate.model.architecture.encoder_parameters:
        yield "asked was the language model alone: the weights, its vision encoder among them, are the prediction's"
    if answer.undone:
        yield f"asked was its CPU build, as a GPU would plan: {'; '.join(answer.undone)}"
    if candidate.on_cpu and candidate.node.device.processor_features is None:
        yield f"what the processor of {candidate.node.device.id} has is not known: asked was for one with {', '.join(ASSUMED_FEATURES)}"
    if candidate.on_cpu and answer.enable_prefix_caching != settings.enable_prefix_caching:
        yield "vLLM switches prefix caching off for this model on CPUs"
