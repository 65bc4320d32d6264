"""The three ways to a data pack: its pinned originals, the producer's release that the user has, a mirror folder.

All end in the same tables of the same store (:mod:`tertius.world.store`). What is asked for and not in the store is
taken from the mirror folder that ``TERTIUS_DATA_MIRROR`` names, each file only if its hash is the one recorded; the
network is used by ``tertius data get`` alone, never behind the user's back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tertius.errors import BadInput, CannotCompute
from tertius.world import store
from tertius.world.packs import HOST, Pack, Source, Table, pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HOST_VARIABLE", "MIRROR_VARIABLE", "add", "get", "in_mirror", "mirror", "require"]

MIRROR_VARIABLE = "TERTIUS_DATA_MIRROR"
HOST_VARIABLE = "TERTIUS_DATA_HOST"
_TIMEOUT = 30.0

Progress = Callable[[str, float], None]


def _silent(stage: str, done: float) -> None:
    pass


def require(name: str, *tables: str) -> dict[str, Path]:
    """Return the Parquet files of a pack's tables, made from the mirror folder where the store lacks them.

    Parameters
    ----------
    name
        The pack.
    *tables
        The tables; all that a mirror folder has if none is named.

    Raises
    ------
    CannotCompute
        If a table is neither in the store nor in a mirror folder.
    """
    wanted = pack(name)
    asked = [wanted.table(t) for t in tables] if tables else [t for t in wanted.tables.values() if t.mirror]
    found = {t.name: store.path(wanted, t) for t in asked}
    missing = [wanted.tables[t] for t, path in found.items() if path is None]
    if missing:
        mirror(wanted, missing)
        found = {t.name: store.path(wanted, t) for t in asked}
    ready = {t: path for t, path in found.items() if path is not None}
    if len(ready) < len(found):  # pragma: no cover - another process removed it just now
        raise _absent(wanted, wanted.tables[next(t for t, path in found.items() if path is None)])
    return ready


def mirror(wanted: Pack, tables: Iterable[Table] | None = None) -> None:
    """Store tables of a pack from the mirror folder.

    Parameters
    ----------
    wanted
        The pack.
    tables
        Its tables; all that a mirror folder has if None.

    Raises
    ------
    CannotCompute
        If there is no mirror folder, the file is not in it, or its hash is another.
    """
    asked = [t for t in wanted.tables.values() if t.mirror] if tables is None else list(tables)
    files = {table.name: (table, _in_mirror(wanted, table)) for table in asked}
    with store.locked(wanted) as place:
        # Another process may have been as quick.
        still = {name: both for name, both in files.items() if store.path(wanted, both[0]) is None}
        rows: dict[str, tuple[pd.DataFrame | str, str, Iterable[store.Origin]]] = {
            name: (store.csv(file, table), "mirror", [store.Origin(str(table.mirror), table.sha256)])
            for name, (table, file) in still.items()
        }
        if rows:
            store.write(wanted, place, rows)


def in_mirror(wanted: Pack) -> bool:
    """Say whether the mirror folder has the file of every table, without looking into them."""
    folder = os.environ.get(MIRROR_VARIABLE)
    files = [t.mirror for t in wanted.tables.values() if t.mirror]
    return bool(folder and files) and all((Path(str(folder)).expanduser() / f).is_file() for f in files)


def _in_mirror(wanted: Pack, table: Table) -> Path:
    """Return a table's file in the mirror folder, its hash checked."""
    folder = os.environ.get(MIRROR_VARIABLE)
    if not folder or table.mirror is None:
        raise _absent(wanted, table)
    path = Path(folder).expanduser() / table.mirror
    if not path.is_file():
        raise CannotCompute(
            f"the data pack '{wanted.name}' is not in the mirror folder",
            code="no-data",
            path=str(path),
            hint=f"put the file there, point {MIRROR_VARIABLE} elsewhere, or {_ways(wanted)}",
        )
    digest = store.sha256(path)
    if digest != table.sha256:
        raise CannotCompute(
            f"the file of the data pack '{wanted.name}' is not the one it should be",
            code="wrong-hash",
            path=str(path),
            hint=f"its SHA-256 begins {digest[:16]}, expected {table.sha256[:16]}; copy it anew",
        )
    return path


def _absent(wanted: Pack, table: Table) -> CannotCompute:
    where = f" or set {MIRROR_VARIABLE} to a folder that holds {table.mirror}" if table.mirror else ""
    return CannotCompute(
        f"the data pack '{wanted.name}' is not on this machine",
        code="no-data",
        path=wanted.name,
        hint=f"{_ways(wanted, table)}{where}",
    )


def _ways(wanted: Pack, table: Table | None = None) -> str:
    ways = []
    if table.name in wanted.gettable if table else wanted.gettable:
        ways.append(f"run `tertius data get {wanted.name}`")
    ways.append(f"run `tertius data add {wanted.name} FILE` with the producer's release ({wanted.page})")
    return ", ".join(ways)


# --- pinned originals ---


