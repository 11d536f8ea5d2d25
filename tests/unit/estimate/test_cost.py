"""Money: arithmetic that a reader can check by hand."""

import math
from dataclasses import replace

import pytest

from advisor.domain.estimate import PerformanceEstimate
from advisor.domain.hardware import Available, Offer
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.running import Running
from advisor.domain.workload import Batch, CostTerms, Load, Users
from advisor.estimate.cost import estimate_cost
from advisor.estimate.duty import duty_of
from advisor.estimate.load import estimate_performance
from advisor.estimate.load_requests import request_stream
from advisor.estimate.packing import pack
from tests.unit.estimate.serving_for_tests import CATALOG, EIGHT_B, demand, deployment, memory_of, steps_of, vllm_candidate

OWNED = Available(CATALOG.node("h100-sxm", 4), 1, "owned", purchase_usd_per_device=30_000, all_in_kw_per_device=1.73)
TERMS = CostTerms(electricity_usd_per_kwh=0.20, amortisation_years=4, host_overhead_pct=40)
OFFER = Offer("a-cloud", "gpu-8", "h100-sxm", 8, 88.0, "2026-08-03", "price list", 50.0, "eu-1")
ASKED = demand(Load(requests_per_s=0.5), requests_per_month=132_000)


def replicas(count, *, on=4, tensor=1, **more):
    return deployment(replace(vllm_candidate(EIGHT_B, "h100-sxm", tensor=tensor), node=CATALOG.node("h100-sxm", on)), count, **more)


def cost(deployed, available=OWNED, *, terms=TERMS, asked=ASKED, performance=None):
    return estimate_cost(deployed, available, demand=asked, terms=terms, performance=performance)


def performance_of(requests_per_s, capacity) -> PerformanceEstimate:
    candidate = vllm_candidate(EIGHT_B, "h100-sxm")
    made = estimate_performance(deployment(candidate), ASKED, memory=memory_of(10**6), steps=steps_of(candidate), replicas_up=1)
    served = Quantity(requests_per_s, requests_per_s * 0.8, requests_per_s * 1.25, Basis.MODELLED, "test")
    return replace(
        made, requests_per_s=served, capacity_requests_per_s=served.times(capacity / requests_per_s), output_tokens_per_s=served.times(500)
    )


def test_four_owned_h100():
    """30,000 x 1.4 / (4 x 8,760) + 1.73 kW x 0.20 = 1.54 USD per GPU-hour."""
    estimate = cost(replicas(4))
    assert estimate.usd_per_hour.value / 4 == pytest.approx(30_000 * 1.4 / (4 * 8760) + 1.73 * 0.20) == pytest.approx(1.54, abs=0.005)
    assert estimate.usd_per_month.value == pytest.approx(4510.32)
    assert estimate.usd_per_request.value == pytest.approx(0.034, abs=0.0005)
    assert estimate.usd_per_request.basis == estimate.usd_per_month.basis == Basis.STATED
    assert estimate.usd_per_month.low == estimate.usd_per_month.high
    assert estimate.idle_devices_charged == 0
    assert estimate.usd_per_request_at_capacity is None


def test_one_replica_less_on_an_owned_server_saves_nothing():
    three = cost(replicas(3))
    assert three.usd_per_month.value == cost(replicas(4)).usd_per_month.value
    assert three.idle_devices_charged == 1
    assert "1 device idle" in three.basis_text


@pytest.mark.parametrize(
    ("count", "on", "tensor", "share", "nodes", "idle"),
    [
        (1, 8, 1, 1.0, 1, 7),
        (8, 8, 1, 1.0, 1, 0),
        (9, 8, 1, 1.0, 2, 7),
        (3, 8, 4, 1.0, 2, 4),
        (2, 8, 3, 1.0, 1, 2),
        (3, 8, 3, 1.0, 2, 7),
        (1, 4, 8, 1.0, 2, 0),
        (2, 1, 1, 0.5, 1, 0),
        (3, 1, 1, 0.5, 2, 0),
    ],
)
def test_whole_nodes_are_taken(count, on, tensor, share, nodes, idle):  # noqa: PLR0917
    packing = pack(replicas(count, on=on, tensor=tensor, device_share=share))
    assert (packing.nodes, packing.idle_devices) == (nodes, idle)
    assert packing.devices == nodes * on


def test_rented_instances_are_charged_whole():
    rented = Available(CATALOG.node("h100-sxm", 8), None, "rent", OFFER)
    estimate = cost(replicas(9, on=8), rented)
    assert estimate.usd_per_hour.value == 2 * 88.0
    assert estimate.usd_per_month.value == 2 * 88.0 * 730
    assert estimate.price_as_of == "2026-08-03"
    assert estimate.idle_devices_charged == 7
    assert cost(replicas(9, on=8), replace(rented, spot=True)).usd_per_hour.value == 2 * 50.0
    without_spot = replace(rented, spot=True, offer=replace(OFFER, spot_usd_per_hour=None))
    assert cost(replicas(9, on=8), without_spot).usd_per_hour is None
    assert "no spot price" in cost(replicas(9, on=8), without_spot).basis_text


