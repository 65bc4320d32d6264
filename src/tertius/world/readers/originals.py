"""Pinned originals to the tables of their packs: one function a format, named in the registry.

Each gives the columns of its table, as the mirror folder's file has them: the same rows, whichever way they came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tertius.errors import CannotCompute
from tertius.world.packs import Pack, Source, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ORIGINALS", "read_originals"]

_Files = Sequence[tuple[Source, Path]]


def read_originals(
    wanted: Pack, files: Mapping[Source, Path], tables: Iterable[str]
) -> dict[str, pd.DataFrame | str]:
    """Return the rows of tables that the originals of a pack give.

    Parameters
    ----------
    wanted
        The pack.
    files
        Each source that is needed to where it lies.
    tables
        The tables asked for.

    Raises
    ------
    CannotCompute
        If a file is not of the format that the registry says.
    """
    content: dict[str, pd.DataFrame | str] = {}
    for name in tables:
        given = [(s, p) for s, p in files.items() if name in s.tables]
        reader = ORIGINALS[given[0][0].reader]
        try:
            content[name] = reader(wanted.tables[name], given)
        except (ValueError, KeyError, IndexError) as error:
            raise CannotCompute(
                f"the original of '{wanted.name}/{name}' could not be read: {error}",
                code="unreadable-original",
                path=given[0][0].url(),
            ) from error
    return content


def _same(table: Table, files: _Files) -> str:
    """The mirror folder's file is this file."""
    from tertius.world.store import csv

    return csv(files[0][1], table)


def _baci_matrices(table: Table, files: _Files) -> pd.DataFrame:
    """Matrices (exporter, importer, year from 2000) of a MATLAB file, with the codes in a string object.

    The object is one that only MATLAB can open; its text, 210 codes of three letters in alphabetical order, lies
    in the file's workspace as it is. The last matrix holds nothing.
    """
    import pandas as pd
    from scipy.io import loadmat

    held = loadmat(files[0][1], variable_names=["MatriceEx", "__function_workspace__"])
    matrices = held["MatriceEx"]
    size = matrices.shape[0]
    text = held["__function_workspace__"].tobytes().decode("utf-16-le", errors="replace")
    runs = re.findall(f"[A-Z]{{{3 * size}}}", text)
    codes = [runs[0][k : k + 3] for k in range(0, 3 * size, 3)] if len(runs) == 1 else []
    if codes != sorted(set(codes)) or len(codes) != size:
        raise ValueError("the codes of the countries are not where they should be")
    origin, destination, year = np.nonzero(matrices)
    labels = np.array(codes, dtype=object)
    return _trade(
        pd.DataFrame(
            {
                "year": 2000 + year,
                "exporter": labels[origin],
                "importer": labels[destination],
                "value_kusd": matrices[origin, destination, year],
            }
        )
    )


def _baci_wide(table: Table, files: _Files) -> pd.DataFrame:
    """A matrix (exporter, importer) of 2023 with its labels and the economies' products in files of their own."""
    import pandas as pd

    by_name = {source.name: path for source, path in files}
    codes = pd.read_csv(by_name["country_labels.csv"], keep_default_na=False)["iso3"].to_numpy(object)
    if table.name == "gdp":
        product = pd.read_csv(by_name["gdp.csv"])["gdp"]
        if len(product) != len(codes):
            raise ValueError("as many products as economies were expected")
        return pd.DataFrame({"iso3": codes, "year": 2023, "gdp_current_usd": product})
    matrix = pd.read_csv(by_name["trade_cepii.csv"]).to_numpy(float)
    if matrix.shape != (len(codes), len(codes)):
        raise ValueError("a square of all economies was expected")
    origin, destination = np.nonzero(np.nan_to_num(matrix))
    return _trade(
        pd.DataFrame(
            {
                "year": 2023,
                "exporter": codes[origin],
                "importer": codes[destination],
                "value_kusd": matrix[origin, destination],
            }
        )
    )


def _trade(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[rows["exporter"] != rows["importer"]]
    return rows.assign(value_kusd=rows["value_kusd"].round(3))


def _r_frame(table: Table, files: _Files) -> pd.DataFrame:
    """The one data frame of an R file, its columns by name, votes as 1 yes, 2 abstain, 3 no."""
    from tertius.world.readers._rdata import read_frames

    (frame,) = read_frames(files[0][1]).values()
    absent = [c for c, _ in table.columns if c not in frame]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}")
    if "vote" in frame:
        frame["vote"] = frame["vote"].map({"yes": 1, "abstain": 2, "no": 3})
    return frame[[c for c, _ in table.columns]]


def _stata(table: Table, files: _Files) -> pd.DataFrame:
    """A Stata file, its columns by name."""
    import pandas as pd

    frame = pd.read_stata(files[0][1], convert_categoricals=False)
    return frame[[c for c, _ in table.columns]]


def _dataverse(table: Table, files: _Files) -> str:
    from tertius.world.readers.releases import dataverse

    return dataverse(files[0][1], table)


def _world_bank(table: Table, files: _Files) -> pd.DataFrame:
    from tertius.world.readers.releases import world_bank

    return world_bank(files[0][1], table)


def _sipri(table: Table, files: _Files) -> str:
    from tertius.world.readers.releases import sipri_register

    return sipri_register(files[0][1])


def _imf_dip(table: Table, files: _Files) -> str:
    """IMF's positions, one file a direction."""
    from tertius.world.readers.releases import LAYOUTS, text_rows

    (layout,) = (one for one in LAYOUTS if one.format == "imf_dip")
    return " union all by name ".join(layout.select.replace("{rows}", text_rows(path)) for _, path in files)


def _imf_imts(table: Table, files: _Files) -> pd.DataFrame:
    """IMF's table of series, a column a year."""
    import pandas as pd

    wide = pd.read_csv(files[0][1], encoding="utf-8-sig", keep_default_na=False, na_values=[""])
    parts = wide["SERIES_CODE"].str.split(".", expand=True)
    years = [c for c in wide.columns if re.fullmatch(r"\d{4}", c)]
    flow = parts[1].map(lambda code: "export_fob" if code.startswith("XG") else "import_cif")
    rows = (
        wide[years]
        .assign(reporter=parts[0], partner=parts[2], flow=flow)
        .melt(["reporter", "partner", "flow"], years, "year", "value_musd")
        .dropna()
    )
    return rows.assign(year=rows["year"].astype(int))


ORIGINALS: dict[str, Callable[[Table, _Files], pd.DataFrame | str]] = {
    "same": _same,
    "baci_matrices": _baci_matrices,
    "baci_wide": _baci_wide,
    "dataverse": _dataverse,
    "imf_dip": _imf_dip,
    "imf_imts": _imf_imts,
    "r_frame": _r_frame,
    "sipri_register": _sipri,
    "stata": _stata,
    "world_bank": _world_bank,
}
