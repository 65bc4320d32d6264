"""The study: the only place that knows the order in which models run."""

from tertius._study.designs import Designs
from tertius._study.run import again, run
from tertius._study.structures import BASE, RIVALS, Structure

__all__ = ["BASE", "RIVALS", "Designs", "Structure", "again", "run"]
