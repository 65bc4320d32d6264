"""Domestic sales, which trade statistics do not cover: how large they are, and of what.

With one good, sales at home are ``X[o, o] = max(m·GDP[o] − Σ_{d≠o} X[o, d], φ·m·GDP[o])``. With m = 1 this reads value
added as if it were gross sales; m > 1 is a multiplier of gross output. With several sectors GDP does not say what is
sold at home of each, and a rule does:

``"imports"``
    as the country's imports: at home people buy what they buy abroad;
``"exports"``
    as its exports: what a country is good at it also makes for itself;
``"trade"``
    as its exports and imports together;
``"world"``
    as the world's trade, the same everywhere.

A share of home sales may be kept out of all traded sectors ("services"): it is a sector that nobody else can supply.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOME_RULES", "NOT_TRADED", "HomeRule", "with_home_sales"]

HomeRule = Literal["imports", "exports", "trade", "world"]
HOME_RULES: tuple[HomeRule, ...] = get_args(HomeRule)

NOT_TRADED = "not traded"
"""The label of the sector that is only sold at home."""


def _in_all(
    exports: NDArray[np.float64], output: NDArray[np.float64], floor: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Domestic sales of all goods together, and where the floor lifted them.

    Parameters
    ----------
    exports
        (N,).
    output
        (N,) what is sold at home and abroad: GDP, or gross output.
    floor
        Smallest share of it that is sold at home.
    """
    home = output - exports
    return np.maximum(home, floor * output), home < floor * output


def _by_sector(flows: NDArray[np.float64], home: NDArray[np.float64], rule: HomeRule) -> NDArray[np.float64]:
    """Domestic sales by sector, (S, N), that add up to ``home``.

    Parameters
    ----------
    flows
        (S, N, N) trade, nothing on the diagonal.
    home
        (N,) domestic sales in all.
    rule
        How they fall to sectors. A country without the trade that a rule goes by sells as the world trades.
    """
    exports, imports, world = flows.sum(2), flows.sum(1), flows.sum((1, 2))
    weight = {
        "imports": imports,
        "exports": exports,
        "trade": exports + imports,
        "world": np.broadcast_to(world[:, None], exports.shape),
    }[rule]
    none = weight.sum(0) <= 0
    weight = np.where(none, world[:, None], weight)
    share: NDArray[np.float64] = weight / weight.sum(0)
    return share * home


def with_home_sales(
    flows: NDArray[np.float64],
    output: NDArray[np.float64],
    *,
    rule: HomeRule = "trade",
    services: float = 0.0,
    floor: float = 0.01,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Trade with domestic sales on the diagonal, and where the floor lifted them.

    Parameters
    ----------
    flows
        (S, N, N) trade; what stands on the diagonal is not read.
    output
        (N,) what each country sells at home and abroad: GDP, or gross output.
    rule
        How domestic sales fall to sectors.
    services
        Share of them that no traded sector competes with.
    floor
        Smallest share of output that is sold at home.

    Returns
    -------
    flows
        (S, N, N); with services (S + 1, N, N), the last sector theirs.
    lifted
        (N,) where output less exports is below the floor.
    """
    here = np.arange(flows.shape[-1])
    out = flows.copy()
    out[:, here, here] = 0.0
    home, lifted = _in_all(out.sum((0, 2)), output, floor)
    out[:, here, here] = _by_sector(out, (1.0 - services) * home, rule)
    if services > 0:
        out = np.concatenate([out, np.diag(services * home)[None]])
    return out, lifted
