r"""Games with few moves: finite extensive-form games of perfect information with chance moves.

A game is a tree, written down as data: at a :class:`Decision` a player picks a named action, at a
:class:`Chance` node nature picks a named event with stated probabilities, an :class:`Outcome` pays every player.
Payoffs and probabilities may be arrays whose axes are a batch of draws; they broadcast.

A rational mover takes the action that is worth most to it (backward induction). A mover of rationality
:math:`\lambda` chooses by the logit agent quantal response (McKelvey & Palfrey 1998; Signorino 1999):

.. math::

    p_h(a) = \frac{\exp(\lambda\,\bar u_i(h,a))}{\sum_b \exp(\lambda\,\bar u_i(h,b))}, \qquad
    \bar u_j(h) = \sum_a p_h(a)\,\bar u_j(h,a) \quad\text{for every player } j,

with :math:`\bar u_i(h,a)` what player i, who moves at h, expects after a, everybody further down choosing likewise.
One sweep from the outcomes to the root solves it exactly. :math:`\lambda = 0` is an even choice,
:math:`\lambda = \infty` is backward induction. λ is in units of one over the payoffs' currency.

**Ties.** Where several actions are worth the same to a rational mover, up to 1e-12 of its largest payoff, it
chooses among them evenly, which is where the logit response ends as λ grows; the status says ``TIED``.

Arrays are float64. ``payoffs[player]``, ``probability``, ``rationality``: ``(...)``. All results ``(...)``. A game
is a JAX pytree whose leaves are its payoffs and probabilities, so :func:`solve` may be compiled and differentiated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from tertius.errors import BadInput

__all__ = [
    "Branch",
    "Chance",
    "Decision",
    "Game",
    "Node",
    "Outcome",
    "Solution",
    "Status",
    "branches",
    "solve",
]

TOLERANCE = 1e-10
"""Largest residual of a solution that counts as one."""

_TIE = 1e-12
_PROBABILITY_SUM = 1e-9
ROOT = "start"
"""The name of a first move that is given none."""


class Status(IntEnum):
    """How a game was solved, for each draw.

    ``SOLVED`` and ``TIED`` are answers. With the others every result of the draw is ``NaN``, but for
    ``INACCURATE``, whose results missed the tolerance.
    """

    SOLVED = 0
    """Every mover's choice is determined."""
    TIED = 1
    """Somewhere in the tree a rational mover was indifferent and chose evenly."""
    MISSING = 2
    """A payoff, a probability or the rationality is ``NaN``."""
    INVALID = 3
    """A probability is negative, those of a node do not sum to one, or the rationality is negative."""
    UNDEFINED = 4
    """Infinite payoffs of both signs meet in one expectation."""
    INACCURATE = 5
    """The residual is above :data:`TOLERANCE`."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """An end of the game.

    Attributes
    ----------
    payoffs
        What each player gets; every player of the game must be named, since missing is not zero.
    name
        Name of the node; by default the path that leads to it.
    """

    payoffs: Mapping[str, ArrayLike]
    name: str = ""


@dataclass(frozen=True, eq=False)
class Decision:
    """A player's move.

    Attributes
    ----------
    player
        Who moves.
    actions
        What follows each action.
    name
        Name of the node; by default the path that leads to it.
    """

    player: str
    actions: Mapping[str, Node]
    name: str = ""


@dataclass(frozen=True, eq=False)
class Chance:
    """A move of nature.

    Attributes
    ----------
    events
        The probability of each event and what follows it.
    name
        Name of the node; by default the path that leads to it.
    """

    events: Mapping[str, tuple[ArrayLike, Node]]
    name: str = ""


Node: TypeAlias = Outcome | Decision | Chance


@dataclass(frozen=True)
class _Place:
    """A node without its numbers; nodes are numbered from the root, parents before children."""

    kind: Literal["decision", "chance", "outcome"]
    name: str
    player: int  # who moves; −1 at chance nodes and outcomes
    labels: tuple[str, ...]
    children: tuple[int, ...]
    parent: int  # −1 at the root


@dataclass(frozen=True)
class _Form:
    """A game without its numbers: what a compiled program depends on."""

    title: str
    players: tuple[str, ...]
    places: tuple[_Place, ...]


@dataclass
class _Reading:
    """A tree that is being read, and what is wrong with it."""

    places: list[_Place] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    movers: dict[str, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def _moves(node: Node) -> dict[str, Node]:
    if isinstance(node, Decision):
        return dict(node.actions)
    return {label: child for label, (_, child) in node.events.items()} if isinstance(node, Chance) else {}


def _read(root: Node) -> _Reading:
    """Number the nodes without recursion, since a long game is a deep tree."""
    reading = _Reading()
    waiting: list[tuple[Node, int, str]] = [(root, -1, "")]
    ways: list[str] = []

    def path(number: int) -> str:
        labels: list[str] = []
        while heads[number][4] >= 0:
            labels.append(ways[number])
            number = heads[number][4]
        return "/".join(reversed(labels)) or ROOT

    children: list[list[int]] = []
    heads: list[tuple[Literal["decision", "chance", "outcome"], str, str, tuple[str, ...], int]] = []
    while waiting:
        node, parent, way = waiting.pop()
        number = len(heads)
        moves = _moves(node)
        if parent >= 0:
            children[parent].append(number)
        children.append([])
        reading.nodes.append(node)
        player = node.player if isinstance(node, Decision) else ""
        if isinstance(node, Decision):
            reading.movers.setdefault(node.player)
        kind: Literal["decision", "chance", "outcome"] = (
            "decision" if isinstance(node, Decision) else "chance" if isinstance(node, Chance) else "outcome"
        )
        heads.append((kind, node.name, player, tuple(moves), parent))
        ways.append(way)
        waiting += [(child, number, label) for label, child in reversed(moves.items())]
    order = list(reading.movers)
    reading.places = [
        _Place(
            kind,
            name or path(number),
            order.index(player) if kind == "decision" else -1,
            labels,
            tuple(below),
            parent,
        )
        for number, ((kind, name, player, labels, parent), below) in enumerate(
            zip(heads, children, strict=True)
        )
    ]
    for place in reading.places:
        if place.kind != "outcome" and not place.children:
            reading.problems.append(f"`{place.name}` has no moves")
    twice = [name for name, n in Counter(place.name for place in reading.places).items() if n > 1]
    if twice:
        reading.problems.append(f"several nodes are called {', '.join(f'`{name}`' for name in twice)}")
    return reading


@jax.tree_util.register_pytree_node_class
class Game:
    """A game of perfect information.

    Parameters
    ----------
    root
        The first move, and with it the whole tree.
    players
        The players in order; by default those who move, in the order of their first moves, and then those who
        are only paid.
    title
        What the game is about.

    Raises
    ------
    BadInput
        With everything that is wrong with the tree: a move without actions, two nodes of one name, a player
        without a payoff or unknown to ``players``.

    Examples
    --------
    >>> deterrence = Game(
    ...     Decision("challenger", {
    ...         "hold": Outcome({"challenger": 0, "target": 1}),
    ...         "attack": Decision("target", {
    ...             "concede": Outcome({"challenger": 1, "target": -1}),
    ...             "resist": Outcome({"challenger": -0.5, "target": -0.5}),
    ...         }),
    ...     })
    ... )
    >>> float(solve(deterrence, rationality=1.0).choice["attack"]["resist"])  # doctest: +ELLIPSIS
    0.62245...
    """

    _form: _Form
    _payoffs: tuple[tuple[ArrayLike, ...], ...]  # of the outcomes in order, by player
    _events: tuple[tuple[ArrayLike, ...], ...]  # of the chance nodes in order, by event

    def __init__(self, root: Node, players: Sequence[str] = (), title: str = "") -> None:
        reading = _read(root)
        problems = reading.problems
        paid = dict.fromkeys(
            name for node in reading.nodes if isinstance(node, Outcome) for name in node.payoffs
        )
        order = tuple(players) or tuple(reading.movers | paid)
        if len(set(order)) < len(order):
            problems.append("a player is named twice")
        strangers = [name for name in reading.movers | paid if name not in order]
        if strangers:
            problems.append(f"not among the players: {', '.join(f'`{name}`' for name in strangers)}")
        for place, node in zip(reading.places, reading.nodes, strict=True):
            if isinstance(node, Outcome):
                unpaid = [name for name in order if name not in node.payoffs]
                if unpaid:
                    problems.append(
                        f"`{place.name}` names no payoff for {', '.join(f'`{n}`' for n in unpaid)}"
                    )
        if problems:
            raise BadInput(
                f"the game cannot be played: {'; '.join(problems)}",
                code="game-malformed",
                hint="every move needs actions, every node its own name, every outcome a payoff for every player",
            )
        movers = list(reading.movers)
        places = tuple(
            _Place(p.kind, p.name, order.index(movers[p.player]), p.labels, p.children, p.parent)
            if p.kind == "decision"
            else p
            for p in reading.places
        )
        self._form = _Form(title, order, places)
        self._payoffs = tuple(
            tuple(node.payoffs[name] for name in order) for node in reading.nodes if isinstance(node, Outcome)
        )
        self._events = tuple(
            tuple(p for p, _ in node.events.values()) for node in reading.nodes if isinstance(node, Chance)
        )

    @property
    def title(self) -> str:
        """What the game is about."""
        return self._form.title

    @property
    def players(self) -> tuple[str, ...]:
        """The players, in order."""
        return self._form.players

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all nodes, parents before their children."""
        return tuple(place.name for place in self._form.places)

    @property
    def root(self) -> Node:
        """The tree, as it was written down; nodes carry the names that they were given or got."""
        built: list[Node] = []
        payoffs, events = list(self._payoffs), list(self._events)
        for place in reversed(self._form.places):
            # The children of a node, when it is built, are the last that were.
            below = [built.pop() for _ in place.children]
            moves = dict(zip(place.labels, below, strict=True))
            if place.kind == "outcome":
                built.append(Outcome(dict(zip(self.players, payoffs.pop(), strict=True)), place.name))
            elif place.kind == "chance":
                pairs = zip(moves.items(), events.pop(), strict=True)
                built.append(Chance({label: (p, child) for (label, child), p in pairs}, place.name))
            else:
                built.append(Decision(self.players[place.player], moves, place.name))
        return built.pop()

    def __repr__(self) -> str:
        about = f"{self.title!r}, " if self.title else ""
        return f"Game({about}players={list(self.players)}, nodes={len(self._form.places)})"

    def tree_flatten(self) -> tuple[tuple[Any, Any], _Form]:
        """Leaves are the payoffs and the probabilities; the rest is the form."""
        return (self._payoffs, self._events), self._form

    @classmethod
    def tree_unflatten(cls, form: _Form, leaves: tuple[Any, Any]) -> Game:
        """The game of this form with these numbers."""
        game = object.__new__(cls)
        game._form = form
        game._payoffs, game._events = leaves
        return game


