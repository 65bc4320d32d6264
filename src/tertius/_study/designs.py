"""The further runs of a study that verdicts need, beside the main one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.explorer import Explorer

__all__ = ["Designs"]


@dataclass(frozen=True)
class Designs:
    """Runs of the same case on other draws, or under other structures.

    Every tree is laid out like the findings (``docs/findings.md``), the group ``/inputs`` included, with the
    draws that did not converge left out.

    Attributes
    ----------
    frozen
        A run in which every sourced input keeps its value of the main run while every assumed input is drawn
        anew; None if there was none.
    frozen_rows
        Shape (m,), one per draw of ``frozen`` in its order: the number of the main run's draw whose sourced
        inputs it keeps.
    doubled
        A run with the spread of every assumption doubled; None if there was none.
    structures
        Rival structure to the run under it, in the order of display; without the base.
    explorer
        Runs further variants when somebody asks; None if there is none.
    """

    frozen: xr.DataTree | None = None
    frozen_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    doubled: xr.DataTree | None = None
    structures: Mapping[str, xr.DataTree] = field(default_factory=dict)
    explorer: Explorer | None = None
