"""Public data on the world's ties: packs, their readers, and labelled arrays.

    from tertius import world

    world.load_world("baci-2020")                     # trade of every pair, and products
    world.table("sipri-arms", where="recipient_iso3 = 'KAZ'")
    world.bloc("eu", 2013)                            # who belonged then
    world.power("west", 2021)
    world.ties("KAZ", 2021, powers=["RUS", "CHN", "west"])
    world.PACKS["fbic"].citation

Names are imported when first used: looking into the registry does not wait for the numerical libraries.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tertius.world.codes import Country, countries, country
    from tertius.world.domains import DOMAINS, Tie, Ties, ties
    from tertius.world.fetch import HOST_VARIABLE, MIRROR_VARIABLE, add, get
    from tertius.world.load import COVERAGE, World, load_world, worlds
    from tertius.world.packs import PACKS, Flag, Pack, pack
    from tertius.world.powers import Bloc, Power, bloc, blocs, power
    from tertius.world.store import STORE_VARIABLE
    from tertius.world.tables import array, sql, table

__all__ = [
    "COVERAGE",
    "DOMAINS",
    "HOST_VARIABLE",
    "MIRROR_VARIABLE",
    "PACKS",
    "STORE_VARIABLE",
    "Bloc",
    "Country",
    "Flag",
    "Pack",
    "Power",
    "Tie",
    "Ties",
    "World",
    "add",
    "array",
    "bloc",
    "blocs",
    "countries",
    "country",
    "get",
    "load_world",
    "pack",
    "power",
    "sql",
    "table",
    "ties",
    "worlds",
]

_HOME = {
    "codes": ("Country", "countries", "country"),
    "domains": ("DOMAINS", "Tie", "Ties", "ties"),
    "fetch": ("HOST_VARIABLE", "MIRROR_VARIABLE", "add", "get"),
    "load": ("COVERAGE", "World", "load_world", "worlds"),
    "packs": ("PACKS", "Flag", "Pack", "pack"),
    "powers": ("Bloc", "Power", "bloc", "blocs", "power"),
    "store": ("STORE_VARIABLE",),
    "tables": ("array", "sql", "table"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULE:
        return getattr(importlib.import_module(f"tertius.world.{_MODULE[name]}"), name)
    raise AttributeError(f"module 'tertius.world' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