class Solution(NamedTuple):
    """How a game is played, with the proof that it was solved.

    Arrays have the shape of the batch, ``(...)``, unless it says otherwise.
    """

    value: dict[str, Array]
    """What each player expects at the start."""
    choice: dict[str, dict[str, Array]]
    """At each node with moves, the probability of each action, or event, once the node is reached."""
    reach: dict[str, Array]
    """The probability that each node or outcome is reached."""
    worth: dict[str, Array]
    """What each player expects once a node is reached, ``(..., players)`` in the order of the game's players."""
    status: Array
    """:class:`Status`, as an integer."""
    residual: Array
    """Largest error of two identities: the outcomes' probabilities sum to one, and with them as weights the
    payoffs sum to the players' values, as a share of the largest payoff."""


def _row(numbers: Sequence[ArrayLike]) -> Array:
    """Numbers side by side on a last axis; those that are no device arrays yet are put there together."""
    if any(isinstance(x, Array) for x in numbers):
        return jnp.stack(jnp.broadcast_arrays(*(jnp.asarray(x, float) for x in numbers)), -1)
    return jnp.asarray(np.stack(np.broadcast_arrays(*(np.asarray(x, float) for x in numbers)), -1))


def _total(weights: Array, values: Array) -> Array:
    """Expectation over the last axis in which what cannot happen has no part, be it infinite."""
    live = weights > 0
    return (weights * jnp.where(live, values, 0.0)).sum(-1)