def get(name: str, *tables: str, progress: Progress = _silent) -> dict[str, store.Stored]:
    """Download a pack's pinned originals, check their hashes, read them, and store what they give.

    Parameters
    ----------
    name
        The pack.
    *tables
        The tables; all that originals give if none is named.
    progress
        Called with what is going on and how far it has got, 0 to 1.

    Returns
    -------
    dict
        The tables that the pack now has in the store.

    Raises
    ------
    CannotCompute
        If the pack has no original that can be read, or a download breaks off or is not what it should be.
    """
    from tertius.world.readers import read_originals

    wanted = pack(name)
    asked = [wanted.table(t).name for t in tables] or list(wanted.gettable)
    if not asked or not set(asked) <= set(wanted.gettable):
        what = next((t for t in asked if t not in wanted.gettable), wanted.table().name)
        raise CannotCompute(
            f"nothing of '{name}/{what}' can be fetched: it has no pinned original that can be read",
            code="not-fetchable",
            path=name,
            hint=f"run `tertius data add {name} FILE` with the producer's release ({wanted.page}), "
            f"or set {MIRROR_VARIABLE} to a folder that holds {wanted.tables[what].mirror or 'it'}",
        )
    sources = [s for s in wanted.readable if set(s.tables) & set(asked)]
    with store.locked(wanted) as place:
        there = store.stored(wanted)
        if all(t in there and there[t].way == "get" and store.path(wanted, wanted.tables[t]) for t in asked):
            progress(name, 1.0)
            return there
        downloads = place / store.DOWNLOADS
        with store.translated("preparing the folder of downloads", downloads):
            downloads.mkdir(exist_ok=True)
        sizes = [max(s.bytes, 1) for s in sources]
        files: dict[Source, Path] = {}
        for k, source in enumerate(sources):
            before, share = sum(sizes[:k]) / sum(sizes), sizes[k] / sum(sizes)

            def shown(done: float, before: float = before, share: float = share) -> None:
                progress(name, 0.9 * (before + share * done))

            files[source] = _download(wanted, source, downloads, shown)
        progress(name, 0.9)
        with store.translated(f"reading the originals of '{name}'"):
            content = read_originals(wanted, files, asked)
        rows: dict[str, tuple[pd.DataFrame | str, str, Iterable[store.Origin]]] = {
            table: (
                frame,
                "get",
                [store.Origin(s.url(), s.sha256) for s in sources if table in s.tables],
            )
            for table, frame in content.items()
        }
        everything = store.write(wanted, place, rows)
        for file in files.values():
            file.unlink(missing_ok=True)
        progress(name, 1.0)
        return everything


def _stream(url: str, to: str, shown: Callable[[float], None], size: int) -> None:
    """Write what is at an address to a file; the connection is closed whatever happens."""
    import requests

    with requests.get(
        url, stream=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}
    ) as response:
        response.raise_for_status()
        size = size or int(response.headers.get("Content-Length") or 0)
        done = 0
        with open(to, "wb") as file:
            for chunk in response.iter_content(chunk_size=1 << 16):
                file.write(chunk)
                done += len(chunk)
                shown(min(done / size, 1.0) if size else 0.0)


def _download(wanted: Pack, source: Source, downloads: Path, shown: Callable[[float], None]) -> Path:
    """Return a pinned original, its hash checked; one that was fetched before is not fetched again."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    url = source.url(os.environ.get(HOST_VARIABLE) or HOST)
    told = f"nothing was kept of it; try again, or fetch it by hand from {url} and add it to a mirror folder"

    def retrieved() -> Path:
        found = pooch.retrieve(
            url,
            f"sha256:{source.sha256}",
            fname=f"{source.sha256}{Path(source.name).suffix}",
            path=downloads,
            downloader=lambda address, to, _: _stream(address, to, shown, source.bytes),
        )
        return Path(found)

    with store.translated(f"downloading {source.name}", downloads):
        try:
            try:
                return retrieved()
            except _broken():
                return retrieved()
        except _broken() as error:
            raise CannotCompute(
                f"the download of {source.name} for the data pack '{wanted.name}' broke off or never began",
                code="broken-download",
                path=url,
                hint=f"{told}; what was said: {_short(error)}",
            ) from error
        except requests.HTTPError as error:
            raise CannotCompute(
                f"the server refused {source.name} for the data pack '{wanted.name}'",
                code="download-refused",
                path=url,
                hint=f"nothing was kept of it: {_short(error)}; add the producer's release instead ({wanted.page})",
            ) from error
        except ValueError as error:
            raise CannotCompute(
                f"what came as {source.name} for the data pack '{wanted.name}' is not the file it should be",
                code="wrong-hash",
                path=url,
                hint=f"expected a SHA-256 that begins {source.sha256[:16]}; {told}",
            ) from error


def _broken() -> tuple[type[Exception], ...]:
    """Return the errors of a connection that is not there or broke off, which are worth a second try."""
    import requests

    return requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError


def _short(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text if len(text) < 160 else text[:157] + "..."


# --- a release that the user has ---


def add(name: str, files: Sequence[Path | str]) -> dict[str, store.Stored]:
    """Store tables of a pack from the producer's release that the user has.

    Parameters
    ----------
    name
        The pack.
    files
        The release's files, in any of the pack's formats, or tables with the columns of the pack's own.

    Returns
    -------
    dict
        The tables that the pack now has in the store.

    Raises
    ------
    BadInput
        If a file is not there, or is none that the pack can be read from.
    """
    from tertius.world.readers import read_release

    wanted = pack(name)
    paths = [Path(f).expanduser() for f in files]
    for path in paths:
        if not path.is_file():
            raise BadInput(
                f"there is no file {path}",
                code="no-file",
                path=str(path),
                hint="check the spelling of its path",
            )
    with store.locked(wanted) as place:
        try:
            with read_release(wanted, paths, place) as content:
                origins: dict[str, Any] = {p.name: store.Origin(p.name, store.sha256(p)) for p in paths}
                rows: dict[str, tuple[pd.DataFrame | str, str, Iterable[store.Origin]]] = {
                    table: (rows, "add", [origins[p.name] for p in used])
                    for table, (rows, used) in content.items()
                }
                return store.write(wanted, place, rows)
        except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
            raise BadInput(
                "a value in the file is none that its column can hold",
                code="bad-file",
                path=", ".join(str(p) for p in paths),
                hint="; ".join(line for line in str(error).splitlines()[:3] if line),
            ) from error
