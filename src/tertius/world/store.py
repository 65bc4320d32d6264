"""The local store of data packs: Parquet files, a receipt for each pack, and the queries that read them.

    <store>/<pack>/<table>-<start of its hash>.parquet
    <store>/<pack>/pack.json        which of these files are the pack, and what each was made from

A file is written under a hidden name, then renamed to one that carries its hash, and only then does a new receipt,
put in place in one step, name it. Whatever breaks off before that leaves the pack as it was. Writers of one pack
take turns by a lock; readers need none.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tertius._version import __version__
from tertius.errors import BadInput, CannotCompute
from tertius.world.packs import Pack, Table, pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "STORE_VARIABLE",
    "Origin",
    "Stored",
    "check",
    "folder",
    "is_current",
    "locked",
    "query",
    "remove",
    "select",
    "sha256",
    "stored",
    "translated",
    "write",
]

STORE_VARIABLE = "TERTIUS_DATA_STORE"
RECEIPT = "pack.json"
# Within a pack's folder: originals that came whole, and where releases are unpacked.
DOWNLOADS = "downloads"
UNPACKED = ".release."
# Raised when the same original would make a different table than before.
LAYOUT = 1
_PART = ".part"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_WRITING = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class Origin:
    """A file that a table was made from.

    Attributes
    ----------
    name
        Its name, or its path below the mirror folder.
    sha256
        Its hash.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A table as it lies in the store.

    Attributes
    ----------
    file
        Its Parquet file, a name within the pack's folder.
    sha256
        The hash of that file.
    rows
        How many rows it has.
    way
        How it was had: ``"get"``, ``"add"`` or ``"mirror"``.
    origins
        What it was made from.
    at
        When, in UTC.
    version
        The Tertius that made it.
    layout
        The layout of the tables of that version.
    """

    file: str
    sha256: str
    rows: int
    way: str
    origins: tuple[Origin, ...]
    at: str
    version: str
    layout: int


def folder() -> Path:
    """Return the folder of the store: what ``TERTIUS_DATA_STORE`` names, else the user's cache."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("tertius", appauthor=False) / "data"


def home(of: Pack) -> Path:
    """Return the folder of a pack."""
    return folder() / of.name


def stored(of: Pack) -> dict[str, Stored]:
    """Return the tables of a pack that lie in the store, by name."""
    try:
        text = (home(of) / RECEIPT).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    try:
        return {
            name: Stored(**{**given, "origins": tuple(Origin(**o) for o in given["origins"])})
            for name, given in json.loads(text)["tables"].items()
        }
    except (ValueError, KeyError, TypeError):
        # A receipt that cannot be read is as good as none: the pack is made anew.
        return {}


def is_current(of: Pack, table: Table, found: Stored | None) -> bool:
    """Say whether a stored table is what this version of the registry would make.

    A user's own copy always is; a pinned one is while its originals are those that the registry names.
    """
    if found is None or found.layout != LAYOUT:
        return False
    if found.way == "add":
        return True
    known = {table.sha256, *(s.sha256 for s in of.readable)}
    return all(origin.sha256 in known for origin in found.origins)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def translated(doing: str, path: Path | str = "") -> Iterator[None]:
    """Turn what the system says of a full disk or a folder that cannot be written to into what to do about it."""
    try:
        yield
    except OSError as error:
        raise _explained(error.errno, str(error.strerror or error), doing, error.filename or path) from error
    except duckdb.IOException as error:
        said = str(error)
        number = errno.ENOSPC if "space" in said or "too large" in said else None
        raise _explained(number, said.splitlines()[0], doing, path) from error


def _explained(number: int | None, said: str, doing: str, path: Path | str) -> CannotCompute:
    if number in _NO_ROOM:
        return CannotCompute(
            f"no room left while {doing}",
            code="disk-full",
            path=str(path),
            hint=f"nothing was kept of it; make room, or set {STORE_VARIABLE} to a folder on another disk",
        )
    if number in _NO_WRITING:
        return CannotCompute(
            f"the store of data cannot be written to while {doing}",
            code="store-not-writable",
            path=str(path),
            hint=f"set {STORE_VARIABLE} to a folder that can be written to; the present one is {folder()}",
        )
    return CannotCompute(
        f"{said}, while {doing}", code="system", path=str(path), hint="nothing was kept of it"
    )


