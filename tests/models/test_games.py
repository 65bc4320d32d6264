"""Games against published trees, pygambit as referee, a slow twin, and what no relabelling may change."""

from __future__ import annotations

import importlib.util
import io
import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tertius import efg
from tertius.errors import BadInput
from tertius.models.games import (
    Chance,
    Decision,
    Game,
    Node,
    Outcome,
    Solution,
    Status,
    branches,
    solve,
)

_spec = importlib.util.spec_from_file_location("game_trees", Path(__file__).with_name("game_trees.py"))
assert _spec is not None
assert _spec.loader is not None
trees = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(trees)

Floats = NDArray[np.float64]
quick = settings(deadline=None, max_examples=15, derandomize=True)
seeds = st.integers(0, 10**6)
LAMBDA = np.array([0.0, 0.6, 2.5, 40.0, np.inf])


def close(a: Any, b: Any, tol: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def deterrence(**numbers: Any) -> Game:
    n = {"peace": 1.0, "won": 1.0, "lost": -1.0, "war": -0.5} | numbers
    resist = Outcome({"challenger": n["war"], "target": n["war"]})
    concede = Outcome({"challenger": n["won"], "target": n["lost"]})
    return Game(
        Decision(
            "challenger",
            {
                "hold": Outcome({"challenger": 0.0, "target": n["peace"]}),
                "attack": Decision("target", {"concede": concede, "resist": resist}),
            },
        )
    )


def twin(node: Node, rationality: float) -> tuple[dict[str, float], list[float]]:
    """Values and the probabilities of the outcomes from left to right, by recursion and one draw at a time."""
    if isinstance(node, Outcome):
        return {player: float(u) for player, u in node.payoffs.items()}, [1.0]
    if isinstance(node, Chance):
        odds = [float(p) for p, _ in node.events.values()]
        below = [twin(child, rationality) for _, child in node.events.values()]
    else:
        below = [twin(child, rationality) for child in node.actions.values()]
        u = [value[node.player] for value, _ in below]
        if math.isinf(rationality):
            weights = [float(x >= max(u) - 1e-12) for x in u]
        else:
            weights = [math.exp(rationality * (x - max(u))) for x in u]
        odds = [w / sum(weights) for w in weights]
    values = {
        player: sum(p * value[player] for p, (value, _) in zip(odds, below, strict=True))
        for player in below[0][0]
    }
    return values, [p * r for p, (_, reach) in zip(odds, below, strict=True) for r in reach]


def ends(game: Game, solution: Solution) -> Floats:
    return np.stack([b.reach for b in branches(game, solution) if b.kind == "outcome"], -1)


def numbers(game: Game, draw: int) -> Game:
    """One draw of a batch."""
    return jax.tree_util.tree_map(lambda x: np.asarray(x)[draw] if np.ndim(x) else x, game)  # type: ignore[no-any-return]


# --- numbers that nobody here made -----------------------------------------------------------------------


def test_deterrence_of_the_literature(reference: Path) -> None:
    published = json.loads((reference / "aqre_games.json").read_text())["deterrence"]["results"]
    found = solve(deterrence(), np.array([row["lam"] for row in published]))
    assert (np.asarray(found.status) == Status.SOLVED).all()
    for i, row in enumerate(published):
        (_, attack), (_, resist) = row["profile"]
        close(found.choice["start"]["attack"][i], attack, 1.1e-8)
        close(found.choice["attack"]["resist"][i], resist, 1.1e-8)


def test_extended_deterrence_of_the_literature(reference: Path) -> None:
    published = json.loads((reference / "aqre_games.json").read_text())["extended_deterrence"]
    tree = published["tree"]
    players = tuple(tree["order"])

    def paid(name: str) -> Outcome:
        return Outcome(dict(zip(players, tree[name], strict=True)))

    patron = Decision("Patron", {"abandon": paid("resist_abandon"), "intervene": paid("resist_intervene")})
    target = Decision("Target", {"concede": paid("challenge_concede"), "resist": patron})
    game = Game(Decision("Challenger", {"wait": paid("wait"), "challenge": target}), players)
    found = solve(game, np.array([row["lam"] for row in published["results"]]))
    for i, row in enumerate(published["results"]):
        moves = [found.choice[node] for node in ("start", "challenge", "challenge/resist")]
        close([[p[i] for p in move.values()] for move in moves], row["profile"], 1.1e-8)
    # As rationality grows the patron intervenes, the target therefore resists, the challenger therefore waits.
    limit = solve(game)
    close([limit.choice[n][a] for n, a in [("challenge/resist", "intervene"), ("start", "wait")]], 1.0)
    assert limit.reach["wait"] == 1.0


def test_demands_with_private_costs_of_the_literature(reference: Path) -> None:
    """Fearon's demand: costs of war in steps of 0.05 stand for the uniform ones exactly at demands on the steps."""
    for row in json.loads((reference / "crisis_bargaining.json").read_text())["fearon1995_uniform"]:
        steps = round(row["cB_max"] / 0.05)
        more = np.arange(steps + 1) * 0.05
        war = {"A": row["p"] - row["cA"]}
        costs = (np.arange(steps) + 0.5) * 0.05
        answer = Chance(
            {
                f"costs {c:.3f}": (
                    1 / steps,
                    Decision(
                        "B",
                        {
                            "concede": Outcome({"A": row["p"] + more, "B": 1 - row["p"] - more}),
                            "fight": Outcome({**war, "B": 1 - row["p"] - c}),
                        },
                    ),
                )
                for c in costs
            }
        )
        game = Game(answer)
        after = solve(game)
        fights = sum(np.asarray(after.reach[name]) for name in game.names if name.endswith("/fight"))
        demand = Game(
            Decision(
                "A",
                {
                    f"{x:.2f}": Outcome({"A": u}, f"{x:.2f}")
                    for x, u in zip(row["p"] + more, np.asarray(after.value["A"]), strict=True)
                },
            )
        )
        asked = np.array([solve(demand).reach[f"{row['p'] + x:.2f}"] for x in more])
        close(asked @ (row["p"] + more), row["demand"])
        close(asked @ fights, row["prob_war"])


@given(
    seed=seeds,
    players=st.integers(2, 3),
    depth=st.integers(2, 4),
    low=st.floats(0.1, 5),
    more=st.floats(0.5, 10),
)
@settings(max_examples=500, deadline=None)
def test_pygambit_is_the_referee(
    pygambit: ModuleType, seed: int, players: int, depth: int, low: float, more: float
) -> None:
    game = trees.random_game(seed, players=players, depth=depth)
    lam = [low, low + more]
    theirs = pygambit.read_efg(io.StringIO(efg.dump(game)))
    answers = pygambit.qre.logit_solve_lambda(theirs, lam=lam)
    # They stop within 1e-8 of the rationality that was asked for and say where.
    ours = solve(game, np.array([*(answer.lam for answer in answers), 0.0, lam[1], np.inf]))
    assert np.isin(np.asarray(ours.status), [Status.SOLVED, Status.TIED]).all()
    # Their order: by player, each player's nodes in the order of the file.
    told = list(branches(game, ours))
    movers = [b for b in told if b.kind == "decision"]
    order = sorted(range(len(movers)), key=lambda i: game.players.index(movers[i].player))
    flat = np.stack([p for i in order for p in ours.choice[movers[i].node].values()], -1)
    for row, answer in enumerate(answers):
        np.testing.assert_allclose(flat[row], list(answer), rtol=0, atol=1e-8)
    # What they make of our strategies: values, probabilities of being reached, and nothing to regret.
    profile = theirs.mixed_behavior_profile()
    nodes = {node.label: node for node in theirs.nodes}
    for row in (3, 4):
        actions = [action for player in theirs.players for s in player.infosets for action in s.actions]
        for action, p in zip(actions, flat[row], strict=True):
            profile[action] = float(p)
        for branch in told:
            node = nodes[branch.node]
            assert abs(profile.realiz_prob(node) - np.asarray(branch.reach)[row]) < 1e-8
            worth = [profile.node_value(player, node) for player in theirs.players]
            np.testing.assert_allclose(np.asarray(branch.worth)[row], worth, rtol=0, atol=1e-8)
    assert profile.agent_max_regret() < 1e-9


def test_the_trees_of_the_referee_are_no_stumps() -> None:
    assert max(len(trees.random_game(seed, players=3, depth=4).names) for seed in range(30)) > 40


# --- a slow twin -----------------------------------------------------------------------------------------


def test_the_slow_twin_agrees() -> None:
    for seed in range(12):
        game = trees.random_game(seed, draws=5)
        found = solve(game, LAMBDA)
        assert float(found.residual.max()) < 1e-13
        for draw, lam in enumerate(LAMBDA):
            value, reach = twin(numbers(game, draw).root, float(lam))
            close([found.value[p][draw] for p in game.players], list(value.values()))
            close(ends(game, found)[draw], reach)


def test_a_compiled_batch_gives_what_single_draws_give() -> None:
    game = trees.random_game(8, draws=300)
    lam = np.linspace(0.0, 9.0, 300)
    together = jax.jit(solve)(game, lam)
    alone = solve(numbers(game, 123), lam[123])
    for name in game.names:
        close(together.reach[name][123], alone.reach[name])
        close(together.worth[name][123], alone.worth[name])


def test_the_tree_can_be_had_back() -> None:
    game = trees.random_game(5)
    again = Game(game.root, game.players, game.title)
    assert again._form == game._form
    assert (
        repr(again) == repr(game) == f"Game('game 5', players={list(game.players)}, nodes={len(game.names)})"
    )
    close(ends(again, solve(again, 1.0)), ends(game, solve(game, 1.0)))


# --- what must not change anything -----------------------------------------------------------------------


def renamed(node: Node, rng: np.random.Generator, who: dict[str, str]) -> Node:
    """The same tree with its moves in another order and its players under other names."""
    if isinstance(node, Outcome):
        return Outcome({who[p]: u for p, u in reversed(node.payoffs.items())}, node.name)
    if isinstance(node, Chance):
        events = list(node.events.items())
        return Chance(
            {f"{a}!": (p, renamed(n, rng, who)) for a, (p, n) in rng.permutation(np.array(events, object))},
            node.name,
        )
    actions = np.array(list(node.actions.items()), object)
    return Decision(
        who[node.player], {f"{a}!": renamed(n, rng, who) for a, n in rng.permutation(actions)}, node.name
    )


@quick
@given(seed=seeds)
def test_names_and_their_order_do_not_matter(seed: int) -> None:
    game = trees.random_game(seed)
    who = dict(zip(game.players, "xyz", strict=True))
    other = Game(renamed(game.root, np.random.default_rng(seed), who))
    before, after = solve(game, LAMBDA), solve(other, LAMBDA)
    close([after.value[who[p]] for p in game.players], [before.value[p] for p in game.players])
    close([after.reach[name] for name in game.names], [before.reach[name] for name in game.names])


@quick
@given(seed=seeds, more=st.floats(-50, 50), times=st.floats(0.02, 50))
def test_level_and_unit_do_not_matter(seed: int, more: float, times: float) -> None:
    game = trees.random_game(seed)
    before = solve(game, LAMBDA)

    def changed(node: Node) -> Node:
        if isinstance(node, Outcome):
            paid = {p: times * (np.asarray(u) + more * (p == "patron")) for p, u in node.payoffs.items()}
            return Outcome(paid, node.name)
        if isinstance(node, Chance):
            return Chance({a: (p, changed(n)) for a, (p, n) in node.events.items()}, node.name)
        return Decision(node.player, {a: changed(n) for a, n in node.actions.items()}, node.name)

    after = solve(Game(changed(game.root)), LAMBDA / times)
    close([after.reach[n] for n in game.names], [before.reach[n] for n in game.names], 1e-9)
    close(after.value["patron"], times * (before.value["patron"] + more), 1e-9)
    close(after.value["rival"], times * before.value["rival"], 1e-9)


@quick
@given(seed=seeds)
def test_no_rationality_and_all_of_it(seed: int) -> None:
    game = trees.random_game(seed)
    blind, sharp, limit = solve(game, 0.0), solve(game, 1e7), solve(game)
    for branch in branches(game, blind):
        if branch.kind == "decision":
            choice = blind.choice[branch.node]
            close(list(choice.values()), 1 / len(choice))
    # Payoffs are thousandths and odds simple, so that 1e7 tells all values apart that are not the same.
    if limit.status == Status.SOLVED:
        close([sharp.reach[n] for n in game.names], [limit.reach[n] for n in game.names], 1e-9)
    for branch in branches(game, limit):
        if branch.kind == "decision":
            mine = game.players.index(branch.player)
            best = max(
                limit.worth[b.node][mine]
                for b in branches(game, limit)
                if b.parent >= 0 and game.names[b.parent] == branch.node
            )
            close(limit.worth[branch.node][mine], best)


# --- ties, extremes, what is missing ---------------------------------------------------------------------


def test_a_rational_mover_that_is_indifferent_chooses_evenly_and_says_so() -> None:
    game = deterrence(lost=-0.5, war=np.array([-0.5, -0.6, -0.4]))
    limit = solve(game)
    close(limit.choice["attack"]["concede"], [0.5, 1.0, 0.0])
    assert limit.status.tolist() == [Status.TIED, Status.SOLVED, Status.SOLVED]
    # It is where the quantal response ends, and there nobody is indifferent.
    near = solve(game, 1e9)
    close(near.choice["attack"]["concede"], limit.choice["attack"]["concede"])
    assert (np.asarray(near.status) == Status.SOLVED).all()
    # What rounding made unequal is a tie all the same.
    sums = {"a": Outcome({"A": 0.1 + 0.2}), "b": Outcome({"A": 0.3})}
    assert solve(Game(Decision("A", sums))).status == Status.TIED


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e150, 1e300])
def test_huge_rationality_and_huge_payoffs(scale: float) -> None:
    game = deterrence(peace=scale, won=scale, lost=-scale, war=-0.5 * scale)
    for lam in (1e-300, 1.0, 1e150, 1e300, np.inf):
        found = solve(game, lam)
        assert found.status in (Status.SOLVED, Status.TIED)
        assert np.isfinite([*found.value.values()]).all()
        slope = jax.grad(lambda u, lam=lam: solve(deterrence(won=u), lam).value["target"])(scale)
        assert np.isfinite(slope)


