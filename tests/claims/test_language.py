"""The language of claims: what expressions mean, and what is said about wrong ones."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.claims import Catalogue, ClaimError, check_expression, evaluate, from_findings, names_in
from tertius.claims.language import LONGEST, parse
from tertius.errors import BadInput

RUSSIA, CHINA, WEST = 0, 1, 2
TRADE, TRANSIT, CAPITAL, ARMS, TOTAL = range(5)

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def arrays(findings: xr.DataTree) -> Arrays:
    """The same numbers without labels, by name."""
    return {
        **{k: v.values for k, v in findings["levers"].data_vars.items()},
        **{k: v.values for k, v in findings["displacement"].data_vars.items()},
        "out": findings["exits/russia_out/client_loss"].values,
        "value": findings["inputs/value"].values,
    }


def over(chosen: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Margin of an argmax, the slow way."""
    return np.array([c - max(rest) for c, *rest in zip(chosen, *others, strict=True)])


def max_lever(a: Arrays) -> np.ndarray:
    """The largest lever less what the first exit costs in capital."""
    largest: np.ndarray = a["lever"][:, :, TOTAL].max(axis=1) - a["client_loss"][:, CAPITAL]
    return largest


# Expression, and its margin from the bare arrays: in the first draws only, where it reads a further exit.
MEANING: list[tuple[str, Callable[[Arrays], np.ndarray]]] = [
    (
        "displacement.leverage_gain[china] > displacement.leverage_gain[russia]",
        lambda a: a["leverage_gain"][:, CHINA, TOTAL] - a["leverage_gain"][:, RUSSIA, TOTAL],
    ),
    (
        "exits.west_out.leverage_gain[china] > displacement.leverage_gain[russia]",
        lambda a: a["leverage_gain"][:, CHINA, TOTAL] - a["leverage_gain"][:, RUSSIA, TOTAL],
    ),
    ("displacement.leverage_gain[china, total] > 0", lambda a: a["leverage_gain"][:, CHINA, TOTAL]),
    ("displacement.leverage_gain[capital, china] > 0", lambda a: a["leverage_gain"][:, CHINA, CAPITAL]),
    ("levers.lever[west, capital] > 5", lambda a: a["lever"][:, WEST, CAPITAL] - 5),
    ("levers.lever[west, capital] < 40%", lambda a: 0.4 - a["lever"][:, WEST, CAPITAL]),
    ("levers.lever[west, capital] > .5e1 %", lambda a: a["lever"][:, WEST, CAPITAL] - 0.05),
    (
        "argmax(displacement.leverage_gain) == china",
        lambda a: over(*(a["leverage_gain"][:, p, TOTAL] for p in (CHINA, RUSSIA, WEST))),
    ),
    (
        "china == argmax(displacement.leverage_gain[*, capital])",
        lambda a: over(*(a["leverage_gain"][:, p, CAPITAL] for p in (CHINA, RUSSIA, WEST))),
    ),
    (
        "argmax(displacement.leverage_gain) != china",
        lambda a: -over(*(a["leverage_gain"][:, p, TOTAL] for p in (CHINA, RUSSIA, WEST))),
    ),
    (
        "argmax(levers.lever[china, *]) == arms",
        lambda a: over(*(a["lever"][:, CHINA, d] for d in (ARMS, TRADE, TRANSIT, CAPITAL))),
    ),
    (
        # The West leaves, so it is none of those who could fill the vacuum.
        "argmax(displacement.vacuum_share) == russia",
        lambda a: a["vacuum_share"][:, RUSSIA, 5] - a["vacuum_share"][:, CHINA, 5],
    ),
    (
        "sum(displacement.vacuum_share[*, capital]) < 1",
        lambda a: 1 - a["vacuum_share"][:, RUSSIA, 3] - a["vacuum_share"][:, CHINA, 3],
    ),
    (
        "sum(displacement.leverage_gain[russia, *]) > 2",
        lambda a: a["leverage_gain"][:, RUSSIA, :TOTAL].sum(axis=1) - 2,
    ),
    ("sum(levers.lever[*, *]) > 0", lambda a: a["lever"][:, :, :TOTAL].sum(axis=(1, 2))),
    ("sum(levers.lever) > 0", lambda a: a["lever"][:, :, TOTAL].sum(axis=1)),
    ("max(levers.lever[capital]) > 1", lambda a: a["lever"][:, :, CAPITAL].max(axis=1) - 1),
    ("min(levers.lever[china, *]) > -1", lambda a: a["lever"][:, CHINA, :TOTAL].min(axis=1) + 1),
    (
        "max(levers.lever[china], 1, levers.lever[russia]) > 2",
        lambda a: np.maximum(np.maximum(a["lever"][:, CHINA, TOTAL], 1), a["lever"][:, RUSSIA, TOTAL]) - 2,
    ),
    (
        "max(levers.lever - levers.reverse[*, trade]) > 0",
        lambda a: (a["lever"][:, :, TOTAL] - a["reverse"][:, :, TRADE]).max(axis=1),
    ),
    (
        "abs(levers.lever[china] - levers.lever[russia]) < 0.1 * levers.lever[west]",
        lambda a: (
            0.1 * a["lever"][:, WEST, TOTAL] - abs(a["lever"][:, CHINA, TOTAL] - a["lever"][:, RUSSIA, TOTAL])
        ),
    ),
    (
        "0 < levers.lever[china] <= 3",
        lambda a: np.minimum(a["lever"][:, CHINA, TOTAL], 3 - a["lever"][:, CHINA, TOTAL]),
    ),
    (
        "levers.lever[china] > 1 or levers.lever[russia] > 1 and not levers.lever[west] > 0",
        lambda a: np.maximum(
            a["lever"][:, CHINA, TOTAL] - 1,
            np.minimum(a["lever"][:, RUSSIA, TOTAL] - 1, -a["lever"][:, WEST, TOTAL]),
        ),
    ),
    (
        "not (levers.lever[china] > 1 or levers.lever[russia] > 1)",
        lambda a: -np.maximum(a["lever"][:, CHINA, TOTAL] - 1, a["lever"][:, RUSSIA, TOTAL] - 1),
    ),
    ("1 - -levers.lever[china] / 2 * 4 - 3 > 0", lambda a: 2 * a["lever"][:, CHINA, TOTAL] - 2),
    ("exits.russia_out.client_loss[total] > 2", lambda a: a["out"][:, TOTAL] - 2),
    ("exits.russia_out.client_loss > 2", lambda a: a["out"][:, TOTAL] - 2),
    (
        # The first exit has more draws than the second: the claim stands on those of both.
        "exits.russia_out.client_loss > displacement.client_loss",
        lambda a: a["out"][:, TOTAL] - a["client_loss"][: len(a["out"]), TOTAL],
    ),
    (
        "not exits.russia_out.client_loss > 2 or max(levers.lever) > exits.west_out.client_loss[capital]",
        lambda a: np.maximum(2 - a["out"][:, TOTAL], max_lever(a)[: len(a["out"])]),
    ),
    (
        "displacement.effective_powers_after < levers.effective_powers",
        lambda a: a["effective_powers"][:, TOTAL] - a["effective_powers_after"][:, TOTAL],
    ),
    ("levers.effective_powers[capital] >= 2", lambda a: a["effective_powers"][:, CAPITAL] - 2),
    ("displacement.exports_before[energy, west] > 0.5", lambda a: a["exports_before"][:, 0, 3] - 0.5),
    ("displacement.exports_before[west, energy] > 0.5", lambda a: a["exports_before"][:, 0, 3] - 0.5),
    ("sum(displacement.exports_before[west]) > 1", lambda a: a["exports_before"][:, :, 3].sum(axis=1) - 1),
    (
        "argmax(displacement.who_pays) == west",
        lambda a: over(*(a["who_pays"][:, p] for p in (3, 0, 1, 2, 4))),
    ),
    ("displacement.residual < 1", lambda a: 1 - a["residual"]),
    (
        'inputs["domains.capital.weight"] < levers.lever[china]',
        lambda a: a["lever"][:, CHINA, TOTAL] - a["value"][:, 1],
    ),
    ("levers.lever[china] > inputs['domains.arms.weight']", lambda a: a["lever"][:, CHINA, TOTAL] - 0.25),
    (
        "displacement.tertius_by_leverage[china] > 0.3 and\n  levers.lever[china] > 0",
        lambda a: np.minimum(0.2, a["lever"][:, CHINA, TOTAL]),
    ),
]


