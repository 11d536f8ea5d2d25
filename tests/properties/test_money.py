"""Prices and devices: what can only be better never makes the plan worse."""

import dataclasses
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.assess import monthly_usd
from advisor.catalog import load_catalog
from advisor.catalog.catalog import Catalog
from advisor.domain.workload import HardwareChoice, Load, RentedHardware, ServiceLevel, Users, Workload
from advisor.planning.decision import Decision
from advisor.planning.planner import decide
from advisor.planning.rank import COST_BAND
from advisor.rules.load import load_rules
from tests.unit.planning.questions import CHAT

DEVICES = ("t4", "l4", "a10g", "rtx-3090", "rtx-4090", "l40s", "a100-80gb-sxm", "h100-sxm")
LEVELS = (ServiceLevel(), ServiceLevel(ttft_p95_s=3.0, tpot_p95_s=0.06), ServiceLevel(tpot_p95_s=0.05, with_replicas_down=1))
FEW = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def questions(draw) -> Workload:
    rent = RentedHardware(devices=tuple(draw(st.lists(st.sampled_from(DEVICES), min_size=1, max_size=2, unique=True))))
    users = draw(st.sampled_from((1, 8, 40, 200)))
    level = draw(st.sampled_from(LEVELS))
    return dataclasses.replace(CHAT, load=Load(users=Users(users, 60)), service_level=level, hardware=HardwareChoice(rent=rent))


@cache
def rules():
    return load_rules([])


def answered(workload: Workload, catalog: Catalog | None = None) -> Decision:
    return decide(workload, catalog or load_catalog(), rules(), explore=False)


def cheapest(decision: Decision) -> float:
    """The best of the recommended ones; which of those within 5 % is taken is decided by other things than price."""
    return min((monthly_usd(one) for one in decision.ranked if one.recommended), default=float("inf"))


@FEW
@given(questions(), st.floats(0.3, 0.99))
def test_a_cheaper_identical_offer_never_raises_the_cost(workload, factor):
    catalog, before = load_catalog(), answered(workload)
    if before.chosen is None or before.chosen.available.offer is None:
        return
    offer = before.chosen.available.offer
    cheaper = dataclasses.replace(offer, provider="somebody", instance="the same for less", usd_per_hour=offer.usd_per_hour * factor)
    after = answered(workload, dataclasses.replace(catalog, offers=(*catalog.offers, dataclasses.replace(cheaper, spot_usd_per_hour=None))))
    assert cheapest(after) <= cheapest(before)
    assert monthly_usd(after.chosen) <= monthly_usd(before.chosen) * COST_BAND
    if before.feasible:
        assert cheapest(after) < cheapest(before) * COST_BAND


@FEW
@given(questions(), st.sampled_from(DEVICES))
def test_another_kind_of_device_never_worsens_the_best_plan(workload, device):
    rent = workload.hardware.rent
    more = dataclasses.replace(rent, devices=tuple(dict.fromkeys((*rent.devices, device))))
    before, after = answered(workload), answered(dataclasses.replace(workload, hardware=HardwareChoice(rent=more)))
    assert after.feasible >= before.feasible
    assert cheapest(after) <= cheapest(before) * COST_BAND


@FEW
@given(questions(), st.floats(1.1, 3.0))
def test_a_looser_budget_never_takes_the_answer_away(workload, factor):
    usd = cheapest(answered(workload))
    if usd == float("inf"):
        return
    tight = dataclasses.replace(workload, cost=dataclasses.replace(workload.cost, budget_usd_per_month=usd * COST_BAND))
    loose = dataclasses.replace(workload, cost=dataclasses.replace(workload.cost, budget_usd_per_month=usd * COST_BAND * factor))
    assert answered(tight).feasible and answered(loose).feasible
