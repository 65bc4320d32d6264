"""Who came when a government was in armed conflict, 1946–2017: one table of occasions, and the probability of help.

    python validation/help_in_crisis.py [estimate] [decade] [region] [levers] [--table FILE.csv] [--draws 400]

An occasion is a government, not itself a great power, that enters an armed conflict (UCDP/PRIO): once for each conflict
and for each return to it after more than three quiet years. Who might have come: its neighbours (by land or over at
most 150 miles of water), the great powers, and whoever had a promise of defence with it (ATOP), as they were the year
before, the other side left out. Who came: a state that UCDP lists as supporting that side with troops in one of the
first three years.

What is known of each pair the year before mirrors the terms of the decision in :mod:`tertius.models.rescue`: a border
and the distance between capitals (own security), promises of defence, likeness of votes in the United Nations, trade
(friendly regime, influence), how often a power came before and what is on record of its alliances (credibility),
capabilities (costs). The probability of help is a logit: once plainly (statsmodels), once with effects of the occasion
and of the helper (NumPyro, NUTS). Both are scored on decades and on regions that they have not seen.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import tertius as tt
import tertius.world as data
from tertius.world import codes

Floats = NDArray[np.float64]

FIRST, LAST = 1946, 2017
QUIET = 3
"""Years without fighting after which a return to it is a new occasion."""
WINDOW = 3
"""Years, from the first, in which help counts."""
WATER = 4
"""Contiguity: 1 is by land, 4 over at most 150 miles of water."""
REGIONS = {2: "Americas", 200: "Europe", 400: "Africa", 600: "Middle East", 700: "Asia"}
"""By the first Correlates of War number of each."""

TERMS = {
    "border": "own security",
    "distance": "own security, costs",
    "pact": "obligation",
    "partners": "obligation",
    "pact, attacked": "obligation",
    "affinity": "friendly regime",
    "trade": "friendly regime, influence",
    "rivals": "friendly regime",
    "common rival": "own security",
    "came before": "credibility",
    "record": "credibility",
    "capability": "costs",
    "weight": "costs",
    "attacked": "occasion",
}
"""What the logit looks at, and which part of the decision in model 6 it stands for."""

UNKNOWN = ("affinity", "trade")
"""Terms that are unknown for some pairs; whether they are is a term of its own, since missing is not zero."""


# --- the table -------------------------------------------------------------------------------------------


def cow(gw: int, year: int) -> int:
    """Return the Correlates of War number of a Gleditsch–Ward state in a year."""
    if gw == 260 and year >= 1990:
        return 255
    if gw == 678 and year >= 1990:
        return 679
    return 345 if gw == 340 else gw


def fighting() -> pd.DataFrame:
    """Return governments at war: one row for each conflict, year, government and state that sent troops to it.

    Returns
    -------
    DataFrame
        ``conflict, year, client, helper`` (missing where nobody did), ``attacked`` (by another state). Wars of
        colonial powers overseas are left out.
    """
    conflicts = data.table("cow-geography", "conflicts", "type_of_conflict <> 'extrasystemic'")
    parts = []
    for side in ("a", "b"):
        rows = conflicts[conflicts[f"gwno_{side}"].notna()]
        parts.append(
            pd.DataFrame(
                {
                    "conflict": rows["conflict_id"],
                    "year": rows["year"],
                    "client": rows[f"gwno_{side}"],
                    "helper": rows[f"gwno_{side}_2nd"],
                    "attacked": rows["type_of_conflict"] == "interstate",
                }
            )
        )
    out = pd.concat(parts, ignore_index=True).drop_duplicates()
    for column in ("client", "helper"):
        out[column] = [
            cow(int(gw), int(year)) if not pd.isna(gw) else np.nan
            for gw, year in zip(out[column], out["year"], strict=True)
        ]
    return out


def occasions(wars: pd.DataFrame, window: int = WINDOW) -> pd.DataFrame:
    """Return the occasions on which somebody could have been helped.

    Parameters
    ----------
    wars
        From :func:`fighting`.
    window
        Years, from the first, in which help counts.

    Returns
    -------
    DataFrame
        ``occasion`` (number), ``conflict, client, year`` (the first), ``attacked``, ``came`` (set of helpers within
        the window), ``enemies`` (set of governments on the other side).
    """
    rows = []
    for (conflict, client), spell in wars.groupby(["conflict", "client"]):
        years = np.sort(spell["year"].unique())
        starts = years[np.diff(years, prepend=-10_000) > QUIET]
        others = wars[wars["conflict"] == conflict]
        enemies = set(others.loc[others["client"] != client, "client"])
        for start in starts[(starts >= FIRST) & (starts <= LAST)]:
            early = spell[spell["year"].between(start, start + window - 1)]
            rows.append(
                {
                    "conflict": conflict,
                    "client": int(client),
                    "year": int(start),
                    "attacked": bool(early["attacked"].any()),
                    "came": frozenset(early["helper"].dropna().astype(int)),
                    "enemies": frozenset(int(e) for e in enemies),
                }
            )
    out = pd.DataFrame(rows).sort_values(["year", "conflict", "client"], ignore_index=True)
    return out.rename_axis("occasion").reset_index()


def _spans(rows: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    """Rows with the years in which they hold; lists that were closed at the end of 2016 hold the year after too."""
    years = pd.DataFrame({name: rows[name] for name in (first, last)})
    for name in years:
        if not pd.api.types.is_numeric_dtype(years[name]):
            years[name] = pd.to_datetime(years[name]).dt.year
    return rows.assign(first=years[first], last=years[last].where(years[last] < 2016, 9999))


class _World:
    """What was the case between two states in a year."""

    def __init__(self) -> None:
        self.then: dict[tuple[str, int], pd.DataFrame] = {}
        self.borders = _spans(data.table("cow-geography", "contiguity"), "stdate", "enddate")
        self.majors = _spans(data.table("cow-geography", "major_powers"), "styear", "endyear")
        self.states = _spans(data.table("cow-geography", "states"), "styear", "endyear")
        rivalries = data.table("cow-geography", "rivalries")
        self.rivalries = rivalries.assign(first=rivalries["start"], last=rivalries["end"])
        capitals = _spans(data.table("cow-geography", "capitals"), "stdate", "enddate")
        self.capitals = {
            int(state): list(zip(part["first"], part["last"], part["lat"], part["lng"], strict=True))
            for state, part in capitals.groupby("ccode")
        }
        self.cinc = data.table("cow-geography", "capabilities").set_index(["ccode", "year"])["cinc"].to_dict()
        votes = data.table("un-ideal-points", "all_votes")
        self.ideal = votes.set_index(["ccode", "year"])["IdealPointAll"].dropna().to_dict()
        self._pacts()
        self._trade()
        self._records()

    def _pacts(self) -> None:
        pairs = data.table("alliances", "atop", f"atop_defense = 1 and year >= {FIRST - 1}")
        self.pacts = pairs.groupby(["ccode1", "year"])["ccode2"].agg(list).to_dict()
        members = data.table("alliances", "atop_members")
        members = pd.DataFrame(
            {
                "atopid": members["atopid"],
                "member": members["member"],
                "first": members["yrent"],
                "last": members["yrexit"].where(members["yrexit"] > 0, 9999),
                "defence": members["defense"] == 1,
            }
        )
        self.members = members
        self.defence = members[members["defence"]]

    def _trade(self) -> None:
        rows = data.table("cow-trade", where=f"year >= {FIRST - 1}")
        both = rows["flow1"] + rows["flow2"]
        one = pd.DataFrame({"a": rows["ccode1"], "b": rows["ccode2"], "year": rows["year"], "flow": both})
        dyads = pd.concat([one, one.rename(columns={"a": "b", "b": "a"})]).dropna().reset_index(drop=True)
        total = dyads.groupby(["a", "year"])["flow"].transform("sum")
        known = dyads[total > 0].assign(share=dyads["flow"] / total)
        self.share = dict(
            zip(zip(known["a"], known["year"], known["b"], strict=True), known["share"], strict=True)
        )

    def _records(self) -> None:
        """Promises kept and broken in war, of the alliances of which a state was a member in that war's last year."""
        wars = data.table("alliances", "commitments")
        wars = wars.assign(
            ended=[int(max(re.findall(r"\d{4}", name) or ["0"])) for name in wars["warname"]],
            kept=wars["honorBF"].fillna(0.0),
            broken=wars["violateBF"].fillna(0.0),
        )
        wars = wars[wars["kept"] + wars["broken"] > 0]
        joined = wars.merge(self.members, on="atopid")
        joined = joined[(joined["first"] <= joined["ended"]) & (joined["last"] >= joined["ended"])]
        joined = joined.drop_duplicates(["warid", "atopid", "member"])
        self.records = {
            int(state): list(zip(part["ended"], part["kept"], part["broken"], strict=True))
            for state, part in joined.groupby("member")
        }

    def _then(self, name: str, year: int) -> pd.DataFrame:
        if (name, year) not in self.then:
            rows = getattr(self, name)
            self.then[name, year] = rows[(rows["first"] <= year) & (rows["last"] >= year)]
        return self.then[name, year]

    def neighbours(self, client: int, year: int) -> dict[int, int]:
        """Neighbours with the kind of contiguity, 1 = by land."""
        rows = self._then("borders", year)
        rows = rows[(rows["ccode1"] == client) & (rows["conttype"] <= WATER)]
        return {int(b): int(kind) for b, kind in zip(rows["ccode2"], rows["conttype"], strict=True)}

    def great_powers(self, year: int) -> set[int]:
        return {int(c) for c in self._then("majors", year)["ccode"]}

    def exist(self, year: int) -> set[int]:
        return {int(c) for c in self._then("states", year)["ccode"]}

    def allies(self, client: int, year: int) -> dict[int, int]:
        """Partners in defence with the number of members of the smallest alliance that both are in."""
        members = self._then("defence", year)
        mine = members.loc[members["member"] == client, "atopid"]
        own = members[members["atopid"].isin(mine)].drop_duplicates(["atopid", "member"])
        size = own.groupby("atopid")["member"].nunique()
        smallest = own.assign(size=own["atopid"].map(size)).groupby("member")["size"].min().to_dict()
        return {int(b): int(smallest.get(b, 2)) for b in self.pacts.get((client, year), [])}

    def kilometres(self, a: int, b: int, year: int) -> float:
        places = []
        for state in (a, b):
            found = [c for c in self.capitals.get(state, []) if c[0] <= year <= c[1]]
            if not found:
                return math.nan
            places.append((math.radians(found[-1][2]), math.radians(found[-1][3])))
        (lat, lng), (lat2, lng2) = places
        h = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lng2 - lng) / 2) ** 2
        return 2 * 6371 * math.asin(math.sqrt(h))

    def rivals(self, state: int, year: int) -> set[int]:
        rows = self._then("rivalries", year)
        pairs = zip(rows["ccode1"].astype(int), rows["ccode2"].astype(int), strict=True)
        return {b if a == state else a for a, b in pairs if state in (a, b)}

    def record(self, state: int, year: int) -> float:
        """Mean of a Beta(1, 1) belief about its alliances after the wars that were over."""
        known = [(kept, broken) for ended, kept, broken in self.records.get(state, []) if ended < year]
        return (1 + sum(k for k, _ in known)) / (2 + sum(k + b for k, b in known))


