"""The order of the ranking's keys, each deciding only between options that all earlier ones leave equal."""

import dataclasses

import pytest

from advisor.catalog import load_catalog
from advisor.domain.assessment import Assessment
from advisor.domain.engine import Parallelism
from advisor.domain.estimate import CostEstimate
from advisor.domain.quantity import Basis, Quantity, stated
from advisor.domain.verdict import Requirement, Verdict
from advisor.planning.behind import behind
from advisor.planning.rank import cost_band, ranked
from advisor.planning.strain import missed_by, strain, worst_failure
from tests.unit.planning.questions import CHAT, decided

BASE = decided(CHAT, explore=False).chosen
SERVED = BASE.estimate.performance
QUANTIZATIONS = load_catalog().quantizations


def one(value: float) -> Quantity:
    return Quantity(value, value, value, Basis.MODELLED, "test")


def option(
    *,
    usd: float | None = 100.0,
    replicas: int = 1,
    devices: int = 1,
    quantization: str = "fp8",
    ttft_s: float = 1.0,
    published: bool = True,
    asked: float = 0.3,
) -> Assessment:
    candidate = BASE.deployment.candidate
    checkpoint = dataclasses.replace(candidate.checkpoint, quantization=quantization, published=published, loss=None)
    candidate = dataclasses.replace(candidate, checkpoint=checkpoint, parallelism=Parallelism(tensor=devices))
    price = stated(usd, "test") if usd is not None else None
    cost = CostEstimate(price, price, None, None, None, None, 0, "test")
    return dataclasses.replace(
        BASE,
        deployment=dataclasses.replace(BASE.deployment, candidate=candidate, replicas=replicas),
        available=dataclasses.replace(BASE.available, acquisition="rent"),
        estimate=dataclasses.replace(BASE.estimate, cost=cost, performance=dataclasses.replace(SERVED, utilization=one(asked))),
        requirements=(Requirement("ttft_p95_s", one(ttft_s), at_most=2.0),),
        verdicts=(),
    )


BLOCK = Verdict("XXX001", "block", "no", Basis.EXACT, ())


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param((option(usd=900), 0), (option(usd=1, ttft_s=2.1), 0), id="what holds before what is cheap"),
        pytest.param((option(usd=900), 0), (option(usd=1), 1), id="the owner's order of models before price"),
        pytest.param((option(usd=100, replicas=4), 0), (option(usd=106, replicas=1), 0), id="a band of 5 % before simplicity"),
        pytest.param((option(usd=104, replicas=1), 0), (option(usd=100, replicas=2), 0), id="simplicity within a band"),
        pytest.param((option(replicas=3), 0), (option(replicas=2, devices=2), 0), id="fewer devices before fewer replicas"),
        pytest.param((option(replicas=1, devices=2), 0), (option(replicas=2), 0), id="fewer replicas of as many devices"),
        pytest.param(
            (option(quantization="fp8", ttft_s=1.9), 0), (option(quantization="awq-int4", ttft_s=0.1), 0), id="quality lost before headroom"
        ),
        pytest.param(
            (option(quantization="fp8", ttft_s=1.0), 0),
            (option(quantization="bf16", ttft_s=1.9), 0),
            id="headroom before a loss nobody notices",
        ),
        pytest.param((option(ttft_s=1.1), 0), (option(ttft_s=1.05, published=False), 0), id="files that exist within a fifth of headroom"),
        pytest.param(
            (option(ttft_s=1.26, asked=0.2), 0), (option(ttft_s=1.08, asked=0.42), 0), id="spare capacity within a fifth of headroom"
        ),
        pytest.param((option(ttft_s=0.4, asked=0.9), 0), (option(ttft_s=1.5, asked=0.1), 0), id="headroom before spare capacity"),
        pytest.param((option(ttft_s=0.5, published=False), 0), (option(ttft_s=1.5), 0), id="headroom before files that exist"),
        pytest.param((option(usd=100, ttft_s=1.0), 0), (option(usd=104, ttft_s=1.0), 0), id="price within a band when all else is equal"),
        pytest.param((option(ttft_s=2.2), 0), (option(ttft_s=9.0), 0), id="of what fails, the nearest miss"),
        pytest.param((option(usd=500), 0), (option(usd=None), 0), id="a price before none"),
    ],
)
def test_each_key_decides_in_its_turn(better, worse):
    assert ranked([worse, better], QUANTIZATIONS)[0] is better[0]
    assert ranked([better, worse], QUANTIZATIONS)[0] is better[0]


@pytest.mark.parametrize(
    ("usd", "cheapest", "band"), [(100, 100, 0), (104.9, 100, 0), (105.1, 100, 1), (90, 100, 0), (200, 100, 14), (1, 0, 10_000)]
)
def test_bands_are_five_per_cent_wide(usd, cheapest, band):
    assert cost_band(usd, cheapest) == band


def test_existing_hardware_without_a_price_adds_nothing():
    owned = dataclasses.replace(option(usd=None), available=dataclasses.replace(BASE.available, acquisition="owned"))
    rented = option(usd=1.0)
    assert ranked([(rented, 0), (owned, 0)], QUANTIZATIONS)[0] is owned


def test_strain_looks_at_what_the_load_decides():
    memory = Requirement("required_gib", one(99.0), at_most=100.0)
    slow, quick = Requirement("tpot_p95_s", one(0.04), at_most=0.05), Requirement("ttft_p95_s", one(0.2), at_most=2.0)
    assert strain((memory, slow, quick)) == pytest.approx(0.8)
    assert strain((memory,)) == 0


def test_the_worst_failure_is_the_one_missed_by_the_largest_factor():
    twice, a_little = Requirement("ttft_p95_s", one(4.0), at_most=2.0), Requirement("tpot_p95_s", one(0.051), at_most=0.05)
    short = Requirement("context_per_request_tokens", one(1000), at_least=4000)
    assert worst_failure((a_little, twice)) is twice
    assert worst_failure((a_little, twice, short)) is short
    assert worst_failure((Requirement("tpot_p95_s", one(0.01), at_most=0.05),)) is None


def test_a_block_without_a_figure_is_missed_without_end():
    assert missed_by(dataclasses.replace(option(), verdicts=(BLOCK,))) == float("inf")
    assert missed_by(option()) == 0
    assert missed_by(option(ttft_s=3.0)) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("loser", "chosen", "lost_on", "figure"),
    [
        pytest.param(option(usd=200), option(usd=100), "usd_per_month", "200 USD a month instead of 100", id="price"),
        pytest.param(option(replicas=3), option(replicas=2), "simplicity", "3 devices in use instead of 2", id="devices"),
        pytest.param(option(quantization="awq-int4"), option(), "quality", "more quality lost", id="quality"),
        pytest.param(option(ttft_s=1.8), option(ttft_s=1.0), "headroom", "p95 at 90 % of its limit, chosen 50 %", id="headroom"),
        pytest.param(
            option(asked=0.42),
            option(asked=0.2),
            "capacity",
            "42 % of what it can serve is asked for, of the chosen one 20 %",
            id="capacity",
        ),
        pytest.param(option(published=False), option(), "files", "have to be made first", id="files"),
    ],
)
def test_the_reason_is_the_first_key_that_decides(loser, chosen, lost_on, figure):
    reason = behind(loser, chosen, QUANTIZATIONS)
    assert reason.lost_on == lost_on
    assert figure in reason.reason
