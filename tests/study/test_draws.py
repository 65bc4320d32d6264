"""Draws: a balanced design, correlations, and what is held when the assumptions are drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata, spearmanr

from tertius._study.compilation import BLOCK, MANY, in_blocks
from tertius._study.draws import design, draw, redraw
from tertius.case import Case
from tertius.errors import BadInput


def test_every_input_fills_its_range_evenly(small: Case) -> None:
    layout = design(small, 256, seed=5)
    # A scrambled Sobol' net of 2^8 points has exactly one point in each of 256 equal slices of every input.
    slices = np.sort((layout.a * 256).astype(int), axis=0)
    assert (slices == np.arange(256)[:, None]).all()


def test_the_same_seed_gives_the_same_draws_and_another_does_not(small: Case) -> None:
    one, two, other = (design(small, 64, seed=s).a for s in (0, 0, 1))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("n", [0, 1, 3, 1000])
def test_only_powers_of_two(small: Case, n: int) -> None:
    with pytest.raises(BadInput, match="power of two") as caught:
        design(small, n, seed=0)
    assert caught.value.code == "draws-power-of-two"


def test_what_is_held_stays_and_the_rest_is_drawn_anew(small: Case) -> None:
    layout = design(small, 64, seed=0)
    before, again = draw(small, layout, layout.a), redraw(small, layout, 32, layout.sourced)
    assert set(layout.sourced) == {False, True}
    for item in layout.inputs:
        same = np.array_equal(again[item.path], before[item.path][:32])
        assert same == (item.kind == "sourced"), item.path


@pytest.mark.parametrize("held", [0, 1])
def test_what_goes_with_a_held_input_is_drawn_given_it(
    held: int, document: dict[str, Any], build: Callable[[dict[str, Any]], Case]
) -> None:
    """Two that go together, whichever stands first: the held one stays, and the other is as much like it as before."""
    pair = ["domains.capital.weight", "domains.security.weight"]
    document["correlations"] = [{"between": pair, "value": 0.8, "assumed": "both are the leadership's taste"}]
    case = build(document)
    layout = design(case, 4096, seed=0)
    before = draw(case, layout, layout.a)
    again = redraw(case, layout, 4096, np.array([i.path == pair[held] for i in layout.inputs]))
    np.testing.assert_array_equal(again[pair[held]], before[pair[held]])
    other = pair[1 - held]
    expected = 6 / np.pi * np.arcsin(0.4)
    assert spearmanr(again[pair[held]], again[other]).statistic == pytest.approx(expected, abs=0.03)
    # The same distribution, and given the held one no more in common than that: r² of the normal scores.
    np.testing.assert_allclose(
        np.quantile(again[other], [0.1, 0.5, 0.9]), np.quantile(before[other], [0.1, 0.5, 0.9]), rtol=0.02
    )
    r = np.corrcoef(ndtri(rankdata(again[other]) / 4097), ndtri(rankdata(before[other]) / 4097))[0, 1]
    assert r == pytest.approx(0.64, abs=0.03)


def test_widening_doubles_assumptions_and_leaves_sources_alone(small: Case) -> None:
    layout = design(small, 1024, seed=0)
    plain, wide = draw(small, layout, layout.a), draw(small, layout, layout.a, widen=2.0)
    source, assumption = "trade.sectors.goods.elasticity", "domains.capital.elasticity"
    assert np.array_equal(plain[source], wide[source])
    # Twice the range 1.5 to 5 about its middle would begin below 1, where no elasticity can be: it is cut there.
    assert wide[assumption].max() == pytest.approx(6.75, abs=0.02)
    assert 1 < wide[assumption].min() < 1.01


def test_a_stated_correlation_is_there(
    document: dict[str, Any], build: Callable[[dict[str, Any]], Case]
) -> None:
    pair = ["domains.capital.weight", "domains.security.weight"]
    document["correlations"] = [{"between": pair, "value": 0.8, "assumed": "both are the leadership's taste"}]
    case = build(document)
    layout = design(case, 4096, seed=0)
    values = draw(case, layout, layout.a)
    rho = spearmanr(values[pair[0]], values[pair[1]]).statistic
    # Of a Gaussian copula: rank correlation = 6/π · asin(r/2).
    assert rho == pytest.approx(6 / np.pi * np.arcsin(0.4), abs=0.03)
    apart = spearmanr(values[pair[0]], values["domains.capital.elasticity"]).statistic
    assert abs(apart) < 0.05


@pytest.mark.parametrize("n", [5, BLOCK, BLOCK + 3, MANY - 1, MANY + 7])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_draws_in_blocks_are_the_same_draws(n: int, threads: int) -> None:
    x, y = np.arange(float(n)), np.arange(2.0 * n).reshape(n, 2)
    total, rows = in_blocks(lambda a, b: (a[:, None] + b, np.full(len(a), 1.0) * a), x, y, threads=threads)
    np.testing.assert_array_equal(total, x[:, None] + y)
    np.testing.assert_array_equal(rows, x)
