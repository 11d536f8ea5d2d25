"""Deployments in words: one short name for each, the same in the terminal, in the plan and in tests."""

from advisor.domain.assessment import Assessment
from advisor.domain.deployment import Candidate
from advisor.domain.hardware import Available
from advisor.domain.verdict import Requirement
from advisor.units import significant

LABELS = {
    "ttft_p95_s": ("first token, p95", " s"),
    "tpot_p95_s": ("per token, p95", " s"),
    "e2e_p95_s": ("whole answer, p95", " s"),
    "utilization": ("utilisation", ""),
    "finish_h": ("finished after", " h"),
    "usd_per_month": ("cost a month", " USD"),
    "required_gib": ("memory per device", " GiB"),
    "host_required_gib": ("host memory", " GiB"),
    "context_per_request_tokens": ("longest request", " tokens"),
    "replicas_up": ("replicas left", ""),
}


def label_of(name: str) -> tuple[str, str]:
    """What a claim is called, and its unit: `ttft_p95_s_one_down` -> ('first token, p95, one down', ' s')."""
    for known, (label, unit) in LABELS.items():
        if name == known:
            return label, unit
        if name.startswith(known + "_") and name.endswith("_down"):
            return f"{label}, {name.removeprefix(known + '_').replace('_', ' ')}", unit
    return name, ""


def recipe(candidate: Candidate) -> str:
    """`vLLM, Qwen3-32B fp8, tensor parallel 2`."""
    engine = candidate.runtime.runtime if candidate.runtime.engine == "llama.cpp" else "vLLM"
    name = candidate.model.id.split("/")[-1]
    spread = f", {candidate.parallelism.devices} devices each" if candidate.parallelism.devices > 1 else ""
    return f"{engine}, {name} {candidate.checkpoint.quantization}{spread}"


def placed(candidate: Candidate, replicas: int, available: Available) -> str:
    """`4 x 1 H100 SXM (owned)`."""
    where = f"{available.offer.provider} {available.offer.instance}" if available.offer else available.acquisition.replace("_", " ")
    return f"{replicas} x {candidate.parallelism.devices} {candidate.node.device.name} ({where})"


def option_text(assessment: Assessment) -> str:
    """The whole deployment on one line."""
    deployment = assessment.deployment
    return f"{recipe(deployment.candidate)}, {placed(deployment.candidate, deployment.replicas, assessment.available)}"


def requirement_text(requirement: Requirement) -> str:
    """`first token, p95, one down 7.7 s (5.1-9.8, modelled); limit 2 s`."""
    label, unit = label_of(requirement.name)
    given = requirement.given.show(unit) if requirement.given else "not estimated"
    return f"{label} {given}; {limit_text(requirement)}"


def limit_text(requirement: Requirement) -> str:
    """`limit 2 s` or `needs 16,200 tokens`."""
    _, unit = label_of(requirement.name)
    if requirement.at_most is not None:
        return f"limit {_plain(requirement.at_most)}{unit}"
    return f"needs {_plain(requirement.at_least or 0.0)}{unit}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else significant(value, 3).rstrip("0").rstrip(".") or "0"
