"""What if powers stopped trading with a country: the vacuum, the third who gains, and who pays."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._atlas import assumptions
from tertius._atlas.about import describe, unreported
from tertius._atlas.asking import Leaving, Question
from tertius.errors import BadInput, CannotCompute
from tertius.models import trade
from tertius.models._compiled import remember_compilations
from tertius.world import blocs, power

__all__ = ["what_if"]

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]
DRAWS = 256
COMPARED = 15
"""So many powers have their levers compared: the exit, and each one's withdrawal before and after it, go together."""

BATCH = 16
"""Draws between two looks at the progress bar."""

FLOWS = ("exports", "imports", "total")
_POINTS = {"unit": "log points"}
_SHARE = {"unit": "share"}


@dataclass(frozen=True)
class _Plan:
    """Who is withdrawn: in the exit, then each power before it, then each power after it."""

    client: int
    gone: Array  # (C, N)


@dataclass(frozen=True)
class _Found:
    """What K readings gave."""

    mine: Array  # (K, C) the client's loss in every counterfactual of the plan, log points
    loss: Array  # (K, N) everybody's loss in the exit
    gone: Array  # (K, 2) exports and imports withdrawn, at baseline prices
    added: (
        Array  # (K, 2, N) what each country adds to exports and imports, the client's own sales in its place
    )
    value: Array  # (K, 2, N) exports and imports after the exit, in current prices
    spent: Array  # (K, N) expenditure at the baseline
    residual: Array  # (K,)
    solved: NDArray[np.bool_]  # (K,)