def table(window: int = WINDOW) -> pd.DataFrame:
    """Return one row for each occasion and each state that might have come.

    Parameters
    ----------
    window
        Years, from the first, in which help counts.

    Returns
    -------
    DataFrame
        ``occasion, year, client, helper, region, decade``, ``helped`` (1 or 0), the terms of :data:`TERMS` and, for
        China and Russia, ``fbic``. Unknown is NaN.
    """
    world = _World()
    index = _fbic()
    rows = []
    history: dict[int, list[tuple[int, bool]]] = {}
    for occasion in occasions(fighting(), window).itertuples():
        client, year, before = occasion.client, occasion.year, occasion.year - 1
        near, great = world.neighbours(client, before), world.great_powers(before)
        if client in great:
            continue
        allies = world.allies(client, before)
        might = ((set(near) | great | set(allies)) & world.exist(year)) - {client} - occasion.enemies
        rivals, hostile = world.rivals(client, before), [world.rivals(e, before) for e in occasion.enemies]
        for helper in sorted(might):
            past = [came for start, came in history.get(helper, []) if start + window <= year]
            # Trade is known to 2014 only; shares move slowly.
            share = world.share.get((client, min(before, 2014), helper), math.nan)
            mine, theirs = (world.ideal.get((state, before), math.nan) for state in (client, helper))
            size = allies.get(helper, 0)
            rows.append(
                {
                    "occasion": occasion.occasion,
                    "conflict": occasion.conflict,
                    "year": year,
                    "client": client,
                    "helper": helper,
                    "region": REGIONS[max(first for first in REGIONS if first <= client)],
                    "decade": year // 10 * 10,
                    "helped": int(helper in occasion.came),
                    "border": float(near.get(helper, 9) == 1),
                    "distance": math.log(max(world.kilometres(client, helper, before), 1.0)),
                    "pact": float(helper in allies),
                    "partners": math.log(size / 2) if size else 0.0,
                    "pact, attacked": float(helper in allies and occasion.attacked),
                    "affinity": -abs(mine - theirs),
                    "trade": math.log1p(100 * share),
                    "rivals": float(helper in rivals),
                    "common rival": float(any(helper in h for h in hostile)),
                    "came before": math.log((1 + sum(past)) / (50 + len(past))),
                    "record": world.record(helper, year),
                    "capability": math.log(max(world.cinc.get((helper, before), math.nan), 1e-6)),
                    "weight": math.log(max(world.cinc.get((client, before), math.nan), 1e-6)),
                    "attacked": float(occasion.attacked),
                    "fbic": index.get((helper, client, before), math.nan),
                }
            )
            history.setdefault(helper, []).append((year, helper in occasion.came))
    return pd.DataFrame(rows)


