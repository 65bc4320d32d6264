"""The thresholds of the global game: all of them, and the one that a selection picks."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtri
from jax.typing import ArrayLike

from tertius.errors import BadInput
from tertius.models._bracket import bracketed, closer, stored
from tertius.models._implicit import root

__all__ = [
    "OPPOSITE",
    "SELECTIONS",
    "TOLERANCE",
    "Equilibrium",
    "Selection",
    "Status",
    "Thresholds",
    "equilibrium",
    "normal_density",
    "threshold",
]

TOLERANCE = 1e-11
"""Largest residual of a solution that counts as converged."""

Selection = Literal["laplacian", "best", "worst"]

SELECTIONS: tuple[Selection, ...] = ("laplacian", "best", "worst")
"""How one equilibrium is picked where there are several; see :func:`equilibrium`."""

_ROOT_2PI = math.sqrt(2 * math.pi)


class Status(IntEnum):
    """How a solution ended, for each member of the batch; the numbers are those of the other models."""

    CONVERGED = 0
    """Residual at most :data:`TOLERANCE`."""
    MISSING = 2
    """An input that the answer needs is ``NaN``."""
    INVALID = 3
    """An input is outside its domain: a negative precision, a cost that is no share, …"""
    NOT_CONVERGED = 4
    """The residual is above :data:`TOLERANCE`."""


class Thresholds(NamedTuple):
    """Every threshold below which the regime falls. ``numpy.asarray`` gives ``theta_star``."""

    theta_star: Array
    """All solutions in rising order, ``(..., 3)``, ``NaN`` behind the last."""
    number: Array
    """How many there are, ``(...)``: 1 or 3 (2 where two coincide), 0 without an answer."""
    lowest: Array
    """The threshold that is best for the regime, ``(...)``."""
    highest: Array
    """The one that is worst for it, ``(...)``."""
    laplacian: Array
    """The one that best replies reach from the Laplacian threshold 1 − c, ``(...)``."""
    unique: Array
    """Whether a/√β ≤ √(2π), which leaves one solution whatever m and c are, ``(...)``."""
    residual: Array
    """Largest error of the equation, relative to its largest term, ``(...)``."""
    status: Array
    """:class:`Status`, as an integer, ``(...)``."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.theta_star, dtype=dtype)


class Equilibrium(NamedTuple):
    """One threshold, as a selection picks it; all fields have the shape of the batch."""

    theta_star: Array
    """θ*: the regime falls if it is weaker."""
    z_star: Array
    """Φ⁻¹(θ*), in which thresholds near 0 and 1 keep their digits."""
    multiple: Array
    """Whether there were several to pick from."""
    residual: Array
    """Error of the equation, relative to its largest term."""
    status: Array
    """:class:`Status`, as an integer."""


class _Game(NamedTuple):
    """The game in ``z = Φ⁻¹(θ)``: g(z) = z − s·(Φ(z) − m) + k = 0; ``ok`` where it can be solved."""

    s: Array
    m: Array
    k: Array
    corner: Array  # ±inf where the cost is 0 or 1, else 0
    status: Array
    laplacian: Array  # Φ⁻¹(1 − c)


def below(z: Array) -> Array:
    """Φ(z), exact in both tails, and faster than the library's."""
    return 0.5 * jax.lax.erfc(-z * math.sqrt(0.5))


def normal_density(z: Array) -> Array:
    """Density of the standard normal."""
    return jnp.exp(-0.5 * z * z) / _ROOT_2PI


def quantile_of_cost(cost: Array) -> Array:
    """Φ⁻¹(c), any number where the cost is no share strictly between nought and one."""
    return ndtri(jnp.where((cost > 0) & (cost < 1), cost, 0.5))