def what_if(
    question: Question,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    elasticity: float | None = None,
    factors: trade.Factors | None = None,
    structures: bool = True,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Let powers leave a country's trade.

    Parameters
    ----------
    question
        From :func:`~tertius._atlas.asking.ask`, with those who leave.
    draws, seed
        Of what is assumed.
    elasticity
        Held at this where given.
    factors
        ``"mobile"`` or ``"specific"``; specific by default where there are sectors (an oil field makes oil).
    structures
        Whether rival structures are solved too.
    progress
        Told a stage and the fraction of it that is done.

    Returns
    -------
    Dataset
        See ``docs/world-commands.md``. Draws that found no equilibrium are left out, and counted in the attributes.

    Raises
    ------
    BadInput
        If a power that is to be compared leaves.
    CannotCompute
        If more than one draw in a hundred found no equilibrium.
    """
    remember_compilations()
    world = question.world
    several = "sector" in world.flows.dims
    factors = factors or ("specific" if several else "mobile")
    names = _contenders(question)
    plan = _plan(question, list(names.values()))
    reading = assumptions.central(elasticity)
    sampled = assumptions.draw(world, draws, seed, elasticity)
    told = progress or (lambda stage, done: None)

    told("exit", 0.0)
    wanted = assumptions.rivals(world, elasticity) if structures else {}
    alike = {name: read for name, (read, deficits) in wanted.items() if deficits == "world_share"}
    readings = [reading, *alike.values(), *sampled]
    parts = []
    for first in range(0, len(readings), BATCH):
        tables = assumptions.tables(world, readings[first : first + BATCH])
        parts.append(_solve(*tables, plan, factors, "world_share"))
        told("exit", min(1.0, (first + BATCH) / len(readings)))
    found = _joined(parts)
    if not found.solved[0]:
        raise CannotCompute(
            f"no equilibrium was found to 1e-10 (residual {found.residual[0]:.1e})",
            code="no-equilibrium",
            hint="a country that loses nearly all its partners may have none; try a degree below 1",
        )
    head = 1 + len(alike)
    kept = found.solved[head:]
    lost = int((~kept).sum())
    if lost > 0.01 * draws:
        raise CannotCompute(
            f"{lost} of {draws} draws found no equilibrium to 1e-10",
            code="no-equilibrium",
            hint="a country that loses nearly all its partners may have none; try a degree below 1",
        )
    made = _dataset(
        question, names, found, np.flatnonzero(found.solved)[np.flatnonzero(found.solved) >= head], 0
    )
    rival: dict[str, tuple[_Found, int]] = {name: (found, 1 + k) for k, name in enumerate(alike)}
    for name, (read, deficits) in wanted.items():
        if deficits != "world_share":
            rival[name] = (_solve(*assumptions.tables(world, [read]), plan, factors, deficits), 0)
    made = _with_rivals(made, rival, question, names)
    large = [c for c, _ in _partners(question)[:6]]
    leavers = [m for leaving in question.leaving for m in leaving.members]
    missing = unreported(world, question.country)
    attrs = describe(
        world,
        (question.country, *leavers, *large),
        kind="what-if",
        client=question.country,
        assumed=sampled.words,
        draws=draws,
        unconverged=lost,
        seed=seed,
        residual=float(np.max(found.residual[found.solved])),
        elasticity=reading.theta,
        factors=factors,
        missing=int(missing.sum()),
        lifted=question.country if question.country in reading.baseline(world).lifted else "",
        trade_left_out=float(world.trade_left_out.sel(country=question.country)),
        exits=json.dumps([_told(leaving) for leaving in question.leaving]),
        members=json.dumps({name: list(members) for name, members in names.items()}),
    )
    made.attrs = attrs
    return made


def _told(leaving: Leaving) -> dict[str, object]:
    return {
        "power": leaving.power.id,
        "name": leaving.power.name,
        "degree": leaving.degree,
        "members": list(leaving.members),
        "absent": list(leaving.absent),
        "assumed": leaving.power.assumed,
    }


def _partners(question: Question) -> list[tuple[str, float]]:
    """Those who remain, by trade with the client."""
    world = question.world
    flows = world.flows.sum("sector") if "sector" in world.flows.dims else world.flows
    both = (
        flows.sel(origin=question.country).to_series() + flows.sel(destination=question.country).to_series()
    )
    whole = {m for leaving in question.leaving for m in leaving.members}
    left = both.drop(index=[question.country, *whole])
    return [(str(c), float(v)) for c, v in left.sort_values(ascending=False).items() if v > 0]


def _contenders(question: Question) -> dict[str, tuple[str, ...]]:
    """Whose levers are compared: as asked, or those with most trade, the European Union as one where it is whole."""
    world, client = question.world, question.country
    gone = {m for leaving in question.leaving for m in leaving.members}
    if question.powers:
        named = {
            p.id: tuple(m for m in p.members if m in world.countries and m != client) for p in question.powers
        }
        both = sorted({m for members in named.values() for m in members if m in gone})
        if both:
            raise BadInput(
                f"{', '.join(both)} cannot both leave and be compared", code="both", path="--powers"
            )
        return {name: members for name, members in named.items() if members}
    partners = dict(_partners(question))
    union = tuple(m for m in blocs()["eu"].members(world.year) if m in world.countries)
    grouped: dict[str, tuple[str, ...]] = {}
    if client not in union and not gone & set(union):
        grouped[power("eu", world.year).id] = union
    inside = {m for members in grouped.values() for m in members}
    size = {name: sum(partners.get(m, 0.0) for m in members) for name, members in grouped.items()}
    size |= {c: v for c, v in partners.items() if c not in inside}
    grouped |= {c: (c,) for c in partners if c not in inside}
    chosen = sorted(size, key=lambda name: -size[name])[:COMPARED]
    if not chosen:
        raise CannotCompute("nobody would be left to trade with", code="nobody-left", path=client)
    return {name: grouped[name] for name in chosen}


def _plan(question: Question, powers: Sequence[tuple[str, ...]]) -> _Plan:
    countries = list(question.world.countries)
    place = {c: k for k, c in enumerate(countries)}
    kept = np.ones(len(countries))
    for leaving in question.leaving:
        kept[[place[m] for m in leaving.members]] *= 1.0 - leaving.degree
    rows = [1.0 - kept]
    for start in (np.ones(len(countries)), kept):
        for members in powers:
            left = start.copy()
            left[[place[m] for m in members]] = 0.0
            rows.append(1.0 - left)
    return _Plan(place[question.country], np.stack(rows))


def _solve(X: Array, theta: Array, plan: _Plan, factors: trade.Factors, deficits: trade.Deficits) -> _Found:
    """Every counterfactual of the plan, in every reading of a batch."""
    # Without deficits the world is another before anybody leaves: one more equilibrium says which.
    gone = np.concatenate([plan.gone, np.zeros_like(plan.gone[:1])])
    gone = gone if deficits == "balanced" else plan.gone
    solved = trade.withdrawals_in_draws(X, theta, plan.client, gone, factors=factors, deficits=deficits)
    # One at a time, so that one small program serves batches of any length.
    each = [trade.calibrate(x) for x in X]
    economy: Any = trade.Economy(
        *(np.stack([np.asarray(a) for a in arrays]) for arrays in zip(*each, strict=True))  # type: ignore[arg-type]
    )
    after, value = _client_trade(economy, theta, plan.client, gone, solved, 0)
    before = np.stack([X[:, :, plan.client].sum(1), X[:, :, :, plan.client].sum(1)], axis=1)
    with np.errstate(divide="ignore"):
        loss = -100 * np.log(np.asarray(solved.welfare))
    if deficits == "balanced":
        before, _ = _client_trade(economy, theta, plan.client, gone, solved, len(gone) - 1)
        loss = loss[:, :-1] - loss[:, -1:]
    added = after - before
    left = np.flatnonzero(plan.gone[0] > 0)
    withdrawn = -added[:, :, left].sum(-1)
    added[:, :, left] = np.nan
    status = np.asarray(solved.status)
    return _Found(
        loss[:, :, plan.client].copy(),
        loss[:, 0].copy(),
        withdrawn,
        added,
        value,
        np.asarray(economy.E),
        np.asarray(solved.residual).max(1),
        np.all(status != trade.NOT_CONVERGED, axis=1),
    )


def _client_trade(
    economy: trade.Economy, theta: Array, client: int, gone: Array, solved: trade.Equilibrium, row: int
) -> tuple[Array, Array]:
    """The client's exports and imports (K, 2, N) in one counterfactual: at baseline prices, and in money."""
    n = gone.shape[1]
    everyone = np.arange(n)
    others = np.delete(everyone, client)
    here, there = np.full_like(others, client), np.full_like(everyone, client)
    keep = np.tile(1.0 - gone[row, others], 2)
    shock = trade.Shock(
        np.concatenate([here, others]),
        np.concatenate([others, here]),
        np.broadcast_to(keep, (1, theta.shape[1], len(keep))),
    )
    one: Any = trade.Equilibrium(*(np.asarray(a)[:, row : row + 1] for a in solved))  # type: ignore[arg-type]
    flows = trade.pair_flows(
        economy, theta, shock, one, np.concatenate([there, everyone]), np.concatenate([everyone, there])
    )
    K = len(theta)
    quantity, value = (np.asarray(a)[:, 0].sum(1).reshape(K, 2, n) for a in (flows.quantity, flows.value))
    return quantity, value


def _joined(parts: Sequence[_Found]) -> _Found:
    return _Found(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in _Found.__dataclass_fields__)
    )