def _fbic() -> Mapping[tuple[int, int, int], float]:
    index = data.table("fbic")
    number = {iso3: c.cow for iso3, c in codes.countries().items()}
    out = {}
    for helper, suffix in ((710, "chn"), (365, "rus")):
        for iso3, year, value in zip(index["iso3"], index["year"], index[f"fbic_{suffix}"], strict=True):
            if number.get(iso3) and not pd.isna(value):
                out[helper, int(number[iso3]), int(year)] = float(value)
    return out


def levers(rows: pd.DataFrame) -> pd.Series:
    """Return the trade lever of each helper over its client the year before.

    Parameters
    ----------
    rows
        From :func:`table`.

    Returns
    -------
    Series
        Log points; NaN before 2000, for which the trade of all pairs is not in the packs, and where it is unknown.
    """
    out = pd.Series(np.nan, rows.index)
    for year, part in rows[rows["year"] > 2000].groupby("year"):
        world = tt.load_world(f"baci-{int(year) - 1}")
        base = tt.models.trade.baseline(world.flows, gdp=world.gdp)
        iso3 = {state: codes.from_cow(int(state)) for state in {*part["client"], *part["helper"]}}
        clients = sorted({iso3[c] for c in part["client"]} & set(world.countries))
        lever = tt.models.trade.leverage(base, clients=clients, on_failure="return").to_series()
        out.loc[part.index] = [
            lever.get((iso3[p], iso3[c]), math.nan)
            for p, c in zip(part["helper"], part["client"], strict=True)
        ]
    return out


