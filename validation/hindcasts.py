"""Three shocks to trade that happened, predicted from the year before and held against the year after.

    python validation/hindcasts.py [--elasticity 4] [--gains 6]

Iran 2012 (embargo of the European Union), Russia and the European Union 2014, Qatar 2017 (boycott of four neighbours).
The model has the year before the shock, and is told one thing about the year after it: by how much the sanctioned tie
fell, exports and imports apart. It predicts the shares of all the other partners in the client's exports and in its
imports. The score is the mean absolute error of these shares, over the partners outside the tie and in percentage
points, beside those of

* "no change": every partner keeps its share;
* "in proportion": what the tie lost falls to the others in proportion to their shares (told the same one thing).

How far the tie fell can be read in two ways. The *share* reading sets the tie's weight B so that the tie's share of the
client's trade, in the model, is the observed one: a fall of all of a country's trade (a cheaper barrel, a recession)
is then no part of the sanction. The *value* reading sets B to the ratio of the tie's value after to before. Both are
scored. The same is done for earlier windows of the same length without the shock, which shows the noise.

    python validation/hindcasts.py --sectors

tells goods apart: 22 sections of the Harmonized System, each pair's total still BACI's, for the two shocks within 2013
to 2018, with factors that stay in their sector and fuels (mineral products) that replace one another more closely. A
third rival joins, "in proportion by section": what the tie lost in each falls to the others by their shares in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

import tertius as tt
from tertius.world import bloc

ELASTICITY = 4.0
FUELS, FUEL_ELASTICITY = "5", 10.0
CLOSE = 1e-9


@dataclass(frozen=True)
class Window:
    """A client, those it ceased to trade with, and the years before and after."""

    name: str
    client: str
    tie: tuple[str, ...]
    before: int
    after: int
    shock: bool


SHOCKS = {
    "Iran": Window("Iran 2012", "IRN", bloc("eu", 2011), 2011, 2013, True),
    # Croatia joined in July 2013, before the measures of 2014.
    "Russia": Window("Russia 2014", "RUS", bloc("eu", 2014), 2013, 2015, True),
    "Qatar": Window("Qatar 2017", "QAT", ("SAU", "ARE", "BHR", "EGY"), 2016, 2018, True),
}
PLACEBOS = {
    "Iran": (2001, 2003, 2005, 2007, 2009),
    "Russia": (2003, 2005, 2007, 2009, 2011),
    "Qatar": (2006, 2008, 2010, 2012, 2014),
}


def windows() -> list[Window]:
    """Return the three shocks, each followed by its placebos."""
    return [
        window
        for name, shock in SHOCKS.items()
        for window in (
            shock,
            *(
                replace(shock, name=f"{name} {year + 1}", before=year, after=year + 2, shock=False)
                for year in PLACEBOS[name]
            ),
        )
    ]


SECTOR_WINDOWS = [
    SHOCKS["Russia"],
    SHOCKS["Qatar"],
    *(
        replace(SHOCKS["Russia"], name=f"Russia {y + 1}", before=y, after=y + 2, shock=False)
        for y in (2015, 2016)
    ),
    *(
        replace(SHOCKS["Qatar"], name=f"Qatar {y + 1}", before=y, after=y + 2, shock=False)
        for y in (2013, 2014)
    ),
]
"""Shocks for which both years have sections, and what calm there is beside them."""


class Hindcast:
    """One window: what was, what came, and what the model makes of it."""

    def __init__(self, window: Window, elasticity: float = ELASTICITY) -> None:
        self.window, self.elasticity = window, elasticity
        self.old, self.new = (tt.load_world(f"baci-{year}") for year in (window.before, window.after))
        self.base = tt.models.trade.baseline(self.old.flows, gdp=self.old.gdp)
        countries = list(self.base.countries)
        self.hub = countries.index(window.client)
        self.others = [c for c in countries if c != window.client]
        others = [countries.index(c) for c in self.others]
        n = len(others)
        self.origin = np.array([self.hub] * n + others)
        self.destination = np.array(others + [self.hub] * n)
        self.tied = np.isin(self.others, window.tie)

    def observed(self, world: Any) -> np.ndarray:
        """Trade (2, partners): the client's exports, then its imports; nought where there is no row."""
        flows = world.flows.reindex(
            origin=list(self.base.countries), destination=list(self.base.countries), fill_value=0.0
        ).values
        return flows[self.origin, self.destination].reshape(2, -1)

    def predicted(self, B: np.ndarray) -> np.ndarray:
        """Trade (2, partners) when the tie's exports and imports keep B (2,) of their weight."""
        trade = tt.models.trade
        keep = np.where(self.tied, B[:, None], 1.0).reshape(1, 1, -1)
        shock = trade.Shock(self.origin, self.destination, keep)
        theta = [self.elasticity]
        out = trade.solve(self.base.economy, theta, shock)
        assert int(np.asarray(out.status)[0]) == trade.CONVERGED
        flows = trade.pair_flows(self.base.economy, theta, shock, out)
        return np.asarray(flows.value)[0, 0].reshape(2, -1)

    def calibrated(self) -> np.ndarray:
        """B (2,) with which the model's tie has the observed share of exports and of imports."""
        wanted = self.odds(self.observed(self.new))
        B = wanted / self.odds(self.observed(self.old))
        for _ in range(100):
            have = self.odds(self.predicted(B))
            if np.abs(np.log(have / wanted)).max() < CLOSE:
                return B
            B = B * wanted / have
        raise RuntimeError(f"{self.window.name}: no B was found")

    def odds(self, values: np.ndarray) -> np.ndarray:
        """The tie's trade over everyone else's, (2,)."""
        return values[:, self.tied].sum(1) / values[:, ~self.tied].sum(1)

    def run(self) -> pd.DataFrame:
        """Shares in percent by direction and partner outside the tie: before, after, and as predicted."""
        was, came = (self.shares(self.observed(world)) for world in (self.old, self.new))
        gone = [x[:, self.tied].sum(1, keepdims=True) for x in (was, came)]
        falls = self.observed(self.new)[:, self.tied].sum(1) / self.observed(self.old)[:, self.tied].sum(1)
        self.B = self.calibrated()
        tables: dict[str, np.ndarray] = {
            "before": was,
            "after": came,
            "no change": was,
            "in proportion": was * (1 - gone[1]) / (1 - gone[0]),
            "model": self.shares(self.predicted(self.B)),
            "model, by value": self.shares(self.predicted(falls)),
            **self.rivals(gone[1]),
        }
        self.tie = pd.DataFrame(
            {"before": 100 * gone[0][:, 0], "after": 100 * gone[1][:, 0], "value ratio": falls, "B": self.B},
            index=["exports", "imports"],
        )
        outside = np.asarray(self.others)[~self.tied]
        return pd.concat(
            {
                direction: pd.DataFrame(
                    {name: 100 * x[i, ~self.tied] for name, x in tables.items()}, index=outside
                )
                for i, direction in enumerate(("exports", "imports"))
            },
            names=["direction", "partner"],
        )

    def rivals(self, gone: np.ndarray) -> dict[str, np.ndarray]:
        """Further forecasts: none where there is one good. ``gone`` (2, 1): the tie's share after."""
        return {}

    @staticmethod
    def shares(values: np.ndarray) -> np.ndarray:
        """Of exports and of imports."""
        return values / values.sum(1, keepdims=True)


