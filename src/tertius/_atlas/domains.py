"""Levers outside trade from public shares, under weights and elasticities that are all assumed.

:func:`tertius.world.ties` says who supplies which share of a country's arms, protection, capital, money sent home and
foreign posts. What a share is worth is a judgement, stated here once for every country, wide, and drawn; with elastic
supply the lever is the nested-CES power formula

    L[p, d] = 100 · ω_d / (σ_d − 1) · (−log(1 − s[p, d]))          s[p, d] = (1 − own_d) · share of the data

A case should state its own.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius.models import levers
from tertius.world.domains import DOMAINS, OWN, REST, Tie, Ties, ties

__all__ = ["ASSUMED", "Assumption", "domain_levers", "measure_of", "supplied", "triangle"]

Array = NDArray[np.float64]
Triangle = tuple[float, float, float]


@dataclass(frozen=True)
class Assumption:
    """What is assumed of a domain, for any country.

    Attributes
    ----------
    name
        In words.
    weight, why_weight
        ω: lowest, likeliest, highest; and why.
    elasticity, why_elasticity
        σ: lowest and highest.
    own, why_own
        The country's own part: lowest, likeliest, highest; None where the data have it.
    """

    name: str
    weight: Triangle
    why_weight: str
    elasticity: tuple[float, float]
    why_elasticity: str
    own: Triangle | None
    why_own: str


ASSUMED: dict[str, Assumption] = {
    "security": Assumption(
        "Security",
        (0.02, 0.05, 0.15),
        "What states spend on defence, up to what they would give not to stand alone.",
        (1.2, 3.0),
        "A guarantee is hard to replace by another.",
        None,
        "",
    ),
    "arms": Assumption(
        "Arms",
        (0.003, 0.01, 0.03),
        "Some fifth of spending on defence.",
        (1.5, 5.0),
        "Weapons of another make can be had, training and spares take years.",
        (0.1, 0.3, 0.6),
        "What it makes and keeps in repair itself is not in the data.",
    ),
    "capital": Assumption(
        "Foreign investment",
        (0.1, 0.2, 0.4),
        "From the part of foreign capital to all of capital's share in income.",
        (1.5, 4.0),
        "One investor's money replaces another's, his knowledge less so.",
        (0.5, 0.75, 0.9),
        "Most capital is a country's own everywhere; how much is not in the data.",
    ),
    "people": Assumption(
        "Work abroad",
        (0.002, 0.01, 0.1),
        "From a country whose people stay to one that lives by what is sent home.",
        (1.2, 3.0),
        "Another country to work in needs a visa and a language.",
        (0.2, 0.4, 0.6),
        "What those who work abroad would earn at home.",
    ),
    "diplomacy": Assumption(
        "Diplomacy",
        (0.001, 0.005, 0.02),
        "A fraction of one per cent of income: what being heard is worth.",
        (1.5, 5.0),
        "Others' embassies can carry a message.",
        (0.1, 0.3, 0.5),
        "Its own foreign service.",
    ),
}


def measure_of(found: Ties, domain: str) -> str:
    """The measure of a domain that knows most of the powers; the headline where two know as many."""
    powers = [p.id for p in found.powers]

    def known(measure: str) -> int:
        rows = found.of(domain, measure)
        return sum(not math.isnan(rows[p].share) for p in powers if p in rows)

    return max(DOMAINS[domain], key=known)


def supplied(found: Ties, domain: str, measure: str) -> tuple[dict[str, Tie], float, float]:
    """What each power supplies of the foreign part, the country's own part where the data have it, and the rest."""
    rows = found.of(domain, measure)
    own = rows[OWN].share if OWN in rows else math.nan
    rest = rows[REST].share if REST in rows else math.nan
    return rows, own, rest


