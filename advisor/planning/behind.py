"""Of two deployments that both keep every requirement: the first key of the ranking on which one is behind, in words."""

from collections.abc import Mapping
from typing import NamedTuple

from advisor.assess import monthly_usd
from advisor.domain.assessment import Assessment
from advisor.domain.claim_labels import label_of
from advisor.domain.quantization import Quantization
from advisor.planning.rank import COST_BAND, asked_share, complexity, headroom_step, loss_step, offloaded
from advisor.planning.strain import ratio, strain
from advisor.units import significant


class Behind(NamedTuple):
    """The name of the key, and a sentence with both figures."""

    lost_on: str
    reason: str


def behind(loser: Assessment, chosen: Assessment, quantizations: Mapping[str, Quantization]) -> Behind:
    """Why the ranking puts `loser` behind `chosen`."""
    if loser.deployment.candidate.model.id != chosen.deployment.candidate.model.id:
        return Behind("models", "also keeps the service level; later in your order of models")
    mine, theirs = monthly_usd(loser), monthly_usd(chosen)
    if mine > theirs * COST_BAND or (mine > theirs and not _more_complex(loser, chosen)):
        price = f"for {significant(mine, 3)} USD a month instead of {significant(theirs, 3)}"
        return Behind("usd_per_month", f"also keeps the service level, {price}")
    if _more_complex(loser, chosen):
        return Behind("simplicity", f"also keeps the service level; {_complexity_text(loser, chosen)}")
    if loss_step(loser, quantizations) > loss_step(chosen, quantizations):
        return Behind("quality", "also keeps the service level, with more quality lost")
    return _headroom(loser, chosen)


def _more_complex(loser: Assessment, chosen: Assessment) -> bool:
    return complexity(loser) > complexity(chosen)


def _complexity_text(loser: Assessment, chosen: Assessment) -> str:
    mine, theirs = complexity(loser), complexity(chosen)
    if mine[0] != theirs[0]:
        return f"{mine[0]} devices in use instead of {theirs[0]}"
    if mine[1] != theirs[1]:
        return f"{mine[1]} replicas to keep alive instead of {theirs[1]}"
    where = "reads a part of its weights from host memory" if offloaded(loser.deployment.candidate) else "is harder to run"
    return f"it {where}"


def _headroom(loser: Assessment, chosen: Assessment) -> Behind:
    mine, theirs = strain(loser.requirements), strain(chosen.requirements)
    asked, asked_of_chosen = asked_share(loser), asked_share(chosen)
    if headroom_step(loser) == headroom_step(chosen) and round(asked, 1) > round(asked_of_chosen, 1):
        of_what = f"{asked * 100:.0f} % of what it can serve is asked for, of the chosen one {asked_of_chosen * 100:.0f} %"
        return Behind("capacity", f"also keeps the service level with less to spare: {of_what}")
    if mine > theirs:
        tightest = max((r for r in loser.requirements if r.at_most and strain([r])), key=ratio)
        label = label_of(tightest.name)[0]
        text = f"also keeps the service level with less headroom: {label} at {mine * 100:.0f} % of its limit, chosen {theirs * 100:.0f} %"
        return Behind("headroom", text)
    if not loser.deployment.candidate.checkpoint.published:
        return Behind("files", "also keeps the service level; its files have to be made first")
    return Behind("rank", "keeps the service level just as well; the chosen one comes first by name")
