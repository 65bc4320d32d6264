"""What a country sells at home and abroad, over its gross domestic product, where somebody has counted it.

    python validation/output_multiplier.py

ITPD-E (Borchert, Larch, Shikher & Yotov 2021) has domestic sales beside trade, summed here over all its industries.
Its coverage differs by country and year, so the ratio of output to product has two heaps: low where industries are
missing, higher where coverage is whole. A mixture of two normal distributions of its logarithm, fitted by expectation
and maximisation over all countries and years, tells them apart; the upper one is the multiplier. It is still a lower
bound: not every service is in ITPD-E.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tertius import world

Array = NDArray[np.float64]
QUERY = """
with p as (
    select c.year, c.gdp_current_usd / k.gdp_constant2015_usd as p from wdi_current c
    join wdi_constant k using (iso3, year) where iso3 = 'USA'),
base as (select p as b from p where year = 2010),
sold as (
    select year, exporter as iso3, sum(value_usd2010) as output,
        sum(case when exporter = importer then value_usd2010 else 0 end) as home
    from flows group by all)
select s.iso3, s.year, s.output / (g.gdp_current_usd * base.b / p.p) as ratio
from sold s join wdi_current g using (iso3, year) join p using (year), base
where s.home > 0 and g.gdp_current_usd > 0 order by 1, 2
"""


def ratios() -> dict[str, Array]:
    """Output over product by country and year, in dollars of 2010 by the American deflator."""
    from tertius.world import store
    from tertius.world.fetch import require

    files = {
        "flows": require("itpd-e", "flows")["flows"],
        "wdi_current": require("wdi", "gdp_current")["gdp_current"],
        "wdi_constant": require("wdi", "gdp_constant")["gdp_constant"],
    }
    return {name: np.asarray(values) for name, values in store.query(QUERY, files).items()}


def heaps(x: Array, rounds: int = 1000) -> dict[str, float]:
    """Two normal distributions that together fit the data.

    Parameters
    ----------
    x
        (n,) logarithms.
    rounds
        Of expectation and maximisation.

    Returns
    -------
    dict
        ``share`` of the upper one, its ``mean`` and ``sd``, and those of the ``lower``.
    """
    share, mean, sd = 0.5, np.quantile(x, [0.25, 0.9]), np.full(2, x.std() / 2)
    for _ in range(rounds):
        weight = np.array([1 - share, share])[:, None]
        density = weight * np.exp(-0.5 * ((x - mean[:, None]) / sd[:, None]) ** 2) / sd[:, None]
        part = density / density.sum(0)
        share = float(part[1].mean())
        mean = (part * x).sum(1) / part.sum(1)
        sd = np.sqrt((part * (x - mean[:, None]) ** 2).sum(1) / part.sum(1))
    return {
        "share": share,
        "mean": float(mean[1]),
        "sd": float(sd[1]),
        "lower_mean": float(mean[0]),
        "lower_sd": float(sd[0]),
    }


def main() -> None:
    """Print what docs/world-commands.md quotes."""
    found = ratios()
    fit = heaps(np.log(found["ratio"].astype(float)))
    middle, spread = fit["mean"], fit["sd"]
    print(f"{len(found['ratio'])} countries and years of {len(set(found['iso3']))} countries")
    print(f"whole coverage: {100 * fit['share']:.0f} % of them, output over product {np.exp(middle):.3f}")
    print(
        f"5th to 95th percentile: {np.exp(middle - 1.645 * spread):.3f} to {np.exp(middle + 1.645 * spread):.3f}"
    )
    print(f"partial coverage: {np.exp(fit['lower_mean']):.3f}")
    print(f"source: {world.pack('itpd-e').citation}")


if __name__ == "__main__":
    main()
