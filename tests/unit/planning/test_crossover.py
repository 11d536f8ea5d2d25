"""The predicted crossover of both engines, and what it is compared with."""

import dataclasses

import pytest

from advisor.catalog import load_catalog
from advisor.domain.quantity import Basis, Quantity
from advisor.domain.workload import HardwareChoice, OwnedHardware, Request, TokenLengths
from advisor.estimate.crossing import compare, ratio_of
from advisor.intake.models import find_model
from advisor.planning.crossover import LOADS
from advisor.planning.crossover_words import crossover_sentence, measuring_command
from advisor.report.comparison_json import crossover_document
from advisor.report.plan_json import decision_document
from advisor.validation.crossover.contender import Loads, contender
from tests.unit.planning.questions import CHAT, decided


def ranged(value, spread):
    return Quantity(value, value / spread, value * spread, Basis.MODELLED, "steps")


def test_both_engines_are_compared_on_the_chosen_card():
    found = decided(CHAT).crossover
    assert [point.at_once for point in found.points] == list(LOADS)
    assert (found.device, found.devices) == ("rtx-4090", (1, 1))
    for point in found.points:
        assert point.ratio.value == pytest.approx(point.second_tokens_per_s.value / point.first_tokens_per_s.value)
        assert point.ratio.low < point.ratio.value < point.ratio.high
    assert found.points[-1].ratio.value > found.points[0].ratio.value  # batching is vLLM's strength
    assert "modelled" in crossover_sentence(found) or "ahead at every load" in crossover_sentence(found)


def test_users_follow_from_requests_at_once():
    """N = n + X Z: those being served and those who pause."""
    found = decided(CHAT).crossover
    at_eight = next(point for point in found.points if point.at_once == 8)
    assert found.users(8) == pytest.approx(8 + at_eight.second_requests_per_s * 60)


def test_where_one_engine_does_not_run_the_reason_is_said():
    mac = dataclasses.replace(CHAT, hardware=HardwareChoice(owned=(OwnedHardware("apple-m3-max"),)))
    found = decided(mac).crossover
    assert not found.points
    assert "vLLM does not run on it" in crossover_sentence(found)
    assert crossover_document(found)["measured_by"] is None


def test_the_command_that_measures_it_asks_for_the_same():
    found = decided(CHAT).crossover
    command = measuring_command(found)
    assert command.startswith("advisor crossover meta-llama/Llama-3.1-8B-Instruct --quantization ")
    assert command.endswith("--input-tokens 800 --output-tokens 200")
    document = decision_document(decided(CHAT))["crossover"]
    assert [point["at_once"] for point in document["points"]] == list(LOADS)


def test_the_prediction_of_a_plan_is_that_of_a_measured_crossover():
    """Equal lengths, the same formats: the closed form here, simulated requests there."""
    equal = dataclasses.replace(CHAT, request=Request(TokenLengths(256, 256, 256), TokenLengths(128, 128, 128)))
    found = decided(equal).crossover
    catalog = load_catalog()
    model, node = find_model(found.model, catalog), catalog.node(found.device, 1)
    loads = Loads((1, 4, 16), 256, 128)
    formats = {"llama.cpp": found.first, "vllm": found.second}
    sides = [contender(catalog, name, model=model, quantization=one, node=node, loads=loads) for name, one in formats.items()]
    for point in found.points:
        if point.at_once in loads.concurrency:
            first, second = (side.predicted(loads, point.at_once).value for side in sides)
            assert point.first_tokens_per_s.value == pytest.approx(first, rel=0.15)
            assert point.second_tokens_per_s.value == pytest.approx(second, rel=0.15)


def test_the_range_of_a_crossing_is_where_the_ends_of_the_ratio_cross():
    ratios = {load: ranged(load / 8, 2.0) for load in (1, 2, 4, 8, 16, 32, 64)}
    (crossing,) = compare("a", "b", ratios).crossings
    assert crossing.concurrency == pytest.approx(8)
    assert (crossing.low, crossing.high) == (pytest.approx(4), pytest.approx(16))


def test_a_crossing_may_lie_beyond_what_was_looked_at():
    (crossing,) = compare("a", "b", {1: ranged(0.8, 2.0), 2: ranged(1.25, 2.0)}).crossings
    assert (crossing.low, crossing.high) == (None, None)


def test_errors_of_two_fits_add_as_squares():
    ratio = ratio_of(ranged(20, 2.0), ranged(10, 2.0))
    assert ratio.value == 2
    assert ratio.high / ratio.value == pytest.approx(2 ** (2**0.5))
    assert ratio.value / ratio.low == pytest.approx(2 ** (2**0.5))
