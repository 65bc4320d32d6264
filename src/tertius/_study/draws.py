"""Joint draws of a case's uncertain inputs.

Scrambled Sobol' points (Owen 1998; a power of two of them keeps the net balanced) go through each quantity's
inverse distribution. Correlations that the case states are laid on by a Gaussian copula before that. One design
holds two independent halves, A and B, so that any group of inputs can be held at A while the rest are drawn anew
from B: that is what a closed Sobol' index of the group needs (Saltelli et al. 2010).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tertius._study.points import sobol
from tertius.case import Case, Input
from tertius.errors import BadInput

__all__ = ["Design", "Draws", "design", "draw", "redraw"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Two independent sets of points in the unit cube.

    Attributes
    ----------
    inputs
        The uncertain inputs, one per column, in the case's order.
    a, b
        Shape (n, inputs), in (0, 1).
    """

    inputs: tuple[Input, ...]
    a: Array
    b: Array

    @property
    def sourced(self) -> NDArray[np.bool_]:
        """Shape (inputs,): which of them are sourced."""
        return np.array([i.kind == "sourced" for i in self.inputs], dtype=bool)

    @cached_property
    def described(self) -> dict[str, xr.Variable]:
        """What ``/inputs`` says of each input beside its draws: the same in every run of a study."""

        def words(items: list[str], name: str) -> xr.Variable:
            return xr.Variable(
                ("input",), np.array(items, dtype=np.str_), attrs={"long_name": name, "unit": ""}
            )

        def numbers(items: list[float], name: str) -> xr.Variable:
            return xr.Variable(("input",), np.array(items), attrs={"long_name": name, "unit": "see unit"})

        return {
            "central": numbers([i.quantity.median for i in self.inputs], "median"),
            "spread": numbers([i.quantity.spread for i in self.inputs], "standard deviation"),
            "kind": words([i.kind for i in self.inputs], "sourced or assumed"),
            "unit": words([i.unit for i in self.inputs], "unit"),
            "source": words([" ".join(i.sources) for i in self.inputs], "keys of the bibliography"),
            "reason": words([i.reason for i in self.inputs], "why it was assumed"),
            "distribution": words([i.quantity.describe() for i in self.inputs], "distribution"),
        }


@dataclass(frozen=True)
class Draws:
    """Values of every input of a case.

    Attributes
    ----------
    size
        Number of draws, n.
    columns
        Dotted path of an uncertain input to its values, shape (n,).
    """

    size: int
    columns: Mapping[str, Array]

    def __getitem__(self, path: str) -> Array:
        """Values of one uncertain input, shape (n,)."""
        return self.columns[path]

    def head(self, rows: int) -> Draws:
        """The first ``rows`` draws."""
        return Draws(min(rows, self.size), {k: v[:rows] for k, v in self.columns.items()})


def design(case: Case, n: int, seed: int) -> Design:
    """Lay out the points for ``n`` draws.

    Raises
    ------
    BadInput
        If ``n`` is not a power of two.
    """
    if n < 2 or n & (n - 1):
        below = 1 << max(1, n.bit_length() - 1)
        raise BadInput(
            f"the number of draws must be a power of two, not {n}",
            code="draws-power-of-two",
            path="draws",
            hint=f"the nearest are {below:,} and {2 * below:,}",
        )
    inputs = tuple(i for i in case.inputs() if not i.quantity.is_exact)
    d = len(inputs)
    if d == 0:
        return Design(inputs, np.empty((n, 0)), np.empty((n, 0)))
    # A Sobol' point can be exactly 0 after scrambling; half a unit in the last place keeps normal tails finite.
    points = np.clip(sobol(n, 2 * d, seed), 2.0**-54, 1 - 2.0**-53)
    return Design(inputs, points[:, :d], points[:, d:])


def draw(case: Case, layout: Design, points: Array, *, widen: float = 1.0) -> Draws:
    """Send points through the inputs' inverse distributions.

    Parameters
    ----------
    case
        Its correlations are laid on first.
    layout
        The design that the points belong to.
    points
        Shape (n, inputs).
    widen
        Factor on the spread of every **assumed** input, about its median.

    Returns
    -------
    Draws
        Values by path.
    """
    return _through(layout, _correlated(case, layout.inputs, points), widen)


def redraw(case: Case, layout: Design, rows: int, held: NDArray[np.bool_]) -> Draws:
    """Keep some inputs as they are in the first draws of A, and draw all others anew, given these.

    Where the case states no correlation the others come from B as they stand. An input that goes with a held one is
    drawn as it is distributed once the held one is known: of a joint normal draw Z of B, the others become
    Z + C_oh C_hh⁻¹ (A_h − Z_h), with C the matrix of correlations.

    Parameters
    ----------
    case
        Its correlations.
    layout
        Its two halves.
    rows
        How many draws.
    held
        Shape (inputs,): which inputs keep their values.
    """
    a, b = (_correlated(case, layout.inputs, points[:rows]) for points in (layout.a, layout.b))
    u = np.where(held, a, b)
    touched, matrix = _stated(case, layout.inputs)
    known = held[touched]
    if known.any() and not known.all():
        kept, free = touched[known], touched[~known]
        weights = np.linalg.solve(matrix[np.ix_(known, known)], matrix[np.ix_(known, ~known)])
        u[:, free] = ndtr(ndtri(b[:, free]) + (ndtri(a[:, kept]) - ndtri(b[:, kept])) @ weights)
    return _through(layout, u, 1.0)


def _through(layout: Design, u: Array, widen: float) -> Draws:
    """Send points with their correlations through the inputs' inverse distributions."""
    columns = {
        i.path: np.asarray(i.quantity.ppf(own, widen=widen if i.kind == "assumed" else 1.0), dtype=float)
        for i, own in zip(layout.inputs, np.ascontiguousarray(u.T), strict=True)
    }
    return Draws(len(u), columns)


def _stated(case: Case, inputs: tuple[Input, ...]) -> tuple[NDArray[np.intp], Array]:
    """Places of the inputs that the case correlates with others, and the matrix of their correlations."""
    place = {i.path: k for k, i in enumerate(inputs)}
    stated = [c for c in case.correlations if all(path in place for path in c.between)]
    touched = sorted({place[path] for c in stated for path in c.between})
    local = {k: j for j, k in enumerate(touched)}
    matrix = np.eye(len(touched))
    for c in stated:
        one, two = (local[place[path]] for path in c.between)
        matrix[one, two] = matrix[two, one] = c.value
    return np.array(touched, dtype=np.intp), matrix


def _correlated(case: Case, inputs: tuple[Input, ...], points: Array) -> Array:
    """Lay the case's correlations on independent points: a Gaussian copula."""
    touched, matrix = _stated(case, inputs)
    if not touched.size:
        return points
    root = np.linalg.cholesky(matrix)
    out = points.copy()
    out[:, touched] = ndtr(ndtri(points[:, touched]) @ root.T)
    return out