def _game(m: Array, a: Array, beta: Array, c: Array, inner: Array | None = None) -> _Game:
    inner = quantile_of_cost(c) if inner is None else inner
    m, a, beta, c, inner = jnp.broadcast_arrays(m, a, beta, c, inner)
    missing = jnp.isnan(m) | jnp.isnan(a) | jnp.isnan(beta) | jnp.isnan(c)
    invalid = ~jnp.isfinite(m) | (a < 0) | jnp.isinf(a) | (beta <= 0) | (c < 0) | (c > 1)
    bad = missing | invalid
    # What cannot be solved is replaced before anything is computed, for the sake of its neighbours' gradients.
    corner = ~bad & ((c == 0) | (c == 1))
    m, a, beta = (jnp.where(bad, safe, x) for x, safe in ((m, 0.0), (a, 0.0), (beta, 1.0)))
    m, a, beta, inner = stored((m, a, beta, jnp.where(bad | corner, 0.0, inner)))
    s = a / jnp.sqrt(beta)
    k = jnp.sqrt(1.0 + a / beta) * inner
    # Products so large that they overflow leave no equation to solve.
    overflow = ~(jnp.isfinite(s * m) & jnp.isfinite(k) & jnp.isfinite(s))
    status = jnp.where(bad | overflow, jnp.int32(Status.INVALID), jnp.int32(Status.CONVERGED))
    status = jnp.where(missing, jnp.int32(Status.MISSING), status)
    s, m, k = (jnp.where(overflow, 0.0, x) for x in (s, m, k))
    at = jnp.where(corner, jnp.where(c == 0, jnp.inf, -jnp.inf), 0.0)
    game: _Game = stored(_Game(s, m, k, at, status, -inner))
    return game


def _gap(game: tuple[Array, ...], z: Array) -> Array:
    s, m, k = game[:3]
    # The error function is several times faster than the normal distribution, whose tails do not matter beside m.
    return z - s * (0.5 * jax.lax.erf(z * math.sqrt(0.5)) + (0.5 - m)) + k


class _Ends(NamedTuple):
    """Where the solutions can lie: the turning points ±``bend`` of g, and the outer ends."""

    bend: Array
    low: Array
    high: Array
    has_lowest: Array  # a solution at or below −bend
    has_highest: Array  # one at or above +bend


def _ends(game: _Game) -> _Ends:
    s, m, k = game.s, game.m, game.k
    # g rises, falls between the two points where s·φ(z) = 1, and rises again.
    bend = stored(jnp.sqrt(2.0 * jnp.log(jnp.maximum(s / _ROOT_2PI, 1.0))))
    single = s <= _ROOT_2PI
    # The distribution at −bend is one less that at bend.
    half = 0.5 * s * jax.lax.erf(bend * math.sqrt(0.5))
    level = s * (m - 0.5) + k
    has_lowest = level + half - bend >= 0
    has_highest = jnp.where(single, ~has_lowest, level - half + bend <= 0)
    ends: _Ends = stored(_Ends(bend, -s * m - k, s * (1.0 - m) - k, has_lowest, has_highest))
    return ends


def _solve(game: _Game, bracket: tuple[Array, ...], sign: Array) -> tuple[Array, Array]:
    """The one solution in a bracket, with its residual relative to the largest term of the equation."""
    scale = 1.0 + jnp.abs(game.k) + game.s * jnp.maximum(1.0, jnp.abs(game.m))
    fixed = jax.lax.stop_gradient((*bracket, sign, scale))
    z, gap = stored(root(_gap, _search, _invert, (game.s, game.m, game.k, *fixed)))
    return z, gap / scale


def _search(given: tuple[Array, ...]) -> tuple[Array, Array]:
    s, m, k, low, high, start, sign, scale = given
    # Where this branch has no solution any bracket will do; the result is not used.
    sound = low <= high
    low, high = jnp.where(sound, low, start), jnp.where(sound, high, start)
    game = s, m, k, sign
    start = closer(_rising, game, low, high, start)
    return bracketed(lambda z: _rising(z, *game), low, high, start, scale)


def _rising(z: Array, s: Array, m: Array, k: Array, sign: Array) -> tuple[Array, Array, Array]:
    """The gap, with the sign with which it rises, its slope and its bend."""
    steep = s * normal_density(z)
    return sign * _gap((s, m, k), z), sign * (1.0 - steep), sign * z * steep


