"""Who could cost a country what, and every pair of the world."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._atlas import assumptions
from tertius._atlas.about import describe, unreported
from tertius._atlas.asking import Question
from tertius._atlas.domains import domain_levers
from tertius.errors import CannotCompute
from tertius.models import trade
from tertius.models._compiled import remember_compilations
from tertius.world import Power, World, blocs, power

__all__ = ["every_lever", "levers_over"]

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]
DRAWS = 64
BATCH = 16
"""Draws between two looks at the progress bar."""

_POINTS = {"unit": "log points"}
_CLOSURES: dict[str, str] = {
    "world_share": "deficits a constant share of the world's output",
    "nominal": "deficits constant in money",
    "proportional": "deficits in proportion to income",
    "balanced": "no deficits",
}


@dataclass(frozen=True)
class _Found:
    """What K readings gave."""

    lever: Array  # (K, N − 1) log points, NaN where trade is missing
    reverse: Array  # (K, N − 1)
    joint: Array  # (K, blocs)
    residual: Array  # (K,)
    solved: NDArray[np.bool_]  # (K,)


def blocs_of(world: World, client: str = "") -> dict[str, tuple[str, ...]]:
    """Blocs of the world's year with two members or more in it, the client left out."""
    there = set(world.countries) - {client}
    found = {}
    for name, bloc in blocs().items():
        members = tuple(m for m in bloc.members(world.year) if m in there)
        if len(members) > 1:
            found[name] = members
    return found


