"""What an answer removed, against the rules and the planner's own arithmetic."""

import pytest

from advisor.errors import UserInputError
from advisor.questionnaire.effects import difference, options, removed_by_place, require_allowed
from advisor.rules import load_rules
from tests.unit.questionnaire.interviews import CATALOG, HOSPITAL, after

RULES = load_rules()


def test_premises_remove_every_rented_machine_and_every_hosted_price():
    said = removed_by_place(after({"place": "premises"}), RULES)
    assert said == f"Removes {len(CATALOG.api_prices)} hosted-API prices and {len(CATALOG.offers)} rented machines (rule PRV001)."


def test_an_own_account_removes_hosted_prices_alone_and_anywhere_nothing():
    assert removed_by_place(after({"place": "own_cloud"}), RULES) == f"Removes {len(CATALOG.api_prices)} hosted-API prices (rule PRV003)."
    assert removed_by_place(after({"place": "anywhere"}), RULES) == ""


def test_hardware_that_a_rule_removes_altogether_is_refused_with_the_rule():
    with pytest.raises(UserInputError, match=r"leaves nothing to run on: .*\[PRV001\]"):
        require_allowed(after({"place": "premises", "data": "", "hardware": "rent"}), RULES)
    require_allowed(after({"place": "premises", "data": "", "hardware": "rent, 2 l4"}), RULES)
    require_allowed(after({"place": "premises"}), RULES)


def first(count):
    return after(dict(list(HOSPITAL.items())[:count]))


def test_naming_models_and_a_quality_band_removes_ways_to_serve():
    everything, models, quality = (options(first(count), RULES) for count in (4, 5, 6))
    assert everything.left > models.left > quality.left > 0
    assert difference(None, everything) == f"So far: {everything.left:,} ways to serve it."
    assert difference(everything, models) == f"Removes {everything.left - models.left:,} of {everything.left:,} ways to serve it."
    assert difference(models, quality).endswith("(rule QNT002).")
    assert difference(quality, quality) == ""


def test_a_limit_that_physics_cannot_keep_leaves_nothing_and_says_so():
    before = first(10)
    impossible = before.answered(before.question(), "1 ms")
    said = difference(options(before, RULES), options(impossible, RULES))
    assert said == "Nothing is left: the rest cannot be fast enough at the device's peak. b takes the answer back."


def test_a_space_too_large_to_count_is_not_counted():
    assert options(after({"place": "anywhere", "data": "", "hardware": "rent, buy"}), RULES) is None
    assert difference(None, None) == ""
