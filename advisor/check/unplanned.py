"""Rules that need neither workload nor plan: those whose every fact the manifest itself states."""

import dataclasses
from typing import Final

from advisor.catalog.catalog import Catalog
from advisor.check.flags import usable_flags, version_known
from advisor.check.identify import identify
from advisor.domain.deployment import Candidate
from advisor.domain.engine import Parallelism
from advisor.domain.engine_record import EngineRecord, Runtime
from advisor.domain.hardware import Device, ProcessorFeature
from advisor.domain.quantization import Quantization
from advisor.domain.verdict import Verdict
from advisor.domain.workload import Load, Privacy, Request, TokenLengths, Workload
from advisor.engines.settings import best_backend, parallelism_from_flags
from advisor.engines.support import processor_needs
from advisor.errors import UserInputError
from advisor.intake.candidate import build_candidate
from advisor.manifests.found import FoundDeployment
from advisor.planning.demand import complete
from advisor.rules.build_facts import build_facts
from advisor.rules.facts import ManifestFacts
from advisor.rules.judge import judge
from advisor.rules.rule import Rule, RuleSet

_NOBODY: Final = Workload(
    schema="advisor.workload/1",
    load=Load(in_flight=1),
    request=Request(TokenLengths(1, 1, 1), TokenLengths(1, 1, 1)),
    privacy=Privacy("anywhere"),
    models="any",
)
"""A workload that asks for nothing; no rule that reads a workload is judged with it."""


def unplanned_verdicts(
    found: FoundDeployment, catalog: Catalog, rules: RuleSet, *, device: str | None, manifest: ManifestFacts
) -> tuple[tuple[Verdict, ...], str]:
    """The verdicts, and a sentence that says what was not judged and why."""
    candidate, problem = _candidate(found, catalog, device)
    record = catalog.engine(found.engine)
    runtime = record.runtimes[found.runtime]
    demand, _ = complete(_NOBODY, catalog.preset(_NOBODY.task))
    quantization = catalog.quantization(candidate.checkpoint.quantization) if candidate else None
    facts = build_facts(
        _NOBODY,
        demand,
        candidate=candidate,
        quantization=quantization,
        licence=catalog.licences.get(candidate.model.licence) if candidate else None,
        concurrency=runtime.concurrency,
        needs_processor=_needs_processor(candidate, quantization, record),
        manifest=manifest,
    )
    if candidate is None:
        engine = dataclasses.replace(facts.engine, name=found.engine, runtime=found.runtime, concurrency=runtime.concurrency)
        facts = dataclasses.replace(facts, engine=engine)
    named = device or found.identity.get("device", "")
    known = _known(found, runtime, candidate=candidate, device=named in catalog.devices or device is not None)
    judgeable = RuleSet(tuple(rule for rule in rules.rules if _all_known(rule, known)))
    why = problem or "no plan beside it, none named with --plan, no --workload"
    verdicts = (*judge(judgeable, facts, "screen"), *judge(judgeable, facts, "judge"))
    return verdicts, f"{found.name}: memory, latency and cost not judged: {why}"


def _needs_processor(candidate: Candidate | None, quantization: Quantization | None, record: EngineRecord) -> tuple[ProcessorFeature, ...]:
    if candidate is None or quantization is None:
        return ()
    return processor_needs(record, quantization, architecture=candidate.model.architecture, backend=candidate.runtime.backend)


def _candidate(found: FoundDeployment, catalog: Catalog, device: str | None) -> tuple[Candidate | None, str]:
    identified, record = identify(found, catalog), catalog.engine(found.engine)
    if identified is None:
        return None, "the model is not one of the catalog (name it with --served-model-name or --alias)"
    flags = usable_flags(found, record)
    try:
        used = _device(found, catalog, device)
        spread = parallelism_from_flags(record, found.runtime, flags)
        devices = found.devices or spread.devices
        return build_candidate(
            catalog,
            model=identified.model,
            quantization=identified.quantization,
            engine=found.engine,
            runtime=found.runtime,
            version=found.version if version_known(found, record) else None,
            node=catalog.node(used.id, devices),
            devices=devices,
            parallelism=spread if found.engine == "vllm" else Parallelism(pipeline=devices),
            flags=flags,
        ), ""
    except UserInputError as error:
        return None, str(error)


def _device(found: FoundDeployment, catalog: Catalog, named: str | None) -> Device:
    """The device that the command line or the manifest names; a stand-in where the catalog does not know the manifest's."""
    if named is not None:
        return catalog.device(named)
    try:
        return catalog.device(found.identity.get("device", ""))
    except UserInputError:
        return _stand_in(found, catalog)


def _stand_in(found: FoundDeployment, catalog: Catalog) -> Device:
    """A device that the engine surely runs on: no fact of it is read, it only lets the settings be completed."""
    record = catalog.engine(found.engine)

    def usable(device: Device) -> bool:
        try:
            return found.backend in (None, best_backend(record, device))
        except UserInputError:
            return False

    devices = [device for device in catalog.devices.values() if usable(device)]
    if not devices:
        raise UserInputError(f"no device of the catalog runs {record.title} on {found.backend}")
    return max(devices, key=lambda device: (device.compute_capability or 0.0, device.memory_bytes, device.id))


def _known(found: FoundDeployment, runtime: Runtime, *, candidate: Candidate | None, device: bool) -> frozenset[str]:
    """Facts that the manifest states, as `group.` or `group.name`."""
    known = {"engine.", "manifest."}
    if candidate is not None:
        known |= {"model.", "quantization.", "parallelism."} | ({"hardware."} if device else set())
        group = "vllm" if found.engine == "vllm" else "llama_cpp"
        known |= {f"{group}.{fact.setting}" for fact in runtime.flags if fact.setting and found.flag(*fact.names, *fact.off)}
    return frozenset(known)


def _all_known(rule: Rule, known: frozenset[str]) -> bool:
    return all(path in known or f"{path.partition('.')[0]}." in known for path in rule.reads)
