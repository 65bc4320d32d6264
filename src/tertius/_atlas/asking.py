"""From the words of a command to a country, a world and the powers that leave, with every mistake told at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tertius.errors import BadInput
from tertius.world import Power, World, country, load_world, power, worlds

__all__ = ["Leaving", "Question", "all_at_once", "ask", "find_year"]

T = TypeVar("T")

SECTORS_IN = {"baci": "unctad-2015"}
"""Where the world of totals has no sectors: the last one with ten sections."""


@dataclass(frozen=True)
class Leaving:
    """A power that leaves, to a degree.

    Attributes
    ----------
    power
        Who.
    members
        Its members in the world asked of, without the client.
    degree
        By how much the weight of every tie falls at unchanged prices.
    absent
        Members that the world does not have.
    """

    power: Power
    members: tuple[str, ...]
    degree: float
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What is asked, every name known.

    Attributes
    ----------
    country
        ISO3 of the client; empty where the whole world is asked about.
    world
        The world of the answer.
    leaving
        Who leaves.
    powers
        Whom the analyst wants compared; empty for those who trade most.
    """

    country: str
    world: World
    leaving: tuple[Leaving, ...]
    powers: tuple[Power, ...]


class Mistakes:
    """Mistakes found so far."""

    def __init__(self) -> None:
        self.found: list[BadInput] = []

    def tried(self, action: Callable[[], T]) -> T | None:
        """Do something; if what it was given is wrong, remember that and go on."""
        try:
            return action()
        except BadInput as error:
            self.found.append(error)
            return None

    def tell(self) -> None:
        """Raise what was found, if anything was."""
        if self.found:
            raise all_at_once(self.found)


def all_at_once(mistakes: Sequence[BadInput]) -> BadInput:
    """One error that tells of several."""
    if len(mistakes) == 1:
        return mistakes[0]
    lines = [
        f"  {f'{m.path}: ' if m.path else ''}{m.message}{f' ({m.hint})' if m.hint else ''}" for m in mistakes
    ]
    return BadInput("\n".join([f"{len(mistakes)} things are wrong", *lines]), code="several")


def find_year(year: int | None, sectors: bool, named: str | None = None) -> str:
    """Return the name of the world for a year.

    Parameters
    ----------
    year
        The year asked for; the latest there is if None.
    sectors
        Whether goods must be told apart.
    named
        A world asked for by name, which settles it.

    Raises
    ------
    BadInput
        If there is no such world; the hint gives the nearest years.
    """
    there = worlds()
    if named is not None:
        if named in there:
            return named
        near = difflib.get_close_matches(named, there, n=1)
        raise BadInput(
            f"there is no world '{named}'",
            code="unknown-world",
            path="--world",
            hint=f"did you mean '{near[0]}'?"
            if near
            else "such as baci-2023, unctad-2015, ots-2018 or itpd-2016",
        )
    families = ("unctad", "ots") if sectors else ("baci",)
    by_year: dict[int, str] = {}
    for name in there:
        found = re.fullmatch(r"([a-z0-9]+)-(\d{4})", name)
        if found and found[1] in families:
            by_year.setdefault(int(found[2]), name)
    for name in there:
        # Where both have the year, the ten sections whose levels are right go before the 22 that were scaled.
        if name.startswith("unctad-") and "unctad" in families:
            by_year[int(name.rsplit("-", 1)[1])] = name
    if year is None:
        return SECTORS_IN["baci"] if sectors else by_year[max(by_year)]
    if year in by_year:
        return by_year[year]
    below = [y for y in by_year if y < year]
    above = [y for y in by_year if y > year]
    near_years = [str(y) for y in (max(below, default=None), min(above, default=None)) if y is not None]
    raise BadInput(
        f"there is no world of {year}{' by sector' if sectors else ''}",
        code="unknown-year",
        path="--year",
        hint=f"the nearest {'is' if len(near_years) == 1 else 'are'} {' and '.join(near_years)}",
    )


