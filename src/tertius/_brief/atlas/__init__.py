"""What a reader sees of answers about the world that need no case: terminal, page, JSON, tables, pictures."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from tertius._brief.atlas.reading import Answer
from tertius._brief.blocks import Drawing, Figure
from tertius.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Atlas"]


class Atlas:
    """An answer about the world, to be shown.

    Parameters
    ----------
    data
        From ``tertius._atlas``.
    top
        How many rows are shown one by one.
    command
        What was typed to get it.
    """

    def __init__(self, data: xr.Dataset, *, top: int = 12, command: str = "") -> None:
        self.data = data
        self.top = top
        self.command = command

    @cached_property
    def answer(self) -> Answer:
        """What it says."""
        kind = self.data.attrs["kind"]
        if kind == "levers":
            from tertius._brief.atlas.levers import levers_answer

            return levers_answer(self.data, self.top)
        if kind == "what-if":
            from tertius._brief.atlas.what_if import what_if_answer

            return what_if_answer(self.data)
        if kind == "balance":
            from tertius._brief.atlas.balance import balance_answer

            return balance_answer(self.data)
        from tertius._brief.atlas.every import every_answer

        return every_answer(self.data, self.top)

    def print(self, console: Console) -> None:
        """Show it in a terminal."""
        from tertius._brief.atlas.terminal import show

        show(self.answer, self.data.attrs, console)

    def html(self) -> str:
        """Write it as one page."""
        from tertius._brief.atlas.page import page

        return page(self.answer, self.data.attrs, self.command)

    def json(self) -> str:
        """Write it for other programs; a number that is not known is null."""
        attrs = self.data.attrs
        out: dict[str, Any] = {
            "tertius": attrs["tertius"],
            "world": attrs["world"],
            "year": attrs["year"],
            "unit": "log points",
            "money": attrs["unit"],
            "elasticity": attrs["elasticity"],
            "factors": attrs["factors"],
        }
        if attrs["client"]:
            names = json.loads(attrs["names"])
            out |= {"country": attrs["client"], "name": names[attrs["client"]]}
        if attrs["draws"]:
            out |= {
                "draws": attrs["draws"],
                "seed": attrs["seed"],
                "unconverged": attrs.get("unconverged", 0),
            }
        out |= {
            "worst_residual": float(f"{attrs['residual']:.3g}"),
            "title": self.answer.title,
            "answer": self.answer.sentence.replace("\N{NO-BREAK SPACE}", " "),
        }
        out |= dict(self.answer.data)
        out |= {
            "missing": attrs["missing"],
            "left_out": json.loads(attrs["left_out"]),
            "flags": json.loads(attrs["flags"]),
            "assumptions": json.loads(attrs["assumed"]),
            "notes": json.loads(attrs["notes"]),
            "sources": json.loads(attrs["sources"]),
            "origins": json.loads(attrs["origins"]),
        }
        return json.dumps(out, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def csv(self) -> str:
        """Write its numbers as a table: a blank where one is missing."""
        into = io.StringIO()
        write = csv.writer(into, lineterminator="\n").writerow
        d = self.data
        names = json.loads(d.attrs["names"])
        if d.attrs["kind"] == "balance":
            from tertius._brief.atlas.balance import table_rows

            for line in table_rows(d):
                write(list(map(_cell, line)))
            return into.getvalue()
        if d.attrs["kind"] == "every pair":
            write(["power", "client", "lever_log_points", "client_lifted"])
            lifted = d["lifted"].values
            for power, row in zip(d["power"].values, d["lever"].values, strict=True):
                for client, value, floor in zip(d["client"].values, row, lifted, strict=True):
                    if power != client:
                        write([power, client, _cell(value), int(floor)])
            return into.getvalue()
        # The main table of the JSON, flat.
        rows = json.loads(self.json())["levers"]
        fields = ("median", "p05", "p95", "central")
        write(
            [
                "partner",
                "name",
                *(f"lever_{f}" for f in fields),
                *(f"reverse_{f}" for f in fields),
                "exports",
                "imports",
                "lifted",
            ]
        )
        for partner, row in rows.items():
            figures = [row[part][f] for part in ("trade", "reverse") for f in fields]
            write(
                [
                    partner,
                    names[partner],
                    *map(_cell, figures),
                    _cell(row["exports"]),
                    _cell(row["imports"]),
                    int(row["lifted"]),
                ]
            )
        return into.getvalue()

    def picture(self, which: str, kind: str) -> bytes:
        """Draw one picture.

        Parameters
        ----------
        which
            ``"chart"`` (the first) or ``"map"``.
        kind
            ``"svg"`` or ``"png"``.
        """
        blocks = [block for part in self.answer.parts for block in part.blocks]
        if which == "map":
            svg = next(b.svg for b in blocks if isinstance(b, Drawing))
        else:
            svg = next(b.pictures[0].svg for b in blocks if isinstance(b, Figure))
        if kind == "svg":
            return svg.encode()
        import vl_convert

        return bytes(vl_convert.svg_to_png(svg, scale=2))

    def save_picture(self, which: str, target: str | os.PathLike[str]) -> Path:
        """Write a picture, whole or not at all; its name says of which kind."""
        from tertius._brief import write_atomically

        path = Path(target)
        kind = path.suffix.lower().lstrip(".")
        if kind not in ("svg", "png"):
            raise BadInput(
                f"a picture is an SVG or a PNG, and '{path.name}' is neither",
                code="bad-picture",
                path=str(path),
                hint="end its name in .svg or .png",
            )
        return write_atomically(path, self.picture(which, kind))


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
