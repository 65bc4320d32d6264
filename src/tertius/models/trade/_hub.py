"""The hub solved for itself: its prices, budget and limit prices, while the rest of the world is held.

Where all shocks are to one region's trade, the trouble is in that region: its sales move to other buyers, its prices
meet another elasticity, limits on its flows tie prices, income and shadow prices together. What others feel of it is
small and nearly linear. So every evaluation of the world is preceded by a few of the hub alone: Newton's method on its
own conditions, whose derivatives are short sums over its row of the trade matrix. What the iteration over the world
then has to find is a function of the others' unknowns only, which the Jacobian at the baseline fits well.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tertius.models.trade._system import (
    TINY,
    HubLinks,
    Options,
    Point,
    System,
    add_up,
    apart,
    at_limits,
    before_transfers,
    everywhere,
    joined,
    log_ratio,
    look,
    over_flows,
    over_members,
    over_regions,
    pick,
    put,
    sector_prices,
    split,
    weigh,
    world_of,
)
from tertius.models.trade._upper import spending_shares

__all__ = ["settled"]

LONGEST = 0.3
"""The hub's log prices move by no more in one step under caps; by half of that after a step back, and so on."""

LEAST = 0.02
"""The least that is taken to leak from the hub's budget."""

STEPS = 12
"""Newton steps at most, at one call."""

ROUGHLY, CLOSELY = 1e-2, 1e-8
"""A step is the last when the hub's own conditions were this much smaller than those of the world, or this small."""

EXACTLY = 1e-13
"""Conditions as small as this are left alone, so that no shock is exactly the baseline."""


class _Surroundings(NamedTuple):
    """What the hub meets, the others' unknowns held."""

    theta: Array  # (K, S, 1)
    abroad: Array  # (K, T, N, C) Φ of the other destinations less the hub's part
    demand: Array  # (K, T, N, C) what they spend; 0 at the hub's own place
    away: Array  # (K, T, N, C) what is left of the hub's export links; 0 at its own place
    home: Array  # (K, T, C) its domestic link
    arrivals: Array  # (K, T, C) Φ of the hub less its own part
    alpha: Array  # (K, S, C) its expenditure shares
    Y: Array  # (K, G, C) its output
    E: Array  # (K, C) its expenditure at the baseline
    earned: Array  # (K, C) what its factors earned where the others were evaluated
    income: Array  # (K, C) its income there, before rents
    rate: Array  # (K, C) by which income follows what factors earn
    asked: (
        Array | None
    )  # (K, R, C) what origins other than the hub add to the price that caps are counted from
    own: Array | None  # (K, R, P) the hub's weight in it


class _Hub(NamedTuple):
    """The hub's unknowns."""

    x: Array  # (K, G, C)
    e: Array  # (K, C)
    q: Array | None  # (K, R, C)


def _surroundings(system: System, options: Options, y: Array, point: Point) -> _Surroundings:
    links = system.links
    assert isinstance(links, HubLinks)
    assert point.abroad is not None
    x, _, _ = split(system, y)
    T, N = links.lam.shape[1:3]
    hub, C = links.hub, y.shape[2]

    def here(whole: Array) -> Array:
        return pick(hub, whole, C)

    def elsewhere(whole: Array) -> Array:
        return put(hub, whole, jnp.zeros((*whole.shape[:-1], C)))

    home, own = here(links.row), here(point.u)
    away = elsewhere(links.row)
    arrivals = over_regions(elsewhere(links.col) * point.u, C)
    earned = add_up(point.price * system.Y, 1)
    # The closure may ask for price indices, of the hub too; they are as they were when the others were evaluated.
    phi = put(hub, point.abroad + away * everywhere(own, N), arrivals + home * own)
    raw = before_transfers(system, options, earned, x, jnp.where(system.alpha[:, :T] > 0, phi, 1.0), C)
    income = world_of(system, raw, C)
    scale = system.world / over_regions(raw, C)
    spending = income if point.spent is None else system.E * point.spent
    asked = by_hub = None
    if system.caps is not None:
        P = system.caps.reference.shape[2]
        others = (jnp.arange(N) != hub).astype(float)
        prices = apart(x[:, :P] if x.shape[1] > 1 else x, C)
        if prices.shape[1] < P:
            prices = jnp.broadcast_to(prices, (prices.shape[0], P, N, C))
        asked = jnp.einsum("krpn,kpnc->krc", system.caps.reference * others, prices)
        by_hub = jnp.take(system.caps.reference, hub, axis=3)
    return _Surroundings(
        theta=system.theta,
        abroad=apart(point.abroad, C),
        demand=apart(elsewhere(system.alpha[:, :T] * spending[:, None]), C),
        away=apart(away, C),
        home=home,
        arrivals=arrivals,
        alpha=here(system.alpha),
        Y=here(system.Y),
        E=here(system.E),
        earned=here(earned),
        income=here(income),
        rate=scale * here(system.ratio),
        asked=asked,
        own=by_hub,
    )


