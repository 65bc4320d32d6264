"""Random games of perfect information, for the tests of games and of their files."""

from __future__ import annotations

import numpy as np

from tertius.models.games import Chance, Decision, Game, Node, Outcome

PLAYERS = ("client", "patron", "rival")


def random_game(seed: int, players: int = 3, depth: int = 4, draws: int | None = None) -> Game:
    """A tree of at least one move; nodes and moves are called by numbers, outcomes pay thousandths."""
    rng = np.random.default_rng(seed)
    names = PLAYERS[:players]
    shape = () if draws is None else (draws,)

    def payoff() -> object:
        paid = np.round(rng.normal(0, 2, shape), 3)
        return float(paid) if draws is None else paid

    def node(level: int) -> Node:
        kind = rng.choice(
            ["decision", "chance", "outcome"], p=[0.6, 0.2, 0.2] if level < depth else [0, 0, 1]
        )
        moves = [f"move {i}" for i in range(int(rng.integers(1, 4)))]
        if kind == "outcome":
            return Outcome({name: payoff() for name in names})
        if kind == "decision":
            return Decision(str(rng.choice(names)), {move: node(level + 1) for move in moves})
        weights = rng.integers(1, 9, len(moves)) if len(moves) < 3 else np.array([2, 5, 3])
        odds = weights / weights.sum()
        return Chance({move: (float(p), node(level + 1)) for move, p in zip(moves, odds, strict=True)})

    root = node(0)
    while not any(isinstance(move, Decision) for move in moves_of(root)):
        root = node(0)
    return Game(root, names, f"game {seed}")


def moves_of(root: Node) -> list[Node]:
    """All nodes of a tree."""
    below = (
        list(root.actions.values())
        if isinstance(root, Decision)
        else [node for _, node in root.events.values()]
        if isinstance(root, Chance)
        else []
    )
    return [root, *(node for child in below for node in moves_of(child))]
