"""Producers' releases, as a user downloads them, to the tables of their packs.

A file is known by its columns, not by its name: each :class:`Layout` says which columns it must have and the query that
makes the pack's table of it. BACI's yearly files (with the release's list of countries) are added up over products by
DuckDB, so that their size does not matter. Besides, any table with the pack's own columns is taken as it is.
"""

from __future__ import annotations

import codecs
import contextlib
import csv as csvlib
import gzip
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tertius.errors import BadInput
from tertius.world import codes, store
from tertius.world.packs import Pack, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LAYOUTS", "dataverse", "read_release", "sipri_code", "sipri_register", "text_rows", "world_bank"]


INDICATORS = {"NY.GDP.MKTP.CD": "gdp_current", "NY.GDP.MKTP.KD": "gdp_constant", "SP.POP.TOTL": "population"}
# BACI's code for what Comtrade calls "Other Asia, not elsewhere specified", which is Taiwan.
OTHER_ASIA = "S19"
# States of SIPRI's register that are no more.
_FORMER = {
    "Czechoslovakia": "CSK",
    "East Germany (GDR)": "DDR",
    "Northern Cyprus": "XNC",
    "Soviet Union": "SUN",
    "Yugoslavia": "YUG",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """A release's table.

    Attributes
    ----------
    format
        The name under which packs list it.
    name
        What the producer calls it.
    header
        The columns by which it is known, in lower case.
    table
        The pack's table that it gives.
    select
        The query that makes that table out of ``{rows}``, in which every column is text.
    """

    format: str
    name: str
    header: frozenset[str]
    table: str
    select: str


def _known(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Correlates of War files write what is missing as -9.
LAYOUTS = (
    Layout(
        "cow_trade",
        "Correlates of War dyadic trade (Dyadic_COW_4.0.csv)",
        _known("ccode1 ccode2 year flow1 flow2 smoothflow1 smoothflow2"),
        "dyads",
        "select ccode1, ccode2, year, "
        + ", ".join(
            f"nullif({c}::double, -9) as {c}" for c in ("flow1", "flow2", "smoothflow1", "smoothflow2")
        )
        + " from {rows}",
    ),
    Layout(
        "cow_contiguity",
        "Correlates of War direct contiguity (contdir.csv)",
        _known("statelno statehno conttype begin end"),
        "contiguity",
        "select unnest([statelno, statehno])::int as ccode1, unnest([statehno, statelno])::int as ccode2, conttype, "
        "strptime(\"begin\" || '01', '%Y%m%d')::date as stdate, strptime(\"end\" || '01', '%Y%m%d')::date as enddate "
        "from {rows}",
    ),
    Layout(
        "cow_capabilities",
        "Correlates of War national material capabilities (NMC, abridged)",
        _known("ccode year milex milper irst pec tpop upop cinc"),
        "capabilities",
        "select ccode, year, "
        + ", ".join(
            f"nullif({c}::double, -9) as {c}"
            for c in ("milex", "milper", "irst", "pec", "tpop", "upop", "cinc")
        )
        + " from {rows}",
    ),
    Layout(
        "cow_alliances",
        "Correlates of War alliances by directed dyad and year",
        _known("ccode1 ccode2 year defense neutrality nonaggression entente"),
        "cow",
        "select ccode1, ccode2, year, max(defense::int) as cow_defense, max(neutrality::int) as cow_neutral, "
        "max(nonaggression::int) as cow_nonagg, max(entente::int) as cow_entente from {rows} group by all",
    ),
    Layout(
        "imf_dip",
        "IMF direct investment positions by counterpart (IMF.STA:DIP), with codes",
        _known("country.id dv_type.id indicator.id counterpart_country.id time_period obs_value scale.id"),
        "positions",
        "select \"TIME_PERIOD\" as year, if(\"INDICATOR.ID\" like 'OTWD%', 'outward', 'inward') as direction, "
        '"COUNTRY.ID" as reporter, "COUNTERPART_COUNTRY.ID" as counterpart, "DV_TYPE.ID" as dv_type, '
        '"OBS_VALUE"::double * pow(10, "SCALE.ID"::int - 6) as value from {rows} '
        "where \"INDICATOR.ID\" in ('OTWD_D_NETAL_FALL_ALL', 'INWD_D_NETLA_FALL_ALL') "
        'and "OBS_VALUE" is not null and regexp_full_match("COUNTERPART_COUNTRY.ID", \'[A-Z]{3}\')',
    ),
    Layout(
        "atop",
        "ATOP directed dyad-years (atop5_1ddyr.csv)",
        _known("statea stateb year defense offense neutral nonagg consul"),
        "atop",
        "select stateA as ccode1, stateB as ccode2, year, defense as atop_defense, offense as atop_offense, "
        "neutral as atop_neutral, nonagg as atop_nonagg, consul as atop_consul from {rows} "
        "where 1 in (defense::int, offense::int, neutral::int, nonagg::int, consul::int)",
    ),
)


@contextlib.contextmanager
def read_release(
    wanted: Pack, paths: Sequence[Path], place: Path
) -> Iterator[dict[str, tuple[pd.DataFrame | str, list[Path]]]]:
    """Yield what files of a release give: table to (its rows, the files they are from).

    Parameters
    ----------
    wanted
        The pack.
    paths
        The files; zip archives are looked into.
    place
        A folder with room for what is unpacked, which is gone at the end.

    Raises
    ------
    BadInput
        If a file is none that the pack can be read from.
    """
    with store.translated("unpacking a release", place):
        unpacked = Path(tempfile.mkdtemp(dir=place, prefix=store.UNPACKED))
    try:
        with store.translated("unpacking a release", unpacked):
            opened = [(inner, outer) for outer in paths for inner in _inside(outer, unpacked)]
        if "baci" in wanted.formats and any(_is_baci(inner) for inner, _ in opened):
            yield _baci(wanted, opened)
            return
        content: dict[str, tuple[pd.DataFrame | str, list[Path]]] = {}
        for inner, outer in opened:
            found = _read(wanted, inner)
            if found is None:
                if outer.suffix.lower() == ".zip" and outer != inner:
                    continue  # a release's notes and codebooks
                raise _unknown(wanted, outer)
            table, rows = found
            if table not in content:
                content[table] = (rows, [outer])
                continue
            before, used = content[table]
            if not isinstance(before, str) or not isinstance(rows, str):
                raise BadInput(
                    f"two of the files are the table '{table}' of '{wanted.name}'",
                    code="twice",
                    path=f"{used[0]}, {outer}",
                    hint="give one of them",
                )
            content[table] = (f"{before} union all by name {rows}", list(dict.fromkeys([*used, outer])))
        if not content:
            raise _unknown(wanted, paths[0])
        yield content
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _unknown(wanted: Pack, path: Path) -> BadInput:
    known = [layout.name for layout in LAYOUTS if layout.format in wanted.formats]
    known += [_OTHERS[f] for f in wanted.formats if f in _OTHERS]
    own = "; ".join(f"{t.name} ({', '.join(c for c, _ in t.columns[:8])})" for t in wanted.tables.values())
    return BadInput(
        f"this is no file that the data pack '{wanted.name}' can be read from",
        code="unknown-format",
        path=str(path),
        hint=f"it takes {'; '.join([*known, f'a table with the columns of one of its own: {own}'])}",
    )


_OTHERS = {
    "baci": "BACI's yearly files or zip with the release's list of countries (country_codes_….csv)",
    "world_bank": "World Bank JSON or CSV of NY.GDP.MKTP.CD, NY.GDP.MKTP.KD or SP.POP.TOTL",
    "dataverse": "the ideal points of Harvard Dataverse, .tab or .csv",
    "sipri_register": "SIPRI's trade register, CSV",
}


def _inside(path: Path, folder: Path) -> list[Path]:
    """Return the tables in a file: itself, or those of a zip archive, unpacked."""
    if not zipfile.is_zipfile(path):
        return [path]
    out = []
    with zipfile.ZipFile(path) as archive:
        for k, entry in enumerate(archive.infolist()):
            name = Path(entry.filename).name
            if name.startswith(".") or not name.lower().endswith((".csv", ".tab", ".json", ".tsv")):
                continue
            target = folder / f"{k}-{name}"
            with archive.open(entry) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
            out.append(target)
    return out


def _head(path: Path, size: int = 65536) -> str:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        start: bytes = stream.read(size)
    start = start.removeprefix(codecs.BOM_UTF8)
    return start.decode("utf-8", errors="replace")


def _separator(line: str) -> str:
    return max(",\t;", key=line.count)


def _header(path: Path) -> list[str]:
    line = _head(path).split("\n", 1)[0].rstrip("\r")
    return next(csvlib.reader([line], delimiter=_separator(line)), []) if line else []


def text_rows(path: Path, skip: int = 0) -> str:
    """Return the query that reads any table as text; ``NA`` and nothing are missing."""
    lines = _head(path).split("\n")
    separator = _separator(lines[skip]) if len(lines) > skip else ","
    name = str(path).replace("'", "''")
    return (
        f"read_csv('{name}', header = true, all_varchar = true, delim = '{separator}', quote = '\"', escape = '\"', "
        f"skip = {skip}, nullstr = ['', 'NA'], auto_detect = true, strict_mode = false, null_padding = false)"
    )


def _read(wanted: Pack, path: Path) -> tuple[str, pd.DataFrame | str] | None:
    """Return the table that a file gives and its rows; None if it is no file of the pack."""
    if "world_bank" in wanted.formats and (indicator := _indicator(path)):
        table = wanted.tables[INDICATORS[indicator]]
        return table.name, world_bank(path, table)
    if "sipri_register" in wanted.formats and "SIPRI AT Database ID" in _head(path):
        return "deliveries", sipri_register(path)
    header = _header(path)
    lower = {c.lower() for c in header}
    for layout in LAYOUTS:
        if layout.format in wanted.formats and layout.header <= lower:
            return layout.table, layout.select.replace("{rows}", text_rows(path))
    if "dataverse" in wanted.formats:
        for table in wanted.tables.values():
            own = {c.lower() for c, _ in table.columns} - {"year", "session"}
            if own <= lower and lower & {"year", "session"}:
                return table.name, dataverse(path, table)
    for table in wanted.tables.values():
        if {c.lower() for c, _ in table.columns} <= lower:
            return table.name, f"select * from {text_rows(path)}"
    return None


# --- formats with a reader of their own ---


def dataverse(path: Path, table: Table) -> str:
    """Return the query that reads a file of ideal points; the year follows from the session where it is not given."""
    lower = {c.lower() for c in _header(path)}
    year = "year" if "year" in lower else "session::int + 1945"
    columns = ", ".join(
        f"{year} as year" if c == "year" else store.quoted(c) for c, _ in table.columns if c != "session"
    )
    if any(c == "session" for c, _ in table.columns):
        columns += ", session" if "session" in lower else ", year::int - 1945 as session"
    return f"select {columns} from {text_rows(path)}"


def _indicator(path: Path) -> str | None:
    """Return the code of the World Bank series that a file holds, if it is one of those that the pack has."""
    head = _head(path)
    found = [code for code in INDICATORS if f'"{code}"' in head or f",{code}," in head]
    return found[0] if len(found) == 1 else None


def world_bank(path: Path, table: Table) -> pd.DataFrame:
    """Return the rows of a World Bank series, from its API's JSON or the CSV of its data pages.

    Parameters
    ----------
    path
        The file.
    table
        The pack's table: one series.
    """
    import pandas as pd

    value = table.columns[-1][0]
    head = _head(path).lstrip()
    if head.startswith(("[", "{")):
        with path.open(encoding="utf-8-sig") as stream:
            told = json.load(stream)
        records = told[1] if isinstance(told, list) and len(told) == 2 and isinstance(told[1], list) else told
        try:
            rows = pd.DataFrame(
                [
                    (r["countryiso3code"], r["country"]["value"], int(r["date"]), r["value"])
                    for r in records
                    if r["countryiso3code"]
                ],
                columns=["iso3", "name", "year", value],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"the World Bank's answer has no {error}") from error
        if isinstance(told, list) and isinstance(told[0], dict) and int(told[0].get("pages", 1)) > 1:
            raise BadInput(
                f"this is page {told[0].get('page')} of {told[0]['pages']} of the World Bank's answer",
                code="one-page",
                path=str(path),
                hint="ask for all of it at once, with per_page=20000 in the address",
            )
        return rows.dropna().astype({value: float})
    lines = head.split("\n")
    skip = next((k for k, line in enumerate(lines[:20]) if "Country Code" in line), None)
    if skip is None:
        raise ValueError("no line with the column 'Country Code'")
    wide = pd.read_csv(path, skiprows=skip, encoding="utf-8-sig", keep_default_na=False, na_values=["", ".."])
    # A year is headed "2020", or "2020 [YR2020]" where the table is from the data bank.
    years = {c: int(str(c)[:4]) for c in wide.columns if str(c)[:4].isdigit()}
    rows = wide.melt(["Country Code", "Country Name"], list(years), "year", value).dropna()
    return pd.DataFrame(
        {
            "iso3": rows["Country Code"],
            "name": rows["Country Name"],
            "year": rows["year"].map(years),
            value: rows[value].astype(float),
        }
    )


def sipri_code(name: str) -> str | None:
    """Return the ISO3 code of a name in SIPRI's register; rebels and organisations, with an asterisk, have none."""
    return _FORMER.get(name) or (None if name.endswith("*") else codes.match(name))


def sipri_register(path: Path) -> str:
    """Return the query that adds SIPRI's trade register up by supplier, recipient and year of delivery."""
    lines = _head(path).split("\n")
    skip = next((k for k, line in enumerate(lines) if line.startswith("SIPRI AT Database ID")), None)
    if skip is None:
        raise ValueError("no line with the column 'SIPRI AT Database ID'")
    rows = text_rows(path, skip)
    with store.connect() as connection:
        names = connection.execute(
            f'select distinct unnest([supplier, recipient]) from {rows} where "Delivery year" is not null'
        ).fetchall()
    # Rebels and organisations carry an asterisk and have no code.
    pairs = {
        str(n): _FORMER.get(str(n)) or ("" if str(n).endswith("*") else codes.match(str(n))) for (n,) in names
    }
    entries = ", ".join(f"'{n.replace(chr(39), chr(39) * 2)}': '{iso3 or ''}'" for n, iso3 in pairs.items())
    return (
        "select \"Delivery year\"::int as year, supplier, nullif(c[supplier], '') as supplier_iso3, recipient, "
        "nullif(c[recipient], '') as recipient_iso3, round(sum(\"TIV delivery values\"::double), 4) as tiv_musd, "
        'round(sum(if("Local production" = \'Yes\', "TIV delivery values"::double, 0)), 4) as tiv_local_production, '
        f"count(*) as n_lines from {rows}, (select map {{{entries}}} as c) "
        'where "Delivery year" is not null and "TIV delivery values" is not null group by all'
    )


# --- BACI ---


def _is_baci(path: Path) -> bool:
    return [c.strip() for c in _header(path)][:5] == ["t", "i", "j", "k", "v"]


def _baci(
    wanted: Pack, opened: Sequence[tuple[Path, Path]]
) -> dict[str, tuple[pd.DataFrame | str, list[Path]]]:
    """BACI's yearly files, added up over products."""
    years = [(inner, outer) for inner, outer in opened if _is_baci(inner)]
    lists = [inner for inner, _ in opened if {"country_code", "country_iso3"} <= set(_header(inner))]
    if not lists:
        raise BadInput(
            "BACI's yearly files give countries by number, and the list of these is missing",
            code="no-country-codes",
            path=str(years[0][1]),
            hint="add country_codes_….csv of the same release with them, or the release's zip",
        )
    names = ", ".join("'" + str(inner).replace("'", "''") + "'" for inner, _ in years)
    flows = (
        f"read_csv([{names}], header = true, auto_detect = false, delim = ',', columns = "
        "{'t': 'INTEGER', 'i': 'INTEGER', 'j': 'INTEGER', 'k': 'VARCHAR', 'v': 'DOUBLE', 'q': 'VARCHAR'})"
    )
    countries = (
        f"(select country_code::int as code, if(country_iso3 = '{OTHER_ASIA}', 'TWN', country_iso3) as iso3 "
        f"from {text_rows(lists[0])})"
    )
    with store.connect() as connection:
        found = [
            int(y) for (y,) in connection.execute(f"select distinct t from {flows} order by t").fetchall()
        ]
        odd = connection.execute(
            f"select distinct unnest([i, j]) as code from {flows} except select code from {countries} order by 1"
        ).fetchall()
    if odd:
        raise BadInput(
            f"the list of countries lacks the numbers {', '.join(str(n) for (n,) in odd[:8])}",
            code="unknown-country-code",
            path=str(lists[0]),
            hint="take the list of the same release",
        )
    first, last = wanted.years
    if outside := [y for y in found if not first <= y <= last]:
        raise BadInput(
            f"'{wanted.name}' is of {first} to {last}, and the files have {outside[0]}",
            code="other-years",
            path=str(years[0][1]),
            hint="add them to the pack that takes any year: `tertius data add baci FILE…`",
        )
    query = (
        f"select t as year, o.iso3 as exporter, d.iso3 as importer, round(sum(v), 3) as value_kusd from {flows} "
        f"join {countries} o on o.code = i join {countries} d on d.code = j where i <> j group by all"
    )
    # Years that were added before stay, unless they come anew.
    table = wanted.table()
    before = store.path(wanted, table)
    if wanted.name == "baci" and before is not None:
        kept = ", ".join(str(y) for y in found)
        query = f"{query} union all select * from {store.select(before)} where year not in ({kept})"
    used = list(dict.fromkeys(outer for _, outer in opened))
    return {table.name: (query, used)}