def _respond(u: Array, rationality: Array | None, slack: Array) -> tuple[Array, Array]:
    """Choice probabilities over the last axis of ``u``, and whether a rational mover is indifferent."""
    top = u.max(-1, keepdims=True)
    bounded = jnp.isfinite(top)
    finite = jnp.isfinite(u)
    # The quantal response does not change with the level, so the level may be held fixed.
    level = jax.lax.stop_gradient(jnp.where(bounded, top, 0.0))
    gap = jnp.where(finite, u, 0.0) - level
    best = jnp.where(bounded, finite & (gap >= -slack[..., None]), u == top)
    hard = best / best.sum(-1, keepdims=True)
    several = best.sum(-1) > 1
    if rationality is None:
        return hard, several
    rational = jnp.isinf(rationality)[..., None]
    sharp = jnp.where(rational, 1.0, rationality[..., None])
    never = jnp.where(sharp > 0, 0.0, 1.0)  # the weight of what is infinitely worse
    weight = jnp.where(
        bounded, jnp.where(finite, jnp.exp(sharp * gap), never), jnp.where(u == top, 1.0, never)
    )
    soft = weight / weight.sum(-1, keepdims=True)
    return jnp.where(rational, hard, soft), several & rational[..., 0]


def solve(game: Game, rationality: ArrayLike | None = None) -> Solution:
    r"""Solve a game, all draws at once.

    Parameters
    ----------
    game
        The game; its payoffs and probabilities broadcast against each other and against ``rationality``.
    rationality
        λ of the logit agent quantal response, ``(...)``, at least 0, in one over the payoffs' unit; ``inf`` and
        ``None`` are backward induction.

    Returns
    -------
    Solution
        Values, choice probabilities, probabilities of being reached, status and residual.
    """
    form = game._form
    payoffs = [_row(row) for row in game._payoffs]
    events = [_row(row) for row in game._events]
    lam = None if rationality is None else jnp.asarray(rationality, float)
    own = () if lam is None else lam.shape
    shape = jnp.broadcast_shapes(own, *(x.shape[:-1] for x in (*payoffs, *events)))

    missing, invalid = jnp.zeros(shape, bool), jnp.zeros(shape, bool)
    for x in (*payoffs, *events):
        missing |= jnp.isnan(x).any(-1)
    for x in events:
        invalid |= (jnp.abs(x.sum(-1) - 1.0) > _PROBABILITY_SUM) | (x < 0).any(-1)
    if lam is not None:
        missing |= jnp.isnan(lam)
        invalid |= lam < 0
        # What is wrong is replaced before the sweep, not after, so that derivatives of the other draws stay finite.
        lam = jnp.where(missing | invalid, 1.0, lam)
    bad = missing | invalid
    ends = iter([jnp.where(bad[..., None], 0.0, x) for x in payoffs])
    odds = iter([jnp.where(bad[..., None], 1.0 / x.shape[-1], x) for x in events])

    # Outcomes are gone through one by one: an array with a row for each would be compiled anew for each tree.
    worth: list[Array] = [jnp.zeros(())] * len(form.places)
    chosen: list[Array] = list(worth)
    sizes = jnp.zeros(len(form.players))
    for number, place in enumerate(form.places):
        if place.kind == "outcome":
            worth[number] = next(ends)
            sizes = jnp.maximum(sizes, jnp.where(jnp.isfinite(worth[number]), jnp.abs(worth[number]), 0.0))
        elif place.kind == "chance":
            chosen[number] = next(odds)

    tied = jnp.zeros(shape, bool)
    for number in reversed(range(len(form.places))):
        place = form.places[number]
        if place.kind == "outcome":
            continue
        below = jnp.stack([worth[child] for child in place.children], -1)  # (..., players, actions)
        if place.kind == "decision":
            mover = place.player
            chosen[number], several = _respond(below[..., mover, :], lam, _TIE * sizes[..., mover])
            tied |= several
        worth[number] = _total(chosen[number][..., None, :], below)

    undefined = jnp.isnan(worth[0]).any(-1)
    lost = bad | undefined
    choice: dict[str, dict[str, Array]] = {}
    reach: list[Array] = [jnp.where(lost, jnp.nan, 1.0)] * len(form.places)
    ended, again = jnp.zeros(shape), jnp.zeros((*shape, len(form.players)))
    for number, place in enumerate(form.places):
        if place.kind == "outcome":
            likely = reach[number][..., None]
            ended += reach[number]
            again += jnp.where(likely == 0, 0.0, likely * jnp.where(likely == 0, 0.0, worth[number]))
            continue
        known = jnp.where(lost[..., None], jnp.nan, chosen[number])
        moves = [known[..., i] for i in range(len(place.labels))]
        choice[place.name] = dict(zip(place.labels, moves, strict=True))
        for p, child in zip(moves, place.children, strict=True):
            reach[child] = reach[number] * p
    gap = jnp.where(jnp.isfinite(worth[0]), again - worth[0], 0.0) / jnp.where(sizes > 0, sizes, 1.0)
    residual = jnp.maximum(jnp.abs(ended - 1.0), jnp.abs(gap).max(-1))

    status = jnp.where(tied, Status.TIED, Status.SOLVED)
    status = jnp.where(residual <= TOLERANCE, status, Status.INACCURATE)
    status = jnp.where(undefined, Status.UNDEFINED, status)
    status = jnp.where(invalid, Status.INVALID, status)
    status = jnp.where(missing, Status.MISSING, status)
    told = {
        place.name: jnp.where(lost[..., None], jnp.nan, worth[number])
        for number, place in enumerate(form.places)
    }
    return Solution(
        {name: told[form.places[0].name][..., i] for i, name in enumerate(form.players)},
        choice,
        {place.name: reach[number] for number, place in enumerate(form.places)},
        told,
        status,
        residual,
    )