def outside(rows: pd.DataFrame, window: int = WINDOW) -> pd.DataFrame:
    """Return the helpers who came from outside the lists of those who might: neither near, nor great, nor allied.

    Parameters
    ----------
    rows
        From :func:`table`.
    window
        The same as there.
    """
    listed = set(zip(rows["occasion"], rows["helper"], strict=True))
    told = set(rows["occasion"])
    return pd.DataFrame(
        [
            (o.occasion, o.year, o.client, helper)
            for o in occasions(fighting(), window).itertuples()
            if o.occasion in told
            for helper in sorted(o.came)
            if (o.occasion, helper) not in listed
        ],
        columns=["occasion", "year", "client", "helper"],
    )


def agreement() -> tuple[int, int, int]:
    """Return how far two records of troops agree, government–helper–years of civil wars 1975–2017.

    Returns
    -------
    tuple
        In both the armed-conflict and the external-support data; only in the first; only in the second.
    """
    wars = fighting()
    wars = wars[~wars["attacked"] & wars["helper"].notna() & wars["year"].between(1975, 2017)]
    ours = set(zip(wars["conflict"], wars["year"], wars["client"], wars["helper"].astype(int), strict=True))
    rows = data.table(
        "ucdp-support", where="actor_nonstate = 0 and civil = 1 and ext_nonstate = 0 and ext_x = 1"
    )
    former = {"South Vietnam": 817, "East Germany": 265}
    theirs = set()
    for conflict, year, client, name in zip(
        rows["conflict_id"], rows["year"], rows["gwno_a"], rows["ext_name"], strict=True
    ):
        plain = re.sub(r"^Government of |\s*\(.*\)", "", name)
        found = codes.match(plain)
        number = former.get(plain) or (codes.countries()[found].gw if found else None)
        if number:
            theirs.add((conflict, year, cow(int(client), year), cow(number, year)))
    return len(ours & theirs), len(ours - theirs), len(theirs - ours)


