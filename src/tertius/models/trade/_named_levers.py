"""Levers with names: every pair of countries, blocs, partial exits, panels of years and draws of the elasticity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius.errors import BadInput, CannotCompute
from tertius.models.trade._economy import NOT_CONVERGED, Deficits, Factors
from tertius.models.trade._labels import Baseline, choices, elasticities, freed
from tertius.models.trade._leverage import Cuts, Group, every_cut, every_pair, one_by_one

__all__ = ["leverage", "levers_of"]

Elasticity: TypeAlias = "float | Mapping[str, float] | xr.DataArray"
Failure = Literal["raise", "return"]
Progress = Callable[[int, int], None]


class _Pairs(NamedTuple):
    """What was cut: whose welfare each exit tells of."""

    groups: list[Group]
    single: bool  # a cut is of one country from another, and costs both ends


def leverage(
    baseline: Baseline | Mapping[Any, Baseline],
    elasticity: Elasticity = 4.0,
    factors: Factors = "mobile",
    deficits: Deficits = "world_share",
    *,
    powers: Sequence[str] | None = None,
    clients: Sequence[str] | None = None,
    degree: float = 1.0,
    on_failure: Failure = "raise",
    progress: Progress | None = None,
) -> xr.DataArray:
    """What each power could cost each client by withdrawing from all trade between them.

    Parameters
    ----------
    baseline
        From :func:`baseline`; or several of them by year (or any other label), which gives a panel.
    elasticity
        As for :func:`counterfactual`; an array with a dim ``draw`` (and ``sector``) solves every draw.
    factors, deficits
        As for :func:`counterfactual`.
    powers
        Countries or blocs; every country by default, and then every ordered pair is solved.
    clients
        Countries; all by default.
    degree
        How far the power withdraws: at unchanged prices the weight of every tie falls by this share.
    on_failure
        ``"return"`` leaves NaN where no equilibrium was found.
    progress
        Called with (exits solved, exits in all), of each year and draw anew.

    Returns
    -------
    DataArray
        ([year,] [draw,] power, client) log points, −100 log Ŵ of the client: positive is a loss, inf a loss without
        bound, NaN a country with itself (or not in the world of that year). Coordinates ``residual`` and
        ``iterations`` have the same dims; ``lifted`` ([year,] client) marks countries whose domestic sales the
        floor lifted, and whose lever hangs on the floor.

    Raises
    ------
    BadInput
        Unknown names; a degree outside (0, 1].
    CannotCompute
        If an equilibrium was not found to 1e-10.
    """
    if isinstance(baseline, Mapping):
        if not baseline:
            raise BadInput("a panel needs at least one year", code="no-years")
        parts = [
            leverage(
                world,
                elasticity,
                factors,
                deficits,
                powers=powers,
                clients=clients,
                degree=degree,
                on_failure=on_failure,
                progress=progress,
            )
            for world in baseline.values()
        ]
        years = xr.DataArray(list(baseline), dims="year", name="year")
        joined: xr.DataArray = xr.concat(parts, dim=years, join="outer", fill_value=_ABSENT)
        return joined.transpose("year", ...)
    choices(factors, deficits)
    _share(degree)
    of_draw = _draws(elasticity)
    if of_draw is not None:
        assert isinstance(elasticity, xr.DataArray)
        parts = [
            leverage(
                baseline,
                elasticity.isel(draw=k, drop=True),
                factors,
                deficits,
                powers=powers,
                clients=clients,
                degree=degree,
                on_failure=on_failure,
                progress=progress,
            )
            for k in range(len(of_draw))
        ]
        whole = _over_draws([part.to_dataset() for part in parts], of_draw)
        return whole[parts[0].name].assign_coords({name: whole[name] for name in ("residual", "iterations")})
    theta = elasticities(baseline, elasticity)
    if deficits == "balanced":
        baseline = freed(baseline, theta, factors)
    pairs, names, columns = _pairs(baseline, powers, clients)
    cuts = _solve(baseline, theta, pairs.groups, degree, factors, deficits, on_failure, progress)
    shape = (len(names), len(baseline.countries))
    loss, residual = np.full(shape, np.nan), np.full(shape, np.nan)
    iterations = np.zeros(shape, dtype=np.int64)
    if pairs.single:
        # Who does not trade with each other has nothing to withdraw.
        nothing = np.array(names)[:, None] != np.array(baseline.countries)
        loss[nothing] = residual[nothing] = 0.0
    for (client, gone, other), cut in zip(pairs.groups, cuts, strict=True):
        rows = other if powers is None else np.arange(len(names))
        cells = [(rows, np.full(len(rows), client), cut.hub)]
        if powers is None and clients is None:
            cells.append((np.full(len(rows), client), other, cut.other))
        for row, col, welfare in cells:
            loss[row, col] = _points(welfare, cut)
            residual[row, col] = cut.residual
            iterations[row, col] = cut.iterations
        if powers is not None:
            alone = gone.sum(0) == 0
            loss[alone, client] = np.nan
    dims = ("power", "client")
    everyone = np.array(baseline.countries)
    return xr.DataArray(
        loss[:, columns],
        coords={
            "power": names,
            "client": everyone[columns],
            "residual": (dims, residual[:, columns]),
            "iterations": (dims, iterations[:, columns]),
            "lifted": ("client", np.isin(everyone[columns], baseline.lifted)),
        },
        dims=dims,
        name="leverage",
        attrs={"long_name": "loss of the client if all trade with the power ends", "unit": "log points"},
    )


def levers_of(
    baseline: Baseline,
    country: str,
    elasticity: Elasticity = 4.0,
    factors: Factors = "mobile",
    deficits: Deficits = "world_share",
    *,
    on_failure: Failure = "raise",
    progress: Progress | None = None,
) -> xr.Dataset:
    """What every partner could cost one country by ending all trade with it, and what it could cost them.

    Parameters
    ----------
    baseline
        From :func:`baseline`.
    country
        One of its countries.
    elasticity, factors, deficits, on_failure, progress
        As for :func:`leverage`.

    Returns
    -------
    Dataset
        ``lever`` ([draw,] partner): what the partner could cost the country; ``reverse``: what the country could
        cost the partner; log points. ``residual`` and ``iterations`` of the equilibrium that both come from, and
        ``lifted`` (partner) as in :func:`leverage`.
    """
    choices(factors, deficits)
    of_draw = _draws(elasticity)
    if of_draw is not None:
        assert isinstance(elasticity, xr.DataArray)
        parts = [
            levers_of(
                baseline,
                country,
                elasticity.isel(draw=k, drop=True),
                factors,
                deficits,
                on_failure=on_failure,
                progress=progress,
            )
            for k in range(len(of_draw))
        ]
        return _over_draws(parts, of_draw)
    theta = elasticities(baseline, elasticity)
    if deficits == "balanced":
        baseline = freed(baseline, theta, factors)
    (client,) = baseline.indices(country) if country in baseline.countries else _not_one(baseline, country)
    between = baseline.flows.values.sum(0)
    between = between[client] + between[:, client]
    between[client] = 0.0
    others = np.flatnonzero(between > 0)
    # Counterfactuals that go side by side are done when the slowest of them is.
    others = others[np.argsort(-between[others], kind="stable")]
    groups = one_by_one(client, others, len(between))
    cuts = _solve(baseline, theta, groups, 1.0, factors, deficits, on_failure, progress)
    lever, reverse, residual = (np.zeros(len(between)) for _ in range(3))
    iterations = np.zeros(len(between), dtype=np.int64)
    for (_, _, other), cut in zip(groups, cuts, strict=True):
        lever[other], reverse[other] = _points(cut.hub, cut), _points(cut.other, cut)
        residual[other], iterations[other] = cut.residual, cut.iterations
    partner = np.delete(np.arange(len(between)), client)
    everyone = np.array(baseline.countries)
    unit = {"unit": "log points"}
    return xr.Dataset(
        {
            "lever": (
                "partner",
                lever[partner],
                unit | {"long_name": f"what the partner could cost {country}"},
            ),
            "reverse": (
                "partner",
                reverse[partner],
                unit | {"long_name": f"what {country} could cost the partner"},
            ),
            "residual": ("partner", residual[partner]),
            "iterations": ("partner", iterations[partner]),
        },
        coords={
            "partner": everyone[partner],
            "lifted": ("partner", np.isin(everyone[partner], baseline.lifted)),
        },
        attrs={"country": country, "lifted": int(country in baseline.lifted)},
    )


_ABSENT = {"leverage": np.nan, "residual": np.nan, "iterations": 0, "lifted": False}


def _not_one(baseline: Baseline, country: str) -> list[int]:
    baseline.members(country)  # an unknown name gets the nearest
    raise BadInput(f"'{country}' is a bloc; levers are over one country", code="not-a-country")


def _share(degree: float) -> None:
    if not 0.0 < degree <= 1.0:
        raise BadInput(
            f"the degree of a withdrawal is above 0 and at most 1, not {degree}", code="bad-degree"
        )


def _draws(elasticity: Elasticity) -> xr.DataArray | None:
    if isinstance(elasticity, xr.DataArray) and "draw" in elasticity.dims:
        return elasticity["draw"]
    return None


def _over_draws(parts: Sequence[xr.Dataset], draws: xr.DataArray) -> xr.Dataset:
    """The same world solved for several draws; what marks countries is one for all of them."""
    varying = [
        part.reset_coords([v for v in ("residual", "iterations") if v in part.coords]) for part in parts
    ]
    return xr.concat(varying, dim=draws, data_vars="all", coords="minimal", compat="override", join="exact")


def _pairs(
    baseline: Baseline, powers: Sequence[str] | None, clients: Sequence[str] | None
) -> tuple[_Pairs, list[str], NDArray[np.int64]]:
    """Groups of exits, names of the powers, and which countries are clients."""
    N = len(baseline.countries)
    if clients is None:
        columns = np.arange(N)
    else:
        for client in clients:
            if client not in baseline.countries:
                _not_one(baseline, client)
        columns = np.array([baseline.countries.index(client) for client in clients], dtype=np.int64)
    if powers is None and clients is None:
        return _Pairs(every_pair(baseline.flows.values), True), list(baseline.countries), columns
    groups: list[Group] = []
    if powers is None:
        between = baseline.flows.values.sum(0)
        between = between + between.T
        np.fill_diagonal(between, 0.0)
        for i in columns:
            others = np.flatnonzero(between[i] > 0)
            groups += one_by_one(int(i), others[np.argsort(-between[i, others], kind="stable")], N)
        return _Pairs(groups, True), list(baseline.countries), columns
    names = list(powers)
    for i in columns:
        gone = np.zeros((N, len(names)))
        for p, name in enumerate(names):
            gone[baseline.indices(name), p] = 1.0
        gone[i] = 0.0
        groups.append((int(i), gone, np.full(len(names), i)))
    return _Pairs(groups, False), names, columns


def _solve(
    baseline: Baseline,
    theta: NDArray[np.float64],
    groups: list[Group],
    degree: float,
    factors: Factors,
    deficits: Deficits,
    on_failure: Failure,
    progress: Progress | None,
) -> list[Cuts]:
    cuts = every_cut(
        baseline.economy,
        jnp.asarray(theta),
        [(client, degree * gone, other) for client, gone, other in groups],
        factors=factors,
        deficits=deficits,
        progress=progress,
    )
    failed = sum(int((cut.status == NOT_CONVERGED).sum()) for cut in cuts)
    if failed and on_failure == "raise":
        raise CannotCompute(
            f"{failed} of {sum(len(cut.status) for cut in cuts)} exits have no equilibrium found to 1e-10",
            code="no-equilibrium",
            hint="try deficits='proportional', or on_failure='return' to have NaN there",
        )
    return cuts


def _points(welfare: NDArray[np.float64], cut: Cuts) -> NDArray[np.float64]:
    """Loss in log points; NaN where no equilibrium was found."""
    with np.errstate(divide="ignore"):
        return np.where(cut.status == NOT_CONVERGED, np.nan, -100.0 * np.log(welfare))