class SectorHindcast(Hindcast):
    """The same with goods told apart."""

    def __init__(self, window: Window, elasticity: float = ELASTICITY) -> None:
        super().__init__(window, elasticity)
        world = tt.load_world(f"ots-{window.before}")
        self.base = tt.models.trade.baseline(world.flows, gdp=world.gdp, home="trade")
        assert list(self.base.countries) == list(self.old.countries)
        self.theta = [FUEL_ELASTICITY if s == FUELS else elasticity for s in self.base.sectors]

    def predicted(self, B: np.ndarray) -> np.ndarray:
        """Trade (2, partners) when the tie keeps B (2,) of its weight in every sector."""
        trade = tt.models.trade
        keep = np.where(self.tied, B[:, None], 1.0).reshape(1, 1, -1)
        keep = np.broadcast_to(keep, (1, len(self.theta), keep.shape[-1]))
        shock = trade.Shock(self.origin, self.destination, keep)
        out = trade.solve(self.base.economy, self.theta, shock, factors="specific")
        assert int(np.asarray(out.status)[0]) != trade.NOT_CONVERGED
        flows = trade.pair_flows(self.base.economy, self.theta, shock, out)
        return np.asarray(flows.value)[0].sum(0).reshape(2, -1)

    def rivals(self, gone: np.ndarray) -> dict[str, np.ndarray]:
        """What the tie lost in each section falls to the others by their shares in it."""
        # (S, 2, partners) before, then what the tie lost given to the others by section.
        flows = self.base.flows.values[:, self.origin, self.destination]
        flows = flows.reshape(len(self.theta), 2, -1)
        total = flows.sum((0, 2))
        tied = flows[..., self.tied].sum(-1)
        left = gone[:, 0] / (tied.sum(0) / total)
        lost = tied * (1 - left)
        others = flows[..., ~self.tied].sum(-1)
        scale = np.divide(others + lost, others, out=np.ones_like(others), where=others > 0)
        made = flows.copy()
        made[..., self.tied] *= left[None, :, None]
        made[..., ~self.tied] *= scale[..., None]
        return {"in proportion by section": self.shares(made.sum(0))}


