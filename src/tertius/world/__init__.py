"""Public data on the world's ties: packs, their readers, and labelled arrays."""

from tertius.world.load import World, load_world, worlds
from tertius.world.packs import PACKS, Pack

__all__ = ["PACKS", "Pack", "World", "load_world", "worlds"]