def _levers(found: _Found, row: int | NDArray[np.int64], powers: int) -> tuple[Array, Array, Array]:
    """Levers of each power before and after the exit, and the client's loss: (..., P), (..., P), (...,)."""
    loss = found.mine[row]
    exit_ = loss[..., 0]
    return loss[..., 1 : 1 + powers], loss[..., 1 + powers :] - exit_[..., None], exit_


def _filled(found: _Found, row: int | NDArray[np.int64]) -> Array:
    """What each country adds over what is withdrawn, of exports, imports and both: (..., 3, N)."""
    added, gone = found.added[row], found.gone[row]
    both = np.concatenate([added, added.sum(-2, keepdims=True)], axis=-2)
    whole = np.concatenate([gone, gone.sum(-1, keepdims=True)], axis=-1)
    return np.asarray(both / np.where(whole > 0, whole, np.nan)[..., None])


def _dataset(
    question: Question,
    names: dict[str, tuple[str, ...]],
    found: _Found,
    rows: NDArray[np.int64],
    central: int,
) -> xr.Dataset:
    countries = list(question.world.countries)
    client = countries.index(question.country)
    before, after, paid = _levers(found, rows, len(names))
    before0, after0, paid0 = _levers(found, central, len(names))
    filled, filled0 = _filled(found, rows), _filled(found, central)
    own, own0 = filled[..., client], filled0[..., client]
    stay = np.isfinite(filled0[-1])
    stay[client] = False
    unfilled = 1 - own - np.where(stay, filled, 0.0).sum(-1)
    unfilled0 = 1 - own0 - np.where(stay, filled0, 0.0).sum(-1)
    members = [[countries.index(m) for m in group] for group in names.values()]
    by_power = np.stack([filled[..., group].sum(-1) for group in members], axis=-1)
    by_power0 = np.stack([filled0[..., group].sum(-1) for group in members], axis=-1)
    named = {k for group in members for k in group}
    rest = np.array([stay[k] and k not in named for k in range(len(countries))])
    others, others0 = filled[..., rest].sum(-1), filled0[..., rest].sum(-1)
    spent = found.spent / found.spent.sum(1, keepdims=True)
    everyone = -100 * np.log((spent * np.exp(-found.loss / 100)).sum(1))
    flat = (
        question.world.flows.sum("sector") if "sector" in question.world.flows.dims else question.world.flows
    )
    unit = {"unit": question.world.flows.attrs["unit"]}
    draw, pw, fl, ct = "draw", "power", "flow", "country"
    made = xr.Dataset(
        {
            "lever_before": ((draw, pw), before, _POINTS),
            "lever_after": ((draw, pw), after, _POINTS),
            "leverage_gain": ((draw, pw), after - before, _POINTS),
            "vacuum_share": ((draw, pw, fl), np.swapaxes(by_power, -1, -2), _SHARE),
            "filled_by_own": ((draw, fl), own, _SHARE),
            "filled_by_others": ((draw, fl), others, _SHARE),
            "unfilled": ((draw, fl), unfilled, _SHARE),
            "client_loss": ((draw,), paid, _POINTS),
            "loss": ((draw, ct), found.loss[rows], _POINTS),
            "world_loss": ((draw,), everyone[rows], _POINTS),
            "central_lever_before": ((pw,), before0, _POINTS),
            "central_lever_after": ((pw,), after0, _POINTS),
            "central_vacuum_share": ((pw, fl), by_power0.T, _SHARE),
            "central_filled_by_own": ((fl,), own0, _SHARE),
            "central_filled_by_others": ((fl,), others0, _SHARE),
            "central_unfilled": ((fl,), unfilled0, _SHARE),
            "central_filled": ((fl, ct), np.where(stay, filled0, np.nan), _SHARE),
            "central_client_loss": ((), paid0, _POINTS),
            "central_loss": ((ct,), found.loss[central], _POINTS),
            "exports_before": ((ct,), flat.sel(origin=question.country).values, unit),
            "imports_before": ((ct,), flat.sel(destination=question.country).values, unit),
            "exports_after": ((ct,), found.value[central, 0], unit),
            "imports_after": ((ct,), found.value[central, 1], unit),
        },
        coords={
            "power": list(names),
            "flow": list(FLOWS),
            "country": countries,
            "draw": rows - rows.min(initial=0),
        },
    )
    made["tertius_by_leverage"] = ((pw,), _most(after - before), {"unit": "probability"})
    rivals = np.concatenate([by_power, filled[..., rest]], axis=-1)
    most = np.stack([_most(rivals[:, k]) for k in range(len(FLOWS))], axis=-1)
    made["tertius_by_vacuum"] = ((pw, fl), most[: len(names)], {"unit": "probability"})
    return made


