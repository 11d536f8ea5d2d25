"""Groups count once each, however many rows they have."""

import pytest

from advisor.accuracy.case import Group
from advisor.accuracy.errors import Compared, quantile, summary


def rows(source, *predicted, low=0.9, high=1.1):
    return [Compared(Group(source, "device", "model"), value, value * low, value * high, 1.0) for value in predicted]


def test_a_group_of_many_rows_weighs_no_more_than_one_of_few():
    found = summary([*rows("many", *[1.5] * 100), *rows("few", 1.1), *rows("other", 1.2)])
    assert found.rows == 102 and found.groups == 3
    assert found.median_error == pytest.approx(0.2)


def test_coverage_is_the_mean_of_the_groups():
    found = summary([*rows("inside", 1.0, 1.05), *rows("half", 1.0, 2.0)])
    assert found.coverage == pytest.approx(0.75)
    assert found.width == pytest.approx(1.1 / 0.9)


def test_nothing_compared_has_no_errors():
    assert summary([]) is None


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (1.0, 3.0), (0.25, 1.25)])
def test_quantiles_lie_between_neighbours(share, value):
    assert quantile([3.0, 1.0, 2.0], share) == pytest.approx(value)


def test_a_heavy_value_draws_the_quantile():
    assert quantile([1.0, 2.0], 0.5, [1.0, 99.0]) == pytest.approx(1.99)


def test_no_values_have_no_quantile():
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