def test_an_infinite_loss_is_avoided_and_not_clipped() -> None:
    game = deterrence(war=-np.inf)
    for lam in (None, 1.0, np.inf):
        found = solve(game, lam)
        assert found.status == Status.SOLVED
        assert found.choice["attack"]["resist"] == 0.0
        close(found.worth["attack"][0], 1.0)
    blind = solve(game, 0.0)
    close(blind.choice["attack"]["resist"], 0.5)
    assert blind.value["target"] == -np.inf
    both = solve(Game(Chance({"a": (0.5, Outcome({"A": np.inf})), "b": (0.5, Outcome({"A": -np.inf}))})))
    assert both.status == Status.UNDEFINED
    assert np.isnan(both.value["A"])
    either = Decision("A", {"a": Outcome({"A": -np.inf}), "b": Outcome({"A": -np.inf})})
    close(solve(Game(either), 2.0).choice["start"]["a"], 0.5)
    assert solve(Game(either)).status == Status.TIED


def test_a_draw_that_cannot_be_solved_says_why_and_leaves_the_others_alone() -> None:
    odds = np.array([0.5, np.nan, -0.1, 0.5, 0.5, 0.7])
    rest = np.array([0.5, 0.5, 1.1, 0.5, 0.5, 0.7])
    lam = np.array([1.0, 1.0, 1.0, np.nan, -1.0, 1.0])

    def game(paid: Any) -> Game:
        move = Decision("A", {"x": Outcome({"A": paid}), "y": Outcome({"A": 0.0})})
        return Game(Chance({"a": (odds, move), "b": (rest, Outcome({"A": 2.0}))}))

    found = solve(game(1.0), lam)
    wrong = [Status.MISSING, Status.INVALID, Status.MISSING, Status.INVALID, Status.INVALID]
    assert found.status.tolist() == [Status.SOLVED, *wrong]
    assert np.isnan(np.asarray(found.value["A"])[1:]).all()
    assert np.isnan(np.asarray(found.reach["a/x"])[1:]).all()
    assert np.isnan(np.asarray(found.residual)[1:]).all()
    close(found.value["A"][0], 0.5 * 1 / (1 + math.exp(-1)) + 1.0)
    assert (np.asarray(solve(game(np.nan), 1.0).status)[[0, 1]] == Status.MISSING).all()
    slope = jax.grad(lambda u: jnp.nansum(solve(game(u), lam).value["A"]))(1.0)
    assert np.isfinite(slope)


