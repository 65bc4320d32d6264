r"""Who fills in when powers withdraw from a domain, and what that costs the client.

A non-trade domain (investment, security, arms, …) is a CES bundle of what the powers and the client itself
supply, with elasticity of substitution :math:`\sigma > 1`, spending shares :math:`s_p` and a supply curve of
constant elasticity :math:`\eta_p` for each supplier. Spending on the domain is constant. In changes (the
exact-hat algebra of Dekle, Eaton & Kortum 2007, applied to a CES bundle with upward-sloping supply):

.. math::

    \hat q_p = \hat x_p^{1/\eta_p}, \qquad \hat s_p = \hat q_p \hat x_p
             = \frac{(\hat\kappa_p \hat q_p)^{1-\sigma}}{\Phi}, \qquad \sum_p s_p \hat s_p = 1

    \Rightarrow\quad \hat s_p = (k_p/\Phi)^{b_p}, \qquad
    b_p = \frac{1}{1 + (\sigma-1)/(1+\eta_p)}, \qquad k_p = \hat\kappa_p^{1-\sigma},
    \qquad \hat P = \Phi^{1/(1-\sigma)}

An exit of degree :math:`x` is :math:`k = 1 - x`. The one unknown, :math:`\log\Phi`, is the root of a convex
decreasing function, so Newton's method converges from any start. :func:`displace_nested` is the two-level
bundle in which like replaces like.

Arrays are float64. The last axis, ``P``, is the suppliers: the powers in order, then the client's own
provision; leading axes are a batch and broadcast. Roots are differentiated by the implicit function theorem.

A share of ``NaN`` means that the tie is not stated: the supplier is outside the bundle and its own results
are ``NaN``; withdrawing it makes everything ``NaN``, since the loss of an unknown tie is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from tertius.errors import BadInput
from tertius.models._implicit import root

__all__ = ["Displaced", "Status", "Vacuum", "displace", "displace_nested", "loss", "vacuum"]

TOLERANCE = 1e-12
"""Largest residual, in logs, of a result that counts as converged."""

# The iteration aims beyond the tolerance, since quadratic convergence makes the last digits cheap.
_AIM = 1e-13
_STEPS = 40
_SHARE_SUM = 1e-8
_EXP_LIMIT = 700.0


class Status(IntEnum):
    """How a displacement ended, for each member of the batch.

    ``CONVERGED`` and ``INFINITE`` are answers; the others are not, and their values are ``NaN`` (``MISSING``,
    ``INVALID``) or missed the tolerance (``NOT_CONVERGED``).
    """

    CONVERGED = 0
    """Residual at most :data:`TOLERANCE`."""
    INFINITE = 1
    """Nothing is left of what the client cannot do without: an infinite loss, exactly."""
    MISSING = 2
    """An input that the answer needs is ``NaN``."""
    INVALID = 3
    """An input is outside its domain (a negative share, shares that do not sum to one, sigma ≤ 1, …)."""
    NOT_CONVERGED = 4
    """The residual is above :data:`TOLERANCE`."""


class Displaced(NamedTuple):
    """A domain after a displacement, relative to before.

    The first four have shape ``(..., P)``, the others ``(...)``.
    """

    share_hat: Array
    """Relative change of each supplier's spending share; 0 for a supply wholly withdrawn."""
    quantity_hat: Array
    """Relative change of the quantity each supplies, x̂; 0 for a supply wholly withdrawn."""
    delivered_hat: Array
    """Relative change of what reaches the client, x̂/κ̂; a costlier tie delivers less than is supplied."""
    price_hat: Array
    """Relative change of each supplier's price; ``NaN`` for a supply wholly withdrawn: it has none."""
    log_price: Array
    """Log change of the bundle's price index; ``inf`` if nothing is left."""
    log_Phi: Array  # noqa: N815 - the equation's symbol
    """Log of the CES sum of the (upper) bundle: (1 − elasticity) × ``log_price``."""
    residual: Array
    """Largest absolute error, in logs, of the equations solved."""
    status: Array
    """:class:`Status`, as an integer."""