def levers_over(
    question: Question,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    elasticity: float | None = None,
    factors: trade.Factors = "mobile",
    domains: bool = False,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Compute what every partner, and every bloc, could cost a country by ending all trade with it.

    Parameters
    ----------
    question
        From :func:`~tertius._atlas.asking.ask`.
    draws, seed
        Of what is assumed; no draws at all where 0.
    elasticity
        Held at this where given.
    factors
        ``"mobile"`` or ``"specific"``, where there are sectors.
    domains
        Whether levers outside trade are wanted too, of the powers compared.
    progress
        Told a stage and the fraction of it that is done.

    Returns
    -------
    Dataset
        By ``partner``: ``lever`` and ``reverse`` (what the country could cost the partner) in one reading of the data,
        ``lever_draws`` and ``reverse_draws`` (draw, partner), ``rival_levers`` (structure, partner), ``exports`` and
        ``imports`` of the country, ``lifted``. By ``bloc``: ``bloc_lever``, ``bloc_draws`` (draw, bloc). NaN where the
        pair's trade is not reported. Attributes tell of the world, its flags and what was assumed.
    """
    remember_compilations()
    world, client = question.world, question.country
    together = blocs_of(world, client)
    beyond = _beyond(question) if domains else []
    named = {
        p.id: tuple(m for m in p.members if m in world.countries and m != client)
        for p in [*question.powers, *beyond]
    }
    together |= {name: members for name, members in named.items() if members}
    reading = assumptions.central(elasticity)
    told = progress or (lambda stage, done: None)
    countries = list(world.countries)
    me = countries.index(client)
    here = world.flows.sum("sector") if "sector" in world.flows.dims else world.flows
    between = here.values[me] + here.values[:, me]
    between[me] = 0.0
    # Withdrawals that go side by side are done when the slowest of them is, so those that matter most go together.
    others = np.flatnonzero(between > 0)
    others = others[np.argsort(-between[others], kind="stable")]
    gone = np.zeros((len(others) + len(together), len(countries)))
    gone[np.arange(len(others)), others] = 1.0
    for row, members in zip(gone[len(others) :], together.values(), strict=True):
        row[[countries.index(m) for m in members]] = 1.0

    def solve(readings: Sequence[assumptions.Reading], deficits: trade.Deficits) -> _Found:
        X, theta = assumptions.tables(world, readings)
        out = trade.withdrawals_in_draws(
            X,
            theta,
            me,
            np.concatenate([gone, np.zeros_like(gone[:1])]) if deficits == "balanced" else gone,
            factors=factors,
            deficits=deficits,
        )
        with np.errstate(divide="ignore"):
            loss = -100 * np.log(np.asarray(out.welfare))
        if deficits == "balanced":
            # Without deficits the world is another before anybody leaves.
            loss = loss[:, :-1] - loss[:, -1:]
        lever, reverse = (np.zeros((len(readings), len(countries))) for _ in range(2))
        lever[:, others] = loss[:, : len(others), me]
        reverse[:, others] = loss[:, np.arange(len(others)), others]
        solved = np.all(np.asarray(out.status) != trade.NOT_CONVERGED, axis=1)
        partners = np.delete(np.arange(len(countries)), me)
        return _Found(
            np.where(missing, np.nan, lever[:, partners]),
            np.where(missing, np.nan, reverse[:, partners]),
            loss[:, len(others) :, me],
            np.asarray(out.residual).max(1),
            solved,
        )

    outside: dict[str, str] = {}
    told("levers", 0.0)
    partner = [c for c in countries if c != client]
    missing = unreported(world, client).sel(country=partner).values
    sampled = assumptions.draw(world, draws, seed, elasticity) if draws else assumptions.Assumed((), ())
    rivals = assumptions.rivals(world, elasticity)
    alike = {name: read for name, (read, deficits) in rivals.items() if deficits == "world_share"}
    readings = [reading, *alike.values(), *sampled]
    parts = []
    for first in range(0, len(readings), BATCH):
        parts.append(solve(readings[first : first + BATCH], "world_share"))
        told("levers", min(1.0, (first + BATCH) / len(readings)))
    found = _Found(*(np.concatenate([getattr(p, f) for p in parts]) for f in _Found.__dataclass_fields__))
    if not found.solved[0]:
        raise CannotCompute(
            f"no equilibrium was found to 1e-10 (residual {found.residual[0]:.1e})", code="no-equilibrium"
        )
    kept = 1 + len(alike) + np.flatnonzero(found.solved[1 + len(alike) :])
    structures: dict[str, Array] = {}
    for name, (read, deficits) in rivals.items():
        one, k = (found, 1 + list(alike).index(name)) if name in alike else (solve([read], deficits), 0)
        structures[name] = one.lever[k] if one.solved[k] else np.full(len(partner), np.nan)
    lifted = set(reading.baseline(world).lifted)
    made = xr.Dataset(
        {
            "lever": (
                "partner",
                found.lever[0],
                _POINTS | {"long_name": "what the partner could cost"},
            ),
            "reverse": (
                "partner",
                found.reverse[0],
                _POINTS | {"long_name": "what it could cost the partner"},
            ),
            "exports": (
                "partner",
                np.where(missing, np.nan, here.sel(origin=client, destination=partner).values),
            ),
            "imports": (
                "partner",
                np.where(missing, np.nan, here.sel(origin=partner, destination=client).values),
            ),
            "bloc_lever": (
                "bloc",
                found.joint[0],
                _POINTS | {"long_name": "joint withdrawal of the bloc"},
            ),
        },
        coords={
            "partner": partner,
            "bloc": list(together),
            "lifted": ("partner", [p in lifted for p in partner]),
        },
    )
    for name in ("exports", "imports"):
        made[name].attrs["unit"] = world.flows.attrs["unit"]
    many = len(kept) > 0
    if many:
        made["lever_draws"] = (("draw", "partner"), found.lever[kept], _POINTS)
        made["reverse_draws"] = (("draw", "partner"), found.reverse[kept], _POINTS)
        made["bloc_draws"] = (("draw", "bloc"), found.joint[kept], _POINTS)
    made["rival_levers"] = (("structure", "partner"), np.stack(list(structures.values())), _POINTS)
    made = made.assign_coords(structure=list(structures))
    if domains:
        apart = domain_levers(
            client, world.year, [p.id for p in question.powers or beyond], draws=len(kept), seed=seed
        )
        outside = apart.attrs
        made = made.merge(apart.drop_vars("draw") if many else apart)
    large = made["lever"].to_series().nlargest(5).index.tolist()
    made.attrs = describe(
        world,
        (client, *large),
        kind="levers",
        client=client,
        assumed=sampled.words,
        draws=len(sampled),
        unconverged=len(sampled) - len(kept),
        seed=seed,
        residual=float(found.residual[found.solved].max()),
        lifted=client if client in lifted else "",
        elasticity=reading.theta,
        factors=factors,
        blocs=json.dumps(together),
        asked=json.dumps([p.id for p in question.powers]),
        missing=int(missing.sum()),
        **outside,
    )
    return made


def _beyond(question: Question) -> list[Power]:
    """Powers whose ties outside trade are looked at where none are named: no country may be in two of them."""
    if question.powers:
        return []
    year, client = question.world.year, question.country
    union = blocs()["eu"].members(year)
    names = [
        "USA",
        "CHN",
        "RUS",
        *(["DEU", "FRA"] if client in union else ["eu"]),
        "GBR",
        "TUR",
        "IND",
        "JPN",
    ]
    taken = set(union) if "eu" in names else set()
    return [power(name, year) for name in names if name != client and (name == "eu" or name not in taken)]


def every_lever(
    world: World,
    *,
    elasticity: float | None = None,
    factors: trade.Factors = "mobile",
    deficits: trade.Deficits = "world_share",
    gross: bool = False,
    powers: Sequence[str] = (),
    progress: Progress | None = None,
) -> xr.Dataset:
    """Compute what every economy could cost every other.

    Parameters
    ----------
    world
        The year.
    elasticity, factors, deficits
        Of the model.
    gross
        Whether output is read as ITPD-E's multiple of GDP.
    powers
        Blocs whose joint lever over everybody is wanted too.
    progress
        Told a stage and the fraction of it that is done.

    Returns
    -------
    Dataset
        ``lever`` (power, client), NaN where the pair's trade is not reported; ``bloc_lever`` (bloc, client);
        ``residual``, ``lifted`` (client), ``gdp`` (client).
    """
    remember_compilations()
    read = assumptions.central(elasticity)
    if gross:
        read = assumptions.Reading(read.theta, read.fuels, assumptions.GROSS_OUTPUT, read.rule, read.services)
    together = {name: members for name, members in blocs_of(world).items() if name in powers}
    base = read.baseline(world)
    base = trade.Baseline(
        base.flows,
        base.several,
        {name: tuple(m for m in members if m in base.countries) for name, members in together.items()},
        base.lifted,
    )
    theta = read.elasticity(world)

    def told(done: int, everything: int) -> None:
        if progress is not None:
            progress("every pair", done / everything)

    out = trade.leverage(base, theta, factors, deficits, on_failure="return", progress=told)
    missing = unreported(world).sel(origin=out["power"].values, destination=out["client"].values).values
    missing = missing & missing.T
    lever = np.where(missing, np.nan, out.values)
    failed = int(np.isnan(out.values).sum() - len(out["power"]))
    made = xr.Dataset(
        {
            "lever": (("power", "client"), lever, _POINTS | {"long_name": out.attrs["long_name"]}),
            "residual": (("power", "client"), out["residual"].values),
            "gdp": (
                "client",
                world.gdp.sel(country=out["client"].values).values,
                {"unit": world.gdp.attrs["unit"]},
            ),
        },
        coords={
            "power": out["power"].values,
            "client": out["client"].values,
            "lifted": ("client", out["lifted"].values),
        },
    )
    if together:
        joint = trade.leverage(base, theta, factors, deficits, powers=list(together), on_failure="return")
        made["bloc_lever"] = (("bloc", "client"), joint.values, _POINTS)
        made = made.assign_coords(bloc=list(together))
    made.attrs = describe(
        world,
        (),
        kind="every pair",
        client="",
        assumed=(
            f"Trade elasticity {read.theta:g}; output {read.multiplier:g} times GDP; {_CLOSURES[deficits]} (assumed).",
        ),
        draws=0,
        seed=0,
        residual=float(np.nanmax(out["residual"])),
        lifted=", ".join(base.lifted),
        elasticity=read.theta,
        factors=factors,
        blocs=json.dumps(together),
        missing=int(np.triu(missing, 1).sum()),
        unconverged=failed,
    )
    return made
