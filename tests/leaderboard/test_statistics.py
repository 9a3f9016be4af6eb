"""Means and their intervals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.statistics import Estimate, estimate

SHARES = st.floats(0, 1)


def test_three_values_by_hand() -> None:
    # mean 0.8, s = 0.1, half = 4.302653 · 0.1 / √3
    found = estimate([0.7, 0.8, 0.9])
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert found.mean == pytest.approx(0.8)
    assert found.low == pytest.approx(0.8 - half, abs=1e-7)
    assert found.high == pytest.approx(0.8 + half, abs=1e-7)
    assert found.n == 3


def test_two_values_by_hand() -> None:
    # t(0.975, 1) = 12.7062, s / √2 = half the distance
    found = estimate([0.4, 0.6])
    assert found.high is not None
    assert found.high - found.mean == pytest.approx(12.7062047 * 0.1, abs=1e-6)


def test_one_value_has_no_interval() -> None:
    assert estimate([0.25]) == Estimate(0.25, None, None, 1)


@given(SHARES, st.integers(2, 8))
def test_equal_values_give_an_interval_of_no_width(value: float, n: int) -> None:
    assert estimate([value] * n) == Estimate(value, value, value, n)


@given(st.lists(SHARES, min_size=2, max_size=8).flatmap(lambda it: st.tuples(st.just(it), st.permutations(it))))
def test_order_does_not_matter(lists: tuple[list[float], list[float]]) -> None:
    given_, shuffled = lists
    assert estimate(given_) == estimate(shuffled)


@given(st.lists(SHARES, min_size=2, max_size=8))
def test_interval_holds_its_mean(values: list[float]) -> None:
    found = estimate(values)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean <= found.high
