"""Gambit's files: what is written is read again, by us and by Gambit, and hostile files are refused with a place."""

from __future__ import annotations

import importlib.util
import io
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tertius import efg
from tertius.errors import BadInput
from tertius.models.games import Chance, Decision, Game, Outcome, branches, solve

_spec = importlib.util.spec_from_file_location(
    "game_trees_of_files", Path(__file__).parent / "models" / "game_trees.py"
)
assert _spec is not None
assert _spec.loader is not None
trees = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(trees)

POKER = """EFG 2 R "A bluff, seen" { "Alice" "Bob" }
"with a comment"

c "deal" 1 "(0,1)" { "ace" 1/4 "king" .75 } 0
p "bet" 1 1 "" { "raise" "fold" } 0
p "" 2 1 "" { "meet" "pass" } 1 "stake" { 1, -1.0 }
t "" 2 "big" { 1 -1 }
t "" 0
t "" 3 "small" { -1e0, 1 }
p "" 1 2 "" { "" "" } 0
t "" 2
t "gone" 3
"""


def test_a_file_written_by_hand() -> None:
    game = efg.parse(POKER)
    assert game.title == "A bluff, seen"
    assert game.players == ("Alice", "Bob")
    names = (
        "deal",
        "bet",
        "ace/raise",
        "ace/raise/meet",
        "ace/raise/pass",
        "ace/fold",
        "king",
        "king/move 1",
        "gone",
    )
    assert game.names == names
    root = game.root
    assert isinstance(root, Chance)
    assert [p for p, _ in root.events.values()] == [0.25, 0.75]
    paid = {b.node: b.worth.tolist() for b in branches(game, solve(game)) if b.kind == "outcome"}
    # What is paid on the way adds to what is paid at the end; an end without an outcome pays nothing more.
    assert paid["ace/raise/meet"] == [2.0, -2.0]
    assert paid["ace/raise/pass"] == [1.0, -1.0]
    assert paid["ace/fold"] == paid["gone"] == [-1.0, 1.0]
    assert paid["king/move 1"] == [1.0, -1.0]


def test_what_is_written_is_read_again() -> None:
    for seed in range(30):
        game = trees.random_game(seed)
        again = efg.parse(efg.dump(game))
        assert again._form == game._form
        assert again._payoffs == game._payoffs
        # Probabilities may move by a rounding, so that they sum to one exactly.
        for ours, theirs in zip(game._events, again._events, strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-15)


def test_one_draw_of_a_batch() -> None:
    game = trees.random_game(3, draws=4)
    with pytest.raises(BadInput, match="draw="):
        efg.dump(game)
    one = efg.parse(efg.dump(game, draw=2))
    assert [list(row) for row in one._payoffs] == [[float(x[2]) for x in row] for row in game._payoffs]
    with pytest.raises(BadInput, match="inf"):
        efg.dump(Game(Outcome({"A": np.inf})))


def test_odd_names_and_odds_survive() -> None:
    game = Game(
        Chance(
            {
                'a "quoted" \\ name': (0.1, Outcome({"Élise": 0.1, "B, C": 1e-300})),
                "{": (0.2, Outcome({"Élise": -1e300, "B, C": 0.0})),
                "}": (0.7, Decision("B, C", {"": Outcome({"Élise": 1 / 3, "B, C": 2.0})})),
            }
        ),
        title="C:\\ {",
    )
    again = efg.parse(efg.dump(game))
    assert again.title == game.title
    assert again.players == game.players
    assert again._payoffs == game._payoffs
    assert again._events == game._events


def test_gambit_reads_what_we_write_and_we_what_gambit_writes(pygambit: ModuleType) -> None:
    for seed in range(20):
        game = trees.random_game(seed)
        theirs = pygambit.read_efg(io.StringIO(efg.dump(game)))
        assert len(theirs.nodes) == len(game.names)
        assert efg.parse(theirs.to_efg())._form == game._form
    game = efg.parse(pygambit.read_efg(io.StringIO(POKER)).to_efg())
    ours = efg.parse(POKER)
    assert game._payoffs == ours._payoffs
    assert [n for n in game.names if "king/" not in n] == [n for n in ours.names if "king/" not in n]


