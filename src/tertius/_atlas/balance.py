"""How many powers a country leans on, year by year, from the data: trade, and what else is known of every year.

The index is that of a case, the effective number of powers (:func:`tertius.models.levers.effective_powers`), so that a
case's number can be read against history and beside other countries. Through trade it is taken from levers in the
equilibrium of every year; outside trade from the shares of :func:`tertius.world.ties`, as a lever of
:mod:`tertius._atlas.domains` would be, whose weight and elasticity cancel. A year without data is missing, and so is a
domain in which the tie to one of the powers is not known.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._atlas import assumptions
from tertius._atlas.about import describe, matters, unreported
from tertius._atlas.asking import Mistakes
from tertius._atlas.domains import ASSUMED
from tertius.case import Case
from tertius.errors import BadInput
from tertius.models import trade
from tertius.models._compiled import remember_compilations
from tertius.models.levers import effective_powers
from tertius.world import Power, Ties, World, country, load_world, pack, power, ties, worlds

__all__ = ["POWERS", "TRADE", "Party", "Span", "ask_balance", "balance"]

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

POWERS = ("USA", "eu", "CHN", "RUS", "GBR", "TUR", "IND", "JPN")
"""The powers where none are named, as for levers outside trade."""

TRADE = "trade"

MEASURES = {"arms": "deliveries", "security": "protection", "capital": "debt", "diplomacy": "posts"}
"""Domains whose data have more than one year, with the measure that has most of them."""

READINGS = (assumptions.THETA, assumptions.THETA_FROM, assumptions.THETA_TO)
"""Elasticities of trade: the central one, and the ends of what is assumed."""


def _entropy(levers: jax.Array) -> jax.Array:
    return effective_powers(levers).entropy


_ENTROPY = jax.jit(_entropy)


@dataclass(frozen=True)
class Party:
    """A power, whose members may change over the years.

    Attributes
    ----------
    id, name
        A code or the id of a bloc, or a case's own.
    fixed
        Its members in every year; None where it is a country or bloc of that name in each year.
    apart
        Countries that are powers of their own, and so do not count in a bloc.
    """

    id: str
    name: str
    fixed: tuple[str, ...] | None = None
    apart: frozenset[str] = frozenset()

    def members(self, year: int, client: str, host: str) -> tuple[str, ...]:
        """Its members as a client sees them, in a year.

        In a case's power the client changes places with the case's own country (``host``): a neighbour has that one
        for a neighbour.
        """
        if self.fixed is None:
            try:
                return tuple(m for m in power(self.id, year).members if m != client and m not in self.apart)
            except BadInput as error:
                if error.code != "empty-bloc":
                    raise
                return ()
        return () if self.fixed == (client,) else tuple(host if m == client else m for m in self.fixed)


@dataclass(frozen=True)
class Span:
    """What is asked: a country, those beside it, the powers and the years."""

    country: str
    beside: tuple[str, ...]
    powers: tuple[Party, ...]
    years: tuple[int, ...]
    case: str = ""

    @property
    def everyone(self) -> tuple[str, ...]:
        """The country, then those beside it."""
        return (self.country, *self.beside)


def ask_balance(
    client: str,
    *,
    beside: Sequence[str] = (),
    powers: Sequence[str] = (),
    case: Case | None = None,
    years: str = "2000-2020",
) -> Span:
    """Make sense of a question, or say everything that is wrong with it.

    Parameters
    ----------
    client
        The country, by code or name.
    beside
        Countries to see beside it.
    powers
        Countries and blocs; :data:`POWERS` if none.
    case
        Take its powers, with the members that it gives them, instead.
    years
        ``"2000-2020"``, or one year.

    Raises
    ------
    BadInput
        Every mistake in what was given, in one.
    """
    mistakes = Mistakes()
    found = mistakes.tried(lambda: country(client))
    others = [mistakes.tried(lambda text=text: country(text)) for text in beside]  # type: ignore[misc]
    when = mistakes.tried(lambda: _years(years)) or (2020,)
    if case is not None and powers:
        mistakes.found.append(
            BadInput("the powers are a case's or those named, not both", code="powers-twice", path="--power")
        )
    named = [mistakes.tried(lambda text=text: power(text, when[-1])) for text in powers or POWERS]  # type: ignore[misc]
    if case is not None:
        parties = tuple(Party(k, p.name, tuple(p.members)) for k, p in case.powers.items())
    else:
        known = [p for p in named if p is not None]
        alone = frozenset(p.id for p in known if p.members == (p.id,))
        parties = tuple(Party(p.id, p.name, apart=alone - {p.id}) for p in known)
    asked = [c.iso3 for c in (found, *others) if c is not None]
    for again in sorted({c for c in asked if asked.count(c) > 1}):
        mistakes.found.append(BadInput(f"{again} is there twice", code="twice", path="--beside"))
    twice = {p.id for p in parties if sum(q.id == p.id for q in parties) > 1}
    mistakes.found += [BadInput(f"{p} is there twice", code="twice", path="--power") for p in sorted(twice)]
    mistakes.tell()
    _apart(parties, when[-1])
    assert found is not None
    return Span(
        found.iso3,
        tuple(c.iso3 for c in others if c is not None),
        parties,
        when,
        "" if case is None else case.id,
    )


def _years(text: str) -> tuple[int, ...]:
    given = re.fullmatch(r"\s*(\d{4})(?:\s*[-–:]\s*(\d{4}))?\s*", text)
    first, last = (int(given[1]), int(given[2] or given[1])) if given else (1, 0)
    if not given or last < first:
        raise BadInput(
            f"'{text}' is no span of years", code="bad-years", path="--years", hint="write it as 2000-2020"
        )
    if last - first > 60:
        raise BadInput("more than sixty years are too many", code="bad-years", path="--years")
    return tuple(range(first, last + 1))


def _apart(parties: Sequence[Party], year: int) -> None:
    """No country may belong to two powers."""
    seen: dict[str, str] = {}
    for party in parties:
        for member in party.members(year, "", ""):
            if member in seen:
                raise BadInput(
                    f"{member} is in two of the powers, {seen[member]} and {party.id}",
                    code="overlapping-powers",
                    path="--power",
                    hint="leave one of them out",
                )
            seen[member] = party.id


class _Why:
    """What is missing, and why: the countries and years of every reason."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], dict[str, list[int]]] = {}

    def say(self, reason: str, domain: str, client: str, year: int) -> None:
        self.found.setdefault((domain, reason), {}).setdefault(client, []).append(year)

    def told(self) -> list[dict[str, Any]]:
        return [
            {"domain": domain, "reason": reason, "years": years}
            for (domain, reason), years in self.found.items()
        ]


