"""Findings made up for the tests of the brief: every section of the layout, with numbers of plausible size.

Nothing here is computed by a model. The trees follow ``docs/findings.md`` to the letter, so that a brief can
be developed and checked without running a study.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

POWERS = {
    "russia": "Russia",
    "china": "China",
    "west": "The West",
    "turkey": "Turkey",
    "neighbours": "Central Asian neighbours",
}
TIES = {
    "capital": "Foreign investment",
    "security": "Security",
    "arms": "Arms",
    "elite": "Elite ties",
    "opinion": "Public opinion",
}
REGIONS = {
    "kazakhstan": "Kazakhstan",
    "russia": "Russia",
    "china": "China",
    "west": "The West",
    "turkey": "Turkey",
    "neighbours": "Central Asian neighbours",
    "india": "India",
    "korea": "South Korea",
    "gulf": "Gulf oil exporters",
    "rest": "Rest of the world",
}
SECTORS = {
    "energy": "Energy",
    "metals": "Metals and ores",
    "food": "Food",
    "goods": "Other goods",
    "services": "Services",
}
DOMAINS = ["trade", "transit", *TIES, "total"]
FLOWS = ["trade_exports", "trade_imports", "trade", *TIES, "total"]
STRUCTURES = {
    "base": "As the case states it",
    "one_good": "One good instead of several sectors",
    "mobile": "Mobile factors",
    "fixed_deficits": "Fixed trade deficits",
    "nested": "Like replaces like",
    "flat_capacity": "Everyone can expand without limit",
}
VERDICTS = ["supported", "contested", "contradicted", "not testable", "not yet computed"]
CREATED = "2026-01-31T12:00:00Z"


def _word(p: float) -> str:
    table = [
        (0.05, "almost no chance"),
        (0.20, "very unlikely"),
        (0.45, "unlikely"),
        (0.55, "roughly even chance"),
        (0.80, "likely"),
        (0.95, "very likely"),
    ]
    for bound, word in table:
        if p < bound:
            return word
    return "almost certain"


def case_document(**changes: Any) -> dict[str, Any]:
    """Give the full input of a made-up case, in the shape of a case file."""
    document: dict[str, Any] = {
        "tertius": 1,
        "id": "kazakhstan-2022",
        "title": "Kazakhstan, January 2022",
        "question": "Will Russia's intervention come at a price, and who gains if the West is edged out?",
        "date": "2022-01-05",
        "client": {"id": "kazakhstan", "name": "Kazakhstan", "iso3": "KAZ"},
        "powers": {
            key: {"name": name, "members": ["XXX", "YYY"], "note": "why these"}
            for key, name in POWERS.items()
        },
        "trade": {
            "year": 2021,
            "unit": "billion US$",
            "regions": {key: {"name": name} for key, name in REGIONS.items()},
            "sectors": {
                key: {
                    "name": name,
                    "traded": key != "services",
                    "elasticity": {"range": [4, 12], "assumed": "span of the literature"},
                }
                for key, name in SECTORS.items()
            },
            "flows": {
                key: {
                    "source": "sitc",
                    "query": f"SELECT origin, destination, SUM(value) WHERE section = '{key}' AND "
                    "year = 2021",
                    "table": {
                        origin: {
                            destination: round(0.1 + 0.37 * ((i * 7 + j * 3 + k) % 11), 2)
                            for j, destination in enumerate(REGIONS)
                        }
                        for i, origin in enumerate(REGIONS)
                    },
                }
                for k, key in enumerate(SECTORS)
                if key != "services"
            },
        },
        "domains": {
            key: {"name": name, "weight": {"triangular": [0.05, 0.15, 0.4], "assumed": "a guess"}}
            for key, name in TIES.items()
        },
        "exits": {
            "west_out": {
                "title": "The West is edged out",
                "leavers": {"west": 1.0},
                "pushed_by": ["russia"],
            },
            "russia_out": {"title": "Russia is edged out", "leavers": {"russia": 1.0}, "pushed_by": []},
        },
        "claims": [
            {"id": f"claim_{i}", "number": i, "text": claim_text(i), "note": ""} for i in range(1, 27)
        ],
        "sources": {
            "umarov2022": {
                "title": "Will Russia's Intervention in Kazakhstan Come at a Price?",
                "author": "T. Umarov",
                "date": "2022-01",
                "url": "https://carnegie.example/commentary/86152",
                "kind": "article",
            },
            "sitc": {
                "title": "Merchandise trade by SITC section",
                "author": "UNCTAD",
                "date": "2023",
                "url": "https://data.example/sitc",
                "kind": "dataset",
                "note": "thousand US$",
            },
            "unused": {"title": "A report that nothing rests on", "kind": "report"},
        },
    }
    document.update(changes)
    return document


def claim_text(i: int) -> str:
    """Give the words of made-up claim ``i``."""
    known = {
        11: "The rescue gave the rescuer no new lever.",
        12: "Europe's weight in exports and America's in oil mean that a break with the West would carry "
        "economic consequences for which the rescuer would have to be prepared.",
        13: "If the West were edged out, Russia could not itself fill the vacuum.",
        14: "If the West were edged out, China would gain most.",
    }
    return known.get(i, f"Claim number {i} of the argument, in the plain words of those who made it.")


def _draws(rng: np.random.Generator, n: int, centre: np.ndarray, spread: float) -> np.ndarray:
    noise = np.exp(spread * rng.standard_normal((n, *centre.shape)))
    return np.asarray(centre[None] * noise, dtype=np.float64)


def _array(dims: str, values: Any, name: str, unit: str) -> tuple[list[str], Any, dict[str, str]]:
    return (dims.split(), values, {"long_name": name, "unit": unit})


def levers(rng: np.random.Generator, n: int, *, infinite: bool = False, reverse: bool = True) -> xr.Dataset:
    """Make the group of levers, with an infinite one or with reverse ties missing if asked."""
    powers, domains = list(POWERS), DOMAINS[:-1]
    centre = np.outer([9.0, 5.0, 7.5, 0.9, 0.6], [0.6, 0.35, 0.4, 0.5, 0.25, 0.12, 0.08])
    lever = _draws(rng, n, centre, 0.45)
    if infinite:
        lever[:, 0, domains.index("security")] = np.inf
    lever = np.concatenate([lever, lever.sum(-1, keepdims=True)], axis=-1)
    back = _draws(rng, n, 0.08 * centre, 0.5)
    back[..., domains.index("opinion")] = np.nan
    if not reverse:
        back[:] = np.nan
    back = np.concatenate([back, back.sum(-1, keepdims=True)], axis=-1)
    tie = np.clip(_draws(rng, n, np.outer([0.3, 0.2, 0.25, 0.05, 0.04], np.ones(len(DOMAINS))), 0.2), 0, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = lever / lever.sum(1, keepdims=True)
        effective = np.exp(-(share * np.log(share)).sum(1))
        herfindahl = 1 / (share**2).sum(1)
    return xr.Dataset(
        {
            "lever": _array("draw power domain", lever, "lever", "log points"),
            "transit_alone": _array(
                "draw power", _draws(rng, n, np.array([3.0, 1, 0.1, 0.1, 0.2]), 0.4), "transit", "log points"
            ),
            "reverse": _array("draw power domain", back, "reverse lever", "log points"),
            "net": _array("draw power domain", lever - back, "net lever", "log points"),
            "tie": _array("draw power domain", tie, "tie", "share"),
            "effective_powers": _array("draw domain", effective, "effective number of powers", "powers"),
            "inverse_herfindahl": _array("draw domain", herfindahl, "inverse Herfindahl", "powers"),
        },
        coords={"draw": np.arange(n), "power": powers, "domain": DOMAINS},
    )


def displacement(rng: np.random.Generator, n: int, exit_id: str, leaver: str, title: str) -> xr.Dataset:
    """Make the group of one exit."""
    powers = list(POWERS)
    gone = powers.index(leaver)
    before = _draws(rng, n, np.outer([9.0, 5.0, 7.5, 0.9, 0.6], np.full(len(DOMAINS) - 1, 0.3)), 0.3)
    gain = _draws(rng, n, np.outer([0.9, 1.6, 1.0, 0.2, 0.15], [1, 0.3, 0.5, 0.4, 0.2, 0.1, 0.05]), 0.6)
    gain[:, gone] = -before[:, gone]
    gain[:, 0, 1] *= -0.5
    before, gain = (np.concatenate([x, x.sum(-1, keepdims=True)], axis=-1) for x in (before, gain))
    parts = _draws(rng, n, np.outer([0.10, 0.2, 0.2, 0.05, 0.04], np.ones(len(FLOWS))), 0.4)
    parts[:, gone] = np.nan
    own = _draws(rng, n, np.full(len(FLOWS), 0.12), 0.3)
    others = _draws(rng, n, np.full(len(FLOWS), 0.18), 0.3)
    others[:, FLOWS.index("capital") : FLOWS.index("total")] = np.nan
    unfilled = 1 - np.nansum(parts, axis=1) - own - np.nan_to_num(others)
    by_leverage = np.zeros((len(powers), len(DOMAINS)))
    by_vacuum = np.zeros((len(powers), len(FLOWS)))
    for table, source in ((by_leverage, gain), (by_vacuum, parts)):
        stay = np.where(np.arange(len(powers))[None, :, None] == gone, -np.inf, source)
        winner = stay.argmax(1)
        for p in range(len(powers)):
            table[p] = (winner == p).mean(0)
        table[gone] = np.nan
    shape = (len(SECTORS) - 1, len(REGIONS))
    base = np.abs(rng.standard_normal(shape)) * 3
    base[:, 0] = 0.0
    shift = np.exp(0.5 * rng.standard_normal(shape))
    shift[:, list(REGIONS).index(leaver)] = 0.0
    routes = ["cpc", "china_pipeline"]
    party = ["client", *powers, "world"]
    # The neighbours are no trade region of their own.
    pays = np.array([4.1, -0.05, -0.03, 0.02, 0.0, np.nan, 0.01])
    sectors = [key for key in SECTORS if key != "services"]

    def trade(values: np.ndarray, spread: float) -> np.ndarray:
        return _draws(rng, n, values, spread)

    return xr.Dataset(
        {
            "leverage_before": _array("draw power domain", before, "before", "log points"),
            "leverage_after": _array("draw power domain", before + gain, "after", "log points"),
            "leverage_gain": _array("draw power domain", gain, "gain", "log points"),
            "effective_powers_after": _array(
                "draw domain",
                _draws(rng, n, np.linspace(2.4, 1.2, len(DOMAINS)), 0.1),
                "effective number of powers after",
                "powers",
            ),
            "inverse_herfindahl_after": _array(
                "draw domain",
                _draws(rng, n, np.linspace(2.2, 1.1, len(DOMAINS)), 0.1),
                "inverse Herfindahl after",
                "powers",
            ),
            "tie_after": _array("draw power domain", np.clip(before / 20, 0, 1), "tie after", "share"),
            "vacuum_share": _array("draw power flow", parts, "vacuum share", "share"),
            "unfilled": _array("draw flow", unfilled, "unfilled", "share"),
            "filled_by_own": _array("draw flow", own, "filled by own provision", "share"),
            "filled_by_others": _array("draw flow", others, "filled by others", "share"),
            "client_loss": _array(
                "draw domain", _draws(rng, n, np.linspace(4, 0.4, len(DOMAINS)), 0.3), "loss", "log points"
            ),
            "trade_welfare": _array(
                "draw region",
                -_draws(rng, n, np.linspace(4, 0.01, len(REGIONS)), 0.3),
                "welfare",
                "log points",
            ),
            "who_pays": _array(
                "draw party",
                _draws(rng, n, pays, 0.3),
                "loss",
                "log points",
            ),
            "tertius_by_leverage": _array("power domain", by_leverage, "tertius by leverage", "probability"),
            "tertius_by_vacuum": _array("power flow", by_vacuum, "tertius by vacuum", "probability"),
            "exports_before": _array("draw sector region", trade(base, 0.02), "exports", "billion US$"),
            "exports_after": _array("draw sector region", trade(base * shift, 0.1), "exports", "billion US$"),
            "imports_before": _array("draw sector region", trade(base[::-1], 0.02), "imports", "billion US$"),
            "imports_after": _array(
                "draw sector region", trade(base[::-1] * shift, 0.1), "imports", "billion US$"
            ),
            "cap_rent": _array(
                "draw route", np.abs(rng.standard_normal((n, 2))) * [0.0, 3.0], "shadow price", "log points"
            ),
            "residual": _array("draw", np.full(n, 3e-12), "largest residual", "1"),
        },
        coords={
            "draw": np.arange(n),
            "power": powers,
            "domain": DOMAINS,
            "flow": FLOWS,
            "region": list(REGIONS),
            "sector": sectors,
            "party": party,
            "route": routes,
        },
        attrs={
            "exit": exit_id,
            "title": title,
            "leavers": json.dumps({leaver: 1.0}),
            "pushed_by": json.dumps(["russia"] if leaver == "west" else []),
            "unconverged": 0,
        },
    )


def structures(rng: np.random.Generator, base: xr.Dataset) -> xr.Dataset:
    """Make the group of rival structures, scattered round the first exit's own probabilities."""
    powers, n = list(POWERS), len(STRUCTURES)

    def scatter(table: np.ndarray) -> np.ndarray:
        noise = np.exp(0.6 * rng.standard_normal((n, len(powers))))
        noise[0] = 1.0
        values = np.nan_to_num(table)[None] * noise
        return np.asarray(values / values.sum(1, keepdims=True))

    def beats(labels: list[str]) -> np.ndarray:
        p = rng.uniform(0.02, 0.98, (n, len(powers), len(powers), len(labels)))
        for i in range(len(powers)):
            p[:, i, i] = np.nan
            for j in range(i):
                p[:, i, j] = 1 - p[:, j, i]
        return p

    return xr.Dataset(
        {
            "title": ("structure", list(STRUCTURES.values())),
            "tertius_by_leverage": _array(
                "structure power",
                scatter(base["tertius_by_leverage"].sel(domain="total").values),
                "tertius by leverage",
                "probability",
            ),
            "tertius_by_vacuum": _array(
                "structure power",
                scatter(base["tertius_by_vacuum"].sel(flow="total").values),
                "tertius by vacuum",
                "probability",
            ),
            "beats_leverage": _array(
                "structure power rival domain", beats(DOMAINS), "gains more", "probability"
            ),
            "beats_vacuum": _array("structure power rival flow", beats(FLOWS), "fills more", "probability"),
            "draws": ("structure", np.full(n, base.sizes["draw"] // 4)),
            "unconverged": ("structure", np.array([0] * (n - 1) + [3])),
        },
        coords={
            "structure": list(STRUCTURES),
            "power": powers,
            "rival": powers,
            "domain": DOMAINS,
            "flow": FLOWS,
        },
    )


def inputs(rng: np.random.Generator, n: int) -> xr.Dataset:
    """Make the group of inputs: sourced and assumed ones."""
    paths, kinds, sources, reasons, units, distributions = [], [], [], [], [], []
    for key in SECTORS:
        paths.append(f"trade.sectors.{key}.elasticity")
        kinds.append("assumed")
        distributions.append("uniform from 4 to 12")
    for key in TIES:
        paths += [f"domains.{key}.weight", f"domains.{key}.elasticity", f"domains.{key}.capacity.china"]
        kinds += ["assumed"] * 3
        distributions += ["triangular from 0.05 over 0.15 to 0.4"] * 3
        for power in POWERS:
            paths.append(f"domains.{key}.ties.to_client.{power}")
            kinds.append("sourced" if key in {"capital", "opinion"} else "assumed")
            distributions.append("normal, standard deviation 0.02")
    paths += ["trade.adjust.oil_exports_official.factor", "trade.routes.cpc.share"]
    kinds += ["sourced", "sourced"]
    distributions += ["lognormal, median 1.1", "normal, standard deviation 0.02"]
    for path, kind in zip(paths, kinds, strict=True):
        sources.append("umarov2022 sitc" if path.endswith("factor") else "umarov2022" * (kind == "sourced"))
        reasons.append("" if kind == "sourced" else "span of the literature")
        units.append("share" if "ties" in path else "")
    value = np.abs(0.3 + 0.1 * rng.standard_normal((n, len(paths))))
    return xr.Dataset(
        {
            "value": (("draw", "input"), value),
            "central": ("input", np.median(value, axis=0)),
            "spread": ("input", value.std(axis=0)),
            "kind": ("input", kinds),
            "unit": ("input", units),
            "source": ("input", sources),
            "reason": ("input", reasons),
            "distribution": ("input", distributions),
        },
        coords={"draw": np.arange(n), "input": paths},
    )


def sensitivity(rng: np.random.Generator, paths: list[str]) -> xr.Dataset:
    """Make the group of first-order indices for two comparisons."""
    labels = ["leverage:china>russia", "vacuum:china>russia"]
    first = rng.dirichlet(np.full(len(paths), 0.15), size=2) * 0.8
    return xr.Dataset(
        {
            "first_order": (("headline", "input"), first),
            "first_order_error": (("headline", "input"), np.full_like(first, 0.01)),
            "probability_low": (("headline", "input"), np.clip(0.7 - first, 0, 1)),
            "probability_high": (("headline", "input"), np.clip(0.7 + first, 0, 1)),
        },
        coords={"headline": labels, "input": paths},
    )


def claims(rng: np.random.Generator, n: int) -> xr.Dataset:
    """Make the group of claims: every verdict, some missing shares."""
    ids = [f"claim_{i}" for i in range(1, 27)]
    verdicts, probability = [], np.full(26, np.nan)
    for i in range(26):
        if i < 6:
            verdict = ["supported", "contested", "contradicted", "contested", "supported", "contradicted"][i]
            low, high = {
                "supported": (0.8, 1.0),
                "contested": (0.21, 0.79),
                "contradicted": (0.0, 0.2),
            }[verdict]
            probability[i] = rng.uniform(low, high)
        elif i == 13:
            verdict, probability[i] = "supported", 0.83
        else:
            verdict = "not testable" if i == 7 else "not yet computed"
        verdicts.append(verdict)
    known = ~np.isnan(probability)
    share = np.where(known, rng.uniform(0.05, 0.9, 26), np.nan)
    share[1] = np.nan
    confidence = [["low", "moderate", "high"][i % 3] if known[i] else "" for i in range(26)]
    return xr.Dataset(
        {
            "text": ("claim", [claim_text(i) for i in range(1, 27)]),
            "expression": ("claim", ["displacement.x[china] > 0" if k else "" for k in known]),
            "verdict": ("claim", verdicts),
            "reason": (
                "claim",
                [
                    "the claim reads inputs only"
                    if v == "not testable"
                    else "needs the model of the rescue"
                    if v == "not yet computed"
                    else ""
                    for v in verdicts
                ],
            ),
            "probability": ("claim", probability),
            "likelihood": ("claim", [_word(p) if k else "" for p, k in zip(probability, known, strict=True)]),
            "margin": (("draw", "claim"), np.where(known, rng.standard_normal((n, 26)), np.nan)),
            "sourced_share": ("claim", share),
            "sourced_share_error": ("claim", np.where(known, 0.03, np.nan)),
            "probability_doubled": ("claim", np.clip(probability * 0.9, 0, 1)),
            "probability_structures": (
                ("structure", "claim"),
                np.clip(probability + 0.1 * rng.standard_normal((len(STRUCTURES), 26)), 0, 1),
            ),
            "confidence": ("claim", confidence),
        },
        coords={"draw": np.arange(n), "claim": ids, "structure": list(STRUCTURES)},
    )


def root(document: dict[str, Any], n: int) -> xr.Dataset:
    """Make the root's attributes."""
    return xr.Dataset(
        attrs={
            "tertius": "0.1.0",
            "case": document["id"],
            "digest": "5e" * 32,
            "case_json": json.dumps(document, sort_keys=True),
            "draws": n,
            "kept": n - 1,
            "unconverged": 1,
            "unconverged_draws": "[17]",
            "libraries": json.dumps({"jax": "0.10", "numpy": "2.4"}),
            "seed": 0,
            "created": CREATED,
            "worst_residual": 6.4e-11,
            "exit_draws": n // 2,
            "structure_draws": n // 4,
            "evidence_draws": n // 2,
            "warnings": json.dumps(["trade.sectors.energy.elasticity has no source."]),
            "seconds_json": json.dumps({"draws": 0.2, "levers": 2.1, "displacement": 1.4, "claims": 0.6}),
        }
    )


def full(n: int = 256, seed: int = 1, document: dict[str, Any] | None = None) -> xr.DataTree:
    """Make a tree with every section."""
    rng = np.random.default_rng(seed)
    given = inputs(rng, n)
    first = displacement(rng, n, "west_out", "west", "The West is edged out")
    second = displacement(rng, n // 4, "russia_out", "russia", "Russia is edged out")
    return xr.DataTree.from_dict(
        {
            "/": root(case_document() if document is None else document, n),
            "/inputs": given,
            "/levers": levers(rng, n),
            "/displacement": first,
            "/exits/russia_out": second,
            "/structures": structures(rng, first),
            "/sensitivity": sensitivity(rng, [str(p) for p in given["input"].values]),
            "/claims": claims(rng, n),
        }
    )


def minimal(n: int = 64) -> xr.DataTree:
    """Make a tree of a study in which only the levers were computed."""
    rng = np.random.default_rng(2)
    return xr.DataTree.from_dict({"/": root(case_document(), n), "/levers": levers(rng, n)})


def bare(n: int = 64) -> xr.DataTree:
    """Make a tree in which no model ran at all."""
    return xr.DataTree.from_dict({"/": root(case_document(), n)})


def infinite(n: int = 64) -> xr.DataTree:
    """Make a tree with an infinite lever."""
    rng = np.random.default_rng(3)
    return xr.DataTree.from_dict({"/": root(case_document(), n), "/levers": levers(rng, n, infinite=True)})


def one_way(n: int = 64) -> xr.DataTree:
    """Make a tree in which the case states no reverse ties at all."""
    rng = np.random.default_rng(4)
    return xr.DataTree.from_dict({"/": root(case_document(), n), "/levers": levers(rng, n, reverse=False)})
