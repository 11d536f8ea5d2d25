"""What counts as near, and what a near measurement does to a prediction."""

from dataclasses import replace

import pytest

from advisor.domain.calibration import error_band
from advisor.domain.near import Loads, NearBand, NearRules, Scale, generation
from advisor.domain.quantity import Basis
from advisor.domain.workload import Load
from advisor.estimate.load import estimate_performance
from advisor.estimate.scaling import setup_of
from advisor.estimate.step_time import step_time_model
from tests.unit.estimate.serving_for_tests import (
    CALIBRATIONS,
    CATALOG,
    EIGHT_B,
    MOE_30B,
    THIRTY_TWO_B,
    demand,
    deployment,
    fixed,
    llama_cpp_candidate,
    memory_of,
    vllm_candidate,
    weights_of,
)

BANDS = (
    ("own", "variant", 0.8, 0.85, 1.20),
    ("own", "model", 0.6, 0.82, 1.28),
    ("own", "device", 0.5, 0.80, 1.30),
    ("published", "same", 1.0, 0.82, 1.25),
    ("published", "device", 0.3, 0.78, 1.38),
)


def rules(*, generations=(), bands=BANDS):
    listed = tuple(
        NearBand("vllm", origin, grade, metric, True, shrink, low, high)
        for origin, grade, shrink, low, high in bands
        for metric in ("decode", "prefill")
    )
    return NearRules("advisor.near/1", "2026-11-28", "test", {"vllm": generations}, 1.25, listed)


class Known:
    """What was measured, as the catalog would hold it."""

    def __init__(self, *scales, rules=None):
        self.rules = rules or RULES
        self._scales = scales

    def scales(self, engine, device):
        return tuple(scale for scale in self._scales if (scale.setup.engine, scale.setup.device) == (engine, device))


RULES = rules()
AT_8 = Loads((8, 8), (4000, 4000), (500, 500))


def measured(candidate, *, decode=1.2, prefill=0.9, origin="own", loads=AT_8, source="somebody"):
    return Scale(setup_of(candidate), origin, decode, prefill, loads, source)


def steps(candidate, *scales, rules=None):
    quantization = CATALOG.quantization(candidate.checkpoint.quantization)
    calibration, near = CALIBRATIONS[candidate.runtime.engine], Known(*scales, rules=rules)
    return step_time_model(candidate, weights_of(candidate), calibration, quantization=quantization, near=near)


CANDIDATE = vllm_candidate(THIRTY_TWO_B, "h100-sxm", quantization="fp8")
PLAIN = steps(CANDIDATE)


def test_the_same_setup_scales_both_sides_whole_with_the_range_of_one_measured_point():
    scaled = steps(CANDIDATE, measured(CANDIDATE))
    assert scaled.decode_s(8, 4250) == pytest.approx(1.2 * PLAIN.decode_s(8, 4250))
    assert scaled.prefill_s(4000) == pytest.approx(0.9 * PLAIN.prefill_s(4000))
    for metric in ("decode", "prefill"):
        point = error_band(CALIBRATIONS["vllm"], metric, "point")
        assert (scaled.speed.of(metric).low, scaled.speed.of(metric).high) == (point.low, point.high)
    assert "x 1.2" in scaled.source and "somebody" in scaled.source


def test_one_side_alone_leaves_the_other_as_it_was():
    scaled = steps(CANDIDATE, measured(CANDIDATE, prefill=None))
    assert scaled.prefill_s(4000) == PLAIN.prefill_s(4000)
    assert scaled.speed.prefill == PLAIN.speed.prefill
    assert scaled.prefill(4000).value_s.basis is Basis.MODELLED
    assert scaled.decode(8, 4250).value_s.basis is Basis.SCALED


FORMAT = vllm_candidate(THIRTY_TWO_B, "h100-sxm", quantization="bf16", tensor=2)
SPLIT = vllm_candidate(THIRTY_TWO_B, "h100-sxm", quantization="fp8", tensor=2)
OTHER_MODEL = vllm_candidate(EIGHT_B, "h100-sxm", quantization="fp8")
OTHER_BOTH = vllm_candidate(EIGHT_B, "h100-sxm", quantization="bf16")


LESS_NEAR = {
    "format": (FORMAT, 0.8, (0.85, 1.20)),
    "split": (SPLIT, 0.8, (0.85, 1.20)),
    "model": (OTHER_MODEL, 0.6, (0.82, 1.28)),
    "both": (OTHER_BOTH, 0.5, (0.80, 1.30)),
}