@contextlib.contextmanager
def locked(of: Pack, wait: float = 600.0) -> Iterator[Path]:
    """Hold a pack's folder against other processes; yield the folder.

    Parameters
    ----------
    of
        The pack.
    wait
        How many seconds to wait for another process that holds it.

    Raises
    ------
    CannotCompute
        If the folder cannot be made or written to, or the other process is not done in time.
    """
    place = home(of)
    with translated(f"preparing the folder of the data pack '{of.name}'", place):
        place.mkdir(parents=True, exist_ok=True)
        handle = os.open(place / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        until = time.monotonic() + wait
        while not _taken(handle):
            if time.monotonic() > until:
                raise CannotCompute(
                    f"another process has been busy with the data pack '{of.name}' for {wait:.0f} seconds",
                    code="data-busy",
                    path=str(place),
                    hint="wait until it is done, or end it; the pack is as it was",
                )
            time.sleep(0.05)
        # Nobody else writes here now, so what is unfinished was left by a process that was killed.
        for left in (*place.glob(f".*{_PART}"), *place.glob(f"{DOWNLOADS}/tmp*")):
            left.unlink(missing_ok=True)
        for left in place.glob(f"{UNPACKED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield place
    finally:
        os.close(handle)


try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    import msvcrt

    def _taken(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
else:

    def _taken(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def part(place: Path, name: str) -> Iterator[Path]:
    """Yield a hidden path for a file that is not finished; whatever is left there at the end is removed."""
    with translated(f"writing {name}", place):
        handle, path = tempfile.mkstemp(dir=place, prefix=f".{name}.", suffix=_PART)
        os.close(handle)
    hidden = Path(path)
    try:
        yield hidden
    finally:
        hidden.unlink(missing_ok=True)


def write(
    of: Pack,
    place: Path,
    rows: Mapping[str, tuple[pd.DataFrame | str, str, Iterable[Origin]]],
) -> dict[str, Stored]:
    """Write tables of a pack and put them in place together. The caller holds the lock.

    Parameters
    ----------
    of
        The pack.
    place
        Its folder, as :func:`locked` gives it.
    rows
        Table name to (what it holds, the way it was had, its origins). What it holds is a frame or a query, with
        the columns of the table.

    Returns
    -------
    dict
        Every table that the pack now has in the store.
    """
    new: dict[str, Stored] = {}
    with connect() as connection:
        for name, (content, way, origins) in rows.items():
            table = of.tables[name]
            with part(place, f"{name}.parquet") as hidden, translated(f"writing '{of.name}'", hidden):
                count = _copy(connection, table, content, hidden)
                if not count:
                    raise BadInput(
                        f"no row of the table '{name}' of '{of.name}' was found in what was given",
                        code="no-rows",
                        path=", ".join(o.name for o in origins),
                    )
                if way == "add":
                    _refuse_twice(connection, of, table, hidden)
                digest = sha256(hidden)
                hidden.chmod(0o644)
                os.replace(hidden, place / f"{name}-{digest[:16]}.parquet")
            new[name] = Stored(
                f"{name}-{digest[:16]}.parquet",
                digest,
                count,
                way,
                tuple(origins),
                datetime.now(UTC).isoformat(timespec="seconds"),
                __version__,
                LAYOUT,
            )
    everything = {**stored(of), **new}
    text = json.dumps(
        {"pack": of.name, "tables": {n: asdict(s) for n, s in everything.items()}},
        indent=1,
        ensure_ascii=False,
    )
    with part(place, RECEIPT) as hidden, translated(f"writing '{of.name}'", hidden):
        hidden.write_text(text, encoding="utf-8")
        hidden.chmod(0o644)
        os.replace(hidden, place / RECEIPT)
    named = {s.file for s in everything.values()}
    for old in place.glob("*.parquet"):
        if old.name not in named:
            with contextlib.suppress(OSError):
                old.unlink()
    return everything


def _refuse_twice(connection: duckdb.DuckDBPyConnection, of: Pack, table: Table, file: Path) -> None:
    keys = ", ".join(quoted(k) for k in table.keys)
    twice = connection.execute(
        f"select {keys} from {select(file)} group by all having count(*) > 1 order by all limit 1"
    ).fetchall()
    if twice:
        row = ", ".join(f"{k} {v}" for k, v in zip(table.keys, twice[0], strict=True))
        raise BadInput(
            f"what was given for '{of.name}/{table.name}' has the same row twice: {row}",
            code="twice",
            path=of.name,
            hint="give each file once, and releases one at a time",
        )


def _copy(connection: duckdb.DuckDBPyConnection, table: Table, content: pd.DataFrame | str, to: Path) -> int:
    if isinstance(content, str):
        inner = f"({content})"
    else:
        connection.register("given", content)
        inner = "given"
    columns = ", ".join(f"cast({quoted(c)} as {kind}) as {quoted(c)}" for c, kind in table.columns)
    order = ", ".join(quoted(k) for k in table.keys)
    (count,) = connection.execute(
        f"copy (select {columns} from {inner} order by {order}) "
        f"to '{_text(to)}' (format parquet, compression zstd, row_group_size 40960)"
    ).fetchall()[0]
    return int(count)


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _text(path: Path) -> str:
    return str(path).replace("'", "''")


def csv(path: Path, table: Table, **options: Any) -> str:
    """Return the query that reads a CSV file, plain or gzipped, with the columns of a table."""
    kinds = ", ".join(f"'{c.replace(chr(39), chr(39) * 2)}': '{kind}'" for c, kind in table.columns)
    more = "".join(f", {name} = {value}" for name, value in options.items())
    return (
        f"select * from read_csv('{_text(path)}', header = true, auto_detect = false, delim = ',', quote = '\"', "
        f"escape = '\"', nullstr = '', columns = {{{kinds}}}{more})"
    )


@cache
def _memory() -> duckdb.DuckDBPyConnection:
    # What does not fit into memory spills into the store's folder, if ever.
    return duckdb.connect(
        ":memory:",
        config={"threads": max(1, min(4, os.cpu_count() or 1)), "temp_directory": str(folder() / ".spill")},
    )


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection to nothing but this process's memory; what it names is gone when it is closed."""
    return _memory().cursor()


def path(of: Pack, table: Table) -> Path | None:
    """Return the Parquet file of a table, if it lies in the store and is current."""
    found = stored(of).get(table.name)
    if found is None or not is_current(of, table, found):
        return None
    file = home(of) / found.file
    return file if file.is_file() else None


def select(file: Path) -> str:
    """Return the query that reads a stored table."""
    return f"read_parquet('{_text(file)}')"


def query(sql: str, files: Mapping[str, Path], parameters: Iterable[Any] = ()) -> dict[str, Any]:
    """Run a query in which names stand for stored tables; return its columns as NumPy arrays.

    Parameters
    ----------
    sql
        The query; ``?`` stands for a parameter.
    files
        Name to Parquet file.
    parameters
        What to put for each ``?``.
    """
    with connect() as connection:
        for name, file in files.items():
            connection.execute(f"create temp view {quoted(name)} as select * from {select(file)}")
        return connection.execute(sql, list(parameters)).fetchnumpy()


def frame(sql: str, files: Mapping[str, Path], parameters: Iterable[Any] = ()) -> pd.DataFrame:
    """Run a query as :func:`query` does; return a frame."""
    with connect() as connection:
        for name, file in files.items():
            connection.execute(f"create temp view {quoted(name)} as select * from {select(file)}")
        return connection.execute(sql, list(parameters)).df()


def check(of: Pack) -> list[str]:
    """Return what is wrong with a pack in the store, one sentence each; none if all is well.

    Every file is read whole and its hash compared; pinned tables are compared with the registry, too.
    """
    wrong: list[str] = []
    for name, found in stored(of).items():
        file = home(of) / found.file
        table = of.tables.get(name)
        if table is None:
            wrong.append(f"{name}: the registry has no such table")
        elif not file.is_file():
            wrong.append(f"{name}: {file} is not there")
        elif sha256(file) != found.sha256:
            wrong.append(f"{name}: {file} is not what was written (its hash is another)")
        elif not is_current(of, table, found):
            wrong.append(f"{name}: made from originals that this version of Tertius no longer names")
        elif found.way == "mirror" and table.rows and found.rows != table.rows:
            wrong.append(f"{name}: {found.rows} rows, {table.rows} expected")
    return wrong


def remove(of: Pack) -> int:
    """Remove a pack from the store; return how many bytes that freed."""
    if not home(of).is_dir():
        return 0
    freed = 0
    with locked(of) as place, translated(f"removing '{of.name}'", place):
        # The receipt goes first: a pack without one is not there, whatever files are left.
        for file in [place / RECEIPT, *place.glob("*.parquet"), *place.glob(f"{DOWNLOADS}/*")]:
            with contextlib.suppress(FileNotFoundError):
                freed += file.stat().st_size
                file.unlink()
    # The lock stays: another process may be waiting for it.
    return freed


def of_table(pack_name: str, table_name: str | None = None) -> tuple[Pack, Table]:
    """Return a pack and one of its tables by name."""
    found = pack(pack_name)
    return found, found.table(table_name)
