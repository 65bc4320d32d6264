"""The hub's own corner of the Jacobian, brought up to date at every step.

Where all shocks are to one region's trade, the baseline's Jacobian goes stale in that region above all: its sales move
to other buyers, its prices meet another elasticity, and limits on its flows tie prices, income and shadow prices
together. The corner of the hub's prices, expenditure and shadow prices has a handful of rows, and its derivatives are
short sums over the hub's row of the trade matrix. The hub's part of a chord step is solved anew with the exact corner;
what the other regions do to the hub is taken as the chord has it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tertius.models.trade._system import HubLinks, Outcome, System, pick, split, wedges

__all__ = ["Corner", "baseline_corner", "renewed"]

LONGEST = 0.3
"""The hub's log prices move by no more in one step under caps."""


class Corner(NamedTuple):
    """Derivatives of the hub's conditions by its own unknowns; G groups, R caps.

    Attributes
    ----------
    price
        (K, G, C) of log income over ``p̂Y`` by the group's own log price, budgets held.
    home
        (K, G, C) of the same by log expenditure at home: the share of sales made at home.
    pull
        (K, G, C) of log expenditure by the group's log price: the group's part of income.
    wedge
        (K, G, R, C) of log income over ``p̂Y`` by each log wedge.
    rent
        (K, R, C) of log expenditure by each log wedge.
    """

    price: Array
    home: Array
    pull: Array
    wedge: Array
    rent: Array


def _by_group(sales: Array, share: Array, theta: Array, hub: Array, groups: int) -> tuple[Array, Array]:
    """Own-price derivative and home share of each group, from what the hub sells (K, S, N, C) and its share there."""
    total = jnp.sum(sales, 2)
    weight = sales / jnp.where(total > 0, total, 1.0)[:, :, None]
    slope = -theta[:, :, 0] * (1.0 - jnp.sum(weight * share, 2))
    home = jnp.take(weight, hub, axis=2)
    if groups == 1:
        part = total / jnp.sum(total, 1, keepdims=True)
        slope, home = jnp.sum(part * slope, 1, keepdims=True), jnp.sum(part * home, 1, keepdims=True)
    return slope - 1.0, home


def baseline_corner(
    lam: Array, alpha: Array, Y: Array, E: Array, theta: Array, pull: Array, hub: Array, groups: int
) -> Corner:
    """The corner at the baseline, without caps.

    Parameters
    ----------
    lam, alpha, Y, E, theta
        The worlds: (K, S, N, N), (K, S, N), (K, S, N), (K, N), (K, S).
    pull
        (K, G, N) of each group's price on its region's income, as the chord has it.
    hub
        Index of the hub.
    groups
        G.
    """
    bought = jnp.take(lam, hub, axis=2)
    sales = bought * alpha * E[:, None]
    price, home = _by_group(sales[..., None], bought[..., None], theta[..., None, None], hub, groups)
    none = jnp.zeros((E.shape[0], groups, 0, 1))
    return Corner(price, home, jnp.take(pull, hub, axis=2)[..., None], none, none[:, 0])


def _now(system: System, at: Outcome, y: Array) -> Corner:
    """The corner at a point."""
    links, caps = system.links, system.caps
    assert isinstance(links, HubLinks)
    K, groups, _, C = at.market.shape
    T, S = links.lam.shape[1], at.phi.shape[1]
    x, e, q = split(system, y)
    z = None if q is None else wedges(system, x, q)[1]
    theta, hub = system.theta, links.hub
    u = jnp.exp(-theta * pick(hub, x))
    row = links.row
    wedge = jnp.zeros((K, T, 1, C))
    if z is not None and caps is not None and caps.row is not None:
        wedge = jnp.sum(jnp.where(caps.row > 0, z[:, :, None, None], 0.0), 1)
        row = row * jnp.exp(-theta[:, :T] * wedge)
    paid = row * u[:, :T] * at.v[:, :T]
    share = row * u[:, :T] / at.phi[:, :T]
    sales = paid * jnp.exp(-wedge)
    if S > T:
        # What is sold at home only: the hub is its one buyer and its one seller.
        here = (jnp.arange(sales.shape[2])[:, None] == hub).astype(float)
        domestic = pick(hub, at.v[:, T:]) * u[:, T:] * here
        sales = jnp.concatenate([sales, domestic], 1)
        share = jnp.concatenate([share, jnp.broadcast_to(here, domestic.shape)], 1)
    price, home = _by_group(sales, share, theta, hub, groups)
    spending = pick(hub, system.E * jnp.exp(at.log_expenditure))
    earned = pick(hub, jnp.exp(x) * system.Y)[:, :, 0]
    pull = earned / (spending if e is not None else jnp.sum(earned, 1, keepdims=True))
    if z is None or caps is None or caps.row is None:
        none = jnp.zeros((K, groups, 0 if z is None else z.shape[1], C))
        return Corner(price, home, pull, none, none[:, 0])

    on = caps.row > 0
    bend = -theta[:, :T] * (1.0 - share[:, :T])
    lost = jnp.sum(jnp.where(on, (sales[:, :T] * (bend - 1.0))[:, None], 0.0), 3)
    total = jnp.sum(sales, 2)
    if groups == 1:
        by_wedge = jnp.sum(lost, 2, keepdims=True) / jnp.sum(total, 1)[:, None, None]
    else:
        by_wedge = lost / jnp.where(total > 0, total, 1.0)[:, None, :T]
        by_wedge = jnp.concatenate([by_wedge, jnp.zeros((K, z.shape[1], groups - T, C))], 2)
    # Rents: a higher wedge takes more of what is paid, and either price that rises lets buyers leave.
    kept = jnp.exp(-z)[:, :, None, None]
    value = jnp.where(on, paid[:, None], 0.0)
    flight = jnp.sum(value * bend[:, None], 3) * (1.0 - kept[:, :, 0])
    part = caps.exporter[..., None, None] / spending[:, None]
    by_sector = jnp.sum(part * flight, 1)
    if groups == 1:
        by_sector = jnp.sum(by_sector, 1, keepdims=True)
    elif groups > T:
        by_sector = jnp.concatenate([by_sector, jnp.zeros((K, groups - T, C))], 1)
    rent = jnp.sum(part * (flight + jnp.sum(value * kept, 3)), 2)
    return Corner(price, home, pull + by_sector, jnp.swapaxes(by_wedge, 1, 2), rent)


