"""Offers, purchases, hosted prices, quality tables and presets: dated, sourced, and about things that exist."""

from datetime import date
from typing import get_args

import pytest

from advisor.catalog import load_catalog
from advisor.domain.workload import Task

CATALOG = load_catalog()


def test_offers_are_many_dated_and_of_several_providers():
    assert len(CATALOG.offers) >= 40
    assert len({offer.provider for offer in CATALOG.offers}) >= 5
    assert sum(offer.spot_usd_per_hour is not None for offer in CATALOG.offers) >= 10
    assert {offer.device for offer in CATALOG.offers} <= CATALOG.devices.keys()


def test_the_price_of_a_known_instance():
    """Read in the providers' own price files: AWS p5.48xlarge 55.04, GCP a3-highgpu-1g 11.06 USD an hour."""
    prices = {(offer.provider, offer.instance, offer.region): offer for offer in CATALOG.offers}
    aws = prices["aws", "p5.48xlarge", "us-east-1"]
    assert (aws.device, aws.devices, aws.usd_per_hour) == ("h100-sxm", 8, 55.04)
    assert prices["gcp", "a3-highgpu-1g", "us-central1"].usd_per_hour == pytest.approx(11.06, abs=0.01)


@pytest.mark.parametrize("offer", CATALOG.offers, ids=lambda o: f"{o.provider}-{o.instance}-{o.region}")
def test_a_price_per_device_is_plausible(offer):
    assert 0.05 < offer.usd_per_hour / offer.devices < 30
    assert date.fromisoformat(offer.as_of) >= date(2026, 1, 1)
    assert offer.source


def test_purchases_cover_the_usual_devices():
    assert CATALOG.purchases["h100-sxm"].usd_per_device == 30_000
    assert CATALOG.purchases["h100-sxm"].all_in_kw_per_device == pytest.approx(1.73)
    assert {"rtx-3090", "rtx-4090", "l40s", "mi300x", "h200-sxm", "b200-sxm", "dgx-spark"} <= CATALOG.purchases.keys()


@pytest.mark.parametrize("purchase", CATALOG.purchases.values(), ids=list(CATALOG.purchases))
def test_all_in_power_is_above_the_device_alone(purchase):
    power_w = CATALOG.devices[purchase.device].power_w
    assert power_w is None or purchase.all_in_kw_per_device * 1000 >= power_w


def test_every_task_has_a_preset_that_explains_itself():
    assert set(CATALOG.presets) == set(get_args(Task))
    for preset in CATALOG.presets.values():
        assert preset.input_tokens.p50 <= preset.input_tokens.p95 <= preset.input_tokens.max
        assert preset.shared_prefix_tokens <= preset.input_tokens.p50
        assert all(reason.strip() for reason in preset.reasons.values())


def test_the_hosted_price_of_qwen3_32b():
    """OVHcloud: 0.08 and 0.23 USD per million tokens."""
    price = next(p for p in CATALOG.api_prices if p.provider == "ovhcloud" and p.model == "Qwen/Qwen3-32B")
    assert (price.input_usd_per_mtok, price.output_usd_per_mtok) == (0.08, 0.23)


def test_quality_names_the_model_it_was_measured_on():
    q4 = next(r for r in CATALOG.quality if r.quantization == "Q4_K_M" and r.metric == "kld_vs_f16" and "no imatrix" in r.note)
    assert (q4.model, q4.value) == ("Llama-3-8B", pytest.approx(0.0313, abs=5e-5))


def test_the_catalog_is_as_new_as_its_newest_date():
    assert CATALOG.as_of == max(device.retrieved for device in CATALOG.devices.values())
    assert CATALOG.as_of >= max(offer.as_of for offer in CATALOG.offers)