@pytest.fixture(scope="module")
def catalogue(findings: xr.DataTree) -> Catalogue:
    return from_findings(findings, {"domains.arms.weight": 0.25})


@pytest.mark.parametrize(("text", "expected"), MEANING, ids=[text[:60] for text, _ in MEANING])
def test_an_expression_means_what_the_bare_arrays_say(
    text: str,
    expected: Callable[[Arrays], np.ndarray],
    findings: xr.DataTree,
    arrays: Arrays,
    catalogue: Catalogue,
) -> None:
    assert check_expression(text, catalogue) == []
    outcome = evaluate(text, findings, catalogue)
    margin = expected(arrays)
    rows = len(margin)
    assert rows == (48 if "russia_out" in text else 64)
    np.testing.assert_array_equal(outcome.evaluated, np.arange(64) < rows)
    np.testing.assert_allclose(outcome.margin[:rows], margin, rtol=1e-12, atol=1e-12)
    assert np.isnan(outcome.margin[rows:]).all()
    np.testing.assert_array_equal(outcome.holds[:rows], margin > 0)
    assert not outcome.holds[rows:].any()
    assert outcome.missing == ""
    assert outcome.probability == pytest.approx((margin > 0).mean())


# Expression, column of the mistake, and words that the message or the hint must have.
WRONG: list[tuple[str, int, list[str]]] = [
    ("", 1, ["too early", "a name"]),
    ("   ", 4, ["too early"]),
    ("levers.lever[china] >", 22, ["too early", "a number"]),
    ("levers.lever[china] > 1 and", 28, ["too early", "'not'"]),
    ("levers.lever[china > 1", 20, ["'>' cannot stand here", "']'"]),
    ("levers.lever[] > 1", 14, ["']' cannot stand here", "a name"]),
    ("levers.lever[china] = 1", 21, ["'=' cannot stand here", "a comparison"]),
    ("levers.lever[china] > 1 levers", 25, ["'levers' cannot stand here"]),
    ("levers.lever[china] > 1; import os", 24, ["';' cannot stand here"]),
    ("__import__('os')", 12, ["cannot stand here"]),
    ("levers..lever > 1", 8, ["'.' cannot stand here", "a name"]),
    ("levers.lever[china] > 1e999", 23, ["too large"]),
    ("lever[china] > 1", 1, ["no variable 'lever'", "did you mean 'levers.lever'"]),
    ("lavers.lever[china] > 1", 1, ["no group 'lavers'", "did you mean 'levers'"]),
    ("levers > 1", 1, ["group, not a variable", "levers.lever"]),
    ("levers.levre[china] > 1", 1, ["no variable 'levre'", "did you mean 'lever'", "transit_alone"]),
    ("exits.rusia_out.client_loss > 1", 1, ["did you mean 'exits.russia_out'"]),
    (
        "levers.lever[chna] > 1",
        14,
        ["'chna'", "did you mean 'china'", "power: russia, china, west", "domain: trade"],
    ),
    (
        "levers.lever[china, captial] > 1",
        21,
        ["no domain called 'captial'", "did you mean 'capital'", "arms"],
    ),
    ("levers.lever[china, west] > 1", 21, ["no domain called 'west'"]),
    ("levers.lever[china, total, total] > 1", 28, ["3 labels", "power, domain"]),
    ("displacement.residual[china] < 1", 23, ["1 labels", "no dimension"]),
    ("levers.lever[china]", 1, ["number stands where", "> 0"]),
    ("levers.lever[china] and 1 > 0", 1, ["number stands where"]),
    ("not levers.lever[china]", 5, ["number stands where"]),
    ("(levers.lever[china] > 1) + 1 > 0", 2, ["statement stands where"]),
    ("abs(levers.lever[china] > 1) > 0", 5, ["statement stands where"]),
    ("1 > (2 > 0)", 6, ["statement stands where"]),
    ("levers.lever[capital] > 1", 1, ["each power (russia, china, west)", "levers.lever[russia, capital]"]),
    (
        "levers.lever[china, *] > 1",
        1,
        ["each domain (trade, transit, capital, arms)", "levers.lever[china, trade]"],
    ),
    (
        "1 < displacement.exports_before[west]",
        5,
        ["each sector (energy, food)", "exports_before[energy, west]"],
    ),
    (
        "argmax(levers.lever[china]) == capital",
        1,
        ["nothing to choose from", "argmax(levers.lever[china, *])"],
    ),
    ("sum(levers.lever[china, capital]) > 1", 1, ["nothing to choose from", "sum(levers.lever[china, *])"]),
    ("max(3) > 1", 1, ["nothing to choose from"]),
    (
        "argmax(levers.lever[*, *]) == china",
        8,
        ["each power (", "and domain (", "lever[russia, *]", "exactly one dimension"],
    ),
    ("argmax(levers.lever) > 1", 1, ["only be compared with one label"]),
    ("argmax(levers.lever) == argmax(levers.net)", 1, ["only be compared with one label"]),
    ("argmax(levers.lever) == china == russia", 1, ["only be compared with one label"]),
    ("argmax(levers.lever) > china", 1, ["only be compared with one label"]),
    ("argmax(levers.lever) + 1 > 0", 1, ["label, not a number"]),
    ("argmax(levers.lever)", 1, ["number stands where"]),
    ("argmax(levers.lever) == capital", 25, ["among russia, china, west", "'capital' is none"]),
    ("argmax(levers.lever) == chna", 25, ["did you mean 'china'"]),
    ("argmax(levers.lever[china, *]) == total", 35, ["'total' is none"]),
    ("argmax(displacement.vacuum_share) == west", 38, ["among russia, china;"]),
    ("displacement.vacuum_share[west, capital] > 0", 27, ["'west' leaves"]),
    ("argmax(displacement.cap_rent) == cpc", 1, ["only one route"]),
    ("china > 1", 1, ["'china' is a label", "argmax(…) == china"]),
    ("levers.lever[china] == 1", 24, ["hardly ever equal", "abs(a - b)"]),
    ("levers.lever[china] > levers.lever[china] != 1", 46, ["hardly ever equal"]),
    ("maximum(levers.lever) > 1", 1, ["no function 'maximum'", "did you mean 'max'"]),
    ("abs(levers.lever[china], 1) > 1", 1, ["abs takes one argument, not 2"]),
    ("argmax(levers.lever, levers.net) == china", 1, ["argmax takes one argument, not 2"]),
    (
        "sum(levers.lever[china, *] + displacement.vacuum_share[china, *] * 0) > levers.lever",
        73,
        ["each power"],
    ),
    (
        'inputs["domains.capitol.weight"] > 1',
        8,
        ["did you mean 'domains.capital.weight'", "domains.arms.weight"],
    ),
    ("inputs > 1", 1, ["each input", 'inputs["trade.sectors.energy.elasticity"]']),
    ("inputs.kind > 1", 1, ["no variable 'kind'"]),
    ("not " * 100 + "1 > 0", 401, ["nested more than"]),
    ("x" * (LONGEST + 1), LONGEST + 1, ["more than 2,000"]),
]