def renewed(stale: Corner, system: System, at: Outcome, y: Array, step: Array) -> Array:
    """Solve the hub's part of a chord step anew, with its corner as it is now.

    If J₀ is the chord's Jacobian, s its step, and h stands for the hub, then J₀[h, h] s[h] is what the hub's conditions
    ask for once the others' steps are taken; the renewed step solves J[h, h] s'[h] = J₀[h, h] s[h].

    Parameters
    ----------
    stale
        The corner in the chord.
    system, at, y
        Where we are.
    step
        (K, n, C) the chord's step; under caps with the limit prices' own steps at its end.

    Returns
    -------
    Array
        (K, n, C).
    """
    links = system.links
    assert isinstance(links, HubLinks)
    K, groups, N, C = at.market.shape
    x, _, q = split(system, y)
    now = _now(system, at, y)
    places = [g * N for g in range(groups)]
    if at.budget is not None:
        places.append(groups * N)
    place = jnp.array(places) + links.hub
    old = jnp.take(step, place, axis=1)
    s = old[:, :groups]
    own = jnp.eye(groups)[..., None] * now.price[:, :, None]
    caps = system.caps
    if q is None or caps is None or at.excess is None or at.slope is None:
        # Expenditure is no unknown: it follows income, and the markets at home follow it.
        right = stale.price * s + stale.home * jnp.sum(stale.pull * s, 1, keepdims=True)
        return step.at[:, place].set(_eliminate(own + now.home[:, :, None] * now.pull[:, None], right))

    # A wedge is limit price less sellers' price, where that is positive: it moves with both.
    met, z = wedges(system, x, q)
    then = met - at.excess / at.slope
    active = (caps.binds & (then > 0)).astype(float)
    turn = active * then - z
    asked = jnp.take(caps.reference, links.hub, axis=3)
    if groups == 1:
        asked = jnp.sum(asked, 2, keepdims=True)
    else:
        asked = jnp.concatenate([asked, jnp.zeros((*asked.shape[:2], groups - asked.shape[2]))], 2)
    follows = active[:, :, None] * asked[..., None]
    spent = old[:, groups:]
    markets = own - jnp.sum(now.wedge[:, :, :, None] * follows[:, None], 2)
    budget = now.pull - jnp.sum(now.rent[:, :, None] * follows, 1)
    matrix = jnp.concatenate(
        [
            jnp.concatenate([markets, now.home[:, :, None]], 2),
            jnp.concatenate([budget, -jnp.ones((K, 1, C))], 1)[:, None],
        ],
        1,
    )
    right = jnp.concatenate(
        [
            stale.price * s + stale.home * spent - jnp.sum(now.wedge * turn[:, None], 2),
            jnp.sum(stale.pull * s, 1, keepdims=True) - spent - jnp.sum(now.rent * turn, 1, keepdims=True),
        ],
        1,
    )
    answer = _eliminate(matrix, right)
    # Capped and free sales answer to the price so differently that a tangent misleads far from where it touches.
    longest = jnp.max(jnp.abs(answer[:, :groups]), axis=1, keepdims=True)
    return step.at[:, place].set(answer * jnp.minimum(1.0, LONGEST / jnp.maximum(longest, LONGEST)))


def _eliminate(matrix: Array, right: Array) -> Array:
    """Solve (K, b, b, C) systems for (K, b, C), all side by side; the diagonals here are far from nought."""
    size = right.shape[1]
    rows = [jnp.concatenate([matrix[:, i], right[:, i][:, None]], 1) for i in range(size)]
    for i in range(size):
        pivot = rows[i][:, i : i + 1]
        # A hub cut off from everyone has no price level of its own: nothing moves it, and it stays where it is.
        settled = jnp.abs(pivot) > 1e-9
        rows[i] = jnp.where(settled, rows[i] / jnp.where(settled, pivot, 1.0), 0.0)
        for j in range(size):
            if j != i:
                rows[j] = rows[j] - rows[j][:, i : i + 1] * rows[i]
    return jnp.stack([row[:, -1] for row in rows], 1)
