"""Deployments in words: one short name for each, the same in the terminal, in the plan and in tests."""

from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.deployment import Candidate
from advisor.domain.estimate import CostEstimate
from advisor.domain.hardware import Available
from advisor.domain.quantity import Quantity
from advisor.domain.verdict import Requirement
from advisor.units import HOURS_PER_MONTH, significant


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
    """`first token p95, 1 down 7.7 s (5.1-9.8, modelled); limit 2 s`."""
    label, unit = label_of(requirement.name)
    given = shown(requirement.given, unit) if requirement.given else "not estimated"
    return f"{label} {given}; {limit_text(requirement)}"


def bare_text(requirement: Requirement) -> str:
    """The same without the range: for quick looks, which have none."""
    label, unit = label_of(requirement.name)
    given = shown(requirement.given, unit, bare=True) if requirement.given else "not estimated"
    return f"{label} {given}; {limit_text(requirement)}"


def limit_text(requirement: Requirement) -> str:
    """`limit 2 s` or `needs 16,200 tokens`."""
    _, unit = label_of(requirement.name)
    if requirement.at_most is not None:
        return f"limit {plain(requirement.at_most, unit)}"
    return f"needs {plain(requirement.at_least or 0.0, unit)}"


def plain(value: float, unit: str = "") -> str:
    """A limit as its owner wrote it, milliseconds below a second: `2 s`, `50 ms`, `16,200 tokens`."""
    if unit == " s" and value < 1:
        value, unit = value * 1e3, " ms"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text}{unit}"


def shown(quantity: Quantity, unit: str, *, bare: bool = False) -> str:
    """A quantity with its range and basis, milliseconds below a second; `bare` leaves the range out."""
    if unit == " s" and quantity.value < 1:
        quantity, unit = quantity.times(1e3), " ms"
    if unit == " USD" and quantity.low == quantity.high:
        return f"{money(quantity.value)}{unit}" if bare else f"{money(quantity.value)}{unit} ({quantity.basis})"
    if unit == " GiB" and quantity.low == quantity.high:
        return f"{quantity.value:,.2f}{unit}" if bare else f"{quantity.value:,.2f}{unit} ({quantity.basis})"
    return f"{significant(quantity.value)}{unit}" if bare else quantity.show(unit)


def price_text(cost: CostEstimate) -> str:
    """What an hour is charged for, and the day its price is of where it has one."""
    return f"{cost.basis_text}, price of {cost.price_as_of}" if cost.price_as_of else cost.basis_text


def charged_text(cost: CostEstimate) -> str:
    """The same, with the hours of a month where those are not all."""
    part = cost.hours_per_month is not None and cost.hours_per_month < HOURS_PER_MONTH
    return price_text(cost) + (f", on for {significant(cost.hours_per_month or 0.0)} h a month" if part else "")


def money(usd: float) -> str:
    """Whole dollars from a hundred on, cents below, two significant digits of less than a cent."""
    return f"{usd:,.0f}" if usd >= 100 else f"{usd:.2f}" if usd >= 0.1 else significant(usd)


def seconds(value: float) -> str:
    """`1.2 s`, `27 ms`: milliseconds below a second."""
    return f"{significant(value)} s" if value >= 1 else f"{significant(value * 1e3)} ms"


def over(value: float, limit: float) -> str:
    """`2.6 s; limit 2 s`, with as many digits as it takes to tell the two apart."""
    scale, unit = (1.0, " s") if value >= 1 else (1e3, " ms")
    digits = next((n for n in (2, 3, 4) if float(significant(value * scale, n).replace(",", "")) != limit * scale), 4)
    return f"{significant(value * scale, digits)}{unit}; limit {plain(limit, ' s')}"
