"""Ties outside trade, from data to shares: who supplies how much of a country's arms, protection, capital and so on.

:func:`ties` gives, for a country and a year, the share that each power has in each domain, with the query that gave
it and what to know about it. ``docs/world.md`` argues for each mapping; they are these, with i the client, p a power
of members m (never the client itself), Y the year, and shares that add up to one with ``own`` or ``rest``:

    arms        deliveries    Σ_m TIV[m→i] / Σ_all TIV[·→i], over Y−9 … Y
    security    protection    Σ_m d[m→i] c[m] / (c[i] + Σ_j d[j→i] c[j]);  d: a pact obliges j to defend i, c: CINC
    capital     fdi           Σ_m F[m→i] / Σ_reporters F[·→i]     positions held in i, among the economies that report
                debt          Σ_m B[m→i] / Σ_creditors B[·→i]     claims on i, among the ten creditors of the source
    people      remittances   Σ_m R[m→i] / Σ_all R[·→i]
                migrants      Σ_m M[i→m] / Σ_all M[i→·]           born in i and living in m
    diplomacy   posts         Σ_m P[m→i] / Σ_senders P[·→i]
    votes       agreement     a[p,i] / Σ_q a[q,i];  a: the part of the votes cast by both that were the same

and, in direction ``to_power``, what the power has from the client: the same with the ends exchanged, the client's
share of what all the power's members have together from outside (posts: the client's share of those in the power).
Votes have one direction. A share that the data do not give is NaN and says why; it is never nought.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tertius.errors import BadInput, CannotCompute
from tertius.world import codes, store
from tertius.world.fetch import require
from tertius.world.packs import pack
from tertius.world.powers import Power, power

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["DOMAINS", "OWN", "REST", "Tie", "Ties", "ties"]

DOMAINS: dict[str, tuple[str, ...]] = {
    "arms": ("deliveries",),
    "security": ("protection",),
    "capital": ("fdi", "debt"),
    "people": ("remittances", "migrants"),
    "diplomacy": ("posts",),
    "votes": ("agreement",),
}
OWN, REST = "own", "rest"
TO_CLIENT, TO_POWER = "to_client", "to_power"
WINDOW = 10
LAG = 5


@dataclass(frozen=True, slots=True)
class Tie:
    """One figure: a power's share in one measure of one domain, in one direction.

    Attributes
    ----------
    domain, measure
        Such as ``"capital"`` and ``"debt"``; the first measure of :data:`DOMAINS` is the domain's headline.
    direction
        ``"to_client"`` (what the client has from the power) or ``"to_power"``.
    power
        Its id; ``"own"`` and ``"rest"`` are the client's own part and everybody else's.
    share
        The share, 0 to 1; NaN if it is not known.
    amount, total
        What it is a share of, and the power's part, in ``unit``; NaN if not known.
    unit
        Their unit.
    years
        First and last year of the figures.
    pack
        The data pack.
    query
        What was asked of it, in words that can be repeated.
    notes
        What to know about the figure.
    missing
        Why there is no share; empty if there is one.
    """

    domain: str
    measure: str
    direction: str
    power: str
    share: float
    amount: float
    total: float
    unit: str
    years: tuple[int, int] | None
    pack: str
    query: str
    notes: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Ties:
    """A country's ties outside trade in a year.

    Attributes
    ----------
    client, year
        The country and the year asked for.
    powers
        The powers, with their members of that year.
    rows
        Every figure.
    """

    client: codes.Country
    year: int
    powers: tuple[Power, ...]
    rows: tuple[Tie, ...]

    def of(self, domain: str, measure: str | None = None, direction: str = TO_CLIENT) -> dict[str, Tie]:
        """Return the figures of one measure by power; of the domain's headline measure if none is named."""
        wanted = measure or DOMAINS[domain][0]
        return {
            t.power: t for t in self.rows if (t.domain, t.measure, t.direction) == (domain, wanted, direction)
        }

    def share(self, domain: str, power: str, direction: str = TO_CLIENT, measure: str | None = None) -> float:
        """Return a power's share; NaN if it is not known."""
        found = self.of(domain, measure, direction).get(power)
        return found.share if found else math.nan

    def frame(self) -> pd.DataFrame:
        """Return the figures as a frame, one a row."""
        import pandas as pd

        return pd.DataFrame([{name: getattr(t, name) for name in Tie.__slots__} for t in self.rows])

    @property
    def shares(self) -> xr.DataArray:
        """Dims ``direction, domain, power``: the headline shares; NaN where not known."""
        import xarray as xr

        labels = {
            "direction": [TO_CLIENT, TO_POWER],
            "domain": list(DOMAINS),
            "power": [*(p.id for p in self.powers), OWN, REST],
        }
        values = [
            [[self.share(domain, p, direction) for p in labels["power"]] for domain in labels["domain"]]
            for direction in labels["direction"]
        ]
        return xr.DataArray(np.array(values), dims=tuple(labels), coords=labels, name="shares")

    def __str__(self) -> str:
        lines = [f"{self.client.name}, {self.year}: shares of what it has from each"]
        for domain, measures in DOMAINS.items():
            for measure in measures:
                found = self.of(domain, measure)
                if not found:
                    continue
                known = [
                    f"{t.power} {100 * t.share:.1f} %" for t in found.values() if not math.isnan(t.share)
                ]
                if measure == "agreement" and not known:
                    known = [f"{t.power} {t.amount:.2f}, no share" for t in found.values() if t.amount > 0]
                first = next(iter(found.values()))
                years = "–".join(str(y) for y in dict.fromkeys(first.years)) if first.years else ""
                lines.append(
                    f"{domain} ({measure}{', ' if years else ''}{years}): {', '.join(known) or 'missing'}"
                )
                reasons: dict[str, list[str]] = {t.missing: [] for t in found.values() if t.missing}
                for t in found.values():
                    if t.missing:
                        reasons[t.missing].append(t.power)
                lines += [f"  {', '.join(who)} missing: {why}" for why, who in reasons.items()]
                lines += [f"  {note}" for note in dict.fromkeys(n for t in found.values() for n in t.notes)]
        return "\n".join(lines)