def balance(span: Span, *, domains: bool = False, progress: Progress | None = None) -> xr.Dataset:
    """Compute the index of every country and year.

    Parameters
    ----------
    span
        From :func:`ask_balance`.
    domains
        Whether domains outside trade are wanted too.
    progress
        Told a stage and the fraction of it that is done.

    Returns
    -------
    Dataset
        ``index``, ``index_low``, ``index_high`` (domain, country, year): the effective number of powers in the central
        reading, and the least and the most of it over :data:`READINGS` or, outside trade, over what is assumed of a
        country's own part. ``lever`` (country, year, power): through trade, log points. ``share`` (domain, country,
        year, power): of trade, or as :func:`tertius.world.ties` has it. ``lifted`` (country, year) as for levers. NaN
        where it is missing; the attribute ``why`` says why (JSON: by domain and reason, the years of each country).
    """
    remember_compilations()
    names = [TRADE, *(MEASURES if domains else ())]
    shape = (len(span.everyone), len(span.years), len(span.powers))
    lever = np.full((len(READINGS), *shape), np.nan)
    share = np.full((len(names), *shape), np.nan)
    own = np.full((len(names), len(READINGS), *shape[:2]), np.nan)
    # A country is no power over itself: nothing is missing there.
    absent = np.array([[p.id == c or p.fixed == (c,) for p in span.powers] for c in span.everyone])
    lifted = np.zeros(shape[:2], dtype=bool)
    why = _Why()
    used: list[World] = []
    sources: list[str] = []
    residual = [0.0]
    there = worlds()
    told = progress or (lambda stage, done: None)
    for y, year in enumerate(span.years):
        told("years", y / len(span.years))
        name = f"baci-{year}"
        if name in there:
            world = load_world(name)
            used.append(world)
            for c, levers, shares, floor, worst in _traded(span, world, why):
                lever[:, c, y], share[0, c, y], lifted[c, y] = levers, shares, floor
                residual.append(worst)
        else:
            for client in span.everyone:
                why.say("there is no trade of that year in the data", TRADE, client, year)
        for c, client in enumerate(span.everyone if domains else ()):
            parties = [
                Power(p.id, p.name, p.members(year, client, span.country))
                for p in span.powers
                if p.id != client
            ]
            found = ties(client, year, [p for p in parties if p.members], lag=0)
            for d, domain in enumerate(names[1:], start=1):
                tied = _tied(span, found, domain, why)
                if tied is not None:
                    share[d, c, y], own[d, :, c, y], place = tied
                    sources.append(place)
    told("years", 1.0)
    known = ~absent[:, None]
    with np.errstate(divide="ignore"):
        held = np.stack(
            [lever, *(-np.log1p(-(1 - own[d])[..., None] * share[d]) for d in range(1, len(names)))]
        )
    # Domain, reading, country, year. A power that the country is itself holds nothing over it.
    index = np.asarray(_ENTROPY(np.where(known, held, 0.0)))
    central, low, high = index[:, 0], index.min(axis=1), index.max(axis=1)
    dims = ("domain", "country", "year")
    unit = {"unit": "powers"}
    made = xr.Dataset(
        {
            "index": (dims, central, unit | {"long_name": "effective number of powers"}),
            "index_low": (dims, low, unit | {"long_name": "least of it over what is assumed"}),
            "index_high": (dims, high, unit | {"long_name": "most of it over what is assumed"}),
            "lever": (
                ("country", "year", "power"),
                lever[0],
                {"unit": "log points", "long_name": "lever through trade"},
            ),
            "share": ((*dims, "power"), share, {"unit": "share"}),
        },
        coords={
            "domain": names,
            "country": list(span.everyone),
            "year": list(span.years),
            "power": [p.id for p in span.powers],
            "lifted": (("country", "year"), lifted),
        },
    )
    made.attrs = _told(span, used, sources, why, max(residual), domains)
    return made