class Vacuum(NamedTuple):
    """Who fills the vacuum."""

    share: Array
    """Quantity a supplier adds / quantity withdrawn, ``(..., P)``; ``NaN`` for those who leave."""
    unfilled: Array
    """The part that nobody fills, ``(...)``: one less the sum of ``share`` over those who remain."""
    withdrawn: Array
    """Quantity withdrawn, ``(...)``, as a share of the domain's baseline value."""


class _Inputs(NamedTuple):
    """Cleaned inputs: safe to compute with everywhere, with what was wrong kept in ``status``.

    Inside this module the suppliers are the first axis and the batch is one axis, ``N``, the last: sums over
    suppliers then run over whole batches at a time.
    """

    share: Array  # (P, N), sums to one
    log_keep: Array  # (P, N), 0 where gone
    log_cost: Array  # (P, N), log κ̂, 0 where gone
    gone: Array  # (P, N), bool: keep is 0
    b: Array  # (P, N), exponent of the share
    c: Array  # (P, N), 1/(1 + eta)
    listed: Array  # (P, N), bool
    status: Array  # (N,)


def _total(values: Array) -> Array:
    """Sum over the first axis, spelled out: far faster on a CPU than a reduction over so short an axis."""
    return reduce(jnp.add, [values[i] for i in range(values.shape[0])])


def _any(values: Array) -> Array:
    """Whether any is true along the first axis; see :func:`_total`."""
    return reduce(jnp.logical_or, [values[i] for i in range(values.shape[0])])


def _largest(values: Array) -> Array:
    """Largest along the first axis; see :func:`_total`."""
    return reduce(jnp.maximum, [values[i] for i in range(values.shape[0])])


def _keep(values: Any) -> Any:
    """Have the compiler store ``values``: it would compute them anew, with all behind them, at every use."""
    return jax.lax.optimization_barrier(values)  # type: ignore[no-untyped-call]


def _flatten(*arrays: Array) -> tuple[tuple[int, ...], list[Array]]:
    """Broadcast the leading axes, make one of them and put it last; returns their shape and the arrays."""
    arrays = tuple(jnp.atleast_1d(a) for a in arrays)
    batch = jnp.broadcast_shapes(*(a.shape[:-1] for a in arrays))
    flat = [jnp.broadcast_to(a, (*batch, a.shape[-1])).reshape(-1, a.shape[-1]).T for a in arrays]
    return batch, _keep(flat)


def _clean(
    s: Array, keep: Array, sigma: Array, rho: Array, eta: Array, lost: Callable[[Array, Array], Array]
) -> _Inputs:
    """Judge and clean the inputs; suppliers, or an axis of length one, come first.

    ``lost`` says, from the shares and what remains of them, whether the loss is infinite.
    """
    s, keep, sigma, rho, eta = jnp.broadcast_arrays(s, keep, sigma, rho, eta)
    listed = ~jnp.isnan(s)
    needed = jnp.isnan(keep) | jnp.isnan(sigma) | jnp.isnan(rho) | jnp.isnan(eta)
    unknown = jnp.where(listed, needed, keep != 1.0)
    outside = (s < 0) | (keep < 0) | (sigma <= 1) | (rho <= 0) | (eta < 0)
    outside |= jnp.isinf(keep) | jnp.isinf(sigma) | jnp.isinf(rho)
    outside, unknown, known = _keep((outside & listed, unknown, jnp.where(listed, s, 0.0)))
    total = _total(known)
    missing = _any(unknown) | ~_any(listed)
    invalid = _any(outside) | (jnp.abs(total - 1.0) > _SHARE_SUM)
    infinite = lost(known, known * keep)
    status = jnp.where(infinite, jnp.int32(Status.INFINITE), jnp.int32(Status.CONVERGED))
    status = jnp.where(invalid, jnp.int32(Status.INVALID), status)
    status = jnp.where(missing, jnp.int32(Status.MISSING), status)
    status, total = _keep((status, total))
    # What cannot be solved is replaced by a bundle that can, before anything is computed: a NaN that is
    # masked only afterwards would still spoil the gradients of its neighbours.
    ok = status == Status.CONVERGED
    share = jnp.where(ok, known / jnp.where(ok, total, 1.0), 1.0 / s.shape[0])
    keep = jnp.where(ok & listed, keep, 1.0)
    gone = keep <= 0
    c = 1.0 / (1.0 + jnp.where(ok & listed, eta, 1.0))
    excess = jnp.where(ok & listed, sigma, 2.0) - 1.0
    b = 1.0 / (1.0 + excess * c)
    log_keep = jnp.log(jnp.where(gone, 1.0, keep))
    return _Inputs(share, log_keep, -log_keep / excess, gone, b, c, listed, status)


