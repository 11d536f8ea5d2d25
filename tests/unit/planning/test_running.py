"""Plans that need not run day and night, and machines that may be taken away."""

import dataclasses

import pytest

from advisor.domain.running import Running
from advisor.domain.strict import FieldFault
from advisor.domain.workload import CostTerms, HardwareChoice, RentedHardware, Volume
from tests.unit.planning.questions import CHAT, ON_THREE_KINDS, decided

OFFICE = dataclasses.replace(ON_THREE_KINDS, running=Running(hours_per_day=10, days_per_month=22))
ON_REQUEST = dataclasses.replace(ON_THREE_KINDS, volume=Volume(10), running=Running(scale_to_zero_after_s=300))


def month_usd(workload):
    return decided(workload, explore=False).chosen.estimate.cost.usd_per_month.value


def test_rented_for_the_office_hours_costs_those_hours():
    chosen = decided(OFFICE, explore=False).chosen
    cost = chosen.estimate.cost
    assert cost.hours_per_month == pytest.approx(220, rel=0.02)
    assert month_usd(OFFICE) == pytest.approx(cost.usd_per_hour.value * cost.hours_per_month)
    assert month_usd(OFFICE) < month_usd(ON_THREE_KINDS) / 3


def test_a_request_that_finds_it_off_is_late():
    """Ten a day come more than five minutes apart: each waits for a start, which no limit of two seconds survives."""
    decision = decided(ON_REQUEST, explore=False)
    late = {r.name: r for r in decision.chosen.requirements}["cold_start_s"]
    assert not decision.feasible
    assert late.given.value > late.at_most == 2.0
    assert decision.chosen.estimate.cost.cold_share > 0.9


def test_without_a_limit_ten_requests_a_day_cost_a_tenth():
    patient = dataclasses.replace(ON_REQUEST, service_level=dataclasses.replace(CHAT.service_level, ttft_p95_s=None))
    always = dataclasses.replace(patient, running=None)
    assert month_usd(patient) < month_usd(always) / 10


def test_spot_machines_are_charged_at_their_spot_price():
    rent = HardwareChoice(rent=RentedHardware(devices=("h100-sxm",), spot=True))
    chosen = decided(dataclasses.replace(CHAT, hardware=rent), explore=False).chosen
    assert chosen.available.spot
    assert chosen.estimate.cost.usd_per_hour.value == chosen.available.offer.spot_usd_per_hour
    assert "spot" in chosen.estimate.cost.basis_text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Running(hours_per_day=25), "a day has 24"),
        (lambda: Running(days_per_month=32), "at most 31"),
        (lambda: Running(hours_per_day=0), "must be above 0"),
        (lambda: Running(starts_per_day=100_000), "more than one a second"),
        (lambda: Running(scale_to_zero_after_s=100_000), "more than a day"),
        (lambda: dataclasses.replace(CHAT, volume=None, running=Running(scale_to_zero_after_s=60)), "needs volume"),
        (lambda: CostTerms(capex="sunk", amortisation_years=4), "contradicts amortisation_years"),
    ],
)
def test_contradictions_are_refused_with_the_reason(make, message):
    with pytest.raises(FieldFault, match=message):
        make()