@pytest.mark.parametrize(
    ("text", "column", "words"), WRONG, ids=[text[:50] or "empty" for text, _, _ in WRONG]
)
def test_a_wrong_expression_is_told_where_and_what(
    text: str, column: int, words: list[str], catalogue: Catalogue, findings: xr.DataTree
) -> None:
    [error] = check_expression(text, catalogue)
    for word in words:
        assert word in str(error)
    assert error.column == column
    assert error.path == f"column {column}"
    assert isinstance(error, BadInput)
    with pytest.raises(ClaimError) as raised:
        evaluate(text, findings, catalogue)
    assert str(raised.value) == str(error)


def test_all_unknown_names_are_told_at_once(catalogue: Catalogue) -> None:
    found = check_expression("levers.lever[chna] > levers.levre[china] or lever.lever[russia] > 0", catalogue)
    assert [e.column for e in found] == [14, 22, 45]


def test_names_in_lists_each_variable_once_and_no_label() -> None:
    text = 'argmax(levers.net) == china and levers.net[russia] > inputs["a.b"] + exits.out.client_loss'
    assert names_in(text) == ("levers.net", "inputs.value", "exits.out.client_loss")


def test_a_label_that_two_dimensions_have_goes_to_the_one_at_its_place() -> None:
    """Power and rival share their labels: position decides, and out of place it has to be asked."""
    from tertius.claims.catalogue import Readable, select
    from tertius.claims.language import Reference

    labels = ("russia", "china")
    readable = Readable(
        "g.x", "g", "x", True, {"power": labels, "rival": labels, "domain": ("trade", "total")}
    )

    def pick(text: str) -> dict[str, str]:
        reference = parse(text)
        assert isinstance(reference, Reference)
        return dict(select(reference, readable).fixed)

    assert pick("g.x[china, russia]") == {"power": "china", "rival": "russia", "domain": "total"}
    assert pick("g.x[*, russia]") == {"rival": "russia", "domain": "total"}
    assert pick("g.x[*, russia, trade]") == {"rival": "russia", "domain": "trade"}
    with pytest.raises(ClaimError, match=r"'china' could be a power or a rival") as raised:
        pick("g.x[*, *, china]")
    assert raised.value.column == 11