def _ratio(a: Array, b: Array) -> Array:
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)


class _Limits(NamedTuple):
    """Caps on the hub's exports, at a point; sectors that caps touch only."""

    on: Array  # (K, R, P, N, 1)
    soft: Array  # (K, P, N, C) what all caps' wedges leave of each flow's weight, τ^(−θ)
    net: Array  # (K, P, N, C) what they leave of its value, 1/τ
    z: Array  # (K, R, C)
    gap: Array  # (K, R, C) from the wedge as it is to that at which the limit would be met


def _limits(system: System, options: Options, around: _Surroundings, at: _Hub) -> _Limits | None:
    caps = system.caps
    if caps is None or caps.row is None or at.q is None or around.asked is None or around.own is None:
        return None
    P, C = around.own.shape[2], at.q.shape[2]
    prices = at.x[:, :P] if at.x.shape[1] > 1 else at.x
    met = at.q - around.asked - add_up(around.own[..., None] * prices[:, None], 2)
    z = jnp.where(caps.binds, jnp.maximum(met, 0.0), 0.0)
    on = caps.row > 0
    theta = around.theta[:, :P]
    if options.alone:
        free = 1.0 - add_up(on.astype(float), 1)
        by_cap = jnp.broadcast_to(z[:, :, None], (*z.shape[:2], P, C))
        soft = free + over_flows(caps.row, jnp.exp(-theta[:, None] * by_cap))
        net = free + over_flows(caps.row, jnp.exp(-by_cap))
    else:
        wedge = jnp.einsum("krpn,krc->kpnc", on[..., 0].astype(float), z)
        soft, net = jnp.exp(-theta[..., None] * wedge), jnp.exp(-wedge)
    return _Limits(on, soft, net, z, jnp.where(caps.binds, met - z, 0.0))


class _Sales(NamedTuple):
    """What the hub sells abroad of some sectors, all (K, P, N, C)."""

    weighed: Array  # its weight in each destination's Φ
    total: Array  # all of that Φ
    share: Array
    paid: Array  # what buyers pay, rents of caps included
    sales: Array  # what the hub's producers get


def _sales(around: _Surroundings, u: Array, of: slice, limits: _Limits | None) -> _Sales:
    weighed = around.away[:, of] * u[:, of, None]
    if limits is not None:
        weighed = weighed * limits.soft
    total = around.abroad[:, of] + weighed
    share = weighed / (total + TINY)
    paid = share * around.demand[:, of]
    return _Sales(weighed, total, share, paid, paid if limits is None else paid * limits.net)


