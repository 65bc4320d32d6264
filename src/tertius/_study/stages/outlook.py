"""The coming years: levers by power, how many powers the client leans on, and when a late-comer overtakes.

Every domain is carried forward at the drift and the learning that the case states, in several scenarios: without the
crisis; after the rescue and after having survived alone, where the case has them; and after each exit, at once and for
good. A scenario differs from the one without the crisis only in what the crisis or the exit changes:

* the rescuer supplies what it does after the rescue (``rescue.new_ties``), from the first day on;
* investors ask their premium, in both scenarios with the crisis, as long as it lasts;
* the guarantee of the power that was asked is a lever of its own, beside the domains. What it is worth follows from
  the state of the regime (``/rescue``), and fades as the memory of every request does, for want of new ones. It goes
  with a power that leaves every domain;
* what an exit leaves of the ties is where its scenario starts.

What the case says nothing of stays as it is; routes do not drift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.beliefs import belief_ahead
from tertius._study.compilation import in_blocks
from tertius._study.crisis import patron
from tertius._study.records import history
from tertius._study.simulate import rescuer
from tertius._study.stages import Context, Made
from tertius._study.stages.investors import YEAR
from tertius._study.world import Bundle, bundle
from tertius.case.schema.beliefs import Outlook
from tertius.models import investors
from tertius.models import outlook as model
from tertius.models.displacement import Status
from tertius.models.levers import effective_powers

__all__ = ["ALONE", "AS_IS", "DRAWS", "GUARANTEE", "MOMENTS", "RESCUED", "further", "run", "with_further"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

AS_IS, RESCUED, ALONE = "as_is", "rescued", "alone"
"""Without the crisis and with nobody leaving; after the rescue; after having survived without it."""

GUARANTEE = "guarantee"

MOMENTS = ("now", "horizon")
"""The first and the last year, for which levers are kept by domain."""

BY_YEAR = ("lever", "effective_powers")
"""Variables that have every year; for all others the first and the last will do."""

DRAWS = 2048
"""Draws at most; a fan chart and a probability need no more."""

LOG_POINTS = "log points"

_GROWTH, _FALLEN = jax.jit(model.growth), jax.jit(model.fallen)


@dataclass(frozen=True)
class _Scenario:
    """A course of things: what the regime has been through, and which exit there was."""

    id: str
    state: str = "before"
    exit: str = ""


def run(context: Context) -> Made:
    """Make the group ``/outlook``, with the case's first exit."""
    given = context.case.outlook
    assert given is not None
    ahead = _Ahead(context, min(context.size, DRAWS))
    others: list[_Scenario] = []
    if "/rescue" in context.groups:
        others += [_Scenario(RESCUED, "rescued"), _Scenario(ALONE, "alone")]
    if context.headline is not None:
        others.append(_Scenario(context.headline, exit=context.headline))
    # All are held against the first, which is always there.
    group = ahead.group([_Scenario(AS_IS), *(s for s in others if context.reads("outlook", s.id, "*"))], None)
    before = history(context.case) if context.main else None
    if before is not None:
        group.attrs["history"] = json.dumps(before)
    learned = list(given.learning)
    if learned and context.reads("outlook", "years_to_overtake"):
        group["years_to_overtake"] = _variable(
            ("draw", "learned", "power", "rival"),
            np.stack([ahead.overtaking(d) for d in learned], axis=1),
            "years",
            "until the power supplies as much as the rival, at unchanged prices",
        )
        group = group.assign_coords(learned=learned, rival=list(context.case.powers))
    more = context.size - ahead.n
    return Made(
        {"/outlook": group},
        np.concatenate([ahead.converged, np.ones(more, dtype=bool)]),
        np.concatenate([ahead.residual, np.zeros(more)]),
    )


def further(context: Context) -> xr.Dataset:
    """The same variables for further exits, which are run on fewer draws; a draw that did not converge is missing.

    Parameters
    ----------
    context
        Its simulation has the further exits alone, its groups those of ``/exits`` and, of the same draws,
        ``/rescue`` and ``/outlook``.

    Returns
    -------
    Dataset
        With the draws in their order, and no coordinate for them.
    """
    ahead = _Ahead(context, min(context.size, DRAWS))
    scenarios = [_Scenario(e.id, exit=e.id) for e in context.simulation.exits]
    today = context.groups["/outlook"]["effective_powers"].sel(scenario=AS_IS).values[: ahead.n, 0]
    made = ahead.group(scenarios, today)
    fine = ahead.converged & context.simulation.converged[: ahead.n]
    return made.where(xr.DataArray(fine, dims="draw"))