def test_a_margin_of_nought_is_decided_by_the_comparison(catalogue: Catalogue, findings: xr.DataTree) -> None:
    for text, truth in [
        ("1 > 1", False),
        ("1 >= 1", True),
        ("not 1 > 1", True),
        ("not 1 >= 1", False),
        ("1 <= 1 and 2 > 1", True),
        ("1 < 1 or 1 > 1", False),
    ]:
        outcome = evaluate(text, findings, catalogue)
        assert (outcome.margin <= 0).all()
        assert (outcome.holds == truth).all(), text


def test_two_equally_large_are_neither_the_argmax(make_findings: Callable[..., xr.DataTree]) -> None:
    tree = make_findings(4)
    tree["levers/lever"][:] = 1.0
    catalogue = from_findings(tree)
    for power in ("russia", "china", "west"):
        assert evaluate(f"argmax(levers.lever) == {power}", tree, catalogue).probability == 0
        assert evaluate(f"argmax(levers.lever) != {power}", tree, catalogue).probability == 1


def test_an_infinite_lever_beats_any_finite_one_but_not_another(
    make_findings: Callable[..., xr.DataTree],
) -> None:
    tree = make_findings(8)
    tree["levers/lever"][:, RUSSIA, TOTAL] = np.inf
    catalogue = from_findings(tree)
    assert evaluate("levers.lever[russia] > levers.lever[china]", tree, catalogue).probability == 1
    assert evaluate("argmax(levers.lever) == russia", tree, catalogue).probability == 1
    tree["levers/lever"][:2, CHINA, TOTAL] = np.inf
    outcome = evaluate("levers.lever[russia] > levers.lever[china]", tree, catalogue)
    assert outcome.missing.endswith("(infinity less infinity, or zero by zero) in 2 of 8 draws")
    assert np.isnan(outcome.probability)
    np.testing.assert_array_equal(np.isnan(outcome.margin), np.arange(8) < 2)