def _demand(system: System, y: Array, around: _Surroundings, at: _Hub, limits: _Limits | None) -> Array:
    """What others spend on each sector (K, T, N, C) where spending moves between sectors; 0 at the hub's own place.

    How it moves with the hub's prices, of which theirs hardly consist, is left to the iteration over the world.
    """
    eta, links = system.eta, system.links
    assert eta is not None
    assert isinstance(links, HubLinks)
    x, _, _ = split(system, y)
    T, C = around.home.shape[1], y.shape[2]
    u = jnp.exp(-around.theta * at.x)[:, :T]
    weighed = around.away * u[:, :, None]
    if limits is not None:
        P = limits.soft.shape[1]
        weighed = jnp.concatenate([weighed[:, :P] * limits.soft, weighed[:, P:]], 1)
    phi = put(links.hub, joined(around.abroad + weighed), around.arrivals + around.home * u)
    shares = spending_shares(system.alpha, sector_prices(system, x, phi), eta)[:, :T]
    # So far demand is reckoned with the shares of the baseline.
    before = jnp.where(system.alpha[:, :T] > 0, system.alpha[:, :T], 1.0)
    return around.demand * apart(shares / before, C)


def _own_shares(around: _Surroundings, eta: Array, x: Array, phi: Array) -> Array:
    """The hub's expenditure shares (K, S, C) at its prices."""
    S, T = around.alpha.shape[1], phi.shape[1]
    index = -jnp.log(jnp.where(phi > 0, phi, 1.0)) / around.theta[:, :T]
    if S > T:
        at_home = x[:, T:] if x.shape[1] > 1 else jnp.broadcast_to(x, (x.shape[0], S - T, x.shape[2]))
        index = jnp.concatenate([index, at_home], 1)
    return spending_shares(around.alpha, index, eta)


def _side_by_side(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, 1)


