"""What a stage reads, noted while it runs: a run in which none of that differs takes over its results.

What is read is named by tokens: an uncertain input by its path, ``structure.expectations``, ``simulation``, and a group
by its path (``/levers``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tertius._study.draws import Draws
from tertius._study.structures import Structure
from tertius._study.world import Figures

if TYPE_CHECKING:
    from tertius._study.stages import Context, Made

__all__ = ["SIMULATED", "Ran", "Tokens", "differences", "watched", "watched_draws", "watched_structure"]

Tokens = frozenset[str]

SIMULATED: Tokens = frozenset({"simulation", "/levers", "/displacement"})
"""What differs for the stages when trade or the domains do."""


@dataclass(frozen=True)
class Ran:
    """A stage that has run: what it read, and what it made."""

    read: Tokens
    made: Made

    def at(self, rows: slice | NDArray[np.int64]) -> Ran:
        """The same in some of the draws, in any order and any number of times.

        A variable that a stage gives for the first draws only is cut where the rows are a slice, and is right for no
        other rows.
        """
        some = {
            path: group.isel(draw=rows) if "draw" in group.dims else group
            for path, group in self.made.groups.items()
        }
        converged, residual = self.made.converged, self.made.residual
        return replace(
            self,
            made=replace(
                self.made,
                groups=some,
                converged=None if converged is None else converged[rows],
                residual=None if residual is None else residual[rows],
                shown=None,
            ),
        )


class _Noting(Mapping[str, Any]):
    """A mapping that notes what is looked up in it."""

    def __init__(self, inner: Mapping[str, Any], notes: set[str]) -> None:
        self._inner, self._notes = inner, notes

    def __getitem__(self, key: str) -> Any:
        self._notes.add(key)
        return self._inner[key]

    def __iter__(self) -> Iterator[str]:
        self._notes.update(self._inner)
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)


class _Asked:
    """An object that notes what is asked of it: under its name, and that of the attribute if this is told apart."""

    def __init__(self, inner: object, name: str, notes: set[str], *, apart: bool) -> None:
        self._inner, self._name, self._notes, self._apart = inner, name, notes, apart

    def __getattr__(self, attribute: str) -> Any:
        self._notes.add(f"{self._name}.{attribute}" if self._apart else self._name)
        return getattr(self._inner, attribute)


def watched(context: Context, notes: set[str]) -> Context:
    """The same context, which notes what is read of it."""
    return replace(
        context,
        figures=Figures(watched_draws(context.figures.draws, notes)),
        structure=watched_structure(context.structure, notes),
        simulation=cast(Any, _Asked(context.simulation, "simulation", notes, apart=False)),
        groups=_Noting(context.groups, notes),
        whole=context,
    )


def watched_draws(draws: Draws, notes: set[str]) -> Draws:
    """The same draws, which note what is read of them."""
    return Draws(draws.size, _Noting(draws.columns, notes))


def watched_structure(structure: Structure, notes: set[str]) -> Structure:
    """The same structure, which notes what is read of it."""
    return cast(Structure, _Asked(structure, "structure", notes, apart=True))


def differences(one: Structure, other: Structure) -> Tokens:
    """What differs between two structures."""
    return frozenset(
        f"structure.{field.name}"
        for field in fields(Structure)
        if getattr(one, field.name) != getattr(other, field.name)
    )