FORECASTS = ("no change", "in proportion", "model", "model, by value")


def score(table: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute error of shares by direction, and the rank correlation of predicted with observed changes.

    Parameters
    ----------
    table
        From :meth:`Hindcast.run`.
    """
    out = {}
    for direction, rows in table.groupby(level="direction"):
        named = [*FORECASTS, *(c for c in rows if c == "in proportion by section")]
        errors = {name: float((rows[name] - rows["after"]).abs().mean()) for name in named}
        errors["correlation"] = float(
            (rows["model"] - rows["before"]).corr(rows["after"] - rows["before"], method="spearman")
        )
        out[direction] = errors
    return pd.DataFrame(out).T


def hindcasts(
    which: Iterable[Window] | None = None, elasticity: float = ELASTICITY, sectors: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Run windows; return the scores, what happened to the ties, and the shares of each.

    Parameters
    ----------
    which
        All of :func:`windows` by default.
    elasticity
        θ.
    sectors
        Whether goods are told apart; then :data:`SECTOR_WINDOWS` by default.
    """
    scores, ties, tables = {}, {}, {}
    every = SECTOR_WINDOWS if sectors else windows()
    for window in every if which is None else which:
        cast = (SectorHindcast if sectors else Hindcast)(window, elasticity)
        tables[window.name] = cast.run()
        scores[window.name], ties[window.name] = score(tables[window.name]), cast.tie
    return pd.concat(scores, names=["window"]), pd.concat(ties, names=["window"]), tables


def calm(scores: pd.DataFrame) -> pd.Series:
    """What the placebos say of the noise: the model beside "no change" and "in proportion" where nothing happened.

    Parameters
    ----------
    scores
        From :func:`hindcasts`, over all windows.
    """
    shocks = [window.name for window in SHOCKS.values()]
    rows = scores[~scores.index.get_level_values("window").isin(shocks)]
    gain = 100 * (1 - rows["model"] / rows["no change"])
    return pd.Series(
        {
            "scores": len(rows),
            "better than no change": int((gain > 0).sum()),
            "better than in proportion": int((rows["model"] < rows["in proportion"]).sum()),
            "gain over no change, lower quartile": gain.quantile(0.25),
            "gain over no change, median": gain.median(),
            "gain over no change, upper quartile": gain.quantile(0.75),
            "largest difference from in proportion": (rows["model"] - rows["in proportion"]).abs().max(),
            "correlation, median": rows["correlation"].median(),
        }
    )


def main() -> None:
    """Print what docs/validation.md quotes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--elasticity", type=float, default=ELASTICITY)
    parser.add_argument("--gains", type=int, default=6, help="partners shown whose share changed most")
    parser.add_argument("--sectors", action="store_true", help="tell 22 sections of goods apart")
    given = parser.parse_args()
    scores, ties, tables = hindcasts(elasticity=given.elasticity, sectors=given.sectors)
    with pd.option_context("display.width", 200, "display.max_rows", 200):
        print("Mean absolute error of the other partners' shares, percentage points")
        print(scores.round(4).to_string(), "\n")
        if not given.sectors:
            print("Where nothing happened (gains in percent of the error)")
            print(calm(scores).round(4).to_string(), "\n")
        print(
            "The tie: share of the client's trade in percent, ratio of its value, and the weight B for the share"
        )
        print(ties.round(3).to_string(), "\n")
        for shock in (w for w in SHOCKS.values() if w.name in tables):
            for direction in ("exports", "imports"):
                rows = tables[shock.name].loc[direction]
                most = (rows["after"] - rows["before"]).abs().sort_values(ascending=False).index
                print(f"{shock.name}, {direction}: where shares changed most, percent")
                print(rows.loc[most[: given.gains]].round(2).to_string(), "\n")


if __name__ == "__main__":
    main()