def test_what_is_missing_is_named_and_never_false(make_findings: Callable[..., xr.DataTree]) -> None:
    tree = make_findings(1_024)
    tree["levers/lever"][:100, CHINA, TOTAL] = np.nan
    catalogue = from_findings(tree)
    for text, reason in [
        ("levers.net[west] > 0", "levers.net[west, total] is missing"),
        ("not levers.net[west] > 0", "levers.net[west, total] is missing"),
        ("1 > 0 or levers.net[west] > 0", "levers.net[west, total] is missing"),
        ("argmax(levers.net) == china", "levers.net[*, total] for west is missing"),
        ("sum(levers.net[west, *]) > 0", "levers.net[west, *] for arms is missing"),
        ("min(levers.net[west], 1) > 0", "levers.net[west, total] is missing"),
        ("levers.lever[china] > 0", "levers.lever[china, total] is missing in 100 of 1,024 draws"),
    ]:
        outcome = evaluate(text, tree, catalogue)
        assert outcome.missing == reason
        assert np.isnan(outcome.probability)
        assert not outcome.holds[np.isnan(outcome.margin)].any()
    assert evaluate("levers.net[west, capital] > 0", tree, catalogue).missing == ""


def test_draws_are_matched_by_their_numbers(make_findings: Callable[..., xr.DataTree]) -> None:
    """Draw 3 was lost in the main run, draws 1 and 3 in the further exit, which has the first six only."""
    first, second = np.array([0, 1, 2, 4, 5, 6, 7]), np.array([0, 2, 4, 5])
    tree = make_findings(7, few=4)
    numbered = {"inputs": first, "levers": first, "displacement": first, "exits/russia_out": second}
    tree = xr.DataTree.from_dict(
        {f"/{k}": tree[k].to_dataset().assign_coords(draw=v) for k, v in numbered.items()}
    )
    catalogue = from_findings(tree)
    text = "exits.russia_out.client_loss > levers.lever[china]"
    outcome = evaluate(text, tree, catalogue)
    loss = tree["exits/russia_out/client_loss"].values[:, TOTAL]
    lever = tree["levers/lever"].values[[0, 2, 3, 4], CHINA, TOTAL]
    np.testing.assert_array_equal(outcome.evaluated, [True, False, True, True, True, False, False])
    np.testing.assert_array_equal(outcome.margin[outcome.evaluated], loss - lever)
    # What is missing is counted among the draws that are evaluated.
    tree["levers/lever"][1:3, CHINA, TOTAL] = np.nan
    outcome = evaluate(text, tree, catalogue)
    assert outcome.missing == "levers.lever[china, total] is missing in 1 of 4 draws"
    # A number missing where the claim is not evaluated is not missed.
    tree["levers/lever"][:, CHINA, TOTAL] = [1, np.nan, 1, 1, 1, np.nan, np.nan]
    assert evaluate(text, tree, catalogue).missing == ""
    tree["exits/russia_out"] = xr.DataTree(tree["exits/russia_out"].to_dataset().isel(draw=slice(0)))
    outcome = evaluate(text, tree, catalogue)
    assert outcome.missing == "what it reads has no draw in common"
    assert np.isnan(outcome.probability)