def _weights(given: _Inputs) -> Array:
    """``s k^b``: what the suppliers weigh at unchanged prices, ``(P, N)``."""
    return jnp.where(given.gone, 0.0, given.share * jnp.exp(given.b * given.log_keep))


def _log_sum(weight: Array, b: Array, u: Array, shift: Array | float = 0.0) -> tuple[Array, Array]:
    """``log Σ_p weight_p exp(−b_p u)`` and minus its derivative in ``u``: convex and decreasing in ``u``.

    ``shift`` is any number near the largest exponent, for where a term might else overflow.
    """
    # Above the limit are suppliers without weight, and far left of a root, where it only shortens a step.
    term = _keep(weight * jnp.exp(jnp.minimum(-b * u - shift, _EXP_LIMIT)))
    total = _total(term)
    return shift + jnp.log(total), _total(b * term) / total


def _newton(step: Callable[[Any], tuple[Array, Any]], start: Any, members: int) -> tuple[Any, Array]:
    """Newton's method over a batch: the point reached and the residual there, ``(N,)``.

    ``step`` gives the residual at a point and the move from it. Members that have arrived stay where they
    are, so that a result does not depend on its batch.
    """

    def turn(state: Any) -> Any:
        point, _, count = state
        residual, move = step(point)
        going = (residual > _AIM) & (count < _STEPS)
        point = jax.tree.map(lambda x, m: x + jnp.where(going, m, 0.0), point, move)
        return point, residual, count + 1

    point, residual, _ = jax.lax.while_loop(
        lambda state: (state[1] > _AIM).any() & (state[2] <= _STEPS),
        turn,
        (start, jnp.full(members, jnp.inf), 0),
    )
    return point, residual


def _finish(
    batch: tuple[int, ...], given: _Inputs, u: Array, log_price: Array, log_Phi: Array, residual: Array
) -> Displaced:
    """Turn the solution into a result; ``u`` is, by supplier, the level its share is measured against."""
    log_share = jnp.where(given.gone, 0.0, given.b * (given.log_keep - u))
    share_hat = jnp.exp(log_share)
    price_hat = jnp.exp(given.c * log_share)
    delivered_hat = jnp.exp((1.0 - given.c) * log_share - given.log_cost)

    infinite = given.status == Status.INFINITE
    bad = (given.status == Status.MISSING) | (given.status == Status.INVALID)
    missed = (given.status == Status.CONVERGED) & ~(residual <= TOLERANCE)

    def scalar(value: Array, limit: float) -> Array:
        return jnp.where(bad, jnp.nan, jnp.where(infinite, limit, value)).reshape(batch)

    def by_supplier(value: Array, limit: float) -> Array:
        value = jnp.where(infinite | given.gone, limit, value)
        return jnp.where(bad | ~given.listed, jnp.nan, value).T.reshape(*batch, -1)

    return Displaced(
        share_hat=by_supplier(share_hat, 0.0),
        quantity_hat=by_supplier(share_hat / price_hat, 0.0),
        delivered_hat=by_supplier(delivered_hat, 0.0),
        price_hat=by_supplier(price_hat, jnp.nan),
        log_price=scalar(log_price, jnp.inf),
        log_Phi=scalar(log_Phi, -jnp.inf),
        residual=scalar(residual, 0.0),
        status=jnp.where(missed, jnp.int32(Status.NOT_CONVERGED), given.status).reshape(batch),
    )


