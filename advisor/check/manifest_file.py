"""A manifest checked: its flags one by one, against its plan, and judged as a deployment of its own."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from advisor.assess import Case, assess, judged
from advisor.catalog.catalog import Catalog
from advisor.check.against import Against
from advisor.check.codes import FLAG_NOT_ESTIMATED, FLAG_REFUSED
from advisor.check.drift import Pair, drift_findings, part_findings
from advisor.check.flags import flag_findings, usable_flags, version_known
from advisor.check.identify import identify
from advisor.check.places import Places, manifest_places, rule_finding
from advisor.check.plan_file import refused
from advisor.check.unplanned import unplanned_verdicts
from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Deployment
from advisor.domain.engine import Parallelism
from advisor.domain.engine_record import EngineRecord
from advisor.domain.finding import Finding
from advisor.domain.hardware import Available
from advisor.domain.plan import PlannedDeployment
from advisor.engines.settings import parallelism_from_flags
from advisor.errors import NotCounted, UserInputError
from advisor.intake.candidate import build_candidate
from advisor.manifests.found import FoundDeployment, NotChecked
from advisor.manifests.images import parse_image
from advisor.planning.resolve import resolve
from advisor.rules.facts import ManifestFacts
from advisor.rules.rule import RuleSet


@dataclass(frozen=True, slots=True)
class Bench:
    """What every manifest of a run is judged with; `device` is the one named on the command line."""

    catalog: Catalog
    rules: RuleSet
    device: str | None = None


def manifest_findings(found: FoundDeployment, against: Against, bench: Bench) -> Iterator[Finding | NotChecked]:
    """Everything to be said about one deployment of a manifest; what could not be judged comes with its reason."""
    record = bench.catalog.engine(found.engine)
    places = manifest_places(found, record.runtimes[found.runtime])
    yield from flag_findings(found, record)
    if against.case is None:
        verdicts, missing = unplanned_verdicts(found, bench.catalog, bench.rules, device=bench.device, manifest=manifest_facts(found))
        yield from (rule_finding(verdict, bench.rules, places) for verdict in verdicts)
        yield NotChecked(found.at, missing)
        return
    yield from _judged(found, against, against.case, bench, places)


def _judged(found: FoundDeployment, against: Against, case: Case, bench: Bench, places: Places) -> Iterator[Finding | NotChecked]:
    planned, record = against.planned, bench.catalog.engine(found.engine)
    try:
        deployment, available = _rebuilt(found, planned, case, bench)
        assessment = assess(deployment, available, case)
    except UserInputError as error:
        if planned is not None:
            yield from part_findings(planned, found, places)
        yield _unusable(error, places)
        return
    facts = manifest_facts(found, planned, assessment)
    verdicts = judged(deployment, available, assessment.estimate, case, manifest=facts).verdicts
    yield from (rule_finding(verdict, case.rules, places) for verdict in verdicts)
    if planned is not None:
        as_planned = assess(*resolve(planned, case.workload, case.catalog), case, look="quick")
        pair = Pair(planned, as_planned, found, assessment)
        yield from drift_findings(pair, record.runtimes[found.runtime], places)


def _unusable(error: UserInputError, places: Places) -> Finding:
    """What the engine would refuse blocks; what only is not counted here warns."""
    finding = refused(str(error), places, FLAG_REFUSED)
    return dataclasses.replace(finding, severity="warn", rule=FLAG_NOT_ESTIMATED) if isinstance(error, NotCounted) else finding


def _rebuilt(found: FoundDeployment, planned: PlannedDeployment | None, case: Case, bench: Bench) -> tuple[Deployment, Available]:
    """The manifest's deployment as a candidate: its flags, on the plan's hardware. Raises UserInputError for what is missing or refused."""
    catalog, record = case.catalog, case.catalog.engine(found.engine)
    flags = usable_flags(found, record)
    spread = parallelism_from_flags(record, found.runtime, flags)
    available = _available(found, planned, case, bench, devices=found.devices or spread.devices)
    devices = found.devices or (planned.hardware.devices if planned else spread.devices)
    identified = identify(found, catalog)
    if identified is None and planned is None:
        raise UserInputError(f"{found.name}: which model of the catalog it serves is not written; name it with --served-model-name")
    model = identified.model if identified else catalog.model(planned.model.id if planned else "")
    same = planned is not None and planned.model.id == model.id
    candidate = build_candidate(
        catalog,
        model=model,
        quantization=(planned.model.quantization if planned and same else None) or (identified.quantization if identified else None),
        engine=found.engine,
        runtime=f"{found.runtime}/{found.backend}" if found.backend else found.runtime,
        version=_version(found, planned, record),
        node=available.node,
        devices=devices,
        parallelism=spread if found.engine == "vllm" else Parallelism(pipeline=devices),
        flags=flags,
    )
    share = planned.hardware.share if planned else 1.0
    return Deployment(found.name, candidate, found.replicas, planned.role if planned else "serve", share), available


def _version(found: FoundDeployment, planned: PlannedDeployment | None, record: EngineRecord) -> str | None:
    if found.version is not None and version_known(found, record):
        return found.version
    return planned.engine.version if planned and planned.engine.name == found.engine else None


def _available(found: FoundDeployment, planned: PlannedDeployment | None, case: Case, bench: Bench, *, devices: int) -> Available:
    """The plan's hardware, or the device that is named on the command line or in the manifest."""
    if planned is not None and bench.device is None:
        return resolve(planned, case.workload, case.catalog)[1]
    name = bench.device or found.identity.get("device")
    if name is None:
        raise UserInputError(f"{found.name}: on which device it runs is not written; name it with --device")
    return Available(case.catalog.node(case.catalog.device(name).id, max(1, devices)), None, "owned")


def manifest_facts(found: FoundDeployment, planned: PlannedDeployment | None = None, assessment: Assessment | None = None) -> ManifestFacts:
    """What the manifest says beside the engine's settings."""
    image = found.image.image if found.image else None
    performance = assessment.estimate.performance if assessment else None
    planned_tag = parse_image(planned.image.ref).tag if planned and planned.image else None
    by_digest = image is not None and image.digest is not None and image.tag is None
    return ManifestFacts(
        image=image.repository if image else "",
        image_tag=(image.tag or "") if image else "",
        image_digest=bool(image and image.digest),
        planned_tag="" if by_digest else planned_tag or "",
        api_key=found.api_key,
        exposed=found.exposed,
        logs_prompts=found.logs_prompts,
        startup_budget_s=performance.start_s.high if performance else None,
        probe_allows_s=found.probe_allows_s,
    )


def exposed(found: FoundDeployment, outside: bool | None) -> FoundDeployment:
    """The deployment with what Services and Ingresses of the same run say about its reach."""
    return dataclasses.replace(found, exposed=outside) if found.exposed is None else found
