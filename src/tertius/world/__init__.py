"""Public data on the world's ties: packs, their readers, and labelled arrays."""

from tertius.world.blocs import Bloc, Power, bloc, blocs, power
from tertius.world.codes import Country, countries, country
from tertius.world.fetch import MIRROR_VARIABLE
from tertius.world.load import COVERAGE, World, load_world, worlds
from tertius.world.packs import PACKS, Flag, Pack, pack
from tertius.world.store import STORE_VARIABLE
from tertius.world.tables import array, sql, table

__all__ = [
    "COVERAGE",
    "MIRROR_VARIABLE",
    "PACKS",
    "STORE_VARIABLE",
    "Bloc",
    "Country",
    "Flag",
    "Pack",
    "Power",
    "World",
    "array",
    "bloc",
    "blocs",
    "countries",
    "country",
    "load_world",
    "pack",
    "power",
    "sql",
    "table",
    "worlds",
]
