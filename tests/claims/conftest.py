"""A small study with made-up numbers, laid out as docs/findings.md says, and a case that fits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius.case.asked import NEEDS

POWERS = ["russia", "china", "west"]
DOMAINS = ["trade", "transit", "capital", "arms", "total"]
FLOWS = ["trade_exports", "trade_imports", "trade", "capital", "arms", "total"]
REGIONS = ["kazakhstan", "russia", "china", "west", "rest"]
PARTIES = ["client", "russia", "china", "west", "world"]
SECTORS = ["energy", "food"]
INPUTS = {"trade.sectors.energy.elasticity": "assumed", "domains.capital.weight": "sourced"}
EXACT = {"domains.arms.weight": 0.25}


def _with_total(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, values.sum(axis=-1, keepdims=True)], axis=-1)


def _displacement(
    rng: np.random.Generator, n: int, exit_id: str, leaver: str, lever: np.ndarray
) -> xr.Dataset:
    gain = _with_total(rng.normal(size=(n, 3, 4)))
    vacuum = rng.uniform(size=(n, 3, 6))
    vacuum[:, POWERS.index(leaver)] = np.nan
    powers, flows = ("draw", "power", "domain"), ("draw", "flow")
    trade = ("draw", "sector", "region")
    chance = np.where(np.array(POWERS) == leaver, np.nan, 0.5)[:, None]
    return xr.Dataset(
        {
            "leverage_before": (powers, lever),
            "leverage_after": (powers, lever + gain),
            "leverage_gain": (powers, gain),
            "tie_after": (powers, rng.uniform(size=(n, 3, 5))),
            "effective_powers_after": (("draw", "domain"), rng.uniform(1, 3, size=(n, 5))),
            "inverse_herfindahl_after": (("draw", "domain"), rng.uniform(1, 3, size=(n, 5))),
            "vacuum_share": (("draw", "power", "flow"), vacuum),
            **{
                name: (flows, rng.uniform(size=(n, 6)))
                for name in ("unfilled", "filled_by_own", "filled_by_others")
            },
            "client_loss": (("draw", "domain"), _with_total(rng.uniform(size=(n, 4)))),
            "trade_welfare": (("draw", "region"), rng.normal(size=(n, 5))),
            "who_pays": (("draw", "party"), rng.normal(size=(n, 5))),
            "tertius_by_leverage": (("power", "domain"), np.repeat(chance, 5, axis=1)),
            "tertius_by_vacuum": (("power", "flow"), np.repeat(chance, 6, axis=1)),
            **{
                f"{way}_{when}": (trade, rng.uniform(size=(n, 2, 5)))
                for way in ("exports", "imports")
                for when in ("before", "after")
            },
            "cap_rent": (("draw", "route"), rng.uniform(size=(n, 1))),
            "residual": (("draw",), rng.uniform(size=n) * 1e-12),
        },
        coords={
            "power": POWERS,
            "domain": DOMAINS,
            "flow": FLOWS,
            "region": REGIONS,
            "sector": SECTORS,
            "party": PARTIES,
            "route": ["cpc"],
        },
        attrs={"exit": exit_id, "leavers": json.dumps({leaver: 1.0})},
    )


def _findings(
    n: int = 64, seed: int = 0, inputs: np.ndarray | None = None, few: int | None = None
) -> xr.DataTree:
    rng = np.random.default_rng(seed)
    few = n * 3 // 4 if few is None else few
    lever = _with_total(rng.normal(size=(n, 3, 4)))
    reverse = _with_total(rng.normal(size=(n, 3, 4)))
    reverse[:, POWERS.index("west"), [3, 4]] = np.nan
    powers = ("draw", "power", "domain")
    levers = xr.Dataset(
        {
            "lever": (powers, lever),
            "transit_alone": (("draw", "power"), rng.uniform(size=(n, 3))),
            "reverse": (powers, reverse),
            "net": (powers, lever - reverse),
            "tie": (powers, rng.uniform(size=(n, 3, 5))),
            "effective_powers": (("draw", "domain"), rng.uniform(1, 3, size=(n, 5))),
            "inverse_herfindahl": (("draw", "domain"), rng.uniform(1, 3, size=(n, 5))),
        },
        coords={"power": POWERS, "domain": DOMAINS},
    )
    values = rng.normal(size=(n, len(INPUTS))) if inputs is None else inputs
    drawn = xr.Dataset(
        {
            "value": (("draw", "input"), values),
            "central": (("input",), np.zeros(len(INPUTS))),
            "spread": (("input",), np.ones(len(INPUTS))),
            "kind": (("input",), list(INPUTS.values())),
        },
        coords={"input": list(INPUTS)},
    )
    return xr.DataTree.from_dict(
        {
            "/inputs": drawn,
            "/levers": levers,
            "/displacement": _displacement(rng, n, "west_out", "west", lever),
            "/exits/russia_out": _displacement(rng, few, "russia_out", "russia", lever[:few]),
        }
    )


def _claim(
    id: str, expression: str | None = None, asserts: tuple[str, ...] = (), text: str = ""
) -> SimpleNamespace:
    return SimpleNamespace(
        id=id, number=None, text=text or id, expression=expression, asserts=asserts, note=""
    )


def _case(*claims: SimpleNamespace) -> Any:
    uncertain = SimpleNamespace(is_exact=False, median=0.0)
    known = [
        SimpleNamespace(path=p, quantity=SimpleNamespace(is_exact=True, median=v)) for p, v in EXACT.items()
    ]
    without = {section for sections in NEEDS.values() for section in sections}
    return SimpleNamespace(
        **dict.fromkeys(without),
        id="made-up",
        powers=dict.fromkeys(POWERS),
        domains=dict.fromkeys(["capital", "arms"]),
        exits={
            "west_out": SimpleNamespace(leavers={"west": 1.0}),
            "russia_out": SimpleNamespace(leavers={"russia": 1.0}),
        },
        trade=SimpleNamespace(
            regions=dict.fromkeys(REGIONS),
            sectors=dict.fromkeys(SECTORS),
            routes=[SimpleNamespace(id="cpc", owner="russia")],
        ),
        claims=claims,
        inputs=lambda: (*(SimpleNamespace(path=p, quantity=uncertain) for p in INPUTS), *known),
    )


@pytest.fixture(scope="session")
def make_findings() -> Callable[..., xr.DataTree]:
    """Make findings of ``n`` draws.

    They have two exits, the second in the first ``few`` draws only (by default three quarters of them),
    two domains beside trade; the West's reverse tie in arms is missing.
    """
    return _findings


@pytest.fixture(scope="session")
def make_claim() -> Callable[..., SimpleNamespace]:
    return _claim


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Any]:
    """A case with the labels of ``make_findings`` and the claims given."""
    return _case


@pytest.fixture(scope="session")
def findings() -> xr.DataTree:
    return _findings()
