"""Offers, purchases, hosted prices, quality tables and presets: dated, sourced, and about things that exist."""

from datetime import date
from typing import get_args

import pytest

from advisor.catalog import load_catalog
from advisor.domain.workload import Task

CATALOG = load_catalog()


def test_offers_are_many_dated_and_of_several_providers():
    assert len(CATALOG.offers) >= 275
    assert len({offer.provider for offer in CATALOG.offers}) >= 14
    assert sum(offer.spot_usd_per_hour is not None for offer in CATALOG.offers) >= 60
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


# tco_infx.csv: all-in kW, USD an hour at a large cloud, a small one, rented for three years (2026-04-03)
OWNING = {
    "h100-sxm": (1.73, 1.3, 1.69, 1.3),
    "h200-sxm": (1.73, 1.41, 1.74, 1.6),
    "b200-sxm": (2.17, 1.95, 2.34, 2.9),
    "b300-sxm": (2.17, 2.34, 2.808, 3.48),
    "gb200": (2.1, 2.21, 2.75, 3.3),
    "gb300": (2.1, 2.652, 3.3, 3.96),
    "mi300x": (1.79, 1.12, 1.4, 1.55),
    "mi325x": (2.18, 1.28, 1.59, 1.8),
    "mi355x": (2.65, 1.48, 1.9, 2.1),
}


@pytest.mark.parametrize(("device", "figures"), OWNING.items())
def test_what_others_say_that_owning_costs(device, figures):
    owned = CATALOG.purchases[device]
    assert figures == (
        owned.all_in_kw_per_device,
        owned.hyperscaler_usd_per_hour,
        owned.neocloud_usd_per_hour,
        owned.rented_3_years_usd_per_hour,
    )


@pytest.mark.parametrize("device", [device for device in OWNING if CATALOG.purchases[device].usd_per_device])
def test_our_hour_of_owning_is_near_what_others_say(device):
    """Purchase with 40 % for the host over four years and 0.10 USD/kWh, against InferenceX's large cloud: half to one and a half."""
    owned = CATALOG.purchases[device]
    ours = owned.usd_per_device * 1.4 / (4 * 8760) + owned.all_in_kw_per_device * 0.10
    assert ours / owned.hyperscaler_usd_per_hour == pytest.approx(1, rel=0.5)


# vCPUs and GiB as the providers list them
SHAPES = {
    ("azure", "Standard_NC4as_T4_v3"): (4, 28),
    ("azure", "Standard_ND96isr_H200_v5"): (96, 1850),
    ("azure", "Standard_ND96isr_MI300X_v5"): (96, 1850),
    ("aws", "g7.48xlarge"): (192, 768),
    ("aws", "p3.16xlarge"): (64, 488),
    ("lambda", "NVIDIA H100 SXM"): (208, 1800),
    ("scaleway", "H100-PCIe"): (24, 240),
}
# price lists of these name a card and no machine: the host is the usual one of the class, and says so
HOSTS_NOT_STATED = {"crusoe", "digitalocean", "hf-endpoints-aws", "hf-endpoints-gcp", "runpod", "verda", "vultr", "vast.ai"}


@pytest.mark.parametrize(("instance", "shape"), SHAPES.items())
def test_the_shape_of_a_known_instance(instance, shape):
    found = CATALOG.hosts.instances[instance]
    assert (found.vcpus, found.memory_gib) == shape


@pytest.mark.parametrize("offer", CATALOG.offers, ids=lambda o: f"{o.provider}-{o.instance}-{o.region}")
def test_an_instance_brings_its_own_host_where_its_provider_states_it(offer):
    node = CATALOG.node_of(offer)
    stated = (offer.provider, offer.instance) in CATALOG.hosts.instances
    assert stated or offer.provider in HOSTS_NOT_STATED or "secure" in offer.instance
    assert node.host.source.startswith(f"{offer.instance}: " if stated else "assumed: ")


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


def test_hosted_prices_are_of_open_models_that_are_still_offered():
    """Lambda's hosted API ended on 2025-09-25; Together withdrew Mixtral 8x7B on 2026-04-16 (litellm, deprecation_date)."""
    offered = {(price.provider, price.model) for price in CATALOG.api_prices}
    assert len(CATALOG.api_prices) >= 500
    assert ("together_ai", "mistralai/Mixtral-8x7B-Instruct-v0.1") not in offered
    assert "lambda_ai" not in {provider for provider, _ in offered}
    assert all("/" in model for _, model in offered)


def test_a_figure_of_quality_has_its_baseline_or_neither():
    assert len(CATALOG.quality) >= 290
    for row in CATALOG.quality:
        assert (row.baseline is None) == (row.delta is None)
        assert row.delta is None or row.value - row.baseline == pytest.approx(row.delta, abs=6e-4)


def test_quality_names_the_model_it_was_measured_on():
    q4 = next(r for r in CATALOG.quality if r.quantization == "Q4_K_M" and r.metric == "kld_vs_f16" and "no imatrix" in r.note)
    assert (q4.model, q4.value) == ("Llama-3-8B", pytest.approx(0.0313, abs=5e-5))


def test_the_catalog_is_as_new_as_its_newest_date():
    tables = (CATALOG.offers, CATALOG.presets.values(), CATALOG.purchases.values(), CATALOG.api_prices, CATALOG.quality)
    dates = {dated.as_of for table in tables for dated in table} | {device.retrieved for device in CATALOG.devices.values()}
    assert CATALOG.as_of == max(dates)
