"""The way to a data pack: what is asked for and not in the store is taken from a mirror folder.

That is the folder that ``TERTIUS_DATA_MIRROR`` names; each file is taken only if its hash is the one recorded.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tertius.errors import CannotCompute
from tertius.world import store
from tertius.world.packs import Pack, Table, pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MIRROR_VARIABLE", "mirror", "require"]

MIRROR_VARIABLE = "TERTIUS_DATA_MIRROR"


def require(name: str, *tables: str) -> dict[str, Path]:
    """Return the Parquet files of a pack's tables, made from the mirror folder where the store lacks them.

    Parameters
    ----------
    name
        The pack.
    *tables
        The tables; all that it has if none is named.

    Raises
    ------
    CannotCompute
        If a table is neither in the store nor in a mirror folder.
    """
    wanted = pack(name)
    asked = [wanted.table(t) for t in tables] if tables else list(wanted.tables.values())
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
        Its tables; all that it has if None.

    Raises
    ------
    CannotCompute
        If there is no mirror folder, the file is not in it, or its hash is another.
    """
    asked = list(wanted.tables.values()) if tables is None else list(tables)
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
            hint=f"put the file there, or point {MIRROR_VARIABLE} elsewhere",
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
    return CannotCompute(
        f"the data pack '{wanted.name}' is not on this machine",
        code="no-data",
        path=wanted.name,
        hint=f"set {MIRROR_VARIABLE} to a folder that holds {table.mirror}",
    )