# --- derivatives -----------------------------------------------------------------------------------------


def test_derivatives_are_those_of_finite_differences() -> None:
    game = trees.random_game(8)
    start, form = jax.tree_util.tree_flatten(game)
    paid = jnp.array(start[: 3 * sum(1 for b in branches(game, solve(game)) if b.kind == "outcome")], float)

    def value(u: Any, lam: Any) -> Any:
        leaves = [*u, *start[len(u) :]]
        found = solve(jax.tree_util.tree_unflatten(form, leaves), lam)
        return found.value["patron"] + 3.0 * found.reach[game.names[-1]]

    fast = jax.jit(value)
    slopes, slope = jax.jit(jax.grad(value, argnums=(0, 1)))(paid, 0.8)
    h = 1e-5
    close((fast(paid, 0.8 + h) - fast(paid, 0.8 - h)) / (2 * h), slope, 1e-8)
    for i in range(len(paid)):
        step = h * jnp.eye(len(paid))[i]
        close((fast(paid + step, 0.8) - fast(paid - step, 0.8)) / (2 * h), slopes[i], 1e-8)
    # By backward induction the value moves one for one with what the path pays, and with nothing else.
    exact = jax.grad(lambda u: solve(deterrence(peace=u)).value["target"])(1.0)
    assert exact == 1.0