def with_further(group: xr.Dataset, more: xr.Dataset) -> xr.Dataset:
    """Put further scenarios beside those of the group; missing in the draws that they were not run on.

    Parameters
    ----------
    group
        ``/outlook`` with the numbers of its draws.
    more
        From :func:`further`: draw by draw from the first on.
    """
    more = more.assign_coords(draw=np.arange(more.sizes["draw"])).reindex(draw=group["draw"].values)
    wide = [name for name, found in group.data_vars.items() if "scenario" in found.dims]
    both = xr.concat([group[wide], more[wide]], dim="scenario", combine_attrs="override")
    return both.assign({name: group[name] for name in group.data_vars if name not in wide}).assign_attrs(
        group.attrs
    )


def _variable(dims: Sequence[str], values: Array, unit: str, name: str) -> xr.Variable:
    return xr.Variable(tuple(dims), values, attrs={"long_name": name, "unit": unit})


def _missing(status: Any) -> Mask:
    """Draws in which a tie is not stated: missing, which is no failure of the solver."""
    return np.asarray((status == Status.MISSING).any(axis=1))


class _Ahead:
    """The domains of a case carried forward, on the first n draws."""

    def __init__(self, context: Context, n: int) -> None:
        given = context.case.outlook
        assert given is not None
        self.context, self.case, self.given, self.n = context, context.case, given, n
        self.powers, self.years = list(context.case.powers), np.arange(given.horizon + 1.0)
        if not context.reads("outlook", *BY_YEAR):
            self.years = self.years[[0, -1]]
        self.growth = _growth(context, given, n)
        self.bundles: dict[str, Bundle] = {
            d: bundle(self.case, d, context.figures, context.structure) for d in self.case.domains
        }
        self.converged, self.residual = np.ones(n, dtype=bool), np.zeros(n)
        self.unchanged: dict[str, Array] = {}

    def group(self, scenarios: Sequence[_Scenario], today: Array | None) -> xr.Dataset:
        """Variables of the scenarios; the balance is held against that of ``today``, or of the first of them."""
        given, n = self.given, self.n
        held = [self._levers(s) for s in scenarios]
        labels = list(held[0])
        lever = np.stack([self._total(parts) for parts in held], axis=1)
        ends = [0, -1]
        within = np.stack([np.stack([parts[d][:, ends] for d in labels], axis=-1) for parts in held], axis=1)
        effective = np.asarray(in_blocks(_EFFECTIVE, lever))
        by_domain = np.asarray(in_blocks(_EFFECTIVE, np.moveaxis(within, 3, -1)))
        first = effective[:, 0, 0] if today is None else today
        by = (
            np.full(n, np.nan) if given.fall is None else self.context.figures("outlook.fall", given.fall)[:n]
        )
        # Every scenario is held against the balance of today, before the crisis and before anybody left.
        against = np.stack(np.broadcast_arrays(first[:, None], effective[:, :, -1]), axis=-1)
        variables = {
            "lever": _variable(
                ("draw", "scenario", "year", "power"), lever, LOG_POINTS, "total lever, years from now"
            ),
            "lever_in": _variable(
                ("draw", "scenario", "moment", "power", "domain"),
                within,
                LOG_POINTS,
                "lever by domain, now and at the horizon",
            ),
            "effective_powers": _variable(
                ("draw", "scenario", "year"),
                effective,
                "powers",
                "effective number of powers, years from now",
            ),
            "effective_in": _variable(
                ("draw", "scenario", "moment", "domain"),
                by_domain,
                "powers",
                "effective number of powers by domain, now and at the horizon",
            ),
            "effective_fall": _variable(
                ("draw", "scenario"),
                effective[:, :, 0] - effective[:, :, -1],
                "powers",
                "fall of the effective number of powers over the horizon",
            ),
            "beyond_fall": _variable(
                ("draw", "scenario"),
                in_blocks(_FALLEN, against, by[:, None]),
                "powers",
                "by how much the balance has fallen further than what counts as its end",
            ),
        }
        coords: dict[str, Any] = {
            "scenario": [s.id for s in scenarios],
            "year": [f"{y:.0f}" for y in self.years],
            "power": self.powers,
            "moment": list(MOMENTS),
            "domain": labels,
        }
        guarantor = patron(self.case) if GUARANTEE in labels else None
        return xr.Dataset(
            variables, coords=coords, attrs={"horizon": given.horizon, "guarantor": guarantor or ""}
        )

    def overtaking(self, name: str) -> Array:
        """Years until each power overtakes each other, shape (n, P, P)."""
        share = self.context.simulation.domains[name].tie[: self.n]
        return np.asarray(in_blocks(_OVERTAKES, share, self.growth[name]))

    # -- the parts of a scenario -------------------------------------------------------------------

    def _levers(self, scenario: _Scenario) -> dict[str, Array]:
        """Levers by domain, shape (n, Y, P) each."""
        parts: dict[str, Array] = {}
        if self.context.simulation.trade is not None:
            parts |= self._trade(scenario)
        for name in self.case.domains:
            parts[name] = self._domain(name, scenario)
        if "/rescue" in self.context.groups:
            parts[GUARANTEE] = self._guarantee(scenario)
        return parts

    def _total(self, parts: Mapping[str, Array]) -> Array:
        """Over all domains; a guarantee of which nothing is known, in any draw, is left out."""
        known = [x for d, x in parts.items() if d != GUARANTEE or not np.isnan(x).all(axis=(0, 1)).any()]
        return (
            np.asarray(np.sum(known, axis=0))
            if known
            else np.zeros((self.n, len(self.years), len(self.powers)))
        )

    def _domain(self, name: str, scenario: _Scenario) -> Array:
        """One domain; where the scenario changes nothing in it, as without the crisis."""
        given, n = self.bundles[name], self.n
        share, jump = given.share[:n], self._jump(name, scenario)
        left = scenario.exit and name in self._exit(scenario).domains
        if left:
            tie = self.context.simulation.domains[name].after[scenario.exit].tie[:n]
            own = 1 - np.nansum(tie, axis=1, keepdims=True)
            share = np.where(np.isnan(share), np.nan, np.concatenate([tie, own], axis=1))
        changed = left or jump is not None
        if not changed and name in self.unchanged:
            return self.unchanged[name]
        suppliers = share.shape[1]
        g = np.zeros((n, suppliers))
        if name in self.growth:
            g[:, :-1] = self.growth[name]
        if jump is None:
            jump = np.zeros((n, len(self.years), suppliers))
        weight = given.weight[:n]
        if self.context.structure.equal_weights:
            weight = np.mean([b.weight for b in self.bundles.values()], axis=0)[:n]
        program: Any = _FLAT
        args: list[Array] = [share, weight, given.sigma[:n], given.eta[:n], g, jump]
        if given.rho is not None and given.nest is not None:
            member = (np.arange(len(given.nest))[:, None] == given.nest).astype(float)
            program = partial(_NESTED, nests=member)
            args.append(given.rho[:n])
        # What neither grows nor fades is the same in every year.
        still = not g.any() and np.ptp(jump, axis=1).max() == 0
        if still:
            args[5] = jump[:, :1]
        found: model.Projection = self._run(program, *args, years=self.years[:1] if still else self.years)
        self.converged &= (found.status <= Status.INFINITE).all(axis=1) | _missing(found.status)
        self.residual = np.maximum(self.residual, np.nanmax(found.residual, axis=1, initial=0.0))
        lever = np.asarray(np.broadcast_to(found.lever, (n, len(self.years), suppliers - 1)))
        if not changed:
            self.unchanged[name] = lever
        return lever

    def _run(self, program: Any, *arrays: Array, years: Array | None = None) -> Any:
        when = self.years if years is None else years
        return in_blocks(partial(program, years=jnp.asarray(when, float)), *arrays)

    def _exit(self, scenario: _Scenario) -> Any:
        return next(e for e in self.context.simulation.exits if e.id == scenario.exit)

    def _jump(self, name: str, scenario: _Scenario) -> Array | None:
        """What the crisis and the rescue add to the weights of the suppliers, shape (n, Y, P + 1), log points."""
        if scenario.state == "before":
            return None
        case, figures, n = self.case, self.context.figures, self.n
        out = np.zeros((n, len(self.years), len(self.powers) + 1))
        changed = False
        if scenario.state == "rescued" and case.rescue is not None and name in case.rescue.new_ties:
            more = figures(f"rescue.new_ties.{name}", case.rescue.new_ties[name])[:n]
            out[..., self.powers.index(rescuer(case))] += more[:, None]
            changed = True
        asked = case.investors
        if asked is not None and asked.domain == name:
            path = "investors"
            late = np.zeros(n) if asked.delay is None else figures(f"{path}.delay", asked.delay)[:n] / YEAR
            peak, half, base = (
                figures(f"{path}.{x}", getattr(asked, x))[:n] for x in ("premium", "half_life", "base_return")
            )
            sigma = self.bundles[name].sigma[:n]
            out[..., :-1] += self._run(_DEAR, peak, half, late, base, sigma)[..., None]
            changed = True
        return out if changed else None

    def _guarantee(self, scenario: _Scenario) -> Array:
        """The guarantee of the power that was asked, shape (n, Y, P): others have given none."""
        case, n = self.case, self.n
        lead = patron(case)
        assert lead is not None
        place = self.powers.index(lead)
        state = scenario.state
        worth = self.context.groups["/rescue"]["guarantee"].sel(power=lead, state=state).values[:n]
        belief = belief_ahead(case, self.context.figures, lead, self.years)[:n, int(state == "rescued")]
        out = np.zeros((n, len(self.years), len(self.powers)))
        out[..., place] = worth[:, None] * belief / belief[:, :1]
        if scenario.exit and case.exits[scenario.exit].domains == "all":
            degree = self._exit(scenario).degree
            out[..., place] *= (1 - degree[lead][:n])[:, None] if lead in degree else 1.0
        return out

    def _trade(self, scenario: _Scenario) -> dict[str, Array]:
        """Trade and transit: the lever through trade goes with the share, that of routes stays."""
        n, years = self.n, self.years
        groups = self.context.groups
        path = f"/exits/{scenario.exit}"
        group = groups["/levers"]
        if scenario.exit:
            group = groups[path] if path in groups else groups["/displacement"]
        before = not scenario.exit
        lever = group["lever" if before else "leverage_after"].transpose("draw", "power", "domain")
        share = (
            group["tie" if before else "tie_after"].sel(domain="trade").transpose("draw", "power").values[:n]
        )
        parts = {"trade": np.repeat(lever.sel(domain="trade").values[:n, None], len(years), axis=1)}
        if "transit" in lever["domain"].values:
            parts["transit"] = np.repeat(lever.sel(domain="transit").values[:n, None], len(years), axis=1)
        growth = self.growth.get("trade")
        if growth is None:
            return parts
        known = np.nan_to_num(share)
        rest = np.maximum(0.0, 1 - known.sum(axis=1, keepdims=True))
        s = np.concatenate([known, rest], axis=1)
        g = np.concatenate([growth, np.zeros((n, 1))], axis=1)
        grown = self._run(_SHARES, s, g)[..., :-1]
        # Who does not trade has no lever through trade, and none to grow.
        ratio = np.where(known[:, None] > 0, grown / np.where(known > 0, known, 1.0)[:, None], 1.0)
        return parts | {"trade": parts["trade"] * ratio}