# --- the estimates ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """How the terms were put on one scale, by the rows that an estimate saw."""

    mean: pd.Series
    sd: pd.Series
    terms: tuple[str, ...]

    @classmethod
    def of(cls, rows: pd.DataFrame, terms: Iterable[str]) -> Scale:
        """Means and standard deviations of these rows; what is 0 or 1 stays so."""
        names = list(terms)
        values = rows[names]
        flags = values.isin([0.0, 1.0]).all()
        return cls(values.mean().where(~flags, 0.0), values.std().where(~flags, 1.0), tuple(names))

    def matrix(self, rows: pd.DataFrame) -> Floats:
        """The terms, and for those that may be unknown whether they are."""
        z = (rows[list(self.terms)] - self.mean) / self.sd
        blind = [z[name].isna().astype(float) for name in self.terms if name in (*UNKNOWN, "lever")]
        return np.column_stack([z.fillna(0.0).to_numpy(), *(b.to_numpy() for b in blind)])


Predict = Callable[[pd.DataFrame], Floats]


def plain(rows: pd.DataFrame, terms: Iterable[str] = TERMS) -> Predict:
    """Fit a logistic regression and return how it predicts."""
    from statsmodels.api import Logit

    scale = Scale.of(rows, terms)

    def design(of: pd.DataFrame) -> Floats:
        x = scale.matrix(of)
        return np.column_stack([np.ones(len(x)), x])

    x = design(rows)
    varies = x.std(0) > 0
    varies[0] = True
    fit = Logit(rows["helped"].to_numpy(), x[:, varies]).fit(disp=0, maxiter=100)
    if not fit.mle_retvals["converged"]:
        raise RuntimeError("the plain logistic regression did not converge")
    return lambda of: np.asarray(fit.predict(design(of)[:, varies]))


