"""A solved game as a drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tertius.drawing import game_tree
from tertius.errors import BadInput
from tertius.models.games import Chance, Decision, Game, Outcome, solve

SVG = "{http://www.w3.org/2000/svg}"


def _game(loss: object) -> Game:
    return Game(
        Decision(
            "client",
            {
                "ask": Chance(
                    {
                        "comes": (0.25, Outcome({"client": 8.0, "patron <1>": -1.0})),
                        "stays": (0.75, Outcome({"client": loss, "patron <1>": 0.0})),
                    }
                ),
                "bear it": Outcome({"client": 0.0, "patron <1>": 0.0}),
            },
        ),
        title="A request",
    )


def _words(svg: str) -> str:
    return " ".join(
        "".join(t.itertext()).replace("\N{NO-BREAK SPACE}", " ")
        for t in ET.fromstring(svg).iter(f"{SVG}text")
    )


def test_probabilities_and_payoffs_are_on_the_branches(tmp_path: Path) -> None:
    # Asking is worth 0.25 · 8 − 0.75 · 2 = 0.5, so that the logit of λ = 2 asks with 1/(1 + e⁻¹) = 73 %.
    picture = game_tree(game := _game(-2.0), solve(game, rationality=2.0))
    said = _words(picture._repr_svg_())
    for part in (
        "A request",
        "client moves",
        "ask",
        "73 %",
        "comes",
        "25 %",
        "overall 18 %",
        "overall 54 %",
        "27 %",
    ):
        assert part in said
    assert "patron <1> −1.00" in said
    assert "%" not in said[: said.index("ask")]  # no interval, and no chance of the beginning
    assert ET.parse(picture.save(tmp_path / "game.svg")).getroot().tag == f"{SVG}svg"
    with pytest.raises(BadInput, match="folder"):
        picture.save(tmp_path / "nowhere" / "game.svg")


def test_draws_are_shown_by_their_mean_and_interval() -> None:
    loss = np.array([-1.0, -2.0, -3.0, np.nan])
    game = _game(loss)
    said = _words(game_tree(game, solve(game, rationality=2.0)).svg)
    chance = 1 / (1 + np.exp(-2 * (2 + 0.75 * loss[:3])))
    low, high = np.quantile(chance, [0.05, 0.95])
    assert f"{100 * chance.mean():.0f} %" in said
    assert f"{100 * low:.0f} % to {100 * high:.0f} %" in said
    assert "client −2.00" in said


def test_a_game_that_has_no_solution_is_drawn_as_missing() -> None:
    game = _game(np.array([np.nan]))
    assert "missing" in _words(game_tree(game, solve(game, rationality=1.0)).svg)
