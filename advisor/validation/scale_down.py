"""A deployment whose device is not here, made small enough for this machine's processor: what can be proven of it, and only that.

Fewer layers, a short context, no device flags. It shows that the engine takes the flags, starts by the command, and allocates so many
bytes a token as predicted. Memory on the device, speeds and the fit stay not tested.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from advisor.architectures.cut_down import cut_down, least_layers, what_was_cut
from advisor.assess import Case, size
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.domain.engine_record import EngineRecord, Runtime
from advisor.domain.evidence import ClaimResult, EvidenceFile
from advisor.domain.hardware import Node
from advisor.domain.plan import PlannedDeployment, PlannedParallelism, Setting
from advisor.engines.flags import find_runtime, normal_name
from advisor.engines.support import refusal
from advisor.errors import UserInputError
from advisor.intake.candidate import build_candidate
from advisor.units import GIB, gib_text
from advisor.validation.subject import Subject

_LAYERS: Final = 2
_CONTEXT_TOKENS: Final = 2048
_SLOT_TOKENS: Final = 256  # llama.cpp pads a slot to it
_SEQUENCES: Final = 8
_POOL_BYTES: Final = GIB // 2
_DEVICE_SETTINGS: Final = frozenset({"n_cpu_moe", "split_mode", "tensor_split", "gpu_memory_utilization", "block_size"})
_PROVABLE: Final = frozenset(
    {"starts", "settings_as_planned", "weights_bytes", "kv_cache_bytes", "kv_cache_bytes_per_token", "recurrent_state_bytes", "num_blocks"}
)


@dataclass(frozen=True, slots=True)
class Scaled:
    """The small deployment, and in words what was reduced from the whole one."""

    whole: Subject
    subject: Subject
    reduced: tuple[str, ...]


def scale_down(whole: Subject, case: Case, node: Node, *, version: str | None = None) -> Scaled:
    """Onto `node`, a processor, and onto the engine's `version` here (None: it does not tell).

    Raises UserInputError when the planned device is here, or nothing of the model runs on a processor.
    """
    if whole.device_here:
        raise UserInputError(f"--scale-down: {whole.planned.hardware.device} is here; leave it out and prove the whole")
    planned, architecture = whole.planned, whole.candidate.model.architecture
    record = case.catalog.engine(planned.engine.name)
    cut = cut_down(architecture, max(_LAYERS, least_layers(architecture)))
    quantization, lighter = _quantization(record, whole, case, node)
    settings, changes = _settings(find_runtime(record, planned.engine.runtime), whole)
    small = build_candidate(
        case.catalog,
        model=replace(whole.candidate.model, id=f"{planned.model.id}, {cut.layers} layers", architecture=cut, checkpoints=()),
        quantization=quantization,
        engine=planned.engine.name,
        runtime=planned.engine.runtime,
        version=None,
        node=node,
        devices=1,
        parallelism=Parallelism(),
        flags={flag: setting.value for flag, setting in settings.items()},
    )
    device = f"device {planned.hardware.devices} x {planned.hardware.device} -> cpu"
    other = "" if version in (None, planned.engine.version) else f"engine version {planned.engine.version} -> {version}"
    reduced = tuple(words for words in (device, other, what_was_cut(architecture, cut), lighter, *changes) if words)
    engine = replace(planned.engine, version=version or planned.engine.version)
    return Scaled(whole, _small_subject(whole, small, replace(planned, engine=engine, settings=settings), case), reduced)


def _small_subject(whole: Subject, small: Candidate, planned: PlannedDeployment, case: Case) -> Subject:
    """Nothing is promised of the small one but what its own sizes predict."""
    sized = size(small, case)
    return replace(
        whole,
        planned=replace(planned, parallelism=PlannedParallelism()),
        candidate=small,
        memory=sized.memory,
        steps=sized.steps,
        claims={},
        required=(),
        start_s=None,
        device_here=True,  # the processor is
        same_machine=False,
    )


def as_scaled(evidence: EvidenceFile, scaled: Scaled, gating: Iterable[str]) -> EvidenceFile:
    """The small run as evidence of the whole deployment: what it shows is shown, and every claim that gates stays not tested."""
    whole, planned = scaled.whole, scaled.whole.planned
    shown = {claim.name: claim for claim in evidence.claims if claim.name in _PROVABLE}
    needs = f"needs {planned.hardware.device}"
    claims = [_untested(name, shown.get(name), needs) for name in gating]
    claims += [replace(claim, gates=False, requirement=None) for name, claim in shown.items() if name not in {c.name for c in claims}]
    return replace(
        evidence,
        device="cpu",
        hardware="scaled",
        engine=evidence.engine | {"planned_version": planned.engine.version, "planned_backend": whole.candidate.runtime.backend},
        settings={flag: setting.value for flag, setting in planned.settings.items()},
        reduced=(*scaled.reduced, *(text for text in evidence.reduced if not text.startswith("device "))),
        claims=tuple(claims),
    )


def _untested(name: str, shown: ClaimResult | None, needs: str) -> ClaimResult:
    """A promise of the whole; what the small one showed of it stands beside."""
    if shown is not None:
        return replace(shown, requirement="not tested", gates=True, note=f"{needs}; so much was shown scaled down")
    return ClaimResult(name, None, None, None, None, None, None, None, "not tested", None, None, True, needs)


def _quantization(record: EngineRecord, whole: Subject, case: Case, node: Node) -> tuple[str, str]:
    """The planned one, or the first that the engine runs on a processor, and in words why it is another."""
    planned = case.catalog.quantization(whole.candidate.checkpoint.quantization)
    architecture, backend = whole.candidate.model.architecture, "cpu"
    refused = refusal(record, planned, architecture=architecture, device=node.device, backend=backend)
    if refused is None:
        return planned.id, ""
    platform = record.platform(backend)
    for name in platform.quantizations if platform else ():
        if refusal(record, case.catalog.quantization(name), architecture=architecture, device=node.device, backend=backend) is None:
            return name, f"weights {planned.id} -> {name} ({refused})"
    raise UserInputError(f"--scale-down: {record.title} runs nothing of {whole.planned.model.id} on a processor")


def _settings(runtime: Runtime, whole: Subject) -> tuple[dict[str, Setting], tuple[str, ...]]:
    """The planned settings, smaller, without those of the device; and the changes in words."""
    by_name = {normal_name(name): fact for fact in runtime.flags for name in fact.names}
    wanted = dict(_smaller(whole))
    settings: dict[str, Setting] = {}
    changes: list[str] = []
    for flag, setting in whole.planned.settings.items():
        fact = by_name.get(normal_name(flag))
        name = fact.setting if fact else None
        if name in _DEVICE_SETTINGS or (fact and fact.parallelism):
            changes.append(f"without {flag} {setting.value}")
            continue
        value = wanted.pop(name, setting.value) if name else setting.value
        settings[flag] = Setting(value, setting.why)
        if value != setting.value:
            changes.append(f"{flag} {setting.value} -> {value}")
    if "kv_cache_memory_bytes" in wanted:  # a share of a device that is not here says nothing: a small pool is asked for by its size
        flag = next(fact.names[0] for fact in runtime.flags if fact.setting == "kv_cache_memory_bytes")
        settings[flag] = Setting(wanted["kv_cache_memory_bytes"])
        changes.append(f"{flag} {gib_text(_POOL_BYTES, 1)} added")
    return settings, tuple(changes)


def _smaller(whole: Subject) -> Iterator[tuple[str, int]]:
    """Settings by their own names, and what they become at most."""
    settings: Mapping[str, object] = {name: getattr(whole.candidate.settings, name) for name in type(whole.candidate.settings).__slots__}
    slots = whole.memory.parallel_requests
    most = {
        "ctx_size": max(_CONTEXT_TOKENS, _SLOT_TOKENS * slots),
        "n_gpu_layers": 0,
        "max_model_len": _CONTEXT_TOKENS,
        "max_num_seqs": _SEQUENCES,
        "max_num_batched_tokens": _CONTEXT_TOKENS,
        "kv_cache_memory_bytes": _POOL_BYTES,
    }
    for name, limit in most.items():
        value = settings.get(name, None)
        if name in settings:
            yield name, limit if not isinstance(value, int) else min(value, limit)
