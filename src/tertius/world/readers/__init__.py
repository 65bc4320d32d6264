"""Readers: from an original file, or a producer's release, to the tables of a pack."""

from tertius.world.readers.originals import read_originals
from tertius.world.readers.releases import read_release

__all__ = ["read_originals", "read_release"]
