"""When a measured speed may prove or refute what a plan requires: one rule for runs, servers, results of other tools and old evidence.

Measured on other hardware, in another version, with other settings or on a machine that was busy with something else, it decides nothing.
Weights may be made up: their tensors, and so the work, are the planned ones. A load that is harder than the planned one may prove a limit
and not refute it, an easier one may refute it and not prove it. A 95th percentile takes 20 requests; of fewer it decides nothing, unless
even their median breaks the limit. A failed request is slower than every limit; what the measurement's own time limit cut may be either.

A speed whose prediction is modelled is required of a load like the planned one, and not of a smoke run's bursts: the model is what is
under test there.
"""

from collections.abc import Iterable
from typing import Final

from advisor.domain.evidence import ClaimOutcome, ClaimResult, Decides, EvidenceFile, Source
from advisor.domain.plan import Claim
from advisor.domain.quantity import Basis

LEAST_REQUESTS: Final = 20  # of fewer, the 95th percentile lies between the two slowest
_SPEED_NAMES: Final = ("start_s", "ttft", "tpot", "e2e", "prefill", "output_tokens", "requests_per_s", "utilization", "finish")
_WITHOUT_SPEEDS: Final = frozenset({"log"})
_BURSTS: Final = frozenset({"run"})


def is_speed(name: str) -> bool:
    """True for claims about time."""
    return name.startswith(_SPEED_NAMES)


def may_gate(name: str, claim: Claim | None, sources: Iterable[Source]) -> bool:
    """Whether a required claim has to be proven by evidence of these sources: all but modelled speeds that only bursts have tested."""
    modelled_speed = claim is not None and is_speed(name) and claim.basis is Basis.MODELLED
    return not modelled_speed or frozenset(sources) - _WITHOUT_SPEEDS != _BURSTS


def decision(*, proof: bool, refutation: bool) -> Decides:
    """Which way a number may decide.

    >>> decision(proof=True, refutation=False)
    'proof'
    """
    if proof and refutation:
        return "both"
    return "proof" if proof else "refutation" if refutation else "nothing"


def outcome(value: float | None, *, at_most: float | None, at_least: float | None, decides: Decides = "both") -> ClaimOutcome:
    """A measured number against its bounds; not tested where it may not decide that way."""
    if value is None:
        return "not tested"
    inside = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
    if decides not in ("both", "proof" if inside else "refutation"):
        return "not tested"
    return "proven" if inside else "refuted"


def decides_of(evidence: EvidenceFile, shown: ClaimResult) -> Decides:
    """Which way a number of an evidence file may decide, as it was judged; files of before this was written down did not say why not."""
    if shown.requirement == "not tested" and shown.decides == "both":
        return "nothing"
    return "nothing" if is_speed(shown.name) and evidence.contention.get("disturbed") else shown.decides
