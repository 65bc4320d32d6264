"""The registry of data packs: what each holds, whose it is, on what terms, where from, and the hashes it must have.

The registry itself is data, ``packs.toml`` beside this module; what follows gives it types. A pack is one or more
tables. Each may be had from the pinned originals (``sources``), from a release of the producer that the user has
(``formats``), or from a mirror folder (the ``mirror`` file of each table).
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from tertius.errors import BadInput

__all__ = ["PACKS", "Flag", "Pack", "Source", "Table", "pack"]

HOST = "https://raw.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that a reader must know before he trusts certain figures of a pack.

    Attributes
    ----------
    kind
        ``"absent"`` (economies that the source does not have), ``"not_reporting"`` (economies known only from their
        partners), ``"unreported"`` (figures that look like zero and are missing), ``"artefact"`` (figures that are
        wrong), ``"mirror_gap"`` (figures on which sources part), ``"estimate"`` or ``"levels"`` (how to read all).
    text
        What there is to know, in a sentence.
    economies
        The economies it is about; empty with ``pairs`` empty if it is about all.
    pairs
        The (origin, destination) pairs it is about.
    years
        The years it is about; empty if all.
    """

    kind: str
    text: str
    economies: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    years: frozenset[int] = frozenset()

    def concerns(self, economies: Collection[str], year: int | None = None) -> bool:
        """Say whether an answer about these economies must show the flag.

        Parameters
        ----------
        economies
            ISO3 codes. A pair counts when one of its ends is among them, since its figure is in that end's totals.
        year
            The year of the answer, if it has one.
        """
        if year is not None and self.years and year not in self.years:
            return False
        if not self.economies and not self.pairs:
            return True
        asked = set(economies)
        return bool(self.economies & asked) or any(asked & set(pair) for pair in self.pairs)

    def __str__(self) -> str:
        about = [*sorted(self.economies), *(f"{o}→{d}" for o, d in sorted(self.pairs))]
        return f"{', '.join(about)}: {self.text}" if about else self.text


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a pack.

    Attributes
    ----------
    name
        Its name within the pack.
    columns
        (name, DuckDB type) of each column, in order.
    keys
        The columns that tell its rows apart.
    unit
        The unit of its values, if they have one.
    mirror
        Its file below a mirror folder; None if only a user's own copy can be had.
    sha256
        The hash of that file.
    rows
        How many rows that file has.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    unit: str = ""
    mirror: str | None = None
    sha256: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """One original file at a fixed revision.

    Attributes
    ----------
    repository, commit, path
        Where it lies.
    sha256
        Its hash.
    reader
        The name of what reads it, or empty if nothing does.
    tables
        The tables that it gives, alone or together with other files.
    bytes
        Its size; 0 if not known.
    """

    repository: str
    commit: str
    path: str
    sha256: str
    reader: str = ""
    tables: tuple[str, ...] = ()
    bytes: int = 0

    def url(self, host: str = HOST) -> str:
        """Return the address at the pinned revision."""
        return f"{host.rstrip('/')}/{self.repository}/{self.commit}/{quote(self.path)}"

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack of public data.

    Attributes
    ----------
    name
        The name under which it is asked for.
    title
        What it is, in a line.
    producer, page, citation
        Who made it, where their releases are, and how they ask to be cited.
    licence
        What is known of the terms; "from memory" marks what must be checked before anything is published.
    redistribution
        ``"open"``, ``"ask"``, ``"forbidden"`` or ``"unclear"``. No pack is ever bundled, whatever this says.
    coverage
        What it covers, in words.
    years
        First and last year.
    notes
        What to know about its columns.
    formats
        The producer's releases that can be added.
    tables, sources, flags
        See :class:`Table`, :class:`Source`, :class:`Flag`.
    """

    name: str
    title: str
    producer: str
    page: str
    citation: str
    licence: str
    redistribution: str
    coverage: str
    years: tuple[int, int]
    notes: str
    formats: tuple[str, ...]
    tables: MappingProxyType[str, Table]
    sources: tuple[Source, ...]
    flags: tuple[Flag, ...]

    @property
    def readable(self) -> tuple[Source, ...]:
        """The pinned originals that can be read."""
        return tuple(s for s in self.sources if s.reader)

    @property
    def gettable(self) -> tuple[str, ...]:
        """The tables that :func:`~tertius.world.fetch.get` gives."""
        given = {t for s in self.readable for t in s.tables}
        return tuple(t for t in self.tables if t in given)

    def table(self, name: str | None = None) -> Table:
        """Return a table; the first one if no name is given.

        Raises
        ------
        BadInput
            If there is none of that name.
        """
        if name is None:
            return next(iter(self.tables.values()))
        if name in self.tables:
            return self.tables[name]
        raise _unknown(
            f"the data pack '{self.name}' has no table '{name}'", "unknown-table", name, self.tables
        )


def _columns(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, kind) for name, _, kind in (line.rpartition(" ") for line in lines))


def _pack(name: str, given: dict[str, Any]) -> Pack:
    tables = {
        table: Table(
            name=table,
            columns=_columns(g.pop("columns")),
            keys=tuple(g.pop("keys")),
            **g,
        )
        for table, g in given.pop("tables").items()
    }
    sources = tuple(Source(**{**g, "tables": tuple(g.get("tables", ()))}) for g in given.pop("sources", ()))
    flags = tuple(
        Flag(
            g["kind"],
            g["text"],
            frozenset(g.get("economies", ())),
            frozenset((o, d) for o, d in g.get("pairs", ())),
            frozenset(g.get("years", ())),
        )
        for g in given.pop("flags", ())
    )
    first, last = given.pop("years")
    return Pack(
        name=name,
        years=(first, last),
        formats=tuple(given.pop("formats")),
        tables=MappingProxyType(tables),
        sources=sources,
        flags=flags,
        **given,
    )


def _registry() -> MappingProxyType[str, Pack]:
    text = resources.files("tertius.world").joinpath("packs.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _pack(name, given) for name, given in tomllib.loads(text).items()})


PACKS: MappingProxyType[str, Pack] = _registry()


def pack(name: str) -> Pack:
    """Return the pack of that name.

    Raises
    ------
    BadInput
        If there is none; the hint gives the nearest name.
    """
    if name in PACKS:
        return PACKS[name]
    raise _unknown(f"there is no data pack '{name}'", "unknown-pack", name, PACKS)


def _unknown(message: str, code: str, name: str, there: Iterable[str]) -> BadInput:
    near = difflib.get_close_matches(name, list(there), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(there)}"
    return BadInput(message, code=code, path=name, hint=hint)