@dataclass(frozen=True)
class Estimate:
    """Draws from the posterior of the hierarchical logit."""

    scale: Scale
    draws: Mapping[str, Floats]
    helpers: Mapping[int, int]
    divergences: int
    worst_rhat: float

    def predict(self, rows: pd.DataFrame) -> Floats:
        """Probability of help, averaged over the posterior; occasions, and unseen helpers, are drawn anew."""
        rng = np.random.default_rng(0)
        d = self.draws
        eta = d["intercept"][:, None] + d["slopes"] @ self.scale.matrix(rows).T
        known = np.array([self.helpers.get(int(h), -1) for h in rows["helper"]])
        fresh = d["of_helper"][:, None] * rng.normal(size=eta.shape)
        eta += np.where(known >= 0, (d["of_helper"][:, None] * d["helper"])[:, known], fresh)
        of_occasion = d["of_occasion"][:, None] * rng.normal(size=eta.shape)
        return np.asarray((1.0 / (1.0 + np.exp(-(eta + of_occasion)))).mean(0))

    def weights(self, rationality: float, averted: float) -> pd.DataFrame:
        """Return what the slopes say of the weights of model 6, log points: median, 5th, 95th percentile.

        A slope is λ times what the term is worth, so the weights follow for a stated λ only. ``averted`` is by how much
        help lowers the probability of collapse, and raises that of survival. These are differences: of a neighbour's
        own security over that of others, of an ally of a small alliance over no ally, and costs of distance and of the
        task.

        Parameters
        ----------
        rationality
            λ, one over log points.
        averted
            Change of the probability of survival through help.
        """
        raw = self.draws["slopes"][:, : len(self.scale.terms)] / self.scale.sd.to_numpy()
        by = dict(zip(self.scale.terms, raw.T, strict=True))
        told = {
            "own security H: a land border": by["border"] / averted,
            "friendly regime V: a pact of two": by["pact"] / averted,
            "friendly regime V: a pact of nine": (by["pact"] + by["partners"] * math.log(9 / 2)) / averted,
            "cost: twice as far": -by["distance"] * math.log(2),
            "cost: a client twice as large": -by["weight"] * math.log(2),
        }
        rows = {k: np.quantile(v / rationality, [0.5, 0.05, 0.95]) for k, v in told.items()}
        return pd.DataFrame(rows, index=["median", "p05", "p95"]).T

    def slopes(self) -> pd.DataFrame:
        """Change of the log-odds for one unit of each term in its own unit: median, 5th, 95th percentile."""
        raw = self.draws["slopes"][:, : len(self.scale.terms)] / self.scale.sd.to_numpy()
        q = np.quantile(raw, [0.5, 0.05, 0.95], axis=0)
        prior = 1.0 / self.scale.sd.to_numpy()
        return pd.DataFrame(
            {"median": q[0], "p05": q[1], "p95": q[2], "learnt": 1.0 - (raw.std(0) / prior) ** 2},
            index=list(self.scale.terms),
        )


def hierarchical(
    rows: pd.DataFrame, draws: int = 500, terms: Iterable[str] = TERMS, seed: int = 0, chains: int = 2
) -> Estimate:
    """Fit the logit with effects of the occasion and of the helper, by NUTS.

    Slopes of terms in standard deviations (of flags, as they are) have a standard normal prior, as have the
    effects once divided by their scales, whose priors are half-normal.
    """
    import numpyro
    import numpyro.distributions as dist
    from numpyro.diagnostics import split_gelman_rubin
    from numpyro.infer import MCMC, NUTS

    scale = Scale.of(rows, terms)
    x = jax.numpy.asarray(scale.matrix(rows))
    y = jax.numpy.asarray(rows["helped"].to_numpy())
    occasion, occasions_ = pd.factorize(rows["occasion"])
    helper, helpers = pd.factorize(rows["helper"])
    base = math.log(rows["helped"].mean() / (1 - rows["helped"].mean()))

    def model() -> None:
        intercept = numpyro.sample("intercept", dist.Normal(base, 2.0))
        slopes = numpyro.sample("slopes", dist.Normal(0.0, 1.0).expand([x.shape[1]]).to_event(1))
        of_occasion = numpyro.sample("of_occasion", dist.HalfNormal(1.0))
        of_helper = numpyro.sample("of_helper", dist.HalfNormal(1.0))
        u = numpyro.sample("occasion", dist.Normal(0.0, 1.0).expand([len(occasions_)]).to_event(1))
        v = numpyro.sample("helper", dist.Normal(0.0, 1.0).expand([len(helpers)]).to_event(1))
        eta = intercept + x @ slopes + of_occasion * u[occasion] + of_helper * v[helper]
        numpyro.sample("y", dist.Bernoulli(logits=eta), obs=y)

    # Border, promise and partners go together, so the slopes are scaled together.
    kernel = NUTS(
        model,
        init_strategy=numpyro.infer.init_to_median,
        dense_mass=[("intercept", "slopes")],
        max_tree_depth=8,
    )
    run = MCMC(
        kernel,
        num_warmup=max(draws, 100),
        num_samples=draws,
        num_chains=chains,
        chain_method="vectorized",
        progress_bar=False,
    )
    run.run(jax.random.PRNGKey(seed), extra_fields=("diverging", "num_steps"))
    told = {k: np.asarray(v) for k, v in run.get_samples(group_by_chain=True).items()}
    rhat = max(float(np.max(split_gelman_rubin(told[k]))) for k in ("intercept", "slopes", "of_helper"))
    return Estimate(
        scale,
        {k: v.reshape(-1, *v.shape[2:]) for k, v in told.items()},
        {int(h): i for i, h in enumerate(helpers)},
        int(np.asarray(run.get_extra_fields()["diverging"]).sum()),
        rhat,
    )