def ties(
    iso3: str,
    year: int,
    powers: Sequence[str | Power] = ("RUS", "CHN", "west"),
    *,
    window: int = WINDOW,
    lag: int = LAG,
) -> Ties:
    """Return a country's ties outside trade, by domain and power.

    Parameters
    ----------
    iso3
        The client: a code or a name.
    year
        The year.
    powers
        Countries and blocs, as :func:`tertius.world.power` takes them, or powers with members of one's own; no country
        may be in two of them.
    window
        Over how many years deliveries of arms are summed, up to the year.
    lag
        How many years a figure may be older (people: or younger) than the year; what is further off is missing.

    Returns
    -------
    Ties

    Raises
    ------
    BadInput
        If a name is not known, the client is a power, or powers overlap.
    """
    client = codes.country(iso3)
    found = tuple(
        _without(name if isinstance(name, Power) else power(name, year), client.iso3) for name in powers
    )
    seen: dict[str, str] = {}
    for one in found:
        for member in one.members:
            if member in seen:
                raise BadInput(
                    f"{codes.name(member)} is in two of the powers, {seen[member]} and {one.id}",
                    code="overlapping-powers",
                    path=one.id,
                    hint="leave one of them out",
                )
            seen[member] = one.id
    asked = _Asked(client, year, found, window, lag)
    rows: list[Tie] = []
    for domain, measures in DOMAINS.items():
        for measure in measures:
            rows += _guarded(asked, domain, measure)
    return Ties(client, year, found, tuple(rows))


