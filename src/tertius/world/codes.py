"""Codes and names of countries: ISO3 is the key, Correlates of War and Gleditsch–Ward numbers beside it.

Codes and names are country_converter's; it has no Correlates of War numbers, which are the Gleditsch–Ward ones but
for the few states in ``_COW`` (both state lists are in the data pack ``cow-geography``, and a test compares them).
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from tertius.errors import BadInput

__all__ = ["Country", "countries", "country", "from_cow", "from_gw", "from_iso2", "name"]

# Numbers of today's states where country_converter has those of a predecessor.
_GW = {"CZE": 316, "VNM": 816, "YEM": 678}
# Where the two lists of states part, or only the Correlates of War list has a number.
_COW = {
    "DEU": 255,
    "YEM": 679,
    "SRB": 345,
    "KIR": 946,
    "TUV": 947,
    "TON": 955,
    "NRU": 970,
    "MHL": 983,
    "PLW": 986,
    "FSM": 987,
    "WSM": 990,
    "DMA": 54,
    "GRD": 55,
    "LCA": 56,
    "VCT": 57,
    "ATG": 58,
    "KNA": 60,
    "MCO": 221,
    "LIE": 223,
    "AND": 232,
    "SMR": 331,
    "STP": 403,
    "SYC": 591,
    "VUT": 935,
}


@dataclass(frozen=True, slots=True)
class Country:
    """A country or territory with a code of its own.

    Attributes
    ----------
    iso3, iso2
        Its ISO 3166 codes.
    name
        Its short name in English.
    cow, gw
        Its Correlates of War and Gleditsch–Ward numbers; None if it is in neither list.
    pattern
        The names it goes by, as a regular expression.
    """

    iso3: str
    iso2: str
    name: str
    cow: int | None
    gw: int | None
    pattern: str


@cache
def countries() -> MappingProxyType[str, Country]:
    """Return every country by its ISO3 code."""
    text = resources.files("country_converter").joinpath("country_data.tsv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        # A few rows give several patterns for one code; obsolete ones have no plain code.
        iso3, iso2 = row["ISO3"].strip(), row["ISO2"].strip()
        iso2 = re.sub(r"[^A-Z]", "", iso2.split("|")[0])
        if row["obsolete"] or not re.fullmatch("[A-Z]{3}", iso3):
            continue
        gw = _GW.get(iso3, int(float(row["GWcode"])) if row["GWcode"] else None)
        found[iso3] = Country(iso3, iso2, row["name_short"], _COW.get(iso3, gw), gw, row["regex"])
    return MappingProxyType(dict(sorted(found.items())))


@cache
def _by(number: str) -> dict[int | str, str]:
    return {value: c.iso3 for c in countries().values() if (value := getattr(c, number)) not in (None, "")}


def from_cow(code: int) -> str | None:
    """Return the ISO3 code of a Correlates of War number; None if no country of today has it."""
    return _by("cow").get(code)


def from_gw(code: int) -> str | None:
    """Return the ISO3 code of a Gleditsch–Ward number; None if no country of today has it."""
    return _by("gw").get(code)


def from_iso2(code: str) -> str | None:
    """Return the ISO3 code of an ISO2 code; None if there is none."""
    return _by("iso2").get(code)


def name(iso3: str) -> str:
    """Return the short English name of a country; the code itself if it is none."""
    found = countries().get(iso3)
    return found.name if found else iso3


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(c.pattern, re.IGNORECASE), c.iso3) for c in countries().values() if c.pattern)


@cache
def match(text: str) -> str | None:
    """Return the ISO3 code of a country named in words; None if no country or several go by that name."""
    found = {iso3 for pattern, iso3 in _patterns() if pattern.search(text)}
    return found.pop() if len(found) == 1 else None


def country(given: str) -> Country:
    """Return a country by ISO3 or ISO2 code or by name.

    Raises
    ------
    BadInput
        If no country goes by that; the hint gives the nearest name.
    """
    text = given.strip()
    known = countries()
    if text.upper() in known:
        return known[text.upper()]
    iso3 = from_iso2(text.upper()) or match(text)
    if iso3:
        return known[iso3]
    names: Iterable[str] = [n for c in known.values() for n in (c.name.lower(), c.iso3.lower())]
    # Two letters changed about are the commonest slip in a code.
    near = [c.iso3.lower() for c in known.values() if sorted(c.iso3) == sorted(text.upper())][:1]
    if not near and len(text) == 3:
        # Then one letter that is another, the first two being the likeliest to be right.
        alike = [c.iso3 for c in known.values() if sum(map(str.__eq__, c.iso3, text.upper())) == 2]
        near = [code.lower() for code in sorted(alike, key=lambda code: code[:2] != text[:2].upper())[:1]]
    near = near or difflib.get_close_matches(text.lower(), list(names), n=1)
    close = next((c for c in known.values() if near and near[0] in (c.name.lower(), c.iso3.lower())), None)
    raise BadInput(
        f"no country goes by '{given}'",
        code="unknown-country",
        path=given,
        hint=f"did you mean {close.name} ({close.iso3})?" if close else "give an ISO3 code, such as KAZ",
    )
