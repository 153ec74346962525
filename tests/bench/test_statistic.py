"""The bench's arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistic import quantile, ratios, spread

costs = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50)


@given(costs)
def test_a_median_lies_between_least_and_most(values: list[float]) -> None:
    found = spread(values)
    assert found.least <= found.median <= found.most
    assert (found.least, found.most) == (min(values), max(values))


def test_ratios_are_taken_run_by_run() -> None:
    # The third round was four times as slow for both: the ratio is what it was.
    found = ratios({"ours": [1.0, 2.0, 8.0], "theirs": [3.0, 4.0, 24.0]}, "ours")
    assert found["theirs"] == (3.0, 2.0, 3.0)
    assert found["ours"] == (1.0, 1.0, 1.0)


def test_ratios_need_as_many_runs_of_each() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios({"ours": [1.0], "theirs": [3.0, 4.0]}, "ours")


def test_quantiles_are_values_of_the_nearest_rank() -> None:
    values = [float(number) for number in range(1, 1001)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 0.999, 1.0)] == [1, 500, 990, 999, 1000]


@given(costs, st.floats(0, 1))
def test_a_quantile_is_not_exceeded_by_its_share(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert sum(value <= found for value in ordered) >= share * len(ordered)


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 1.5), ([1.0], -0.1)])
def test_a_quantile_of_nothing_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(values, share)