@pytest.mark.parametrize(("near", "shrink", "band"), LESS_NEAR.values(), ids=LESS_NEAR)
def test_what_is_less_near_is_believed_less(near, shrink, band):
    scaled = steps(CANDIDATE, measured(near))
    assert scaled.decode_s(8, 4250) == pytest.approx(1.2**shrink * PLAIN.decode_s(8, 4250))
    assert (scaled.speed.decode.low, scaled.speed.decode.high) == band


FAR = {
    "another kind of model": measured(vllm_candidate(MOE_30B, "h100-sxm", quantization="fp8")),
    "another device": measured(vllm_candidate(THIRTY_TWO_B, "h200-sxm", quantization="fp8")),
    "another engine": measured(llama_cpp_candidate(THIRTY_TWO_B, "h100-sxm")),
    "another generation": measured(vllm_candidate(THIRTY_TWO_B, "h100-sxm", quantization="fp8", version="0.8.5")),
}


@pytest.mark.parametrize("far", FAR.values(), ids=FAR)
def test_what_is_far_scales_nothing(far):
    scaled = steps(CANDIDATE, far, rules=rules(generations=("0.9",)))
    assert scaled.decode_s(8, 4250) == PLAIN.decode_s(8, 4250)
    assert (scaled.source, scaled.applied) == (PLAIN.source, {})


def test_the_class_with_the_narrowest_range_counts_and_is_averaged():
    near = [measured(CANDIDATE, decode=1.0, origin="published"), measured(OTHER_MODEL, decode=3.0)]
    two = [measured(FORMAT, decode=1.5), measured(SPLIT, decode=1.2)]
    scaled = steps(CANDIDATE, *near, *two)
    assert scaled.applied["decode"].grade == "variant"
    assert scaled.decode_s(8, 4250) == pytest.approx((1.5 * 1.2) ** (0.8 / 2) * PLAIN.decode_s(8, 4250))


def test_a_range_that_is_not_narrower_than_the_models_own_scales_nothing():
    wide = rules(bands=(("own", "model", 0.5, 0.3, 3.0),))
    assert steps(CANDIDATE, measured(OTHER_MODEL), rules=wide).applied == {}


def test_published_series_say_nothing_of_a_model_that_is_partly_on_the_host():
    candidate = llama_cpp_candidate(EIGHT_B, "rtx-3090")
    listed = NearBand("llama.cpp", "published", "same", "decode", True, 1.0, 0.9, 1.1)
    known = replace(RULES, bands=(listed,))
    offloaded = replace(candidate, settings=replace(candidate.settings, n_gpu_layers=10))
    assert steps(candidate, measured(candidate, origin="published"), rules=known).applied
    assert not steps(offloaded, measured(candidate, origin="published"), rules=known).applied


def test_scales_multiply():
    twice = PLAIN.rescaled(2.0, 3.0).rescaled(1.5, 1.0)
    assert twice.decode_s(8, 4250) == pytest.approx(3.0 * PLAIN.decode_s(8, 4250))
    assert twice.prefill_s(4000) == pytest.approx(3.0 * PLAIN.prefill_s(4000))


def performance(scaled, in_flight, tokens=4000):
    asked = demand(Load(in_flight=in_flight), input_tokens=fixed(tokens), output_tokens=fixed(500))
    return estimate_performance(deployment(CANDIDATE), asked, memory=memory_of(10**6), steps=scaled, replicas_up=1)


def test_only_the_median_at_a_measured_load_is_called_measured():
    scaled = steps(CANDIDATE, measured(CANDIDATE))
    there, busier, longer = performance(scaled, 8), performance(scaled, 16), performance(scaled, 8, tokens=8000)
    assert {there.tpot_s.p50.basis, there.ttft_s.p50.basis} == {Basis.MEASURED}
    others = (there.tpot_s.p95, there.ttft_s.p95, there.requests_per_s, busier.tpot_s.p50, longer.ttft_s.p50)
    assert {quantity.basis for quantity in others} == {Basis.SCALED}


def test_without_measurements_everything_is_modelled():
    assert {performance(PLAIN, 8).tpot_s.p50.basis, performance(PLAIN, 8).requests_per_s.basis} == {Basis.MODELLED}


@pytest.mark.parametrize(("version", "expected"), [("0.8.5", 0), ("0.9.0", 1), ("0.14.9", 1), ("0.15.0", 2), ("nightly", 2), ("b4999", 2)])
def test_generations_of_versions(version, expected):
    assert generation(version, ("0.9", "0.15")) == expected