def _invert(linear: Callable[[Array], Array], _: Any, y: Array) -> Array:
    slope = linear(jnp.ones_like(y))
    return y / slope


def _lowest(game: _Game, ends: _Ends) -> tuple[Array, Array, Array]:
    # From its outer end Newton's method is monotone on a branch, since g is concave there (and convex above).
    low = jnp.minimum(ends.low, -ends.bend)
    return low, -ends.bend, jnp.clip(_guess(game, low), low, -ends.bend)


def _highest(game: _Game, ends: _Ends) -> tuple[Array, Array, Array]:
    high = jnp.maximum(ends.high, ends.bend)
    return ends.bend, high, jnp.clip(_guess(game, high), ends.bend, high)


def _guess(game: _Game, end: Array) -> Array:
    """The solution with the distribution taken for its tangent at nought, while that is steep enough to be one."""
    steep = game.s / _ROOT_2PI
    gentle = steep < 0.7
    return jnp.where(gentle, (game.s * (0.5 - game.m) - game.k) / jnp.where(gentle, 1.0 - steep, 1.0), end)


def _finish(game: _Game, residual: Array) -> Array:
    missed = (game.status == Status.CONVERGED) & ~(residual <= TOLERANCE)
    return jnp.where(missed, jnp.int32(Status.NOT_CONVERGED), game.status)


def threshold(
    mean: ArrayLike, precision: ArrayLike, private_precision: ArrayLike, cost: ArrayLike
) -> Thresholds:
    r"""Return every threshold :math:`\theta^*` of the game with common belief :math:`N(m, 1/a)`.

    .. math:: \theta^* = \Phi\bigl((a/\sqrt\beta)(\theta^*-m) - \sqrt{1+a/\beta}\,\Phi^{-1}(c)\bigr)

    Parameters
    ----------
    mean
        m, mean of the common belief on the regime's strength, ``(...)``.
    precision
        a, its precision, ``(...)``; 0 = nothing is known in common.
    private_precision
        β, precision of what each unit sees for itself, ``(...)``; ``inf`` = it sees the truth, almost.
    cost
        c, cost of sitting out if the regime stands, between 0 and 1, ``(...)``.

    Returns
    -------
    Thresholds
        One solution where a/√β ≤ √(2π), up to three elsewhere: what then happens depends on what everybody
        expects everybody to do.
    """
    result: Thresholds = _threshold(
        *(jnp.asarray(x, float) for x in (mean, precision, private_precision, cost))
    )
    return result


@jax.jit
def _threshold(m: Array, a: Array, beta: Array, c: Array) -> Thresholds:
    game = _game(m, a, beta, c)
    ends = _ends(game)
    low, high = _lowest(game, ends), _highest(game, ends)
    middle = -ends.bend, ends.bend, jnp.zeros_like(ends.bend)
    brackets = tuple(jnp.stack(x) for x in zip(low, middle, high, strict=True))
    sign = jnp.array([1.0, -1.0, 1.0]).reshape(3, *[1] * game.s.ndim) * jnp.ones_like(game.s)
    stacked = jax.tree.map(lambda x: jnp.broadcast_to(x, (3, *x.shape)), game)
    z, residual = _solve(stacked, brackets, sign)
    inner = (ends.has_lowest & ends.has_highest) & (_gap(game, -ends.bend) > 0) & (_gap(game, ends.bend) < 0)
    there = jnp.stack([ends.has_lowest, inner, ends.has_highest])
    there &= game.status == Status.CONVERGED
    z = jnp.where(game.corner != 0, game.corner, z)
    there = jnp.where(game.corner != 0, jnp.array([True, False, False]).reshape(3, *[1] * game.s.ndim), there)
    residual = jnp.where(there & (game.corner == 0), residual, 0.0).max(0)
    status = _finish(game, residual)
    theta = stored(jnp.where(there, below(z), jnp.nan))
    lowest = jnp.where(there[0], theta[0], theta[2])
    highest = jnp.where(there[2], theta[2], theta[0])
    laplacian = jnp.where(_takes_lowest(game, ends, jnp.asarray(0)), lowest, highest)
    bad = game.status != Status.CONVERGED
    return Thresholds(
        theta_star=jnp.moveaxis(jnp.sort(theta, axis=0), 0, -1),
        number=there.sum(0),
        lowest=lowest,
        highest=highest,
        laplacian=jnp.where(bad, jnp.nan, laplacian),
        unique=~bad & (game.s <= _ROOT_2PI),
        residual=jnp.where(bad, jnp.nan, residual),
        status=status,
    )