# --- trees that cannot be played -------------------------------------------------------------------------


def test_everything_wrong_with_a_tree_is_told_at_once() -> None:
    tree = Decision(
        "A",
        {
            "x": Outcome({"A": 1.0}, "end"),
            "y": Outcome({"A": 1.0, "C": 0.0}, "end"),
            "z": Decision("B", {}),
            "w": Chance({}, "luck"),
        },
    )
    with pytest.raises(BadInput) as caught:
        Game(tree, ["A", "B", "B"])
    for part in ("named twice", "`C`", "called `end`", "`z` has no moves", "`luck` has no moves", "for `B`"):
        assert part in str(caught.value)


def test_players_and_names_by_default() -> None:
    end = {"C": 0.0, "A": 1.0, "B": 2.0}
    game = Game(Decision("B", {"l": Outcome(end), "r": Decision("A", {"go": Outcome(end)}, "reply")}))
    assert game.players == ("B", "A", "C")
    assert game.names == ("start", "l", "reply", "r/go")
    assert [b.label for b in branches(game, solve(game))] == ["", "l", "r", "go"]
    assert Game(Outcome({"A": 1.0})).names == ("start",)


def test_a_long_game_is_no_deep_recursion() -> None:
    node: Node = Outcome({"A": 1.0, "B": 0.0})
    for i in range(1500):
        node = Decision("AB"[i % 2], {"on": node}, str(i))
    game = Game(node)
    assert len(game.names) == 1501
    assert isinstance(game.root, Decision)