def _newton(
    system: System, options: Options, around: _Surroundings, at: _Hub, longest: Array
) -> tuple[_Hub, Array]:
    """One step, under caps no longer than (K, C) in any price, and the largest condition (K, C) before it."""
    groups = at.x.shape[1]
    S, T = around.alpha.shape[1], around.home.shape[1]
    caps, theta = system.caps, around.theta
    limits = _limits(system, options, around, at)
    u = jnp.exp(-theta * at.x)
    spending = around.E * jnp.exp(at.e)

    # Sales abroad, of the sectors under caps and of the others.
    P = 0 if limits is None else limits.soft.shape[1]
    capped = None if limits is None else _sales(around, u, slice(0, P), limits)
    parts = [capped] if capped is not None else []
    if P < T:
        parts.append(_sales(around, u, slice(P, T), None))
    at_home = around.home * u[:, :T]
    kept = _ratio(at_home, around.arrivals + at_home)
    alpha, eta = around.alpha, system.eta
    if eta is not None:
        alpha = _own_shares(around, eta, at.x, around.arrivals + at_home)
    domestic = kept * alpha[:, :T] * spending[:, None]

    # Derivatives of log sales by the log price, and the part of sales made at home.
    sold = _side_by_side([add_up(part.sales, 2) for part in parts]) + domestic
    bend = _side_by_side([add_up(part.sales * (1.0 - part.share), 2) for part in parts])
    bend = bend + domestic * (1.0 - kept)
    slope = -theta[:, :T] * _ratio(bend, sold)
    home = _ratio(domestic, sold)
    level: Array | None = None
    if eta is not None:
        # Spending at home follows each sector's price, and the level of all of them.
        slope = slope + (1.0 - eta) * home * kept
        level = jnp.concatenate([alpha[:, :T] * kept, alpha[:, T:]], 1)
    if S > T:
        # What is sold at home only: the hub is its one buyer and its one seller.
        only = alpha[:, T:] * spending[:, None]
        sold = jnp.concatenate([sold, only], 1)
        still = jnp.zeros_like(only)
        if eta is not None:
            still = jnp.where(only > 0, 1.0 - eta, still)
        slope = jnp.concatenate([slope, still], 1)
        home = jnp.concatenate([home, jnp.where(only > 0, 1.0, 0.0)], 1)
    factors = jnp.exp(at.x) * around.Y
    income = around.income + around.rate * (add_up(factors, 1) - around.earned)
    by_price = around.rate[:, None] * factors
    everything = add_up(sold, 1, keepdims=True)
    if groups == 1:
        part = _ratio(sold, everything)
        slope, home = add_up(part * slope, 1, keepdims=True), add_up(part * home, 1, keepdims=True)
        level = None if level is None else add_up(level, 1, keepdims=True)
    made = everything if groups == 1 else sold
    alive = (around.Y > 0) & (made > 0)
    market = jnp.where(alive, log_ratio(made, factors), 0.0)
    diagonal, right = slope - 1.0, -market
    block = None

    if limits is None or caps is None or capped is None or at.q is None or around.own is None:
        q, excess = at.q, None
        implied = income
        pull = by_price / implied[:, None]
        budget = asks = log_ratio(spending, implied)
    else:
        # Rents: each cap takes its part of what the caps before it leave. A higher wedge takes more of what is paid,
        # and either price that rises lets buyers leave.
        left = capped.paid
        steep = -theta[:, :P, None] * (1.0 - capped.share)
        fraction = jnp.exp(-limits.z)[:, :, None]
        flight = _over_members(options, limits.on, left * steep) * (1.0 - fraction)
        by_wedge = _over_members(options, limits.on, capped.sales * (steep - 1.0))
        if options.alone:
            worth = _over_members(options, limits.on, left)
            lost = add_up(worth, 2) * -jnp.expm1(-limits.z)
        else:
            value, taken = [], []
            for r in range(limits.z.shape[1]):
                value.append(jnp.sum(jnp.where(limits.on[:, r], left, 0.0), 2))
                after = jnp.where(limits.on[:, r], left * jnp.exp(-limits.z[:, r, None, None]), left)
                taken.append(jnp.sum(left - after, (1, 2)))
                left = after
            worth, lost = jnp.stack(value, 1), jnp.stack(taken, 1)
        rents = add_up(caps.exporter[..., None] * lost, 1)
        implied = income + rents
        given = caps.exporter[..., None] / implied[:, None]
        by_sector = add_up(given[:, :, None] * flight, 1)
        own = around.own
        if groups == 1:
            by_sector = add_up(by_sector, 1, keepdims=True)
            by_wedge = _ratio(add_up(by_wedge, 2, keepdims=True), everything[:, None])
            own = add_up(own, 2, keepdims=True)
        else:
            by_wedge = _ratio(by_wedge, sold[:, None, :P])
        touched = own.shape[2]
        rent = given * add_up(flight + worth * fraction, 2)
        q, active, turn, excess = _limit_prices(system, options, around, at, limits, capped)
        # A wedge is limit price less sellers' price, where that is positive: it moves with both.
        follows = active[:, :, None] * own[..., None]
        block = jnp.eye(touched)[..., None] * diagonal[:, :touched, None]
        block = block - add_up(by_wedge[:, :, :, None] * follows[:, :, None], 1)
        right = _first_plus(right, -add_up(by_wedge * turn[:, :, None], 1))
        pull = _first_plus(by_price / implied[:, None], by_sector - add_up(rent[:, :, None] * follows, 1))
        budget = log_ratio(spending, implied)
        asks = budget - add_up(rent * turn, 1)

    if level is not None and eta is not None:
        # Sales at home answer to the budget less what the price level takes of it: the arrow's point is that sum.
        level = (1.0 - eta) * jnp.where(alive, level, 0.0)
        pull = pull - level
    step, change = _arrow(diagonal, block, home, pull, right, asks)
    if level is not None:
        change = change + add_up(level * step, 1)
    worst = jnp.maximum(jnp.max(jnp.abs(market), 1), jnp.abs(budget))
    if excess is not None:
        worst = jnp.maximum(worst, jnp.max(jnp.abs(excess), 1))
        # Capped and free sales answer to the price so differently that a tangent misleads far from where it touches.
        shorter = longest / jnp.maximum(jnp.max(jnp.abs(step), axis=1), longest)
        step, change = step * shorter[:, None], change * shorter
    return _Hub(at.x + jnp.where(alive, step, 0.0), at.e + change, q), worst