def _growth(context: Context, given: Outlook, n: int) -> dict[str, Array]:
    """Yearly growth by domain that changes at all, shape (n, P), log points."""
    powers = list(context.case.powers)
    out: dict[str, Array] = {}

    def values(path: str, stated: Mapping[str, Any]) -> Array:
        columns = [
            context.figures(f"{path}.{p}", stated[p])[:n] if p in stated else np.zeros(n) for p in powers
        ]
        return np.stack(columns, axis=-1)

    for name, drift in given.drift.items():
        out[name] = values(f"outlook.drift.{name}", drift)
    for name, learning in given.learning.items():
        path = f"outlook.learning.{name}"
        rate = values(f"{path}.rate", learning.rate)
        exposure = (
            values(f"{path}.exposure", learning.exposure) if learning.exposure else np.ones((n, len(powers)))
        )
        out[name] = in_blocks(_GROWTH, out.get(name, np.zeros_like(rate)), rate, exposure)
    return out


def _flat(
    s: jax.Array,
    w: jax.Array,
    sigma: jax.Array,
    eta: jax.Array,
    g: jax.Array,
    jump: jax.Array,
    *,
    years: jax.Array,
) -> Any:
    return model.project(s, w, sigma, eta, g, years, jump)


def _nested(
    s: jax.Array,
    w: jax.Array,
    sigma: jax.Array,
    eta: jax.Array,
    g: jax.Array,
    jump: jax.Array,
    rho: jax.Array,
    *,
    years: jax.Array,
    nests: jax.Array,
) -> Any:
    return model.project(s, w, sigma, eta, g, years, jump, rho=rho, nests=nests)


