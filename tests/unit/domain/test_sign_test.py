"""labelloop.domain.sign_test: how likely so many losses are by chance."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain.sign_test import p_worse


def _p_exactly(wins: int, losses: int) -> Fraction:
    tosses = wins + losses
    return Fraction(sum(math.comb(tosses, k) for k in range(losses, tosses + 1)), 2**tosses)


@pytest.mark.parametrize(("wins", "losses"), [*itertools.product(range(7), range(7))])
def test_the_sign_test_counts_every_way_in_which_it_could_have_come(wins: int, losses: int) -> None:
    ways = list(itertools.product((0, 1), repeat=wins + losses))
    as_bad = sum(sum(way) >= losses for way in ways)
    assert p_worse(wins, losses) == pytest.approx(as_bad / len(ways))


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_sign_test_is_exact(wins: int, losses: int) -> None:
    exact = float(_p_exactly(wins, losses))
    assert p_worse(wins, losses) == pytest.approx(exact, rel=1e-9, abs=1e-300)
    if losses == 0:
        assert p_worse(wins, losses) == 1.0


@given(st.integers(0, 250_000), st.integers(0, 250_000))
def test_the_sign_test_is_a_probability_however_many_images(wins: int, losses: int) -> None:
    chance = p_worse(wins, losses)
    assert 0.0 <= chance <= 1.0
    assert p_worse(wins, losses + 1) <= chance + 1e-9
    if abs(wins - losses) > 5000:
        assert chance == pytest.approx(float(wins > losses), abs=1e-6)