def _traded(span: Span, world: World, why: _Why) -> Iterator[tuple[int, Array, Array, bool, float]]:
    """Levers (reading, power) and shares (power) of every country in one year, with the floor and the residual."""
    known, year = set(world.countries), world.year
    blocs: dict[int, dict[str, tuple[str, ...]]] = {}
    for c, client in enumerate(span.everyone):
        if client not in known:
            why.say("not among the economies of that year's world", TRADE, client, year)
            continue
        silent = unreported(world, client)
        blocs[c] = {}
        for party in span.powers:
            members = tuple(m for m in party.members(year, client, span.country) if m in known)
            if members and not bool(silent.sel(country=list(members)).all()):
                blocs[c][party.id] = members
            elif party.id != client and party.fixed != (client,):
                why.say(f"trade with {party.name} is not known", TRADE, client, year)
    base = trade.baseline(world.flows, gdp=world.gdp)
    flows = world.flows.fillna(0)
    ids = [p.id for p in span.powers]
    for c, mine in blocs.items():
        client, place = span.everyone[c], [ids.index(p) for p in mine]
        levers, shares = np.full((len(READINGS), len(ids)), np.nan), np.full(len(ids), np.nan)
        here = trade.Baseline(base.flows, base.several, mine, base.lifted)
        floor, worst = False, 0.0
        for k, theta in enumerate(READINGS if mine else ()):
            found = trade.leverage(here, theta, powers=list(mine), clients=[client])
            levers[k, place] = found.values[:, 0]
            worst = max(worst, float(np.nanmax(found["residual"].values, initial=0.0)))
            floor = bool(found["lifted"].values[0])
        out, back = (flows.sel({end: client}) for end in ("origin", "destination"))
        total = float(out.sum() + back.sum())
        for p, members in mine.items():
            both = out.sel(destination=list(members)).sum() + back.sel(origin=list(members)).sum()
            shares[ids.index(p)] = float(both) / total if total > 0 else math.nan
        yield c, levers, shares, floor, worst


