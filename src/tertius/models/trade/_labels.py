"""The same model with names: countries, blocs and sectors in, labelled arrays out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius.errors import BadInput, CannotCompute
from tertius.models.trade._economy import (
    NOT_CONVERGED,
    STATUS,
    Caps,
    Deficits,
    Economy,
    Equilibrium,
    Factors,
    Numeraire,
    Shock,
    calibrate,
)
from tertius.models.trade._home import HOME_RULES, NOT_TRADED, HomeRule, with_home_sales
from tertius.models.trade._solve import shares_after, solve, without_deficits

__all__ = [
    "Baseline",
    "Cap",
    "Counterfactual",
    "Exit",
    "baseline",
    "choices",
    "counterfactual",
    "elasticities",
    "freed",
]

Names = str | tuple[str, ...]
ONE_GOOD = "all"


@dataclass(frozen=True)
class Baseline:
    """A world to ask "what if" of.

    Attributes
    ----------
    flows
        (sector, origin, destination) sales with domestic sales on the diagonal, in the currency given.
    several
        Whether the flows were given by sector.
    blocs
        Names that stand for several countries.
    lifted
        Countries whose domestic sales the floor lifted: what they export exceeds, or nearly, their GDP.
    """

    flows: xr.DataArray
    several: bool
    blocs: Mapping[str, tuple[str, ...]]
    lifted: tuple[str, ...]

    @cached_property
    def countries(self) -> tuple[str, ...]:
        """The countries, in the order of every result."""
        return tuple(str(c) for c in self.flows["origin"].values)

    @cached_property
    def sectors(self) -> tuple[str, ...]:
        """The sectors, in the order of every result."""
        return tuple(str(s) for s in self.flows["sector"].values)

    @cached_property
    def economy(self) -> Economy:
        """Shares, output, expenditure and deficits."""
        return calibrate(self.flows.values)

    def members(self, names: Names) -> tuple[str, ...]:
        """Countries that a name, the name of a bloc or several of them stand for.

        Raises
        ------
        BadInput
            If a name is neither a country nor a bloc here; the hint gives the nearest one that is.
        """
        out: dict[str, None] = {}
        for name in (names,) if isinstance(names, str) else names:
            for country in self.blocs.get(name, (name,)):
                _known(country, self.countries, "country", also=self.blocs)
                out[country] = None
        return tuple(out)

    def indices(self, names: Names) -> list[int]:
        """Positions of those countries."""
        countries = self.countries
        return [countries.index(name) for name in self.members(names)]

    def sector_indices(self, names: Names | None) -> list[int]:
        """Positions of sectors; all of them for None."""
        if names is None:
            return list(range(len(self.sectors)))
        chosen = (names,) if isinstance(names, str) else names
        for name in chosen:
            _known(name, self.sectors, "sector")
        return [self.sectors.index(name) for name in chosen]


@dataclass(frozen=True)
class Exit:
    """Two ends stop trading, to a degree.

    Parameters
    ----------
    a, b
        A country, a bloc of the baseline, or a tuple of either. What a bloc's members trade with each other, and
        what a country that is in both ends sells at home, stays.
    degree
        ``x`` in [0, 1]: at unchanged prices the tie's weight falls by x; 1 leaves no trade.
    sectors
        Which sectors; all by default.
    direction
        ``"both"``; ``"exports"``: only what a sells to b; ``"imports"``: only what a buys from b.
    """

    a: Names
    b: Names
    degree: float = 1.0
    sectors: Names | None = None
    direction: Literal["both", "exports", "imports"] = "both"

    def __post_init__(self) -> None:
        if not 0.0 <= self.degree <= 1.0:
            raise BadInput(
                f"the degree of an exit is a share between 0 and 1, not {self.degree}", code="bad-degree"
            )
        if self.direction not in ("both", "exports", "imports"):
            raise BadInput(
                f"the direction of an exit is 'both', 'exports' or 'imports', not '{self.direction}'",
                code="bad-direction",
            )


@dataclass(frozen=True)
class Cap:
    """A limit on quantity that some flows share: a pipeline, a port.

    Parameters
    ----------
    origins, destinations
        Whose sales to whom run under the cap: countries, blocs, or tuples of them.
    limit
        The quantity allowed, as a fraction of those flows' baseline together; 0 closes them.
    sectors
        Which sectors; all by default.
    exporter_rent
        Share in [0, 1] of the scarcity rent that goes to the exporters.
    owner
        Who gets the rest; the importers where None.
    """

    origins: Names
    destinations: Names
    limit: float
    sectors: Names | None = None
    exporter_rent: float = 0.0
    owner: str | None = None

    def __post_init__(self) -> None:
        if not self.limit >= 0.0:
            raise BadInput(f"the limit of a cap is a fraction, 0 or more, not {self.limit}", code="bad-limit")
        if not 0.0 <= self.exporter_rent <= 1.0:
            raise BadInput(
                f"exporter_rent is a share between 0 and 1, not {self.exporter_rent}", code="bad-rent"
            )


@dataclass(frozen=True)
class Counterfactual:
    """One equilibrium after a shock, as ratios to the baseline.

    Attributes
    ----------
    welfare
        (country) ratio of real expenditure; 0 is an infinite loss.
    wages
        (country) with mobile factors or one sector, (sector, country) with specific ones: ratio of factor prices.
    expenditure
        (country) ratio of expenditure.
    prices
        (sector, country) ratio of what consumers' price index of the sector costs.
    cap_price
        (cap) ratio of what importers pay over what producers get, 1 where slack, inf where closed.
    residual
        Largest |log(income / p̂Y)| (under caps also of their conditions).
    status
        In words; ``"converged"`` if all is well.
    iterations
        Evaluations of the system.
    """

    welfare: xr.DataArray
    wages: xr.DataArray
    expenditure: xr.DataArray
    prices: xr.DataArray
    cap_price: xr.DataArray
    residual: float
    status: str
    iterations: int
    _base: Baseline = field(repr=False)
    _keep: NDArray[np.float64] = field(repr=False)
    _theta: NDArray[np.float64] = field(repr=False)
    _equilibrium: Equilibrium = field(repr=False)
    _log_wedge: NDArray[np.float64] = field(repr=False)
    _tariff: NDArray[np.float64] | None = field(repr=False)
    _substitution: float | None = field(repr=False, default=None)

    def _values(self) -> NDArray[np.float64]:
        eq = self._equilibrium
        economy = self._base.economy
        paid = np.zeros(self._base.flows.shape) if self._tariff is None else np.log1p(self._tariff)
        log_p = np.asarray(eq.log_price)[0][:, :, None]
        log_phi = np.asarray(eq.log_phi)[0][:, None, :]
        weight = np.asarray(economy.lam) * self._keep
        here = weight > 0
        exponent = np.zeros_like(weight)
        np.subtract(
            -self._theta[:, None, None] * (log_p + self._log_wedge + paid), log_phi, out=exponent, where=here
        )
        alpha = shares_after(
            np.asarray(economy.alpha), self._theta, np.asarray(eq.log_phi)[0], self._substitution
        )
        spent = alpha * np.asarray(economy.E) * np.exp(np.asarray(eq.log_expenditure)[0])
        return np.where(here, weight * np.exp(exponent) * spent[:, None] / np.exp(paid), 0.0)

    def _labelled(self, values: NDArray[np.float64], what: str) -> xr.DataArray:
        out = xr.DataArray(values, coords=self._base.flows.coords, dims=self._base.flows.dims)
        out.attrs = {"long_name": what, "unit": self._base.flows.attrs.get("unit", "")}
        return out if self._base.several else out.isel(sector=0, drop=True)

    @property
    def flows(self) -> xr.DataArray:
        """([sector,] origin, destination) new sales before tariffs, rents of caps included."""
        return self._labelled(self._values(), "trade after the shock")

    @property
    def quantities(self) -> xr.DataArray:
        """([sector,] origin, destination) new sales at baseline prices."""
        values = self._values()
        log_p = np.asarray(self._equilibrium.log_price)[0][:, :, None]
        deflator = np.exp(np.where(values > 0, -(log_p + self._log_wedge), 0.0))
        return self._labelled(values * deflator, "trade after the shock at baseline prices")


def _known(name: str, valid: Iterable[str], kind: str, also: Iterable[str] = ()) -> None:
    names = list(valid)
    if name in names:
        return
    every = [*names, *also]
    near = difflib.get_close_matches(str(name), every, n=1, cutoff=0.5) or difflib.get_close_matches(
        str(name).upper(), every, n=1, cutoff=0.5
    )
    hint = (
        f"did you mean '{near[0]}'?"
        if near
        else f"one of {', '.join(every[:8])}{' …' if len(every) > 8 else ''}"
    )
    raise BadInput(f"there is no {kind} '{name}' here", code=f"unknown-{kind}", hint=hint)


def _table(flows: xr.DataArray) -> tuple[xr.DataArray, bool]:
    wanted = {"origin", "destination"}
    dims = {str(d) for d in flows.dims}
    if not wanted <= dims or not dims <= wanted | {"sector"}:
        raise BadInput(
            f"flows need the dims origin, destination and, if there are several, sector; got {sorted(dims)}",
            code="bad-dims",
        )
    for dim in dims:
        if dim not in flows.coords:
            raise BadInput(f"the dim '{dim}' of the flows has no labels", code="no-labels")
        if flows.indexes[dim].has_duplicates:
            raise BadInput(f"the labels of '{dim}' are not unique", code="twice")
    origin, destination = (flows[d].values.tolist() for d in ("origin", "destination"))
    if set(origin) != set(destination):
        odd = sorted(set(origin) ^ set(destination), key=str)
        raise BadInput(f"origins and destinations differ: {odd[:5]}", code="bad-labels")
    several = "sector" in dims
    table = flows if several else flows.expand_dims(sector=[ONE_GOOD])
    table = table.transpose("sector", "origin", "destination").sel(destination=origin)
    return table.astype(float).copy(deep=True), several


def _first(labels: NDArray[Any], where: NDArray[np.bool_]) -> str:
    chosen = [str(x) for x in labels[where]]
    return ", ".join(chosen[:5]) + (f" and {len(chosen) - 5} more" if len(chosen) > 5 else "")


def baseline(
    flows: xr.DataArray,
    gdp: xr.DataArray | None = None,
    floor: float = 0.01,
    *,
    blocs: Mapping[str, Sequence[str]] | None = None,
    multiplier: float = 1.0,
    home: HomeRule | None = None,
    services: float = 0.0,
) -> Baseline:
    """Make a world of a table of flows.

    Parameters
    ----------
    flows
        Dims origin, destination and, if there are several, sector; ≥ 0, in one currency and year. Without ``gdp``
        the diagonal must hold domestic sales.
    gdp
        Dim country, in the same currency. Domestic sales are then GDP less exports, and at least ``floor`` of GDP,
        and there may be nothing on the diagonal. Value added and gross flows are mixed by this: see ``multiplier``;
        where output by sector is known, put domestic sales on the diagonal instead.
    floor
        Smallest share of GDP that is sold at home.
    blocs
        Names that stand for several countries, for exits and caps; members who are not in the flows are an error.
    multiplier
        Gross output over GDP, which then stands for GDP above.
    home
        With GDP and several sectors: how domestic sales fall to them, by ``"imports"``, ``"exports"``, ``"trade"``
        or ``"world"`` (what each supposes is said in ``tertius.models.trade._home``).
    services
        Share of domestic sales, in [0, 1), that no traded sector competes with; they are a sector of their own,
        ``"not traded"``, on whose elasticity nothing depends.

    Returns
    -------
    Baseline

    Raises
    ------
    BadInput
        If figures are missing, negative or infinite, labels do not match, or a country buys or sells nothing.
    """
    table, several = _table(flows)
    countries = table["origin"].values
    values = table.values
    diagonal = np.arange(len(countries))
    lifted: tuple[str, ...] = ()
    if gdp is not None:
        if several and home is None:
            raise BadInput(
                "GDP does not say what each sector sells at home",
                code="gdp-by-sector",
                hint=f"put domestic sales by sector on the diagonal, or say home= one of {', '.join(HOME_RULES)}",
            )
        if home is not None:
            _known(home, HOME_RULES, "rule")
        if not 0.0 <= services < 1.0:
            raise BadInput(f"services are a share from 0 to below 1, not {services}", code="bad-services")
        if not (np.isfinite(multiplier) and multiplier > 0):
            raise BadInput("a multiplier of output is a positive number", code="bad-multiplier")
        own = values[:, diagonal, diagonal]
        if np.any(np.nan_to_num(own) != 0):
            raise BadInput("the flows have domestic sales already; give them or GDP", code="two-diagonals")
        missing = [str(c) for c in countries if c not in gdp["country"].values]
        if missing:
            raise BadInput(f"no GDP for {', '.join(missing[:5])}", code="no-gdp")
        income = multiplier * gdp.sel(country=countries).values.astype(float)
        wrong = ~(np.isfinite(income) & (income > 0))
        if wrong.any():
            raise BadInput(f"GDP is missing or not positive for {_first(countries, wrong)}", code="no-gdp")
        values, below = with_home_sales(values, income, rule=home or "world", services=services, floor=floor)
        lifted = tuple(str(c) for c in countries[below])
        labels = table["sector"].values.tolist() + ([NOT_TRADED] if services > 0 else [])
        table = xr.DataArray(
            values,
            coords={"sector": labels, "origin": countries, "destination": countries},
            dims=table.dims,
            attrs=table.attrs,
        )
        several = several or services > 0
    if not np.isfinite(values).all():
        where = ~np.isfinite(values).all(axis=(0, 2))
        raise BadInput(
            f"flows are missing or infinite for {_first(countries, where)}",
            code="missing-flows",
            hint="a true zero is 0; what is not known must be filled or left out first",
        )
    if (values < 0).any():
        raise BadInput(
            f"flows are negative for {_first(countries, np.atleast_1d((values < 0).any(axis=(0, 2))))}",
            code="negative-flows",
        )
    for axis, what in ((2, "sells"), (1, "buys")):
        idle = values.sum(axis=(0, axis)) <= 0
        if idle.any():
            raise BadInput(f"{_first(countries, idle)} {what} nothing", code="empty-country")
    named = {name: tuple(members) for name, members in (blocs or {}).items()}
    world = Baseline(table, several, named, lifted)
    for name in named:
        if name in world.countries:
            raise BadInput(f"'{name}' is a country and cannot name a bloc", code="twice")
        world.members(name)
    return world


def elasticities(
    world: Baseline, elasticity: float | Mapping[str, float] | xr.DataArray
) -> NDArray[np.float64]:
    if isinstance(elasticity, xr.DataArray) and elasticity.ndim == 0:
        elasticity = float(elasticity)
    if isinstance(elasticity, xr.DataArray):
        elasticity = {
            str(s): float(v) for s, v in zip(elasticity["sector"].values, elasticity.values, strict=True)
        }
    if isinstance(elasticity, Mapping):
        for name in elasticity:
            _known(name, world.sectors, "sector")
        elasticity = {NOT_TRADED: 1.0, **elasticity}
        absent = [s for s in world.sectors if s not in elasticity]
        if absent:
            raise BadInput(f"no elasticity for {', '.join(absent)}", code="no-elasticity")
        theta = np.array([float(elasticity[s]) for s in world.sectors])
    else:
        theta = np.full(len(world.sectors), float(elasticity))
    if not (np.isfinite(theta).all() and (theta > 0).all()):
        raise BadInput("a trade elasticity is a positive number", code="bad-elasticity")
    return theta


def choices(factors: str, deficits: str, numeraire: str | None = None) -> None:
    for value, valid, what in (
        (factors, ("mobile", "specific"), "factors"),
        (deficits, ("world_share", "nominal", "proportional", "balanced"), "deficits"),
    ):
        _known(value, valid, what)


def _keep(world: Baseline, exits: Sequence[Exit]) -> NDArray[np.float64]:
    """(S, N, N) what is left of each tie; exits that meet on a pair leave the product of what each leaves."""
    keep = np.ones(world.flows.shape)
    for exit_ in exits:
        a, b = world.indices(exit_.a), world.indices(exit_.b)
        pairs = {(i, j) for i in a for j in b if i != j}
        if not pairs:
            raise BadInput(f"an exit needs two ends; {exit_.a} and {exit_.b} are one country", code="one-end")
        directed = set()
        if exit_.direction in ("both", "exports"):
            directed |= pairs
        if exit_.direction in ("both", "imports"):
            directed |= {(j, i) for i, j in pairs}
        rows, cols = np.array(sorted(directed)).T
        for s in world.sector_indices(exit_.sectors):
            keep[s, rows, cols] *= 1.0 - exit_.degree
    return keep


def _on_pairs(
    world: Baseline, values: xr.DataArray | None, default: float, what: str
) -> NDArray[np.float64] | None:
    """Spread a labelled array over (S, N, N), with the default where it has no label."""
    if values is None:
        return None
    full = xr.full_like(world.flows, default, dtype=float)
    for dim in values.dims:
        if dim not in full.dims:
            raise BadInput(
                f"{what} has a dim '{dim}'; it may have sector, origin, destination", code="bad-dims"
            )
        for label in values[dim].values:
            _known(str(label), [str(x) for x in full[dim].values], str(dim))
    aligned = values.astype(float).reindex({d: full[d] for d in values.dims}, fill_value=default)
    out = cast(NDArray[np.float64], aligned.broadcast_like(full).transpose(*full.dims).values)
    if not np.isfinite(out).all():
        raise BadInput(f"{what} is missing or infinite for some pair", code=f"bad-{what}")
    return np.array(out)


def counterfactual(
    baseline: Baseline,
    exits: Sequence[Exit] = (),
    caps: Sequence[Cap] | None = None,
    cost: xr.DataArray | None = None,
    tariff: xr.DataArray | None = None,
    elasticity: float | Mapping[str, float] | xr.DataArray = 4.0,
    factors: Factors = "mobile",
    deficits: Deficits = "world_share",
    *,
    numeraire: str = "world",
    substitution: float | None = None,
    on_failure: Literal["raise", "return"] = "raise",
) -> Counterfactual:
    """Solve one what-if.

    Parameters
    ----------
    baseline
        From :func:`baseline`.
    exits
        Ties that end; those that meet on one pair leave the product of what each would leave.
    caps
        Limits on quantity.
    cost
        Ratio τ̂ > 0 of new to old ad-valorem trade cost; dims among sector, origin, destination, 1 where no label.
    tariff
        Ad-valorem rate t > −1 with the revenue returned to the importer, from none at the baseline; 0 where no label.
    elasticity
        One number, or one by sector.
    factors
        ``"mobile"`` or ``"specific"``.
    deficits
        ``"world_share"``, ``"nominal"``, ``"proportional"`` or ``"balanced"`` (ratios are then to the world freed of
        its deficits, not to the one given).
    numeraire
        For ``"nominal"``: ``"world"`` output, ``"prices"``, or a country, whose factor income is then held.
    substitution
        Elasticity of substitution between sectors, positive. Below 1 they are complements: what becomes dear takes a
        larger part of spending. None is Cobb–Douglas, shares that stay, which 1 is too.
    on_failure
        ``"return"`` hands back an equilibrium that was not found, with its residual and status.

    Returns
    -------
    Counterfactual

    Raises
    ------
    BadInput
        Unknown names, with the nearest valid one; impossible figures.
    CannotCompute
        If no equilibrium was found to 1e-10.
    """
    choices(factors, deficits)
    theta = elasticities(baseline, elasticity)
    if substitution is not None and not (np.isfinite(substitution) and substitution > 0):
        raise BadInput(
            f"the elasticity of substitution between sectors is a positive number, not {substitution}",
            code="bad-substitution",
        )
    if deficits == "balanced":
        baseline = freed(baseline, theta, factors, substitution)
    tau = _on_pairs(baseline, cost, 1.0, "cost")
    rate = _on_pairs(baseline, tariff, 0.0, "tariff")
    if tau is not None and not (tau > 0).all():
        raise BadInput("a cost is a positive ratio, new over old", code="bad-cost")
    if rate is not None and not (rate > -1).all():
        raise BadInput("a tariff is a rate above −1", code="bad-tariff")
    keep = _keep(baseline, exits)

    routes = list(caps or ())
    members = np.zeros((len(routes), *keep.shape))
    for r, cap in enumerate(routes):
        for s in baseline.sector_indices(cap.sectors):
            for i in baseline.indices(cap.origins):
                for j in baseline.indices(cap.destinations):
                    members[r, s, i, j] = float(i != j)
        if not members[r].any():
            raise BadInput(
                f"no flow runs under the cap from {cap.origins} to {cap.destinations}", code="empty-cap"
            )
    touched = (keep != 1).any(0) | members.any(axis=(0, 1))
    origin, destination = np.nonzero(touched)
    where = numeraire if numeraire in ("world", "prices") else baseline.indices(numeraire)[0]
    shock = Shock(
        origin,
        destination,
        keep[:, origin, destination][None],
        caps=None
        if not routes
        else Caps(
            members[:, :, origin, destination],
            np.array([[cap.limit for cap in routes]]),
            np.array([cap.exporter_rent for cap in routes]),
            np.array([-1 if cap.owner is None else baseline.indices(cap.owner)[0] for cap in routes]),
        ),
        cost=tau,
        tariff=rate,
    )
    eq = solve(
        baseline.economy,
        theta,
        shock,
        factors=factors,
        deficits=deficits,
        numeraire=cast(Numeraire, where),
        substitution=substitution,
    )
    status = int(np.asarray(eq.status)[0])
    residual = float(np.asarray(eq.residual)[0])
    if status == NOT_CONVERGED and on_failure == "raise":
        raise CannotCompute(
            f"no equilibrium was found to 1e-10 (residual {residual:.1e})",
            code="no-equilibrium",
            hint="a surplus held fixed may exceed what a country still earns: try deficits='proportional', "
            "or on_failure='return' to see how far it got",
        )
    shadow = np.asarray(eq.cap_price)[0]
    closed = np.array([cap.limit <= 0 for cap in routes], dtype=bool)
    keep = np.where((members[closed] > 0).any(axis=0), 0.0, keep)
    wedge = np.einsum("r,rsij->sij", np.where(closed, 0.0, shadow), (members > 0).astype(float))
    country = {"country": list(baseline.countries)}
    by_sector = {"sector": list(baseline.sectors), **country}
    prices = np.exp(np.asarray(eq.log_price)[0])
    labelled = keep if tau is None else keep * tau ** -theta[:, None, None]
    return Counterfactual(
        welfare=_array(np.asarray(eq.welfare)[0], country, "welfare, ratio to the baseline"),
        wages=_array(prices, by_sector, "factor prices, ratio to the baseline")
        if factors == "specific" and baseline.several
        else _array(prices[0], country, "wages, ratio to the baseline"),
        expenditure=_array(
            np.exp(np.asarray(eq.log_expenditure)[0]), country, "expenditure, ratio to the baseline"
        ),
        prices=_array(
            np.exp(-np.asarray(eq.log_phi)[0] / theta[:, None]),
            by_sector,
            "consumer prices, ratio to the baseline",
        ),
        cap_price=_array(np.exp(shadow), {"cap": list(range(len(routes)))}, "price paid over price received"),
        residual=residual,
        status=STATUS[status],
        iterations=int(np.asarray(eq.iterations)[0]),
        _base=baseline,
        _keep=labelled,
        _theta=theta,
        _equilibrium=eq,
        _log_wedge=wedge,
        _tariff=rate,
        _substitution=substitution,
    )


def _array(values: NDArray[np.float64], coords: Mapping[str, list[Any]], what: str) -> xr.DataArray:
    return xr.DataArray(
        values, coords=dict(coords), dims=list(coords), attrs={"long_name": what, "unit": "ratio"}
    )


def freed(
    world: Baseline, theta: NDArray[np.float64], factors: Factors, substitution: float | None = None
) -> Baseline:
    """The same world without deficits."""
    flows = without_deficits(world.flows.values, theta, factors=factors, substitution=substitution)
    if not np.isfinite(flows).all():
        raise CannotCompute("no equilibrium without deficits was found to 1e-10", code="no-equilibrium")
    return Baseline(world.flows.copy(data=flows), world.several, world.blocs, world.lifted)
