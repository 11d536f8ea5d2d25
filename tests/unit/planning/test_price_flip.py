"""Prices that decide: which move of one price puts another option in front, and when it is only a footnote."""

import dataclasses
import io

import pytest
from rich.console import Console

from advisor.assess import judged_by_prices
from advisor.domain.hardware import Offer
from advisor.domain.workload import CostTerms
from advisor.planning.compose import compose_plan
from advisor.planning.describe import charged_text
from advisor.planning.price_flip import price_flip
from advisor.planning.rank import ranked
from advisor.report.plan_text import print_decision
from tests.unit.planning.questions import ON_THREE_KINDS, decided

ASKED = decided(ON_THREE_KINDS)
CASE = ASKED.case


def at(assessment, usd_per_hour, **offered):
    """The same deployment on an instance of this price."""
    offer = Offer(**{**dataclasses.asdict(assessment.available.offer), "usd_per_hour": usd_per_hour, "spot_usd_per_hour": None, **offered})
    cost = assessment.estimate.cost
    paid = dataclasses.replace(cost, usd_per_month=cost.usd_per_month.times(usd_per_hour * 730 / cost.usd_per_month.value))
    return dataclasses.replace(
        assessment,
        available=dataclasses.replace(assessment.available, offer=offer),
        estimate=dataclasses.replace(assessment.estimate, cost=paid),
    )


def pair(first_usd, second_usd, **offered):
    """The chosen deployment at one price, the same in somebody else's instance at another: only prices and names tell them apart."""
    return at(ASKED.chosen, first_usd), at(ASKED.chosen, second_usd, instance="another", as_of="2026-01-31", **offered)


def first_of(*assessments):
    return ranked([(one, 0) for one in assessments], CASE.catalog.quantizations)[0]


@pytest.mark.parametrize("share", [0.998, 1.002])
def test_the_moves_that_are_told_are_where_the_ranking_turns(share):
    first, second = pair(1.0, 1.1)
    flip = price_flip(CASE, [(second, 0), (first, 0)])
    dearer, cheaper = at(first, 1.0 + share * flip.rise_pct / 100), at(second, 1.1 * (1 - share * flip.fall_pct / 100))
    assert (first_of(dearer, second) is second) == (share > 1)
    assert (first_of(first, cheaper) is cheaper) == (share > 1)
    assert flip.flips_at_pct == min(flip.rise_pct, flip.fall_pct)
    assert flip.runner_up == "1.1 USD/h for runpod another (2026-01-31)"


@pytest.mark.parametrize(("second_usd", "fires"), [(1.02, True), (1.16, True), (1.3, False)])
def test_the_rule_fires_where_a_plausible_move_turns_the_answer(second_usd, fires):
    first, second = pair(1.0, second_usd)
    chosen = judged_by_prices(first, CASE, price_flip(CASE, [(first, 0), (second, 0)]))
    plan = compose_plan(dataclasses.replace(ASKED, chosen=chosen), workload_path="workload.yaml", workload_sha256="0" * 64)
    told = [text for text in plan.changes_if if text.endswith("[PRC001]")]
    assert ("PRC001" in {verdict.rule for verdict in chosen.verdicts}) is bool(told) is fires
    assert all("against" in text and "2026-01-31" in text and "runpod another" in text for text in told)


def test_the_same_instance_at_the_same_price_is_no_other_option():
    first, _ = pair(1.0, 1.1)
    assert price_flip(CASE, [(first, 0), (first, 0)]).flips_at_pct is None


def test_what_is_owned_has_been_paid_for_and_a_stated_price_stands():
    first, second = pair(1.0, 1.1)
    owned = dataclasses.replace(first, available=dataclasses.replace(first.available, acquisition="owned", offer=None))
    flip = price_flip(CASE, [(owned, 0), (second, 0)])
    assert flip.rise_pct is None and flip.fall_pct is not None
    assert flip.chosen.endswith("that you have")
    told = dataclasses.replace(CASE, workload=dataclasses.replace(CASE.workload, cost=CostTerms(price_usd_per_hour=2.0)))
    assert price_flip(told, [(first, 0), (second, 0)]).flips_at_pct is None


def test_the_date_of_a_price_is_a_footnote():
    offer = ASKED.chosen.available.offer
    out = io.StringIO()
    print_decision(ASKED, Console(file=out, width=80, highlight=False), proof="")
    assert charged_text(ASKED.chosen.estimate.cost).endswith(f"price of {offer.as_of}")
    assert offer.as_of in out.getvalue() and "PRC001" not in out.getvalue()