def test_a_stated_price_is_the_whole_deployments():
    estimate = cost(replicas(4), terms=replace(TERMS, price_usd_per_hour=3.0))
    assert estimate.usd_per_hour.value == 3.0
    assert estimate.usd_per_hour.basis == Basis.STATED


def test_an_unknown_purchase_price_leaves_electricity_and_says_so():
    estimate = cost(replicas(4), replace(OWNED, purchase_usd_per_device=None))
    assert estimate.usd_per_hour.value == pytest.approx(4 * 1.73 * 0.20)
    assert "purchase not counted" in estimate.basis_text
    nothing = cost(replicas(4), replace(OWNED, purchase_usd_per_device=None, all_in_kw_per_device=None))
    assert nothing.usd_per_hour is None
    assert nothing.usd_per_request is None


def test_this_machine_costs_its_electricity():
    here = replace(OWNED, acquisition="this_machine")
    assert cost(replicas(4), here).usd_per_hour.value == pytest.approx(4 * 1.73 * 0.20)


def test_without_a_volume_the_load_carried_divides_the_bill():
    served = performance_of(0.5, 2.0)
    estimate = cost(replicas(4), asked=replace(ASKED, requests_per_month=None), performance=served)
    per_request = estimate.usd_per_request
    assert per_request.value == pytest.approx(estimate.usd_per_hour.value / (0.5 * 3600))
    assert per_request.basis == Basis.MODELLED
    assert per_request.low == pytest.approx(per_request.value / 1.25)
    assert per_request.high == pytest.approx(per_request.value / 0.8)


def test_at_capacity_and_per_million_tokens():
    estimate = cost(replicas(4), performance=performance_of(0.5, 2.0))
    assert estimate.usd_per_request_at_capacity.value == pytest.approx(estimate.usd_per_hour.value / 7200)
    assert estimate.usd_per_request_at_capacity.basis == Basis.MODELLED
    assert estimate.usd_per_million_output_tokens.value == pytest.approx(estimate.usd_per_request.value * 1e6 / 500)


# ---- by the token, by the user


def test_the_split_prices_of_tokens_make_the_bill():
    """Per million sent and generated, like a hosted API's pair: tokens of a request times the pair are its cost."""
    served = performance_of(0.5, 2.0)
    estimate = cost(replicas(4), performance=served)
    sent = request_stream(ASKED, 0).mean_input_tokens
    pair = estimate.token_prices
    assert (pair.input.value * sent + pair.output.value * 500) / 1e6 == pytest.approx(estimate.usd_per_request.value)
    assert 0 < pair.input.value < pair.output.value
    assert pair.input.basis == Basis.MODELLED
    full = estimate.token_prices_at_capacity
    assert (full.input.value * sent + full.output.value * 500) / 1e6 == pytest.approx(estimate.usd_per_request_at_capacity.value)
    assert estimate.usd_per_million_input_tokens.value * sent / 1e6 == pytest.approx(estimate.usd_per_request.value)


def test_a_users_month_is_the_bill_over_the_users():
    users = demand(Load(users=Users(240, 120.0)), requests_per_month=132_000)
    assert cost(replicas(4), asked=users).usd_per_user_month.value == pytest.approx(4510.32 / 240)
    assert cost(replicas(4)).usd_per_user_month is None


def test_what_costs_nothing_costs_nothing_a_request():
    free = cost(replicas(4), terms=CostTerms(price_usd_per_hour=0.0), performance=performance_of(0.5, 2.0))
    assert (free.usd_per_month.value, free.usd_per_request.value, free.usd_per_request_at_capacity.value) == (0, 0, 0)


# ---- owned


def test_what_is_sunk_is_not_charged_again_and_what_must_be_bought_is():
    sunk = CostTerms(electricity_usd_per_kwh=0.20, capex="sunk")
    assert cost(replicas(4), terms=sunk).usd_per_hour.value == pytest.approx(4 * 1.73 * 0.20)
    assert "sunk" in cost(replicas(4), terms=sunk).basis_text
    assert cost(replicas(4), replace(OWNED, acquisition="buy"), terms=sunk).usd_per_hour.value > 4 * 1.73 * 0.20
    amortised = CostTerms(electricity_usd_per_kwh=0.20, capex="amortise", host_overhead_pct=40)
    assert cost(replicas(4), terms=amortised).usd_per_hour.value == pytest.approx(cost(replicas(4)).usd_per_hour.value)


# ---- not day and night

OFFICE = Running(hours_per_day=10, days_per_month=22)
ONE = Available(CATALOG.node("h100-sxm", 1), None, "rent", Offer("a-cloud", "gpu-1", "h100-sxm", 1, 11.0, "2026-08-03", "price list"))