OPPOSITE = len(SELECTIONS)
"""Place of the equilibrium at the other end from the Laplacian one, for who wants the range of both."""


def numbered(selection: Selection | ArrayLike) -> Array:
    """The selection as its place in :data:`SELECTIONS`, so that one compiled program serves all of them."""
    if not isinstance(selection, str):
        return jnp.asarray(selection)
    if selection not in SELECTIONS:
        raise BadInput(
            f"there is no selection {selection!r}",
            code="unknown-selection",
            hint=f"one of {', '.join(SELECTIONS)}",
        )
    return jnp.asarray(SELECTIONS.index(selection))


def _takes_lowest(game: _Game, ends: _Ends, selection: Array) -> Array:
    """Whether the selection picks the lowest solution; where there is one only, whether that is a lowest."""
    # Best replies from 1 − c move down exactly if g is positive there, below −bend to the lowest in any case.
    z = game.laplacian
    down = (z <= -ends.bend) | ((z < ends.bend) & (_gap(game, z) > 0))
    laplacian = ends.has_lowest & (down | ~ends.has_highest)
    opposite = jnp.where(ends.has_lowest & ends.has_highest, ~laplacian, laplacian)
    best_or_worst = jnp.where(selection == 1, ends.has_lowest, ~ends.has_highest)
    return jnp.where(selection == 0, laplacian, jnp.where(selection == OPPOSITE, opposite, best_or_worst))


def equilibrium(
    mean: ArrayLike,
    precision: ArrayLike,
    private_precision: ArrayLike,
    cost: ArrayLike,
    selection: Selection | ArrayLike = "laplacian",
) -> Equilibrium:
    """Return one threshold for each member of the batch.

    Parameters
    ----------
    mean, precision, private_precision, cost
        As in :func:`threshold`.
    selection
        Which one, where there are several: ``best`` and ``worst`` for the regime, or ``laplacian``, the one that
        best replies reach from the threshold 1 − c, at which a unit that knows nothing of the others, and so holds
        every share of them sitting out for equally likely, is indifferent (Morris & Shin 2003). By name, or as
        places in :data:`SELECTIONS`, ``(...)``.

    Returns
    -------
    Equilibrium
        Differentiable by the implicit function theorem, except across the edge of multiplicity.

    Raises
    ------
    BadInput
        If the selection is unknown.
    """
    result: Equilibrium = _equilibrium(
        *(jnp.asarray(x, float) for x in (mean, precision, private_precision, cost)), numbered(selection)
    )
    return result


@jax.jit
def _equilibrium(
    m: Array, a: Array, beta: Array, c: Array, selection: Array, inner: Array | None = None
) -> Equilibrium:
    game = _game(m, a, beta, c, inner)
    ends = _ends(game)
    take = _takes_lowest(game, ends, selection)
    bracket = tuple(
        jnp.where(take, one, other)
        for one, other in zip(_lowest(game, ends), _highest(game, ends), strict=True)
    )
    z, residual = _solve(game, bracket, jnp.ones_like(game.s))
    corner = game.corner != 0
    z = jnp.where(corner, game.corner, z)
    residual = jnp.where(corner, 0.0, residual)
    bad = game.status != Status.CONVERGED
    found: Equilibrium = stored(
        Equilibrium(
            theta_star=jnp.where(bad, jnp.nan, below(z)),
            z_star=jnp.where(bad, jnp.nan, z),
            multiple=~bad & ~corner & ends.has_lowest & ends.has_highest,
            residual=jnp.where(bad, jnp.nan, residual),
            status=_finish(game, residual),
        )
    )
    return found
