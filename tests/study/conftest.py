"""A small case that has everything a study can meet, and is quick to solve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius._study import run
from tertius.case import Case

WHY = "made up for the tests"
SIZE = {"kaz": 2.0, "russia": 15.0, "china": 150.0, "west": 400.0, "gulf": 200.0}


def _between(low: float, high: float) -> dict[str, Any]:
    return {"range": [low, high], "assumed": WHY}


def _table(scale: float, at_home: float) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(1)
    return {
        o: {
            d: at_home * SIZE[o]
            if o == d
            else float(scale * np.sqrt(SIZE[o] * SIZE[d]) * rng.uniform(0.3, 1))
            for d in SIZE
        }
        for o in SIZE
    }


def _domain(**ties: Any) -> dict[str, Any]:
    return {
        "name": "Domain",
        "weight": _between(0.05, 0.3),
        "elasticity": _between(1.5, 5),
        "capacity": {
            p: {"value": v, "sd": 0, "assumed": WHY}
            for p, v in {"own": 1.0, "russia": 0.5, "china": 4.0, "west": 4.0}.items()
        },
        "ties": {
            "own": {"value": 0.4, "sd": 0, "assumed": WHY},
            "to_client": {
                "russia": _between(0.05, 0.15),
                "china": _between(0.05, 0.1),
                "west": _between(0.2, 0.4),
            },
            "to_power": {p: {"value": 0.01, "sd": 0, "assumed": WHY} for p in ("russia", "china", "west")},
        }
        | ties,
        "nests": {"groups": [["russia", "china"]], "elasticity": _between(1.2, 2)},
    }


def _case() -> dict[str, Any]:
    security = _domain(to_power={"russia": {"value": 0.02, "sd": 0, "assumed": WHY}})
    return {
        "tertius": 1,
        "id": "small",
        "title": "A small case",
        "question": "Who gains?",
        "date": "2022-01-05",
        "client": {"id": "kaz", "name": "Client", "iso3": "KAZ"},
        "powers": {
            p: {"name": p.title(), "members": [m]}
            for p, m in {"russia": "RUS", "china": "CHN", "west": "USA"}.items()
        },
        "trade": {
            "year": 2021,
            "unit": "billion US$",
            "regions": {
                "kaz": {"name": "Client", "members": ["KAZ"]},
                "russia": {"name": "Russia", "members": ["RUS"]},
                "china": {"name": "China", "members": ["CHN"]},
                "west": {"name": "West", "members": ["USA"]},
                "gulf": {"name": "Gulf", "members": "rest"},
            },
            "sectors": {
                "energy": {"name": "Energy", "elasticity": _between(4, 12)},
                "goods": {"name": "Goods", "elasticity": {"value": 5, "sd": 0.5, "source": "book"}},
                "services": {"name": "Services", "elasticity": _between(2.5, 7), "traded": False},
            },
            "flows": {
                "energy": {"source": "book", "table": _table(0.06, 2)},
                "goods": {"source": "book", "table": _table(0.2, 3)},
                "services": {"source": "book", "table": {r: {r: 20 * SIZE[r]} for r in SIZE}},
            },
            "adjust": [
                {"id": "home", "which": "domestic", "factor": {"lognormal": [1, 0.2], "source": "book"}}
            ],
            "routes": [
                {
                    "id": "pipeline",
                    "owner": "russia",
                    "sectors": ["energy"],
                    "origins": ["kaz"],
                    "destinations": ["west", "gulf"],
                    "share": _between(0.9, 0.97),
                    "alternatives": _between(0.02, 0.1),
                    "client_rent": _between(0, 1),
                },
                {
                    "id": "eastward",
                    "sectors": ["energy"],
                    "origins": ["kaz"],
                    "destinations": ["china"],
                    "capacity": _between(1.2, 4),
                    "client_rent": _between(0, 1),
                },
            ],
        },
        "domains": {"capital": _domain(), "security": security},
        "exits": {
            "west_out": {"title": "The West leaves", "leavers": {"west": 1.0}, "pushed_by": ["russia"]},
            "half": {"title": "Half of western trade", "leavers": {"west": 0.5}, "domains": ["trade"]},
        },
        "claims": [
            {
                "id": "china_most",
                "text": "China gains most.",
                "expression": "argmax(displacement.leverage_gain) == china",
            },
            {
                "id": "half_hurts",
                "text": "Losing half of western trade costs something.",
                "expression": "exits.half.client_loss > 0",
            },
        ],
        "sources": {"book": {"title": "A book"}},
    }


@pytest.fixture
def document() -> dict[str, Any]:
    """The case as a document, to be changed at will."""
    return _case()


@pytest.fixture(scope="session")
def original() -> dict[str, Any]:
    """The same, which nobody may change."""
    return _case()


@pytest.fixture
def build() -> Callable[[dict[str, Any]], Case]:
    """A document to a case."""
    return Case.model_validate


@pytest.fixture(scope="session")
def small() -> Case:
    """The small case."""
    return Case.model_validate(_case())


@pytest.fixture(scope="session")
def findings(small: Case) -> xr.DataTree:
    """Its findings on 128 draws."""
    return run(small, draws=128, seed=3)[0]


def exact(document: Any) -> Any:
    """The document with every quantity at its centre."""
    if isinstance(document, dict):
        if "range" in document:
            low, high = document["range"]
            return {"value": (low + high) / 2, "sd": 0, "assumed": WHY}
        if "lognormal" in document:
            return {"value": document["lognormal"][0], "source": "book"}
        if "sd" in document:
            return {k: v for k, v in document.items() if k != "sd"} | (
                {"sd": 0} if "assumed" in document else {}
            )
        return {k: exact(v) for k, v in document.items()}
    return [exact(v) for v in document] if isinstance(document, list) else document


@pytest.fixture
def exact_document() -> dict[str, Any]:
    """The case without uncertainty."""
    return exact(_case())