def _without(found: Power, client: str) -> Power:
    if client not in found.members:
        return found
    if len(found.members) == 1:
        raise BadInput(f"{found.name} cannot be a power over itself", code="client-is-power", path=found.id)
    members = tuple(m for m in found.members if m != client)
    return Power(found.id, found.name, members, found.source, found.assumed)


# --- what the measures share ---


@dataclass(frozen=True)
class _Asked:
    client: codes.Country
    year: int
    powers: tuple[Power, ...]
    window: int
    lag: int

    @property
    def who(self) -> str:
        return self.client.iso3


@dataclass(frozen=True)
class _Figures:
    """One measure in one direction: amounts by power of one total, and why some are not there."""

    direction: str
    unit: str
    years: tuple[int, int] | None
    pack: str
    query: str
    amounts: Mapping[str, float]
    totals: Mapping[str, float]
    missing: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]


Measure = Callable[[_Asked], Iterable[_Figures]]


def _guarded(asked: _Asked, domain: str, measure: str) -> list[Tie]:
    """Return the rows of a measure; if its data are not on this machine, rows that say so."""
    try:
        return [row for figures in MEASURES[measure](asked) for row in _rows(asked, domain, measure, figures)]
    except CannotCompute as error:
        if error.code != "no-data":
            raise
        return [
            Tie(
                domain, measure, direction, p.id, math.nan, math.nan, math.nan, "", None, error.path, "", (), str(error)
            )
            for direction in ((TO_CLIENT,) if measure == "agreement" else (TO_CLIENT, TO_POWER))
            for p in asked.powers
        ]  # fmt: skip


def _rows(asked: _Asked, domain: str, measure: str, f: _Figures) -> Iterable[Tie]:
    names = [p.id for p in asked.powers]
    names += [extra for extra in (OWN, REST) if extra in f.amounts or extra in f.missing]
    for name in names:
        amount, total = f.amounts.get(name, math.nan), f.totals.get(name, f.totals.get("", math.nan))
        why = f.missing.get(name, f.missing.get("", ""))
        if not why and not total > 0:
            why = "nothing is recorded of which it could be a share"
        share = math.nan if why else amount / total
        notes = (*f.notes.get("", ()), *f.notes.get(name, ()))
        yield Tie(
            domain,
            measure,
            f.direction,
            name,
            share,
            amount,
            total,
            f.unit,
            f.years,
            f.pack,
            f.query,
            notes,
            why,
        )


def _flags(name: str, asked: _Asked) -> dict[str, tuple[str, ...]]:
    """Return what the registry knows to be wrong of figures between the client and each power."""
    found: dict[str, tuple[str, ...]] = {
        "": tuple(str(f) for f in pack(name).flags if not (f.economies or f.pairs))
    }
    for p in asked.powers:
        ends = {asked.who, *p.members}
        found[p.id] = tuple(
            str(f)
            for f in pack(name).flags
            if f.concerns(ends)
            and (any(ends.issuperset(pair) for pair in f.pairs) or f.economies & set(p.members))
        )
    return found


def _sum(values: Mapping[str, float], members: Iterable[str]) -> float:
    return float(sum(values.get(m, 0.0) for m in members))