# --- scores ----------------------------------------------------------------------------------------------


def held_out(rows: pd.DataFrame, by: str, fit: Callable[[pd.DataFrame], Predict]) -> Floats:
    """Predict each decade, or each region, by an estimate that has not seen it."""
    out = np.full(len(rows), np.nan)
    for _, part in rows.groupby(by):
        rest = rows.drop(index=part.index)
        out[rows.index.get_indexer(part.index)] = fit(rest)(part)
    return out


def base_rate(rows: pd.DataFrame) -> Predict:
    """Everybody comes as often as anybody did."""
    rate = float(rows["helped"].mean())
    return lambda of: np.full(len(of), rate)


def score(y: Floats, p: Floats) -> dict[str, float]:
    """Return what a forecast is worth.

    Returns
    -------
    dict
        ``brier`` and ``log`` (both to be low), ``auc`` (chance that who came was given more than who did not),
        and the line of calibration: of log-odds, ``slope`` 1 and ``level`` 0 are perfect.
    """
    from statsmodels.api import GLM, families

    p = np.clip(p, 1e-6, 1 - 1e-6)
    rank = pd.Series(p).rank().to_numpy()
    n1, n0 = y.sum(), (1 - y).sum()
    out = {
        "brier": float(((p - y) ** 2).mean()),
        "log": float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean()),
        "auc": float((rank[y == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)),
    }
    logit = np.log(p / (1 - p))
    if logit.std() > 1e-9:
        fit = GLM(y, np.column_stack([np.ones(len(y)), logit]), family=families.Binomial()).fit()
        level = GLM(y, np.ones((len(y), 1)), family=families.Binomial(), offset=logit).fit()
        out |= {"slope": float(fit.params[1]), "level": float(level.params[0])}
    return out


