"""Powers: a country, or a bloc with the members that it has at a time.

The European Union of 2013 is not that of 2021. A bloc's members in a *year* are those who belonged to it throughout
that year (so Croatia, in from July, is not of 2013, and the United Kingdom, out in January, not of 2020); on a *date*
they are those who belonged to it then. Lists and dates are data, ``blocs.toml`` beside this module.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType

from tertius.errors import BadInput
from tertius.world import codes

__all__ = ["Bloc", "Membership", "Power", "bloc", "blocs", "power"]


@dataclass(frozen=True, slots=True)
class Membership:
    """A country's time in a bloc: from ``since`` to ``until``, None where it has no bound."""

    iso3: str
    since: date | None
    until: date | None

    def holds(self, when: int | date) -> bool:
        """Say whether it holds on a date, or throughout a year."""
        first, last = (date(when, 1, 1), date(when, 12, 31)) if isinstance(when, int) else (when, when)
        return (self.since is None or self.since <= first) and (self.until is None or self.until > last)


@dataclass(frozen=True, slots=True)
class Bloc:
    """A group of countries.

    Attributes
    ----------
    id, name
        What it is called, in commands and in words.
    memberships
        Who belonged to it, and when.
    source
        The public acts that the dates are of; empty if ``assumed``.
    assumed
        Why the list is a choice of the analyst; empty if ``source``.
    """

    id: str
    name: str
    memberships: tuple[Membership, ...]
    source: str
    assumed: str

    def members(self, when: int | date) -> tuple[str, ...]:
        """Return the ISO3 codes of its members on a date, or throughout a year, in alphabetical order."""
        return tuple(sorted({m.iso3 for m in self.memberships if m.holds(when)}))


@dataclass(frozen=True, slots=True)
class Power:
    """Whoever an analyst treats as one: a country, or a bloc at a time.

    Attributes
    ----------
    id, name
        An ISO3 code and its country's name, or those of the bloc.
    members
        ISO3 codes; one for a country.
    source, assumed
        Where a bloc's list is from; both empty for a country.
    """

    id: str
    name: str
    members: tuple[str, ...]
    source: str = ""
    assumed: str = ""


@cache
def blocs() -> MappingProxyType[str, Bloc]:
    """Return the blocs there are, by id."""
    text = resources.files("tertius.world").joinpath("blocs.toml").read_text(encoding="utf-8")
    found: dict[str, Bloc] = {}
    for id_, given in tomllib.loads(text).items():
        own = [_membership(line) for line in given["members"]]
        for other in given.get("includes", ()):
            own += [m for m in found[other].memberships if m.iso3 not in {o.iso3 for o in own}]
        found[id_] = Bloc(id_, given["name"], tuple(own), given.get("source", ""), given.get("assumed", ""))
    return MappingProxyType(found)


def _membership(line: str) -> Membership:
    iso3, *dates = line.split()
    since, until = [*(date.fromisoformat(d) for d in dates), None, None][:2]
    return Membership(iso3, since, until)


def bloc(name: str, when: int | date) -> tuple[str, ...]:
    """Return the members of a bloc.

    Parameters
    ----------
    name
        Its id, such as ``"eu"``.
    when
        A year (members throughout it) or a date (members on it).

    Raises
    ------
    BadInput
        If there is no such bloc, or it had no members then.
    """
    there = blocs()
    if name not in there:
        raise _unknown(name)
    members = there[name].members(when)
    if not members:
        raise BadInput(f"{there[name].name} had no members in {when}", code="empty-bloc", path=name)
    return members


def power(name: str, when: int | date) -> Power:
    """Return a power by the id of a bloc, or by a country's code or name.

    Parameters
    ----------
    name
        Such as ``"west"``, ``"eu"``, ``"RUS"`` or ``"russia"``.
    when
        A year or a date, for blocs.

    Raises
    ------
    BadInput
        If nothing goes by that name; the hint gives the nearest.
    """
    given = name.strip().lower()
    if given in blocs():
        found = blocs()[given]
        return Power(found.id, found.name, bloc(given, when), found.source, found.assumed)
    try:
        country = codes.country(name)
    except BadInput as error:
        raise _unknown(name, error.hint) from error
    return Power(country.iso3, country.name, (country.iso3,))


def _unknown(name: str, hint: str = "") -> BadInput:
    near = difflib.get_close_matches(name.lower(), blocs(), n=1)
    if near:
        hint = f"did you mean '{near[0]}'?"
    return BadInput(
        f"there is no country or bloc '{name}'",
        code="unknown-power",
        path=name,
        hint=hint or f"blocs are: {', '.join(blocs())}",
    )