def _select(place: str, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a query in which ``t`` is a stored table; return its rows."""
    name, _, table = place.partition("/")
    (file,) = require(name, table).values()
    columns = store.query(sql, {"t": file}, parameters).values()
    return list(zip(*(np.ma.filled(c, np.nan) if c.dtype.kind == "f" else c for c in columns), strict=True))


def _nearest(years: Iterable[int], asked: _Asked, *, later: bool = False) -> int | None:
    """Return the year of the data to use: the last up to the year asked for, or the nearest if a later one will do."""
    near = [y for y in years if abs(y - asked.year) <= asked.lag and (later or y <= asked.year)]
    return min(near, key=lambda y: abs(y - asked.year), default=None)


def _pairwise(
    asked: _Asked,
    values: Mapping[tuple[str, str], float],
    *,
    unit: str,
    years: tuple[int, int],
    place: str,
    query: str,
    notes: Mapping[str, tuple[str, ...]],
) -> Iterable[_Figures]:
    """Shares of a full matrix (from, to), both ways."""
    who = asked.who
    to_client = {o: v for (o, d), v in values.items() if d == who and o != who}
    amounts = {p.id: _sum(to_client, p.members) for p in asked.powers}
    total = sum(to_client.values())
    amounts[REST] = total - sum(amounts.values())
    yield _Figures(TO_CLIENT, unit, years, place, query, amounts, {"": total}, {}, notes)
    back, totals = {}, {}
    for p in asked.powers:
        members = set(p.members)
        inward = {(o, d): v for (o, d), v in values.items() if d in members and o not in members}
        back[p.id] = sum(v for (o, _), v in inward.items() if o == who)
        totals[p.id] = sum(inward.values())
    yield _Figures(TO_POWER, unit, years, place, query, back, totals, {}, notes)


# --- the measures ---


def _deliveries(asked: _Asked) -> Iterable[_Figures]:
    first, last = asked.year - asked.window + 1, asked.year
    place = "sipri-arms/deliveries"
    ((oldest, newest),) = _select(place, "select min(year), max(year) from t")
    notes = _flags("sipri-arms", asked)
    query = f"trend-indicator values of deliveries, {first}–{last}, by supplier and recipient"
    if last > int(newest) or first < int(oldest):
        why = f"deliveries are known for {oldest} to {newest}, not for all of {first} to {last}"
        for direction in (TO_CLIENT, TO_POWER):
            yield _Figures(direction, "million TIV", None, place, query, {}, {}, {"": why}, notes)
        return
    # A supplier or recipient without a code (rebels, "unknown supplier(s)") is in the totals, and Russia is what the
    # Soviet Union was.
    rows = _select(
        place,
        "select if(supplier_iso3 = 'SUN', 'RUS', coalesce(supplier_iso3, supplier)) o, "
        "if(recipient_iso3 = 'SUN', 'RUS', coalesce(recipient_iso3, recipient)) d, sum(tiv_musd) from t "
        "where year between ? and ? group by all",
        [first, last],
    )
    values = {(str(o), str(d)): float(v) for o, d, v in rows}
    to_client, back = _pairwise(
        asked, values, unit="million TIV", years=(first, last), place=place, query=query, notes=notes
    )
    if not to_client.totals[""] > 0:
        why = f"no delivery to it is recorded in {first} to {last}: it may import none, or none that SIPRI counts"
        yield _Figures(
            TO_CLIENT, "million TIV", (first, last), place, query, {}, {}, {"": why, REST: why}, notes
        )
    else:
        yield to_client
    # What a power has from the client in arms is a market: the client's share of what the power sells abroad.
    sold, totals = {}, {}
    for p in asked.powers:
        members = set(p.members)
        out = {(o, d): v for (o, d), v in values.items() if o in members and d not in members}
        sold[p.id] = sum(v for (_, d), v in out.items() if d == asked.who)
        totals[p.id] = sum(out.values())
    yield _Figures(TO_POWER, back.unit, back.years, place, query, sold, totals, {}, notes)


def _protection(asked: _Asked) -> Iterable[_Figures]:
    place = "alliances/atop"
    unit = "share of the world's material capabilities (CINC)"
    notes = _flags("alliances", asked)
    years = [int(y) for (y,) in _select(place, "select distinct year from t")]
    year = _nearest(years, asked)
    query = "pacts that oblige to defend (atop_defense), weighted by CINC (cow-geography/capabilities)"
    why = ""
    me = asked.client.cow
    if me is None:
        why = "it is no state of the Correlates of War list"
    elif year is None:
        why = f"pacts are known to {max(years)}, and {asked.year} is more than {asked.lag} years later"
    if me is None or year is None:
        for direction in (TO_CLIENT, TO_POWER):
            missing = {"": why, **({OWN: why, REST: why} if direction == TO_CLIENT else {})}
            yield _Figures(direction, unit, None, place, query, {}, {}, missing, notes)
        return
    pacts = {
        (int(a), int(b)): (int(defense), int(consult), int(peace))
        for a, b, defense, consult, peace in _select(
            place,
            "select ccode1, ccode2, atop_defense, atop_consul, atop_nonagg from t where year = ?",
            [year],
        )
    }
    capability = {
        int(c): float(v)
        for c, v in _select(
            "cow-geography/capabilities",
            "select ccode, cinc from t where year = ? and cinc is not null",
            [year],
        )
    }
    query = f"{query}, {year}"
    if year != asked.year:
        notes[""] = (*notes[""], f"pacts and capabilities of {year}, the last known")
    cow = {p.id: [c for m in p.members if (c := _cow(m)) is not None] for p in asked.powers}
    for p in asked.powers:
        best = [pacts[c, me] for c in cow[p.id] if (c, me) in pacts]
        kinds = [
            word
            for k, word in enumerate(("defence", "consultation", "non-aggression"))
            if any(pact[k] for pact in best)
        ]
        notes[p.id] = (*notes.get(p.id, ()), f"{p.name}: pacts of {', '.join(kinds) or 'no kind'} with it")

    def defenders(of: int) -> dict[int, float]:
        return {a: capability.get(a, 0.0) for (a, b), (d, _, _) in pacts.items() if b == of and d}

    mine, allies = capability.get(me, math.nan), defenders(me)
    amounts = {p.id: float(sum(allies.get(c, 0.0) for c in cow[p.id])) for p in asked.powers}
    total = mine + sum(allies.values())
    amounts |= {OWN: mine, REST: sum(allies.values()) - sum(amounts.values())}
    missing = {"": "its own capabilities are not known"} if math.isnan(mine) else {}
    yield _Figures(TO_CLIENT, unit, (year, year), place, query, amounts, {"": total}, missing, notes)
    back, totals, lacking = {}, {}, {}
    for p in asked.powers:
        inside = cow[p.id]
        helpers: dict[int, float] = {}
        for member in inside:
            helpers |= {a: v for a, v in defenders(member).items() if a not in inside}
        back[p.id] = helpers.get(me, 0.0)
        totals[p.id] = sum(capability.get(c, 0.0) for c in inside) + sum(helpers.values())
        if not inside:
            lacking[p.id] = "no member is a state of the Correlates of War list"
    yield _Figures(TO_POWER, unit, (year, year), place, query, back, totals, lacking, notes)


def _cow(iso3: str) -> int | None:
    found = codes.countries().get(iso3)
    return found.cow if found else None


# No position is ten trillion dollars; what is more is one of the source's figures that are a million times too high.
_TOO_MUCH = 1e7


def _fdi(asked: _Asked) -> Iterable[_Figures]:
    place, unit = "imf-fdi/positions", "million US$"
    notes = _flags("imf-fdi", asked)
    years = [int(y) for (y,) in _select(place, "select distinct year from t where direction = 'outward'")]
    year = _nearest(years, asked)
    query = "direct investment positions, as the economy where they are reports them (SCC), else as the holder does (O)"
    if year is None:
        why = f"positions are known for {min(years)} to {max(years)}"
        for direction in (TO_CLIENT, TO_POWER):
            yield _Figures(direction, unit, None, place, query, {}, {}, {"": why}, notes)
        return
    query += f", {year}"
    rows = _select(
        place,
        "select reporter, counterpart, arg_max(value, dv_type), max(dv_type) from t "
        "where direction = 'outward' and year = ? and abs(value) < ? group by all",
        [year, _TOO_MUCH],
    )
    held = {(str(o), str(d)): float(v) for o, d, v, _ in rows}
    own_word = sorted(str(o) for o, d, _, kind in rows if d == asked.who and kind == "O")
    reporters = sorted({o for o, _ in held})
    listed = ", ".join(reporters)
    notes[""] = (*notes[""], f"shares are of what {listed} hold together, not of all foreign investment")
    if own_word:
        notes[""] = (*notes[""], f"of {', '.join(own_word)} by the holder's own report only")
    if year != asked.year:
        notes[""] = (*notes[""], f"positions of {year}, the last known")
    inside = {o: v for (o, d), v in held.items() if d == asked.who and o != asked.who}
    amounts, missing, totals, back = {}, {}, {}, {}
    for p in asked.powers:
        reporting = [m for m in p.members if m in reporters]
        known = [m for m in reporting if m in inside]
        if not known:
            missing[p.id] = (
                f"neither it nor {', '.join(reporting)} reports what they hold in it"
                if reporting
                else f"none of its members is among those that report positions ({listed})"
            )
            continue
        if len(known) < len(p.members):
            notes[p.id] = (
                *notes.get(p.id, ()),
                f"{p.name}: {', '.join(known)} only, of {len(p.members)} members",
            )
        amounts[p.id] = _sum(inside, known)
        if amounts[p.id] < 0:
            missing[p.id] = "its position is negative: it has lent more back than it holds"
        abroad = {(o, d): v for (o, d), v in held.items() if o in known and d not in p.members}
        back[p.id] = sum(v for (_, d), v in abroad.items() if d == asked.who)
        totals[p.id] = sum(abroad.values())
    total = sum(inside.values())
    amounts[REST] = total - sum(amounts.values())
    yield _Figures(TO_CLIENT, unit, (year, year), place, query, amounts, {"": total}, missing, notes)
    yield _Figures(TO_POWER, unit, (year, year), place, query, back, totals, missing, notes)


def _debt(asked: _Asked) -> Iterable[_Figures]:
    place, unit = "wb-debt/stocks", "US$"
    notes = _flags("wb-debt", asked)
    query = "public and publicly guaranteed debt by official creditor, end of year"
    creditors = {codes.match(str(c)): str(c) for (c,) in _select(place, "select distinct creditor from t")}
    listed = ", ".join(sorted(str(c) for c in creditors))
    years = [
        int(y) for (y,) in _select(place, "select distinct year from t where debtor_code = ?", [asked.who])
    ]
    year = _nearest(years, asked)
    if year is None:
        why = (
            "it is not among the debtors that the World Bank counts"
            if not years
            else f"its debts are known for {min(years)} to {max(years)}"
        )
        for direction in (TO_CLIENT, TO_POWER):
            yield _Figures(direction, unit, None, place, query, {}, {}, {"": why}, notes)
        return
    query += f", {year}"
    claims = {
        (str(codes.match(str(c))), str(d)): float(v)
        for c, d, v in _select(
            place, "select creditor, debtor_code, sum(debt_stock) from t where year = ? group by all", [year]
        )
    }
    notes[""] = (
        *notes[""],
        f"shares are of what is owed to {listed}; a creditor without a row is owed nothing",
    )
    inside = {c: v for (c, d), v in claims.items() if d == asked.who}
    amounts, missing, totals, back = {}, {}, {}, {}
    for p in asked.powers:
        known = [m for m in p.members if m in creditors]
        if not known:
            missing[p.id] = f"none of its members is among the creditors of the source ({listed})"
            continue
        if len(known) < len(p.members):
            notes[p.id] = (
                *notes.get(p.id, ()),
                f"{p.name}: {', '.join(known)} only, of {len(p.members)} members",
            )
        amounts[p.id] = _sum(inside, known)
        abroad: dict[str, float] = {}
        for (creditor, debtor), v in claims.items():
            if creditor in known and debtor not in p.members:
                abroad[debtor] = abroad.get(debtor, 0.0) + v
        back[p.id] = abroad.get(asked.who, 0.0)
        totals[p.id] = sum(abroad.values())
    total = sum(inside.values())
    amounts[REST] = total - sum(amounts.values())
    yield _Figures(TO_CLIENT, unit, (year, year), place, query, amounts, {"": total}, missing, notes)
    yield _Figures(TO_POWER, unit, (year, year), place, query, back, totals, missing, notes)


def _people(
    asked: _Asked, table: str, ends: tuple[str, str], value: str, unit: str, query: str
) -> Iterable[_Figures]:
    place = f"migration/{table}"
    notes = _flags("migration", asked)
    known = pack("migration").years[0]
    if abs(known - asked.year) > asked.lag:
        why = f"known for {known} only, more than {asked.lag} years off"
        for direction in (TO_CLIENT, TO_POWER):
            yield _Figures(direction, unit, None, place, query, {}, {}, {"": why}, notes)
        return
    if known != asked.year:
        notes[""] = (*notes[""], f"figures of {known}, the only year known")
    values = {
        (str(a), str(b)): float(v)
        for a, b, v in _select(
            place, f"select {ends[0]}, {ends[1]}, {value} from t where {ends[0]} <> {ends[1]}"
        )
    }
    yield from _pairwise(
        asked, values, unit=unit, years=(known, known), place=place, query=f"{query}, {known}", notes=notes
    )


def _remittances(asked: _Asked) -> Iterable[_Figures]:
    return _people(
        asked,
        "remittances",
        ("sender_iso3", "receiver_iso3"),
        "remittance_musd",
        "million US$",
        "remittances by country they are sent from",
    )


def _migrants(asked: _Asked) -> Iterable[_Figures]:
    # From the client's side the tie runs to where its people live.
    return _people(
        asked,
        "migrants",
        ("destination_iso3", "origin_iso3"),
        "migrants",
        "persons",
        "people born in one country and living in another",
    )


@cache
def _lowy() -> dict[str, str]:
    """The source's own codes to ISO3: a code of two letters is not always that of ISO."""
    rows = _select("diplomatic-posts/codes", "select id, name from t")
    found = {str(code): codes.match(str(name)) for code, name in rows}
    return {code: iso3 for code, iso3 in found.items() if iso3 and code not in ("NCY", "SOM")}


def _posts(asked: _Asked) -> Iterable[_Figures]:
    place, unit = "diplomatic-posts/posts", "posts"
    notes = _flags("diplomatic-posts", asked)
    years = [int(y) for (y,) in _select(place, "select distinct year from t")]
    year = _nearest(years, asked)
    query = "embassies, consulates and missions by sender and host"
    if year is None:
        why = f"posts are known for {', '.join(str(y) for y in sorted(years))}"
        for direction in (TO_CLIENT, TO_POWER):
            yield _Figures(direction, unit, None, place, query, {}, {}, {"": why}, notes)
        return
    query += f", {year}"
    if year != asked.year:
        notes[""] = (*notes[""], f"posts of {year}, the last known")
    iso = _lowy()
    rows = _select(place, "select sender, host, sum(posts) from t where year = ? group by all", [year])
    values = {(iso.get(str(s), str(s)), iso.get(str(h), str(h))): float(n) for s, h, n in rows}
    senders = {iso.get(str(s), str(s)) for (s,) in _select(place, "select distinct sender from t")}
    here = {s: n for (s, h), n in values.items() if h == asked.who}
    notes[""] = (*notes[""], f"shares are of the posts of {len(senders)} senders that the source counts")
    amounts, missing = {}, {}
    for p in asked.powers:
        known = [m for m in p.members if m in senders]
        if not known:
            missing[p.id] = "none of its members is among the senders that the source counts"
            continue
        if len(known) < len(p.members):
            notes[p.id] = (
                *notes.get(p.id, ()),
                f"{p.name}: {len(known)} of {len(p.members)} members are counted",
            )
        amounts[p.id] = _sum(here, known)
    total = sum(here.values())
    amounts[REST] = total - sum(amounts.values())
    yield _Figures(TO_CLIENT, unit, (year, year), place, query, amounts, {"": total}, missing, notes)
    if asked.who not in senders:
        why = "the client is not among the senders that the source counts"
        yield _Figures(TO_POWER, unit, (year, year), place, query, {}, {}, {"": why}, notes)
        return
    back, totals = {}, {}
    for p in asked.powers:
        members = set(p.members)
        inward = {(s, h): n for (s, h), n in values.items() if h in members and s not in members}
        back[p.id] = sum(n for (s, _), n in inward.items() if s == asked.who)
        totals[p.id] = sum(inward.values())
    yield _Figures(TO_POWER, unit, (year, year), place, query, back, totals, {}, notes)


# The states with which the estimates of the ideal points give rates of agreement.
AGREEMENT = {
    "USA": "USAgree",
    "RUS": "RUSSAgree",
    "BRA": "BrazilAgree",
    "CHN": "ChinaAgree",
    "IND": "IndiaAgree",
    "ISR": "IsraelAgree",
}


def _agreement(asked: _Asked) -> Iterable[_Figures]:
    """Votes cast by both, of the session that began in the year; after the roll calls end, the published rates."""
    place, unit = "un-votes/votes", "part of the votes cast alike"
    query = f"votes of the session that began in {asked.year}: the part cast alike; mean over members"
    rates = _rates(asked)
    if rates is None:
        place = "un-ideal-points/all_votes"
        query = f"rates of agreement with {', '.join(AGREEMENT)}, {asked.year}; mean over members"
        columns = ", ".join(AGREEMENT.values())
        rows = _select(
            place, f"select {columns} from t where iso3c = ? and year = ?", [asked.who, asked.year]
        )
        rates = {}
        if rows:
            rates = {m: float(v) for m, v in zip(AGREEMENT, rows[0], strict=True) if not math.isnan(float(v))}
    notes: dict[str, tuple[str, ...]] = {"": ("shares are agreement normalised over the powers asked for",)}
    amounts, missing = {}, {}
    for p in asked.powers:
        known = [m for m in p.members if m in rates]
        if not known:
            missing[p.id] = f"no rate of agreement between them is known for {asked.year}"
            continue
        if len(known) < len(p.members):
            these = ", ".join(known) if len(known) < 4 else str(len(known))
            notes[p.id] = (f"{p.name}: {these} only, of {len(p.members)} members",)
        amounts[p.id] = float(np.mean([rates[m] for m in known]))
    total = sum(amounts.values()) if not missing else math.nan
    if missing:
        rest = "agreement with another of the powers is not known, so there is nothing to normalise over"
        missing |= dict.fromkeys(amounts, rest)
    yield _Figures(
        TO_CLIENT, unit, (asked.year, asked.year), place, query, amounts, {"": total}, missing, notes
    )


def _rates(asked: _Asked) -> dict[str, float] | None:
    """Agreement with every state in a session; None if the roll calls do not reach it."""
    session = asked.year - 1945
    files = require("un-votes", "votes", "roll_calls")
    ((last,),) = zip(*store.query("select max(session) m from roll_calls", files).values(), strict=True)
    if session > int(last):
        return None
    got = store.query(
        "with v as (select rcid, country_code c, vote from votes join roll_calls using (rcid) where session = ?) "
        "select b.c, avg((a.vote = b.vote)::int) as rate from v a join v b using (rcid) "
        "where a.c = ? and b.c <> a.c group by all",
        files,
        [session, asked.client.iso2],
    )
    found = {codes.from_iso2(str(c)): float(r) for c, r in zip(got["c"], got["rate"], strict=True) if c}
    return {iso3: rate for iso3, rate in found.items() if iso3}


MEASURES: dict[str, Measure] = {
    "deliveries": _deliveries,
    "protection": _protection,
    "fdi": _fdi,
    "debt": _debt,
    "remittances": _remittances,
    "migrants": _migrants,
    "posts": _posts,
    "agreement": _agreement,
}