# --- random expressions, against Python's own reading of the same text

LEAVES = st.sampled_from(
    [
        "levers.lever[china]",
        "levers.lever[russia, capital]",
        "levers.reverse[china, trade]",
        "levers.net[russia]",
        *("0", "1", "2", "0.5", "3e0"),
    ]
)


def _binary(inner: st.SearchStrategy[str], signs: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(inner, st.sampled_from(signs), inner).map(lambda t: f"{t[0]} {t[1]} {t[2]}")


NUMBERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        _binary(inner, ["+", "-", "*", "/"]),
        inner.map(lambda x: f"-{x}"),
        inner.map(lambda x: f"+{x}"),
        inner.map(lambda x: f"({x})"),
        inner.map(lambda x: f"abs({x})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
    ),
    max_leaves=6,
)
COMPARISONS = st.lists(NUMBERS, min_size=2, max_size=4).flatmap(
    lambda xs: st.lists(
        st.sampled_from(["<", "<=", ">", ">="]), min_size=len(xs) - 1, max_size=len(xs) - 1
    ).map(lambda signs: xs[0] + "".join(f" {s} {x}" for s, x in zip(signs, xs[1:], strict=True)))
)
STATEMENTS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        _binary(inner, ["and", "or"]), inner.map(lambda x: f"not {x}"), inner.map(lambda x: f"({x})")
    ),
    max_leaves=5,
)