class Branch(NamedTuple):
    """A node of a solved game with the branch that leads to it, for tables and drawings."""

    node: str
    """Name of the node."""
    parent: int
    """Number of the node above, counted from zero; −1 at the root."""
    label: str
    """The action or event that leads here; empty at the root."""
    player: str
    """Who moves here; empty at chance nodes and outcomes."""
    kind: Literal["decision", "chance", "outcome"]
    """What kind of node."""
    probability: Array
    """Of this branch, once the node above is reached; one at the root."""
    reach: Array
    """Of coming here at all."""
    worth: Array
    """What each player expects here, ``(..., players)``."""


def branches(game: Game, solution: Solution) -> Iterator[Branch]:
    """Go through a solved game, parents before their children.

    Parameters
    ----------
    game, solution
        The game and its solution.

    Yields
    ------
    Branch
        Every node.
    """
    places = game._form.places
    labels = {
        child: label for place in places for label, child in zip(place.labels, place.children, strict=True)
    }
    for number, place in enumerate(places):
        label, probability = labels.get(number, ""), jnp.ones_like(solution.reach[place.name])
        if place.parent >= 0:
            probability = solution.choice[places[place.parent].name][label]
        yield Branch(
            place.name,
            place.parent,
            label,
            game.players[place.player] if place.kind == "decision" else "",
            place.kind,
            probability,
            solution.reach[place.name],
            solution.worth[place.name],
        )