@pytest.mark.parametrize(
    ("old", "new", "where", "message"),
    [
        ("EFG 2 R", "NFG 1 R", "1:1", "extensive form"),
        ('{ "Alice" "Bob" }', "{ }", "1:25", "needs players"),
        ('"Alice" "Bob"', '"Bob" "Bob"', "1:25", "same name"),
        ('"Alice" "Bob"', '"Alice "Bob"', "1:35", "expected `}`"),
        ("c ", "q ", "4:1", "`c`, `p` or `t`"),
        ("1/4", "1/0", "4:28", "denominator"),
        ("1/4", "9" * 70, "4:28", "at most 60 signs"),
        ("1/4", "1e999", "4:28", "below 1e308"),
        ("1/4", "1e99999999", "4:28", "expected"),
        ("1/4", "nan", "4:28", "expected the probability"),
        ("1/4", "1/5", "4:1", "sum to 1"),
        ("1/4", "-1/4", "4:1", "at least 0"),
        ('p "" 1 2', 'p "" 1 1', "10:1", "perfect information"),
        ('p "" 1 2', 'p "" 3 2', "10:1", "no player 3"),
        ("{ 1 -1 }", "{ 1 }", "7:1", "1 payoffs for 2"),
        ('3 "small" { -1e0, 1 }', "9", "9:1", "used before"),
        ('{ "meet" "pass" }', "{ }", "6:1", "without moves"),
        ('t "gone" 3\n', "", "12:1", "the end of the file"),
        ('t "gone"', 't "more" 2\nt "gone"', "13:1", "the tree is complete"),
        ('t "gone"', 't "gone', "12:3", "quotation marks"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(
    old: str, new: str, where: str, message: str
) -> None:
    assert old in POKER
    with pytest.raises(BadInput) as caught:
        efg.parse(POKER.replace(old, new, 1), "bad.efg")
    assert f"bad.efg:{where}: error" in str(caught.value)
    assert message in str(caught.value)


def test_all_mistakes_of_meaning_are_told_at_once() -> None:
    text = POKER.replace("1/4", "1/5").replace("{ 1 -1 }", "{ 1 }").replace('p "" 1 2', 'p "" 1 1')
    with pytest.raises(BadInput, match="3 errors"):
        efg.parse(text)


def test_no_damage_to_a_file_does_more_than_be_told() -> None:
    rng = random.Random(1)
    pieces = [*POKER.split(), '"', "{", "}", "\\", "\n", "é", "\x00", "-", "1/", "0x1", "t", "999999999"]
    read = 0
    for _ in range(600):
        text = POKER
        for _ in range(rng.randint(1, 3)):
            a = rng.randrange(len(text))
            b = a + rng.choice([0, 1, 2, 20])
            text = text[:a] + rng.choice(pieces) * rng.randint(0, 1) + text[b:]
        caught = ""
        try:
            efg.parse(text)
            read += 1
        except BadInput as error:
            caught = str(error)
        assert not caught or "game.efg:" in caught
    assert 20 < read < 500


def test_files_made_to_exhaust_the_reader() -> None:
    head = 'EFG 2 R "" { "A" }\n'
    deep = "".join(f'p "" 1 {i + 1} "" {{ "{"x" * 190}" }} 0\n' for i in range(2000)) + 't "" 0'
    assert efg.parse(head + deep).names[-1] == "node 2001"
    wide = f'c "" 1 "" {{ {" ".join(f"{chr(34)}{i}{chr(34)} 0" for i in range(30_000))} "last" 1 }} 0\n'
    with pytest.raises(BadInput, match="more than 20000 nodes"):
        efg.parse(head + wide + 't "" 0\n' * 30_001)
    with pytest.raises(BadInput, match="200 that are read"):
        efg.parse(f'EFG 2 R "" {{ {" ".join(f"{chr(34)}{i}{chr(34)}" for i in range(300))} }} t "" 0')


def test_a_file_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "bluff.efg"
    path.write_text(POKER, encoding="utf-8")
    assert efg.load(path).players == ("Alice", "Bob")
    with pytest.raises(BadInput, match="no such file"):
        efg.load(tmp_path / "other.efg")
    path.write_bytes(b"EFG 2 R \xff")
    with pytest.raises(BadInput, match="UTF-8"):
        efg.load(path)
    path.write_text('EFG 2 R "" { }', encoding="utf-8")
    with pytest.raises(BadInput, match=r"bluff\.efg:1:12"):
        efg.load(path)
