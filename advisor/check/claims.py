"""The derived half of a plan against what its inputs give now: edited lines, moved inputs, changed verdicts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from advisor.check.codes import CLAIM_EDITED, CLAIMS_STALE, INPUTS_MOVED, VERDICT_CHANGED
from advisor.check.report import capped
from advisor.documents import Document, Path_
from advisor.domain.claim_labels import label_of
from advisor.domain.finding import Finding
from advisor.domain.plan import Claim, MadeWith, Plan
from advisor.domain.position import Position
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.verdict import AT_LEAST_LIKELY, Severity, Standing, stand

Claims = Mapping[str, Mapping[str, Claim]]
_TOLERANCE: Final = {Basis.EXACT: 0.02, Basis.STATED: 0.02, Basis.MEASURED: 0.02}
_MODELLED_TOLERANCE: Final = 0.10  # the last digits of a simulation may differ between machines
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of one claim: as it stands in the file, as it is now, and where."""

    name: str
    path: Path_
    field: str
    written: object
    now: object


def claim_findings(plan: Plan, document: Document, now: Claims, made_now: MadeWith) -> Iterator[Finding]:
    """What is to be said about the claims. It depends on what moved: nothing (a line was edited), the deployments, the inputs."""
    differences = list(_differences(plan.claims, now))
    stale = plan.made_with.deployments_sha256 not in (None, made_now.deployments_sha256)
    moved = _moved(plan.made_with, made_now)
    if stale and differences:
        yield _finding(document.key_position(("claims",)), "block", CLAIMS_STALE, _stale_text(differences))
    elif moved and not stale:
        yield _finding(document.key_position(("made_with",)), "note", INPUTS_MOVED, _moved_text(moved, differences))
    elif not stale:
        for each in differences:
            yield _finding(document.position(each.path), "block", CLAIM_EDITED, _edited_text(each))
    yield from _verdicts(plan.claims, now, document)


def _finding(at: Position, severity: Severity, rule: str, text: str) -> Finding:
    return Finding(at, severity, rule, Basis.EXACT, f"{text}: advisor plan --update {at.file}")


# ---- differences


def _differences(written: Claims, now: Claims) -> Iterator[Difference]:
    for owner, claims in written.items():
        for name, claim in claims.items():
            path: Path_ = ("claims", owner, name)
            recomputed = now.get(owner, {}).get(name)
            if recomputed is None:
                yield Difference(f"{owner}.{name}", path, "", claim.expect, None)
            else:
                yield from _fields(f"{owner}.{name}", path, claim, recomputed)
    for owner, claims in now.items():
        for name, claim in claims.items():
            if name not in written.get(owner, {}):
                yield Difference(f"{owner}.{name}", ("claims", owner), "", None, claim.expect)


def _fields(name: str, path: Path_, written: Claim, now: Claim) -> Iterator[Difference]:
    for field in ("expect", "low", "high", "at_most", "at_least"):
        one, other = getattr(written, field), getattr(now, field)
        limit = field in ("at_most", "at_least")
        if not _same(one, other, _TOLERANCE[Basis.EXACT] if limit else _TOLERANCE.get(now.basis, _MODELLED_TOLERANCE)):
            yield Difference(name, (*path, field), field, one, other)
    if written.basis != now.basis:
        yield Difference(name, (*path, "basis"), "basis", str(written.basis), str(now.basis))


def _same(one: float | None, other: float | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= tolerance * max(abs(one), abs(other))


def _moved(then: MadeWith, now: MadeWith) -> list[str]:
    pairs = (("advisor", then.advisor, now.advisor), ("catalog", then.catalog, now.catalog))
    moved = [f"{name} {before} -> {after}" for name, before, after in pairs if before != after]
    return [*moved, "the workload was edited"] if then.workload_sha256 != now.workload_sha256 else moved


# ---- sentences


def _edited_text(each: Difference) -> str:
    field = f".{each.field}" if each.field else ""
    if each.now is None:
        what = f"{_shown(each.written)} in the file, nothing is derived under this name now"
    elif each.written is None:
        what = f"missing in the file, {_shown(each.now)} recomputed"
    else:
        what = f"{_shown(each.written)} in the file, {_shown(each.now)} recomputed"
    return f"claims.{each.name}{field}: {what}. This line is derived and was edited; refresh it"


def _stale_text(differences: list[Difference]) -> str:
    return f"the deployments were edited after the claims were computed: {_list(differences)}. Refresh the claims"


def _moved_text(moved: list[str], differences: list[Difference]) -> str:
    numbers = f"; {_list(differences)}" if differences else "; every claim is the same"
    return f"inputs moved since the plan was made ({', '.join(moved)}){numbers}. Refresh when it suits you"


def _list(differences: list[Difference]) -> str:
    main = [each for each in differences if each.field in ("expect", "at_most", "at_least", "")] or differences
    shown = [f"{each.name} {_shown(each.written)} -> {_shown(each.now)}" for each in main[:_SHOWN]]
    more = f" and {len(main) - _SHOWN} more" if len(main) > _SHOWN else ""
    return ", ".join(shown) + more


def _shown(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, int | float) else "none" if value is None else str(value)


# ---- verdicts


def _verdicts(written: Claims, now: Claims, document: Document) -> Iterator[Finding]:
    """Requirements that stood as at least likely and do not any more."""
    for owner, claims in now.items():
        for name, claim in claims.items():
            before = written.get(owner, {}).get(name)
            if before is None or (claim.at_most is None and claim.at_least is None):
                continue
            was, stands = _standing(before), _standing(claim)
            if was in AT_LEAST_LIKELY and stands not in AT_LEAST_LIKELY:
                severity = capped("block" if stands is Standing.BREAKS else "warn", claim.basis)
                text = f"{label_of(name)[0]}: {was} in the file, {stands} now: {_given(claim, name)}. Keep the old inputs, or plan again"
                yield Finding(document.key_position(("claims", owner, name)), severity, VERDICT_CHANGED, claim.basis, text)


def _standing(claim: Claim) -> Standing:
    return stand(_quantity(claim), at_most=claim.at_most, at_least=claim.at_least)


def _quantity(claim: Claim) -> Quantity:
    low = claim.expect if claim.low is None else min(claim.low, claim.expect)
    high = (claim.expect if claim.low is None else float("inf")) if claim.high is None else max(claim.high, claim.expect)
    return Quantity(claim.expect, low, high, claim.basis, "the plan's claim")


def _given(claim: Claim, name: str) -> str:
    unit = label_of(name)[1]
    limit = f"at most {_shown(claim.at_most)}" if claim.at_most is not None else f"at least {_shown(claim.at_least)}"
    return f"{_quantity(claim).show(unit)}, {limit}{unit}"