def _over_members(options: Options, on: Array, values: Array) -> Array:
    """Sum over the members of each cap: (K, R, P, N, 1) and (K, P, N, C) to (K, R, P, C)."""
    if options.alone:
        return over_members(on[..., 0].astype(float), values)
    return jnp.sum(jnp.where(on, values[:, None], 0.0), 3)


def _first_plus(whole: Array, part: Array) -> Array:
    """Add to the first groups of (K, G, C), as many as there are in the part."""
    P = part.shape[1]
    return jnp.concatenate([whole[:, :P] + part, whole[:, P:]], 1) if whole.shape[1] > P else whole + part


def _arrow(
    diagonal: Array, block: Array | None, home: Array, pull: Array, right: Array, asks: Array
) -> tuple[Array, Array]:
    """Solve for the hub's prices (K, G, C) and its budget (K, C).

    Prices meet each other only through the budget (their column ``home``, its row ``pull``), and, under caps, in a
    ``block`` (K, P, P, C) of the first groups.
    """
    answers = [_divided(a, diagonal) for a in (right, home)]
    if block is not None:
        P = block.shape[1]
        if P == 1:
            firsts = [_divided(a[:, :1], block[:, 0]) for a in (right, home)]
        else:
            firsts = _eliminate(block, [a[:, :P] for a in (right, home)])
        answers = [jnp.concatenate([first, a[:, P:]], 1) for first, a in zip(firsts, answers, strict=True)]
    by_right, by_home = answers
    # Of a rise of the budget, what does not come back as income. A hub cut off from everyone has no price level of its
    # own, and one whose exports are all capped hardly has: the step then keeps its direction and stays short.
    leak = 1.0 + add_up(pull * by_home, 1)
    asked = add_up(pull * by_right, 1) - asks
    change = jnp.where(jnp.abs(leak) > 1e-9, asked / jnp.maximum(leak, LEAST), 0.0)
    return by_right - by_home * change[:, None], change


def _divided(a: Array, b: Array) -> Array:
    settled = jnp.abs(b) > 1e-9
    return jnp.where(settled, a / jnp.where(settled, b, 1.0), 0.0)


def _limit_prices(
    system: System,
    options: Options,
    around: _Surroundings,
    at: _Hub,
    limits: _Limits,
    capped: _Sales,
) -> tuple[Array, Array, Array, Array]:
    """Limit prices after their own Newton steps, which caps then bind (0 or 1), the wedges' turn, and the excess."""
    caps = system.caps
    assert caps is not None
    assert caps.row is not None
    assert at.q is not None
    P = limits.soft.shape[1]
    seller = jnp.exp(at.x[:, :P] if at.x.shape[1] > 1 else at.x)[:, :, None]
    quantity, bend = at_limits(
        "row",
        options.alone,
        caps.row,
        around.theta[:, :P, :, None],
        capped.weighed,
        capped.total,
        capped.sales / seller,
        limits.gap,
    )
    bound = (quantity > 0) & caps.binds
    excess = jnp.where(bound, jnp.log(jnp.where(bound, quantity, 1.0)) - caps.log_limit, at.q)
    move = -excess * jnp.where(bound, quantity / jnp.where(bound, bend, 1.0), 1.0)
    met = limits.z + limits.gap
    active = (caps.binds & (met + move > 0)).astype(float)
    return at.q + move, active, active * (met + move) - limits.z, excess


class _Progress(NamedTuple):
    k: Array
    at: _Hub
    worst: Array  # (K, C)
    step: Array  # (K, G, C)
    longest: Array  # (K, C)