def displace(s: ArrayLike, keep: ArrayLike, sigma: ArrayLike, eta: ArrayLike) -> Displaced:
    r"""Solve one CES bundle after its suppliers' costs changed or some withdrew.

    Parameters
    ----------
    s
        Spending shares, ``(..., P)``, summing to one over the last axis. ``NaN`` = the tie is not stated.
    keep
        :math:`k = \hat\kappa^{1-\sigma}`, ``(..., P)``: 1 = unchanged, 0 = gone, 1 − degree for an exit;
        above 1 where a supplier became cheaper.
    sigma
        Elasticity of substitution, ``(...)``, above 1.
    eta
        Supply elasticities, ``(..., P)``, from 0 (fixed quantity) to ``inf`` (fixed price), both exact.

    Returns
    -------
    Displaced
        Shapes ``(..., P)`` and ``(...)``. Where all of the supply is withdrawn the status is ``INFINITE``,
        ``log_price`` is ``inf`` and all shares and quantities are 0.

    Notes
    -----
    Derivatives are those of the implicit function theorem, along the simplex in ``s``. A supply wholly
    withdrawn is a corner: ``keep = 0`` is held fixed.
    """
    result: Displaced = _displace(*(jnp.asarray(a, float) for a in (s, keep, sigma, eta)))
    return result


def _bundle(given: tuple[Array, Array], u: Array) -> Array:
    return _log_sum(*given, u)[0]


def _solve_bundle(given: tuple[Array, Array]) -> tuple[Array, Array]:
    def step(u: Array) -> tuple[Array, Array]:
        value, slope = _log_sum(*given, u)
        return jnp.abs(value), value / slope

    members = given[0].shape[-1]
    found: tuple[Array, Array] = _newton(step, jnp.zeros(members), members)
    return found


def _invert_bundle(linear: Callable[[Array], Array], _: Any, y: Array) -> Array:
    return y / linear(jnp.ones_like(y))


@jax.jit
def _displace(s: Array, keep: Array, sigma: Array, eta: Array) -> Displaced:
    batch, (s, keep, sigma, eta) = _flatten(s, keep, sigma[..., None], eta)
    given = _clean(s, keep, sigma, sigma, eta, lambda _, left: _total(left) <= 0)
    u, residual = root(_bundle, _solve_bundle, _invert_bundle, _keep((_weights(given), given.b)))
    elasticity = jnp.where(given.status == Status.CONVERGED, sigma[0], 2.0)
    return _finish(batch, given, u, u / (1.0 - elasticity), u, residual)