def _most(values: Array) -> Array:
    """How often each has the largest value, (n, P) to (P,); a tie, or no gain at all, counts for nobody."""
    best = values.max(1, keepdims=True)
    first = (values == best) & (best > 0)
    return np.asarray((first & (first.sum(1, keepdims=True) == 1)).mean(0))


def _with_rivals(
    made: xr.Dataset,
    rival: dict[str, tuple[_Found, int]],
    question: Question,
    names: dict[str, tuple[str, ...]],
) -> xr.Dataset:
    """Add what the exit does under other structures."""
    if not rival:
        return made
    countries = list(question.world.countries)
    members = [[countries.index(m) for m in group] for group in names.values()]
    gain, share, loss = [], [], []
    for found, row in rival.values():
        if not found.solved[row]:
            gain.append(np.full(len(names), math.nan))
            share.append(np.full(len(names), math.nan))
            loss.append(math.nan)
            continue
        before, after, paid = _levers(found, row, len(names))
        filled = _filled(found, row)[-1]
        gain.append(after - before)
        share.append(np.array([filled[group].sum() for group in members]))
        loss.append(float(paid))
    return made.assign(
        rival_gain=(("structure", "power"), np.stack(gain), _POINTS),
        rival_vacuum_share=(("structure", "power"), np.stack(share), _SHARE),
        rival_client_loss=(("structure",), np.array(loss), _POINTS),
    ).assign_coords(structure=list(rival))