def domain_levers(client: str, year: int, powers: list[str], *, draws: int, seed: int) -> xr.Dataset:
    """Compute levers outside trade.

    Parameters
    ----------
    client
        ISO3.
    year
        The year of the ties.
    powers
        Countries and blocs, no country in two of them.
    draws, seed
        Of weights, elasticities and own parts.

    Returns
    -------
    Dataset
        ``domain_share`` (domain, power) as the data have it, ``domain_lever`` (draw, domain, power) in log points,
        ``votes_alike`` (power); NaN where the data have no figure. Attributes tell why, and of the queries (JSON).
    """
    found = ties(client, year, powers)
    ids = [p.id for p in found.powers]
    names = list(ASSUMED)
    rng = np.random.default_rng([seed, 1])
    n = max(draws, 1)
    u = (
        rng.permuted(np.tile(np.arange(n), (3 * len(names), 1)), axis=1)
        + rng.uniform(size=(3 * len(names), n))
    ) / n
    share = np.full((len(names), len(ids)), np.nan)
    lever = np.full((n, len(names), len(ids)), np.nan)
    missing: dict[str, dict[str, str]] = {}
    queries: dict[str, str] = {}
    notes: dict[str, list[str]] = {}
    for d, name in enumerate(names):
        assumed = ASSUMED[name]
        measure = measure_of(found, name)
        rows, own, _ = supplied(found, name, measure)
        omega = triangle(u[3 * d], assumed.weight)
        low, high = assumed.elasticity
        sigma = low + (high - low) * u[3 * d + 1]
        at_home = np.full(n, own) if assumed.own is None else triangle(u[3 * d + 2], assumed.own)
        first = next(iter(rows.values()), None)
        queries[name] = f"{measure}: {first.query} ({first.pack})" if first and first.query else measure
        notes[name] = list(dict.fromkeys(note for tie in rows.values() for note in tie.notes))
        whole = np.full((n, len(ids)), np.nan)
        for p, power in enumerate(ids):
            tie = rows.get(power)
            if tie is None or math.isnan(tie.share):
                missing.setdefault(name, {})[power] = tie.missing if tie else "not in the data"
                continue
            share[d, p] = tie.share
            # Protection is a share of all there is, its own included; the other measures are of what comes from abroad.
            whole[:, p] = tie.share if assumed.own is None else (1 - at_home) * tie.share
        # The last place is the country's own.
        bundle = np.concatenate([whole, np.zeros((n, 1))], axis=1)
        lever[:, d] = np.asarray(levers.ces_lever(bundle, omega, sigma))
    votes = found.of("votes")
    return xr.Dataset(
        {
            "domain_share": (("domain", "power"), share, {"unit": "share"}),
            "domain_lever": (("draw", "domain", "power"), lever, {"unit": "log points"}),
            "votes_alike": (
                ("power",),
                [votes[p].amount if p in votes else math.nan for p in ids],
                {"unit": "share"},
            ),
        },
        coords={"domain": names, "power": ids, "draw": np.arange(n)},
        attrs={
            "domain_missing": json.dumps(missing),
            "domain_queries": json.dumps(queries),
            "domain_notes": json.dumps(notes),
            "domain_assumed": json.dumps([_words(a) for a in ASSUMED.values()]),
            "domain_powers": json.dumps({p.id: list(p.members) for p in found.powers}),
            "power_names": json.dumps({p.id: p.name for p in found.powers}),
        },
    )


def _words(a: Assumption) -> str:
    low, likely, high = a.weight
    own = "" if a.own is None else f" Its own part: {a.own[0]:g} to {a.own[2]:g}. {a.why_own}"
    return (
        f"{a.name} (assumed): weight {low:g} to {high:g}, likeliest {likely:g}. {a.why_weight} Elasticity "
        f"{a.elasticity[0]:g} to {a.elasticity[1]:g}. {a.why_elasticity}{own}"
    )


def triangle(u: Array, corners: Triangle) -> Array:
    """The inverse distribution of a triangle."""
    low, top, high = corners
    turn = (top - low) / (high - low)
    rising = low + np.sqrt(u * (high - low) * (top - low))
    falling = high - np.sqrt((1 - u) * (high - low) * (high - top))
    return np.asarray(np.where(u < turn, rising, falling))