def test_rent_is_paid_for_the_hours_that_are_on_and_for_starting():
    asked, served = replace(ASKED, running=OFFICE), performance_of(0.5, 2.0)
    estimate = cost(replicas(1, on=1), ONE, asked=asked, performance=served)
    hours = 220 + 22 * served.start_s.value / 3600
    assert estimate.hours_per_month == pytest.approx(hours)
    assert estimate.usd_per_month.value == pytest.approx(11.0 * hours)
    assert estimate.usd_per_month.low < estimate.usd_per_month.value < estimate.usd_per_month.high  # starting takes 22 unsure times
    assert estimate.usd_per_request_at_capacity.value == pytest.approx(11.0 / 7200)  # a full hour is not dearer


def test_a_purchase_is_paid_off_day_and_night_and_electricity_is_not():
    asked = replace(ASKED, running=OFFICE)
    purchase = 4 * 30_000 * 1.4 / (4 * 8760)
    assert cost(replicas(4), asked=asked).usd_per_month.value == pytest.approx(purchase * 730 + 4 * 1.73 * 0.20 * 220)
    assert cost(replicas(4), asked=asked).usd_per_hour.value == cost(replicas(4)).usd_per_hour.value


def test_scaled_to_zero_a_lonely_request_pays_for_its_own_start():
    """One request a day: it finds the machine off, starts it, is answered, and 300 s later it is off again."""
    lonely = duty_of(Running(days_per_month=30, scale_to_zero_after_s=300.0), 30.0, answer_s=10.0)
    assert lonely.cold_share == pytest.approx(1.0, abs=0.004)
    assert lonely.starts == pytest.approx(30.0, rel=0.004)
    assert lonely.hours == pytest.approx(30 * 310 / 3600, rel=0.01)
    assert lonely.hours_with_starts(90.0) == pytest.approx(30 * 400 / 3600, rel=0.01)


def test_scaled_to_zero_a_crowd_never_lets_it_rest():
    busy = duty_of(Running(scale_to_zero_after_s=300.0), 2_000_000.0)
    assert busy.hours == pytest.approx(730)
    assert busy.cold_share < 1e-6


def test_random_gaps_make_the_hours_that_the_formula_says():
    """10,000 exponential gaps with a mean of 400 s, off after 300 s of rest."""
    gaps = [-400 * math.log(1 - (i + 0.5) / 10_000) for i in range(10_000)]
    expected = duty_of(Running(scale_to_zero_after_s=300.0), 730 * 3600 / 400)
    assert expected.hours / 730 == pytest.approx(sum(min(gap, 300) for gap in gaps) / sum(gaps), rel=0.002)
    assert expected.cold_share == pytest.approx(sum(gap > 300 for gap in gaps) / 10_000, rel=0.002)


def test_round_the_clock_is_the_whole_month_without_a_start():
    assert duty_of(None, 1000.0) == duty_of(Running(), None)
    assert duty_of(None, 1000.0).hours_with_starts(100.0) == 730


# ---- a batch that comes again


PILE = replace(ASKED, load=Load(batch=Batch(36_000, 12)), requests_per_month=30 * 36_000)


def test_a_pile_that_comes_again_is_billed_for_its_hours_and_its_starts():
    """36,000 requests at one a second take 10 h; with the start before each of 30 piles a month."""
    rented, served = Available(CATALOG.node("h100-sxm", 8), None, "rent", OFFER), performance_of(1.0, 1.0)
    start_h = served.start_s.value / 3600
    estimate = cost(replicas(1, on=8), rented, asked=PILE, performance=served)
    assert estimate.hours_per_month == pytest.approx(30 * (10 + start_h))
    assert estimate.usd_per_month.value == pytest.approx(88.0 * 30 * (10 + start_h))
    assert estimate.usd_per_pile.value == pytest.approx(estimate.usd_per_month.value / 30)
    assert estimate.usd_per_month.low == pytest.approx(88.0 * 30 * (10 / 1.25 + served.start_s.low / 3600))
    assert estimate.usd_per_month.basis == Basis.MODELLED
    slow = cost(replicas(1, on=8), rented, asked=PILE, performance=performance_of(0.1, 0.1))
    assert slow.usd_per_month.value == 88.0 * 730


def test_a_pile_whose_repetition_nobody_states_pays_for_the_whole_month():
    rented, served = Available(CATALOG.node("h100-sxm", 8), None, "rent", OFFER), performance_of(1.0, 1.0)
    once = cost(replicas(1, on=8), rented, asked=replace(PILE, requests_per_month=None), performance=served)
    assert once.usd_per_month.value == 88.0 * 730
    assert once.usd_per_pile.value == pytest.approx(88.0 * (10 + served.start_s.value / 3600))
    office = cost(replicas(1, on=8), rented, asked=replace(PILE, running=OFFICE), performance=served)
    assert office.hours_per_month == pytest.approx(220, rel=0.01)


def test_what_is_owned_is_paid_for_between_the_piles_too():
    served = performance_of(1.0, 1.0)
    owned = cost(replicas(4), asked=PILE, performance=served)
    hours = 30 * (10 + served.start_s.value / 3600)
    assert owned.usd_per_month.value == pytest.approx(4 * (30_000 * 1.4 / (4 * 8760) * 730 + 1.73 * 0.20 * hours))