def who(rows: pd.DataFrame, p: Floats) -> float:
    """Return how well a forecast tells who came from who did not where somebody came: the mean AUC of an occasion."""
    found = []
    for _, part in rows.assign(p=p).groupby("occasion"):
        y, rank = part["helped"].to_numpy(float), part["p"].rank().to_numpy()
        n1, n0 = y.sum(), (1 - y).sum()
        if n1 and n0:
            found.append((rank[y == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
    return float(np.mean(found))


def bins(y: Floats, p: Floats, edges: Iterable[float] = (0, 0.005, 0.01, 0.02, 0.05, 0.1, 1)) -> pd.DataFrame:
    """Forecast beside frequency, in bins of the forecast."""
    cut = pd.cut(pd.Series(p), list(edges), include_lowest=True)
    groups = pd.DataFrame({"forecast": p, "came": y}).groupby(cut, observed=True)
    return groups.agg(pairs=("came", "size"), forecast=("forecast", "mean"), came=("came", "mean"))


def gain(
    rows: pd.DataFrame, better: Floats, worse: Floats, resamples: int = 2000
) -> tuple[float, float, float]:
    """Return the gain in log score per 1,000 pairs with its 90 % interval, occasions resampled whole."""
    y = rows["helped"].to_numpy(float)

    def log(p: Floats) -> Floats:
        q = np.clip(p, 1e-6, 1 - 1e-6)
        return np.asarray(y * np.log(q) + (1 - y) * np.log1p(-q))

    parts = pd.DataFrame({"o": rows["occasion"], "d": log(better) - log(worse)}).groupby("o")["d"]
    total, size = parts.sum().to_numpy(), parts.size().to_numpy()
    rng = np.random.default_rng(0)
    pick = rng.integers(0, len(total), (resamples, len(total)))
    means = 1000 * total[pick].sum(1) / size[pick].sum(1)
    low, high = np.quantile(means, [0.05, 0.95])
    return float(1000 * total.sum() / size.sum()), float(low), float(high)


def compare(
    rows: pd.DataFrame, by: str, draws: int, terms: Iterable[str] = TERMS
) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Score the three forecasts on decades, or regions, that they have not seen."""
    names = tuple(terms)
    forecasts = {
        "base rate": held_out(rows, by, base_rate),
        "plain logit": held_out(rows, by, lambda seen: plain(seen, names)),
        "hierarchical": held_out(rows, by, lambda seen: hierarchical(seen, draws, names).predict),
    }
    y = rows["helped"].to_numpy(float)
    told = {name: score(y, p) | {"who": who(rows, p)} for name, p in forecasts.items()}
    return pd.DataFrame(told).T, forecasts


def _print(title: str, frame: pd.DataFrame, digits: int = 4) -> None:
    print(f"\n{title}\n{frame.round(digits).to_string()}", flush=True)


def _print_comparison(rows: pd.DataFrame, by: str, draws: int) -> None:
    scores, forecasts = compare(rows, by, draws)
    _print(f"left out by {by}", scores)
    pairs = [("plain logit", "base rate"), ("hierarchical", "base rate"), ("hierarchical", "plain logit")]
    gains = {f"{a} over {b}": gain(rows, forecasts[a], forecasts[b]) for a, b in pairs}
    told = pd.DataFrame(gains, index=["gain", "p05", "p95"]).T
    _print("gain in log score per 1,000 pairs, occasions resampled", told, 2)
    for name in ("plain logit", "hierarchical"):
        _print(f"{name}: forecast beside frequency", bins(rows["helped"].to_numpy(float), forecasts[name]))


def main() -> None:
    """Print what docs/history.md quotes."""
    parts = ("estimate", "decade", "region", "levers")
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=parts, help=f"of {', '.join(parts)}; all by default")
    parser.add_argument("--table", type=Path, help="write the table of occasions to this file")
    parser.add_argument("--draws", type=int, default=400, help="draws kept of each of two chains")
    parser.add_argument("--window", type=int, default=WINDOW, help="years in which help counts")
    parser.add_argument(
        "--weights", type=float, nargs=2, default=(2.0, 0.2), metavar=("LAMBDA", "AVERTED"), help="of model 6"
    )
    given = parser.parse_args()
    rows = table(given.window)
    if "levers" in given.parts:
        rows = rows.assign(lever=levers(rows))
    if given.table:
        rows.to_csv(given.table, index=False)
    helped = rows[rows["helped"] == 1]
    print(
        f"{rows['occasion'].nunique()} occasions, {len(rows)} pairs; {len(helped)} helped, on "
        f"{helped['occasion'].nunique()} occasions; {len(outside(rows, given.window))} helpers were in no list"
    )
    both, first, second = agreement()
    print(f"troops, 1975-2017: {both} in both records, {first} and {second} in one only", flush=True)
    if "estimate" in given.parts:
        fit = hierarchical(rows, given.draws)
        print(f"NUTS: {fit.divergences} divergences, largest R-hat {fit.worst_rhat:.3f}")
        _print("change of log-odds", fit.slopes().assign(stands_for=list(TERMS.values())), 2)
        for name in ("of_occasion", "of_helper"):
            print(name, np.quantile(fit.draws[name], [0.5, 0.05, 0.95]).round(2))
        rationality, averted = given.weights
        told = f"weights of model 6 if λ is {rationality} and help adds {averted} to survival, log points"
        _print(told, fit.weights(rationality, averted), 2)
    for by in ("decade", "region"):
        if by in given.parts:
            _print_comparison(rows, by, given.draws)
    if "levers" in given.parts:
        late = rows[rows["lever"].notna()].reset_index(drop=True)
        print(f"\nwith levers, 2001 on: {len(late)} pairs, {late['helped'].sum()} helped")
        swapped = tuple("lever" if t == "trade" else t for t in TERMS)
        for term, terms in (("trade", tuple(TERMS)), ("lever", swapped)):
            fit = hierarchical(late, given.draws, terms)
            _print(f"{term}: change of log-odds", fit.slopes().loc[[term]], 3)
        told = rows[rows["fbic"].notna()]
        _print(
            "China and Russia: influence (FBIC) the year before",
            told.groupby(["helper", "helped"])["fbic"].agg(["size", "mean", "median"]),
        )


if __name__ == "__main__":
    main()