def _effective(lever: jax.Array) -> jax.Array:
    return effective_powers(lever).entropy


def _shares(s: jax.Array, g: jax.Array, *, years: jax.Array) -> jax.Array:
    grown: jax.Array = model.project_shares(s, g, years)
    return grown


def _dear(
    peak: jax.Array, half: jax.Array, late: jax.Array, base: jax.Array, sigma: jax.Array, *, years: jax.Array
) -> jax.Array:
    """Log points that the premium adds to the weight of one who is struck, by year."""
    rise = investors.premium(peak, half, years, late)
    struck = investors.repriced(rise, base[:, None], sigma[:, None, None], jnp.array([True]))
    return 100 * jnp.log(struck[..., 0])


def _overtakes(share: jax.Array, growth: jax.Array) -> jax.Array:
    """Years until each overtakes each other; nobody overtakes itself."""
    found = model.overtaking(share[:, :, None], share[:, None, :], growth[:, :, None], growth[:, None, :])
    return jnp.where(jnp.eye(share.shape[1], dtype=bool), jnp.nan, found)


_FLAT, _NESTED = jax.jit(_flat), jax.jit(_nested)
_EFFECTIVE, _SHARES = jax.jit(_effective), jax.jit(_shares)
_DEAR, _OVERTAKES = jax.jit(_dear), jax.jit(_overtakes)