def _one_hot(nests: ArrayLike, suppliers: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Nest membership as a ``(G, P)`` array of zeros and ones."""
    member = np.asarray(nests)
    if member.ndim == 1:
        member = np.unique(member)[:, None] == member
    if member.ndim != 2 or member.shape[1] != suppliers:
        raise BadInput(
            f"nests has shape {np.shape(nests)}, but there are {suppliers} suppliers",
            code="nests-shape",
            hint="give one label per supplier, or an array (nest, supplier) of zeros and ones",
        )
    if not (np.isin(member, (0, 1)).all() and (member.sum(0) == 1).all()):
        raise BadInput(
            "every supplier, own provision too, belongs to exactly one nest",
            code="nests-membership",
            hint="a supplier that stands alone is a nest of its own",
        )
    return member[member.any(1)].astype(np.float64)


def displace_nested(
    s: ArrayLike,
    keep: ArrayLike,
    sigma: ArrayLike,
    rho: ArrayLike,
    nests: ArrayLike,
    eta: ArrayLike,
    *,
    sigma_by_nest: bool = False,
) -> Displaced:
    r"""Solve a two-level CES bundle: like replaces like.

    Suppliers :math:`p` of nest :math:`g` are substitutes with elasticity :math:`\sigma`, nests with
    elasticity :math:`\rho`; with :math:`S_g` the nest's share, :math:`y_g` and :math:`Y` the log changes of
    the nest's and the bundle's price index,

    .. math::

        \hat s_p = (k_p/A_g)^{b_p}, \qquad \log A_g = (\rho-\sigma) y_g + (1-\rho) Y

        \sum_{p \in g} \frac{s_p}{S_g} \hat s_p = e^{(1-\rho)(y_g - Y)}, \qquad
        \sum_g S_g e^{(1-\rho)(y_g - Y)} = 1

    With :math:`\eta = \infty` this is the nested-CES power of Clayton, Maggiori & Schreger,
    :math:`\hat P = [\sum_g S_g (1-\omega_g)^{(1-\rho)/(1-\sigma)}]^{1/(1-\rho)}`.

    Parameters
    ----------
    s, keep, eta
        As in :func:`displace`, ``(..., P)``.
    sigma
        Elasticity within nests, above 1: ``(...)``, or ``(..., G)`` with ``sigma_by_nest``, nests in the
        order of their rows in ``nests`` (of their sorted labels).
    rho
        Elasticity between nests, ``(...)``, positive; 1 is the Cobb–Douglas limit. At ρ ≤ 1 the loss of a
        whole nest is infinite.
    nests
        One label per supplier ``(P,)``, or membership as zeros and ones ``(G, P)``. Membership as a JAX array is
        taken as it is, unchecked and possibly traced; nests without members then do no harm.
    sigma_by_nest
        Whether ``sigma`` has a last axis of nests.

    Returns
    -------
    Displaced
        As :func:`displace`; ``log_Phi`` is that of the upper bundle, (1 − ρ) × ``log_price``.

    Raises
    ------
    BadInput
        If ``nests`` does not put every supplier in exactly one nest.

    Notes
    -----
    For ρ > 1 the equations are convex and their Jacobian is inverse-monotone, so Newton's method converges
    from any start; for ρ ≤ 1 that is not proved, and the status says whether it did.
    """
    arrays = [jnp.asarray(a, float) for a in (s, keep, sigma, rho, eta)]
    member = nests if isinstance(nests, Array) else _one_hot(nests, arrays[0].shape[-1])
    result: Displaced = _displace_nested(*arrays, member, sigma_by_nest)
    return result


def _log_mean(weight: Array, alive: Array, z: Array, e: Array) -> tuple[Array, Array]:
    """``log(Σ_g weight_g exp(e z_g)) / e`` over the nests alive, and its derivative in ``z``.

    ``weight`` sums to one over all nests. Towards ``e = 0`` it is the mean of ``z``, without cancellation.
    """
    whole = ~_any(~alive & (weight > 0))
    taylor = whole & (jnp.abs(e) < 1e-7)
    near = whole & ~taylor & (jnp.abs(e) < 0.1)
    d = jnp.where(taylor | (e == 0), 1.0, e)
    w, z = jnp.where(alive, weight, 0.0), jnp.where(alive, z, 0.0)

    shift = jax.lax.stop_gradient(_largest(jnp.where(alive, d * z, -jnp.inf)))
    term = w * jnp.exp(jnp.where(alive, d * z - shift, 0.0))
    by_sum = (shift + jnp.log(_total(term))) / d

    by_rise = jnp.log1p(_total(w * jnp.expm1(jnp.where(near, d * z, 0.0)))) / d

    mean = _total(w * z)
    by_series = mean + 0.5 * e * (_total(w * z**2) - mean**2)

    value = jnp.where(taylor, by_series, jnp.where(near, by_rise, by_sum))
    slope = jnp.where(taylor, w * (1.0 + e * (z - mean)), term)
    return value, slope / _total(slope)


def _arrow(D: Array, f: Array, w: Array, m: Array, F: Array, M: Array) -> tuple[Array, Array]:
    """Solve ``D·y + f·Y = F`` (nest by nest) and ``Σ w·y + m·Y = M``."""
    Y = (M - _total(w * F / D)) / (m - _total(w * f / D))
    return (F - f * Y) / D, Y


class _Nested(NamedTuple):
    """What the equations of a nested bundle hold: G nests, N members of the batch."""

    S: Array  # (G, N) the nests' shares
    weight: Array  # (P, G, N) what each supplier weighs in its nest
    b: Array  # (P, 1, N)
    alive: Array  # (G, N)
    rho: Array  # (N,)
    sigma: Array  # (G, N)


def _levels(given: _Nested, y: Array, Y: Array) -> Array:
    return jnp.where(given.alive, (given.rho - given.sigma) * y + (1.0 - given.rho) * Y, 0.0)


def _gaps(given: _Nested, y: Array, Y: Array) -> tuple[Array, Array, Array, Array]:
    a = _levels(given, y, Y)
    weight, b, rho = given.weight, given.b, given.rho
    shift = jax.lax.stop_gradient(_largest(jnp.where(weight > 0, -b * a, -jnp.inf)))
    value, slope = _log_sum(weight, b, a, shift)
    M, w = _log_mean(given.S, given.alive, y - Y, 1.0 - rho)
    return jnp.where(given.alive, value - (1.0 - rho) * (y - Y), y), M, slope, w


def _gaps_alone(given: _Nested, point: tuple[Array, Array]) -> tuple[Array, Array]:
    return _gaps(given, *point)[:2]


def _solve_nested(given: _Nested) -> tuple[tuple[Array, Array], Array]:
    rho, sigma = given.rho, given.sigma

    def step(point: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        F, M, slope, w = _gaps(given, *point)
        D = jnp.where(given.alive, slope * (sigma - rho) - (1.0 - rho), 1.0)
        f = jnp.where(given.alive, (1.0 - rho) * (1.0 - slope), 0.0)
        return jnp.maximum(_largest(jnp.abs(F)), jnp.abs(M)), _arrow(D, f, w, -jnp.ones_like(M), -F, -M)

    start = jnp.zeros(given.S.shape), jnp.zeros(rho.shape)
    found: tuple[tuple[Array, Array], Array] = _newton(step, start, rho.size)
    return found


def _invert_nested(linear: Any, _: Any, y: tuple[Array, Array]) -> tuple[Array, Array]:
    none, one = jax.tree.map(jnp.zeros_like, y), jax.tree.map(jnp.ones_like, y)
    D = linear((one[0], none[1]))[0]
    f, m = linear((none[0], one[1]))
    groups = y[0].shape[0]
    w = jax.vmap(lambda e: linear((e[:, None] + none[0], none[1]))[1])(jnp.eye(groups))
    return _arrow(D, f, w, m, *y)


@partial(jax.jit, static_argnums=6)
def _displace_nested(
    s: Array, keep: Array, sigma: Array, rho: Array, eta: Array, member: Array, by_nest: bool
) -> Displaced:
    groups = member.shape[0]
    sigma = sigma if by_nest else sigma[..., None]
    sigma = jnp.broadcast_to(sigma, (*sigma.shape[:-1], groups))
    batch, (s, keep, sigma, rho, eta) = _flatten(s, keep, sigma, rho[..., None], eta)

    def nest(value: Array) -> Array:
        return member @ value

    def lost(before: Array, left: Array) -> Array:
        alive, there = nest(left) > 0, nest(before) > 0
        return jnp.where(rho[0] > 1, ~_any(alive), _any(there & ~alive))

    given = _clean(s, keep, sigma[jnp.argmax(member, 0)], rho, eta, lost)
    ok = given.status == Status.CONVERGED
    rho, sigma = jnp.where(ok, rho[0], 2.0), jnp.where(ok, sigma, 2.0)

    S = nest(given.share)
    supply, b = _keep((_weights(given), given.b))
    alive = nest(supply) > 0
    # A nest without supply drops out; until it is masked it needs numbers that can be computed with.
    weight = jnp.where(alive, member.T[..., None] * supply[:, None] / jnp.where(alive, S, 1.0), 1.0)
    weight, b = _keep((weight, b[:, None]))

    nested = _Nested(S, weight, b, alive, rho, sigma)
    (y, Y), residual = root(_gaps_alone, _solve_nested, _invert_nested, nested)
    return _finish(batch, given, _levels(nested, y, Y)[jnp.argmax(member, 0)], Y, (1.0 - rho) * Y, residual)


def loss(omega: ArrayLike, log_price: ArrayLike) -> Array:
    r"""Return the client's loss from a dearer bundle, :math:`100\,\omega \log\hat P`.

    With one CES level that is :math:`100\,\omega \log \Phi^{1/(1-\sigma)}`.

    Parameters
    ----------
    omega
        The domain's weight in the client's utility, ``(...)``: per cent of real income that one per cent of
        the domain's service is worth.
    log_price
        :attr:`Displaced.log_price`, ``(...)``.

    Returns
    -------
    Array
        Log points, ``(...)``; ``inf`` where nothing is left, 0 in a domain of no weight.
    """
    omega, log_price = jnp.asarray(omega, float), jnp.asarray(log_price, float)
    worthless = (omega == 0) & jnp.isinf(log_price)
    return 100.0 * omega * jnp.where(worthless, 0.0, log_price)


def vacuum(s: ArrayLike, displaced: Displaced, keep: ArrayLike) -> Vacuum:
    r"""Say who fills the vacuum that those with ``keep < 1`` leave, in quantities at baseline prices.

    Quantities are what reaches the client, :math:`\hat x_p/\hat\kappa_p`, so that :math:`\Delta_p = s_p
    (\hat x_p/\hat\kappa_p - 1)` is a change in units of the domain's baseline value. With leavers :math:`W`,

    .. math::

        w = -\sum_{p \in W} \Delta_p, \qquad v_p = \Delta_p/w \ \ (p \notin W), \qquad
        u = -\sum_p \Delta_p/w, \qquad \sum_{p \notin W} v_p + u = 1.

    If no supplier became cheaper, no price that the client pays falls; spending being constant, u ≥ 0.

    Parameters
    ----------
    s, keep
        As given to :func:`displace`, ``(..., P)``.
    displaced
        Its result.

    Returns
    -------
    Vacuum
        ``NaN`` where nothing was withdrawn (w ≤ 0), and for a tie that is not stated.

    Notes
    -----
    With full exits and infinite supply elasticities prices do not move and nothing is left unfilled. A
    partial exit is a cost, so that part of what the leaver still supplies does not arrive.
    """
    result: Vacuum = _vacuum(jnp.asarray(s, float), displaced.delivered_hat, jnp.asarray(keep, float))
    return result


@jax.jit
def _vacuum(share: Array, delivered_hat: Array, kept: Array) -> Vacuum:
    listed = ~jnp.isnan(share)
    change = jnp.where(listed, share * (delivered_hat - 1.0), 0.0)
    leaving = (kept < 1) & listed
    withdrawn = -jnp.where(leaving, change, 0.0).sum(-1)
    some = withdrawn > 0
    unit = jnp.where(some, withdrawn, 1.0)
    return Vacuum(
        share=jnp.where(some[..., None] & listed & ~leaving, change / unit[..., None], jnp.nan),
        unfilled=jnp.where(some, -change.sum(-1) / unit, jnp.nan),
        withdrawn=withdrawn,
    )
