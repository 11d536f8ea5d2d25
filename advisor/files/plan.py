"""plan.yaml: reading, writing, refreshing its derived half, and the fingerprint that evidence is bound to."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from advisor.documents import Document, parse, read_text, typed
from advisor.domain.measured import MeasuredPoint
from advisor.domain.plan import Claim, Plan, PlannedDeployment
from advisor.errors import UserInputError
from advisor.files.yaml_text import flow, folded

EDITABLE: Final = "# ---- yours to edit; afterwards: advisor plan --update plan.yaml"
DERIVED: Final = "# ---- derived: `advisor check` recomputes every line below"


def read_plan(path: Path) -> tuple[Plan, Document]:
    """The plan and its document (for positions). Raises DataError with every fault, UserInputError when it cannot be read."""
    document = parse(read_text(path), str(path))
    return typed(document, Plan), document


def fingerprint(deployment: PlannedDeployment) -> str:
    """sha256 of what decides a deployment's behaviour; replicas, prices, reasons, comments, order and name do not count."""
    model, engine, hardware = deployment.model, deployment.engine, deployment.hardware
    decisive = {
        "model": [model.id, model.quantization, model.revision, sorted(model.sha256)],
        "engine": [engine.name, engine.version, engine.runtime, engine.backend],
        "image": deployment.image.digest if deployment.image else None,
        "device": [hardware.device, hardware.devices, hardware.share],
        "parallelism": dataclasses.asdict(deployment.parallelism),
        "settings": {flag: setting.value for flag, setting in deployment.settings.items()},
    }
    canonical = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def deployments_sha256(deployments: Iterable[PlannedDeployment]) -> str:
    """A digest of everything in the editable half that a claim may depend on; reasons do not count."""
    facts = [dataclasses.asdict(deployment) for deployment in deployments]
    for fact in facts:
        fact["settings"] = {flag: setting["value"] for flag, setting in fact["settings"].items()}
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(canonical.encode()).hexdigest()


def plan_text(plan: Plan) -> str:
    """The whole file, about 50 lines, in the layout people read."""
    return "\n".join([*_editable_half(plan), *_derived_half(plan)]) + "\n"


def updated_text(old: str, plan: Plan) -> str:
    """The old file with only its derived half replaced: what a person wrote, comments included, stays as it is."""
    head, marker, _ = old.partition(DERIVED)
    if not marker:
        raise UserInputError(f"no line `{DERIVED}` in the plan: add it above `claims:`, so that only what follows it is replaced")
    return head + "\n".join(_derived_half(plan)) + "\n"


def _editable_half(plan: Plan) -> list[str]:
    lines = [f"schema: {plan.schema}", f"workload: {flow(plan.workload)}", *folded("decision", plan.decision), EDITABLE, "deployments:"]
    for deployment in plan.deployments:
        lines += _deployment_lines(deployment)
    lines.append(f"router: {flow(plan.router)}" if plan.router else "router: null")
    lines.append(f"evidence_required: {flow(list(plan.evidence_required))}")
    return lines


def _deployment_lines(deployment: PlannedDeployment) -> list[str]:
    lines = [f"  - name: {flow(deployment.name)}", f"    role: {deployment.role}", f"    replicas: {deployment.replicas}"]
    for key in ("model", "engine", "image", "hardware", "parallelism"):
        value = getattr(deployment, key)
        if value is not None:
            note = "   # per replica" if key == "hardware" else ""
            lines.append(f"    {key}: {flow(_without_empty(dataclasses.asdict(value)))}{note}")
    lines.append("    settings:                                            # the engine's own flag names")
    width = max((len(flag) for flag in deployment.settings), default=0) + 1
    for flag, setting in deployment.settings.items():
        lines.append(f"      {flag + ':':<{width}} {flow(_without_empty(dataclasses.asdict(setting)))}")
    return lines


def _derived_half(plan: Plan) -> list[str]:
    lines = [DERIVED, "claims:"]
    for name, claims in plan.claims.items():
        lines.append(f"  {name}:")
        lines += [f"    {claim_name}: {flow(_claim(claim))}" for claim_name, claim in claims.items()]
    lines += _list("instead", [flow(_without_empty(dataclasses.asdict(option))) for option in plan.instead])
    lines += _list("changes_if", [flow(text) for text in plan.changes_if])
    lines += _list("assumed", [flow(text) for text in plan.assumed])
    lines += _list("measured", [flow(_told(point)) for point in plan.measured]) if plan.measured else []
    lines.append(f"made_with: {flow(_without_empty(dataclasses.asdict(plan.made_with)))}")
    return lines


def _list(key: str, items: list[str]) -> list[str]:
    return [f"{key}:", *(f"  - {item}" for item in items)] if items else [f"{key}: []"]


def _told(point: MeasuredPoint) -> dict[str, Any]:
    """What a point says, its defaults left out."""
    fields = dataclasses.fields(point)
    return _without_empty({field.name: getattr(point, field.name) for field in fields if getattr(point, field.name) != field.default})


def _claim(claim: Claim) -> dict[str, Any]:
    return {**_without_empty({**dataclasses.asdict(claim), "basis": None}), "basis": str(claim.basis)}


def _without_empty(mapping: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in mapping.items() if value is not None and value not in ((), [], "", {})}
    return {key: _plain(value) for key, value in kept.items()}


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, str) else value
