"""What goes with every answer: the world it rests on, what is odd about it, whose data they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from tertius._version import __version__
from tertius.world import COVERAGE, Flag, World

__all__ = ["describe", "matters", "unreported"]


def unreported(world: World, country: str | None = None) -> xr.DataArray:
    """Where trade is missing: nobody is known to have reported it.

    Parameters
    ----------
    world
        Its ``coverage`` says so.
    country
        Then by ``country``, where neither direction with it is reported; else by ``origin, destination``.
    """
    absent = world.coverage == COVERAGE.index("unreported")
    if country is None:
        return absent
    both = absent.sel(origin=country).values & absent.sel(destination=country).values
    return xr.DataArray(np.asarray(both), {"country": list(world.countries)}, ("country",))


def matters(world: World, client: str, economies: Sequence[str]) -> tuple[Flag, ...]:
    """What is odd about the data and bears on one country's trade: a pair must have it at one end.

    Parameters
    ----------
    world
        Its flags.
    client
        The country.
    economies
        It and those that count most in its trade.
    """
    return tuple(
        f for f in world.flags_for(*economies) if not f.pairs or any(client in pair for pair in f.pairs)
    )


def describe(world: World, economies: Sequence[str], **more: Any) -> dict[str, Any]:
    """Attributes of an answer.

    Parameters
    ----------
    world
        Where its figures are from.
    economies
        Those that the answer is about: flags that concern them go with it.
    more
        What else is to be told; sequences become JSON.
    """
    client = str(more.get("client", ""))
    flags = matters(world, client, economies) if economies else world.flags
    attrs: dict[str, Any] = {
        "tertius": __version__,
        "world": world.name,
        "year": world.year,
        "unit": world.flows.attrs["unit"],
        "economies": len(world.countries),
        "left_out": json.dumps(list(world.left_out)),
        "flags": json.dumps([{"kind": f.kind, "text": str(f)} for f in flags]),
        "notes": json.dumps(list(world.notes)),
        "sources": json.dumps(
            [
                {"name": p.name, "citation": p.citation, "page": p.page, "licence": p.licence}
                for p in world.sources
            ]
        ),
        "origins": json.dumps(list(world.origins)),
        "names": json.dumps(world.names),
    }
    for key, value in more.items():
        attrs[key] = json.dumps(list(value)) if isinstance(value, tuple | list) else value
    return attrs