def ask(
    client: str | None,
    *,
    exits: Sequence[str] = (),
    powers: Sequence[str] = (),
    year: int | None = None,
    sectors: bool = False,
    world: str | None = None,
) -> Question:
    """Find out what is meant.

    Parameters
    ----------
    client
        A country's code or name; None for all.
    exits
        ``POWER`` or ``POWER:DEGREE`` each, powers being countries or blocs.
    powers
        Countries or blocs to be compared.
    year, sectors, world
        Which world.

    Raises
    ------
    BadInput
        Every mistake in what was given, in one.
    CannotCompute
        If the data are not there.
    """
    mistakes = Mistakes()
    found = None if client is None else mistakes.tried(lambda: country(client))
    name = mistakes.tried(lambda: find_year(year, sectors, world))
    when = int(name.rsplit("-", 1)[1]) if name else (year or 2023)
    wanted = [mistakes.tried(lambda text=text: _exit(text, when)) for text in exits]  # type: ignore[misc]
    compared = [mistakes.tried(lambda text=text: power(text, when)) for text in powers]  # type: ignore[misc]
    if found is not None:
        for given in wanted:
            if given is not None and given[0].members == (found.iso3,):
                mistakes.found.append(
                    BadInput(
                        f"{found.name} cannot leave itself",
                        code="one-end",
                        path=given[0].id,
                        hint="name another power",
                    )
                )
    twice = {p[0].id for i, p in enumerate(wanted) if p and any(q and q[0].id == p[0].id for q in wanted[:i])}
    for again in sorted(twice):
        mistakes.found.append(BadInput(f"'{again}' leaves twice", code="twice", path="--exit"))
    mistakes.tell()
    assert name is not None
    data = _usable(load_world(name))
    there = set(data.countries)
    if found is not None and found.iso3 not in there:
        mistakes.found.append(_not_there(found.iso3, found.name, data))
    iso3 = found.iso3 if found is not None else ""
    leaving = []
    for given in wanted:
        assert given is not None
        leaver, degree = given
        members = tuple(m for m in leaver.members if m in there and m != iso3)
        if not members:
            mistakes.found.append(_not_there(leaver.id, leaver.name, data))
        leaving.append(Leaving(leaver, members, degree, tuple(m for m in leaver.members if m not in there)))
    chosen = [one for one in compared if one is not None]
    for one in chosen:
        if not there & set(one.members):
            mistakes.found.append(_not_there(one.id, one.name, data))
    mistakes.tell()
    return Question(iso3, data, tuple(leaving), tuple(chosen))


def _usable(world: World) -> World:
    """Without economies that, in a source with domestic sales, have none: nothing could be solved for them."""
    if not world.has_domestic_sales:
        return world
    home = np.diagonal(world.flows.values)
    stay = [c for c, sold in zip(world.countries, home, strict=True) if sold > 0]
    pair = {"origin": stay, "destination": stay}
    return replace(
        world,
        flows=world.flows.sel(pair),
        reported=world.reported.sel(pair),
        coverage=world.coverage.sel(pair),
        gdp=world.gdp.sel(country=stay),
        trade_left_out=world.trade_left_out.sel(country=stay),
        left_out=(*world.left_out, *(c for c in world.countries if c not in stay)),
    )


def _not_there(given: str, name: str, world: World) -> BadInput:
    if given in world.left_out:
        why = f"has no gross domestic product for {world.year}, or no sales at home in the source"
    else:
        why = "is not among the economies of the source"
    return BadInput(
        f"{name} {why}, so it is not in the world {world.name}",
        code="not-in-world",
        path=given,
        hint="try another --year",
    )


def _exit(text: str, when: int) -> tuple[Power, float]:
    who, colon, share = text.partition(":")
    degree = 1.0
    if colon:
        try:
            degree = float(share)
        except ValueError:
            degree = float("nan")
        if not 0.0 < degree <= 1.0:
            raise BadInput(
                f"the degree '{share}' is not a share above 0 and at most 1",
                code="bad-degree",
                path=text,
                hint=f"write it as {who}:0.5, or leave it out for a whole exit",
            )
    return power(who, when), degree
