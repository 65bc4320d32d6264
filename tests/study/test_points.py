"""Points and ranks: the same as scipy's, number by number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc, rankdata

from tertius._study import points


@pytest.mark.parametrize(("n", "dims", "seed"), [(1, 3, 0), (2, 1, 0), (64, 5, 1), (256, 700, 2)])
def test_points_are_those_of_scipy(n, dims, seed):
    theirs = qmc.Sobol(dims, scramble=True, rng=np.random.default_rng(seed)).random(n)
    np.testing.assert_array_equal(points.sobol(n, dims, seed), theirs)


def test_without_the_table_of_directions_scipy_itself_is_asked(monkeypatch):
    here = points.sobol(16, 4, 3)
    monkeypatch.setattr(points, "_numbers", lambda: None)
    np.testing.assert_array_equal(points.sobol(16, 4, 3), here)


def test_more_dimensions_than_there_are_directions_are_refused():
    with pytest.raises(ValueError, match="21,201"):
        points.sobol(2, 21_202, 0)


@pytest.mark.parametrize("values", [[3.0], [2.0, 1.0], [1.0, 1.0, 1.0], [5.0, 1.0, 5.0, 2.0, 1.0, 1.0]])
def test_ranks_are_those_of_scipy(values):
    np.testing.assert_array_equal(points.ranks(np.array(values)), rankdata(values))