def _tied(span: Span, found: Ties, domain: str, why: _Why) -> tuple[Array, Array, str] | None:
    """Shares of the powers in a domain, the country's own part (likeliest, least, most), and whose data they are."""
    rows = found.of(domain, MEASURES[domain])
    share = np.array([rows[p.id].share if p.id in rows else math.nan for p in span.powers])
    reasons: dict[str, list[str]] = {}
    for p in found.powers:
        if p.id in rows and rows[p.id].missing:
            reasons.setdefault(_without_year(rows[p.id].missing), []).append(p.name)
    for reason, names in reasons.items():
        of_some = f"{', '.join(names)}: {reason}" if len(names) < len(found.powers) else reason
        why.say(of_some, domain, found.client.iso3, found.year)
    if np.isnan(share).all():
        return None
    assumed = ASSUMED[domain].own
    if assumed is None:
        # Protection is a share of all there is, its own included.
        at_home = np.zeros(3)
    else:
        low, likely, high = assumed
        at_home = np.array([likely, low, high])
    return share, at_home, next(iter(rows.values())).pack.partition("/")[0]


def _without_year(reason: str) -> str:
    """A reason up to where it speaks of the year, which is told apart."""
    first = re.split(r", (?:and|not for all of) ", reason)[0]
    return re.sub(r" in \d{4} to \d{4}", " in the ten years up to it", first)


def _told(
    span: Span,
    used: Sequence[World],
    sources: Sequence[str],
    why: _Why,
    residual: float,
    domains: bool,
) -> dict[str, Any]:
    """Attributes of the answer."""
    last = used[-1] if used else load_world("baci-2020")
    attrs = describe(
        last,
        span.everyone,
        kind="balance",
        client=span.country,
        draws=0,
        seed=0,
        residual=residual,
        lifted="",
        elasticity=assumptions.THETA,
        factors="mobile",
        missing=0,
        assumed=_words(domains),
    )
    flags: dict[str, str] = {}
    for world in used:
        for client in span.everyone:
            flags |= {str(f): f.kind for f in matters(world, client, [client])}
    packs = {p.name: p for world in used for p in world.sources} | {name: pack(name) for name in sources}
    economies = sorted({len(world.countries) for world in used})
    return attrs | {
        "world": f"baci-{span.years[0]} to baci-{span.years[-1]}",
        "year": f"{span.years[0]}–{span.years[-1]}" if len(span.years) > 1 else str(span.years[0]),
        "economies": "–".join(
            str(n) for n in dict.fromkeys((economies or [0])[:: max(1, len(economies) - 1)])
        ),
        "left_out": json.dumps([]),
        "flags": json.dumps([{"kind": kind, "text": text} for text, kind in flags.items()]),
        "sources": json.dumps(
            [
                {"name": p.name, "citation": p.citation, "page": p.page, "licence": p.licence}
                for p in packs.values()
            ]
        ),
        "origins": json.dumps(list(dict.fromkeys(o for world in used for o in world.origins))),
        "notes": json.dumps(list(dict.fromkeys(n for world in used for n in world.notes))[:4]),
        "power_names": json.dumps({p.id: p.name for p in span.powers}),
        "members": json.dumps({p.id: list(p.members(span.years[-1], "", "")) for p in span.powers}),
        "of_case": span.case,
        "why": json.dumps(why.told()),
    }


def _words(domains: bool) -> list[str]:
    said = [
        f"Trade elasticity {assumptions.THETA:g}; the range is that from {assumptions.THETA_FROM:g} to "
        f"{assumptions.THETA_TO:g} (assumed).",
        "Output equal to GDP: a larger one lowers every lever in nearly the same proportion, and moves the index by "
        "some hundredths.",
        "One good, as the totals of trade have it; neither transit nor services.",
    ]
    if domains:
        said += [
            f"{a.name}: {a.own[1]:g} of it is the country's own; the range is that from {a.own[0]:g} to {a.own[2]:g} "
            "(assumed)."
            for name, a in ASSUMED.items()
            if name in MEASURES and a.own is not None
        ]
        said.append("Outside trade supply is elastic; weight and elasticity cancel in the index.")
    return said
