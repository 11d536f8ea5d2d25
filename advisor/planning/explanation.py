"""The sum behind one number of a plan: its terms with this model's own figures, and where each is known from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from advisor.assess import Case, Sized
from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.quantity import Quantity
from advisor.domain.verdict import Requirement
from advisor.errors import UserInputError, did_you_mean
from advisor.planning.compose import memory_numbers
from advisor.planning.explain_latency import first_token_terms, per_token_terms, whole_answer_terms
from advisor.planning.explain_memory import capacity_terms, device_terms, held_terms, host_terms, weights_terms
from advisor.planning.explain_money import (
    full_request_terms,
    input_token_terms,
    month_terms,
    output_token_terms,
    pile_terms,
    request_terms,
    user_terms,
)
from advisor.planning.term import Term

Terms = Callable[[Case, Assessment, Sized], Iterator[Term]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A claim with what it is held against, and the terms that add up to it."""

    deployment: str
    claim: str
    label: str
    unit: str
    value: Quantity
    requirement: Requirement | None
    terms: tuple[Term, ...]


def explain_claim(case: Case, assessment: Assessment, sized: Sized, *, claim: str, deployment: str) -> Explanation:
    """Raises UserInputError for a claim that this deployment does not make, with near names."""
    required = {requirement.name: requirement for requirement in assessment.requirements}
    numbers = claimed_numbers(assessment)
    if claim not in numbers:
        hint = did_you_mean(claim, numbers) or f"; it makes {', '.join(numbers)}"
        raise UserInputError(f"{deployment} makes no claim {claim}{hint}")
    label, unit = label_of(claim)
    terms = tuple(_terms_of(claim)(case, assessment, sized))
    return Explanation(deployment, claim, label, unit, numbers[claim], required.get(claim), terms)


def claimed_numbers(assessment: Assessment) -> Mapping[str, Quantity]:
    """Every number of one deployment under its claim's name, money included."""
    numbers = {**memory_numbers(assessment.estimate)}
    numbers |= {r.name: r.given for r in assessment.requirements if r.given is not None}
    cost = assessment.estimate.cost
    money = {name: getattr(cost, name) for name in _MONEY} if cost else {}
    return numbers | {name: number for name, number in money.items() if number is not None}


def _terms_of(claim: str) -> Terms:
    """The builder of the longest claim name that this one starts with; a claim without one is a figure of its own."""
    known = [name for name in _BUILDERS if claim == name or claim.startswith(f"{name}_")]
    return _BUILDERS[max(known, key=len)](claim) if known else _alone(claim)


def _alone(claim: str) -> Terms:
    def terms(case: Case, assessment: Assessment, sized: Sized) -> Iterator[Term]:
        number = claimed_numbers(assessment)[claim]
        yield Term(number.value, label_of(claim)[1], "read off", number.source)

    return terms


_MONEY: Mapping[str, Terms] = {
    "usd_per_month": month_terms,
    "usd_per_pile": pile_terms,
    "usd_per_request": request_terms,
    "usd_per_request_at_capacity": full_request_terms,
    "usd_per_million_input_tokens": input_token_terms,
    "usd_per_million_output_tokens": output_token_terms,
    "usd_per_user_month": user_terms,
}
_BUILDERS: Mapping[str, Callable[[str], Terms]] = {
    "ttft_p95_s": first_token_terms,
    "tpot_p95_s": per_token_terms,
    "e2e_p95_s": whole_answer_terms,
    "weights_gib": lambda _: weights_terms,
    "required_gib": device_terms,
    "reserved_gib": device_terms,
    "host_required_gib": lambda _: host_terms,
    "kv_cache_gib": lambda _: capacity_terms,
    "kv_capacity_tokens": lambda _: capacity_terms,
    "requests_held_typical": lambda _: held_terms,
    **{name: lambda _, terms=terms: terms for name, terms in _MONEY.items()},  # type: ignore[misc]
}