def settled(system: System, options: Options, y: Array, world: Array) -> tuple[Array, Point]:
    """Solve the hub's own conditions, the others' unknowns held.

    Parameters
    ----------
    system, options
        What to solve; shocks and caps all have the hub at one end.
    y
        (K, n, C) the unknowns.
    world
        (K, C) the residual of the world before, which says how closely the hub is worth solving.

    Returns
    -------
    y
        (K, n, C), the hub's places solved. Limits on what the hub imports are left to the iteration over the world,
        and so are all of a system with any.
    Point
        The exponentials of that.
    """
    caps = system.caps
    links = system.links
    assert isinstance(links, HubLinks)
    hub, C = links.hub, y.shape[2]
    point = look(system, y)
    if caps is not None and caps.col is not None:
        return y, point
    x, e, q = split(system, y)
    around = _surroundings(system, options, y, point)
    start_e = jnp.log(around.income / around.E) if e is None else pick(hub, e, C)
    start = _Hub(pick(hub, x, C), start_e, q)
    if system.eta is not None:
        limits = _limits(system, options, around, start)
        around = around._replace(demand=_demand(system, y, around, start, limits))
    # What a step leaves is about the square of what was there.
    target = jnp.sqrt(jnp.maximum(ROUGHLY * jnp.minimum(world, 1.0), CLOSELY) / 10)

    def going(state: _Progress) -> Array:
        return (state.k < STEPS) & jnp.any(state.worst > target)

    def advance(state: _Progress) -> _Progress:
        moved, worst = _newton(system, options, around, state.at, state.longest)
        step = moved.x - state.at.x
        back = add_up(step * state.step, 1) < 0
        longest = jnp.where(back, 0.5 * state.longest, jnp.minimum(LONGEST, 1.5 * state.longest))
        at: _Hub = jax.tree.map(
            lambda new, old: jnp.where(_wide(worst, new) > EXACTLY, new, old), moved, state.at
        )
        return _Progress(state.k + 1, at, worst, step, longest)

    away = jnp.full(world.shape, jnp.inf)
    first = _Progress(jnp.array(0), start, away, jnp.zeros_like(start.x), jnp.full(world.shape, LONGEST))
    at = jax.lax.while_loop(going, advance, first).at
    # A step that leads nowhere is not taken.
    fine = jnp.isfinite(jnp.max(jnp.abs(at.x), 1)) & jnp.isfinite(at.e)
    if at.q is not None:
        fine = fine & jnp.all(jnp.isfinite(at.q), 1)
    at = jax.tree.map(
        lambda new, old: jnp.where(fine if new.ndim == 2 else fine[:, None], new, old), at, start
    )
    K = y.shape[0]
    T = point.u.shape[1]
    u = weigh(system.theta[:, :T], at.x[:, :T] if at.x.shape[1] > 1 else at.x)
    moved = Point(
        put(hub, point.price, jnp.exp(at.x)),
        put(hub, point.u, u),
        None if point.spent is None else put(hub, point.spent, jnp.exp(at.e)),
        point.abroad,
    )
    parts = [put(hub, x, at.x).reshape(K, -1, C)]
    if e is not None and at.q is not None:
        parts += [put(hub, e, at.e).reshape(K, -1, C), at.q]
    return jnp.concatenate(parts, 1), moved


def _wide(worst: Array, like: Array) -> Array:
    return worst if like.ndim == worst.ndim else worst[:, None]


def _eliminate(matrix: Array, right: list[Array]) -> list[Array]:
    """Solve (K, b, b, C) systems for several (K, b, C), side by side; the diagonals here are far from nought."""
    size = matrix.shape[1]
    rows = [jnp.concatenate([matrix[:, i], *(a[:, i : i + 1] for a in right)], 1) for i in range(size)]
    for i in range(size):
        rows[i] = _divided(rows[i], rows[i][:, i : i + 1])
        for j in range(size):
            if j != i:
                rows[j] = rows[j] - rows[j][:, i : i + 1] * rows[i]
    return [jnp.stack([row[:, size + k] for row in rows], 1) for k in range(len(right))]
