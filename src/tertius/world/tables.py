"""The tables of data packs, for whoever wants to look at them: as frames, as labelled arrays, or by SQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tertius.errors import BadInput
from tertius.world import store
from tertius.world.fetch import require
from tertius.world.packs import pack

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["array", "sql", "table"]


def table(
    name: str, which: str | None = None, where: str = "", parameters: Iterable[Any] = ()
) -> pd.DataFrame:
    """Return a table of a data pack.

    Parameters
    ----------
    name
        The pack.
    which
        The table; the pack's first if None.
    where
        A condition in SQL, such as ``"year = ? and reporter = 'KAZ'"``.
    parameters
        What to put for each ``?``.

    Returns
    -------
    DataFrame
        With the columns that the registry names.
    """
    given = pack(name).table(which)
    files = require(name, given.name)
    text = f"select * from {store.quoted(given.name)}"
    return store.frame(f"{text} where {where}" if where else text, files, parameters)


def sql(query: str, parameters: Iterable[Any] = (), **tables: str) -> pd.DataFrame:
    """Run a query over tables of any packs.

    Parameters
    ----------
    query
        SQL, as DuckDB reads it.
    parameters
        What to put for each ``?``.
    **tables
        The name that the query uses, to ``"pack"`` or ``"pack/table"``.

    Examples
    --------
    >>> sql("select year, sum(tiv_musd) from arms where recipient_iso3 = 'KAZ' group by year",
    ...     arms="sipri-arms/deliveries")  # doctest: +SKIP
    """
    files = {}
    for alias, place in tables.items():
        name, _, which = place.partition("/")
        files[alias] = next(iter(require(name, pack(name).table(which or None).name).values()))
    return store.frame(query, files, parameters)


def array(name: str, which: str | None = None, where: str = "", parameters: Iterable[Any] = ()) -> xr.Dataset:
    """Return a table of a data pack as labelled arrays, one for each column that is not a key.

    Parameters
    ----------
    name, which, where, parameters
        As for :func:`table`.

    Returns
    -------
    Dataset
        Dims are the keys of the table. A combination of keys without a row is missing (NaN), never zero.
    """
    given = pack(name).table(which)
    rows = table(name, which, where, parameters)
    keys = list(given.keys)
    if rows.duplicated(keys).any():
        raise BadInput(
            f"rows of '{name}/{given.name}' share the same {', '.join(keys)}",
            code="keys-not-unique",
            path=f"{name}/{given.name}",
            hint="use `tertius.world.table` and sum what should be summed",
        )
    out = rows.set_index(keys).to_xarray()
    return out.assign_attrs(pack=name, table=given.name, unit=given.unit)