class _Values:
    """One draw of a variable, to be indexed by labels as a claim writes them."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __getitem__(self, labels: Any) -> np.float64:
        power, domain = labels if isinstance(labels, tuple) else (labels, TOTAL)
        return np.float64(self.array[power, domain])


PLACES = {"russia": RUSSIA, "china": CHINA, "trade": TRADE, "capital": CAPITAL}


@pytest.fixture(scope="module")
def coarse(make_findings: Callable[..., xr.DataTree]) -> xr.DataTree:
    """Findings in small whole numbers, so that ties and divisions by nought come up."""
    tree = make_findings(12)
    for name in ("lever", "reverse", "net"):
        tree[f"levers/{name}"][:] = np.rint(np.nan_to_num(tree[f"levers/{name}"].values))
    return tree


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=STATEMENTS)
def test_random_expressions_read_as_python_reads_them(
    text: str, coarse: xr.DataTree, catalogue: Catalogue
) -> None:
    outcome = evaluate(text, coarse, catalogue)
    # NumPy's numbers divide by nought as ours do; Python's would refuse.
    wrapped = re.sub(r"(?<![\w.])(\d[\w.]*)", r"number(\1)", text)
    for i in range(12):
        drawn = {k: _Values(coarse[f"levers/{k}"].values[i]) for k in ("lever", "reverse", "net")}
        names = {"levers": SimpleNamespace(**drawn), "number": np.float64, **PLACES}
        with np.errstate(all="ignore"):
            truth = builtins.eval(wrapped, names)
        if not np.isnan(outcome.margin[i]):
            assert outcome.holds[i] == truth
            assert outcome.margin[i] == 0 or (outcome.margin[i] > 0) == truth


PIECES = st.sampled_from(
    [
        *(
            "levers.lever",
            "levers",
            "china",
            "[",
            "]",
            "*",
            ",",
            "(",
            ")",
            "and",
            "or",
            "not",
            "argmax",
            "sum",
            "min",
        ),
        *("==", "<", ">=", "+", "-", "/", "%", "1", "0.5", "inputs", '"x.y"', "'", ".", "\n", "=", "é"),
        "displacement.vacuum_share",
    ]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    text=st.one_of(
        st.lists(PIECES, max_size=14).map(" ".join), st.lists(PIECES, max_size=14).map("".join), st.text()
    )
)
def test_any_text_is_read_or_refused_with_a_column(
    text: str, findings: xr.DataTree, catalogue: Catalogue
) -> None:
    errors = check_expression(text, catalogue)
    for error in errors:
        assert 1 <= error.column <= len(text) + 1
        assert error.message
    if not errors:
        assert evaluate(text, findings, catalogue).margin.shape == (64,)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 999 + "1" + ")" * 999,
        "(" * 990 + "1 > 0" + ")" * 990,
        "-" * 1_990 + "1 > 0",
        "abs(" * 400 + "1" + ")" * 390,
        "1+" * 990 + "1 > 0",
        "1>" * 990 + "1",
        "1>0 or " * 280 + "1>0",
        "[" * 2_000,
        "levers.lever[" + "*," * 900 + "*]",
        "\x00" * 100,
        '"' + "a" * 1_900,
    ],
    ids=lambda text: text[:12],
)
def test_a_hostile_text_is_answered(text: str, findings: xr.DataTree, catalogue: Catalogue) -> None:
    """Deep nesting, long chains and control characters are refused or evaluated; the stack never runs out."""
    errors = check_expression(text, catalogue)
    if not errors:
        evaluate(text, findings, catalogue)
    assert all(isinstance(e, ClaimError) for e in errors)
    assert bool(errors) == (not text.startswith(("(" * 990 + "1 > 0", "1+", "1>")))
