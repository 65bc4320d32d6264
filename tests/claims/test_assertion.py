"""Whether a claim is asserted by its own inputs: claims made so that what they owe to others is known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius._study.designs import Designs
from tertius._study.explorer import Explored
from tertius._study.points import sobol
from tertius.claims import judge
from tertius.claims.assertion import apart_from_trade, owed_to_others
from tertius.claims.catalogue import from_findings

GAIN = "displacement.leverage_gain[china] > displacement.leverage_gain[russia]"
ELASTICITY, WEIGHT = "trade.sectors.energy.elasticity", "domains.capital.weight"

Array = np.ndarray
Make = Callable[..., Any]
Margin = Callable[[Array], Array]


def owing(share: float) -> Margin:
    """Build a curved margin of x1 that owes so much of its variance to x0."""

    def margin(x: Array) -> Array:
        mine = np.sqrt(2) * np.cos(np.pi * x[:, 1])
        return np.sqrt(1 - share) * mine + np.sqrt(12 * share) * (x[:, 0] - 0.5)

    return margin


def kept_apart(x: Array) -> Array:
    """Build a margin that is the least of two, of which x0 moves the one that seldom counts: it owes it a tenth."""
    return np.minimum(x[:, 1] - 0.5, 4 * (x[:, 0] - 0.1))


CASES: dict[str, tuple[Margin, bool]] = {
    "nothing": (owing(0.0), False),
    "a thousandth": (owing(0.001), False),
    "a twentieth": (owing(0.05), True),
    "nine tenths": (owing(0.9), True),
    "only in a product": (lambda x: x[:, 1] * (1 + 0.8 * np.sign(x[:, 0] - 0.5)), True),
    "seldom": (kept_apart, True),
    "infinite, of its own": (lambda x: np.where(x[:, 1] > 0.4, np.inf, -1.0), False),
    "infinite, of others": (lambda x: np.where(x[:, 1] + 0.5 * x[:, 0] > 0.7, np.inf, -1.0), True),
}


class MadeUp:
    """A case of two inputs whose margin is a function of them, run again as a study's explorer does it."""

    def __init__(self, margin: Margin, draws: int, seed: int, make_findings: Make) -> None:
        points = sobol(draws, 4, seed)
        self.a, self.b = points[:, :2], points[:, 2:]
        self.layout = SimpleNamespace(a=self.a, b=self.b)
        self.margin, self.make_findings = margin, make_findings
        self.run = 0

    def given(self, rows: int, paths: Collection[str]) -> Array:
        held = np.isin([ELASTICITY, WEIGHT], list(paths))
        return np.where(held, self.a[:rows], self.b[:rows])

    def explore(
        self, variants: Sequence[Array], report: object = None, wanted: object = None, apart: object = None
    ) -> Iterator[Explored]:
        for k, x in enumerate(variants):
            self.run += len(x)
            yield Explored(self.findings(x), (k,), len(x))

    def findings(self, x: Array) -> xr.DataTree:
        tree: xr.DataTree = self.make_findings(len(x), inputs=x)
        gain = tree["displacement/leverage_gain"]
        gain[:, 0, -1], gain[:, 1, -1] = 0.0, self.margin(x)
        return tree

    def judged(self, case: Any) -> xr.Dataset:
        return judge(case, self.findings(self.a), Designs(explorer=self))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_in_any_number_of_draws_and_with_any_seed(
    name: str, make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    margin, answers = CASES[name]
    case = make_case(make_claim("asserted", GAIN, asserts=(WEIGHT,)))
    for draws, seeds in ((256, 8), (1024, 4), (8192, 1)):
        for seed in range(seeds):
            found = MadeUp(margin, draws, seed, make_findings).judged(case).isel(claim=0)
            reason = str(found["reason"].item())
            if "not settled" in reason:
                # Few draws may leave open what is rare, and then say so beside the verdict.
                assert draws == 256
                assert name == "seldom"
                assert found["verdict"] != "not testable"
            else:
                assert (found["verdict"] != "not testable") == answers, (draws, seed, reason)


def test_what_lies_at_the_threshold_is_not_settled(
    make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    """A claim that owes one part in a hundred to others: no sample tells that from a little less."""
    case = make_case(make_claim("asserted", GAIN, asserts=(WEIGHT,)))
    made = MadeUp(owing(0.01), 1024, 3, make_findings)
    found = made.judged(case).isel(claim=0)
    assert found["verdict"] == "contested"
    assert 0 < found["probability"] < 1
    assert "is not settled in 1,024 draws: 0.9% to 1.1% of its margin's variance" in str(
        found["reason"].item()
    )
    assert made.run == 128 + 512 + 1024


def test_no_more_is_run_than_settles_it(make_case: Make, make_claim: Make, make_findings: Make) -> None:
    made = MadeUp(owing(0.9), 1024, 3, make_findings)
    claims = (
        make_claim("one", GAIN, asserts=(WEIGHT,)),
        make_claim("two", GAIN, asserts=(ELASTICITY, WEIGHT)),
    )
    found = made.judged(make_case(*claims))
    assert list(found["verdict"].values) == ["contested", "not testable"]
    assert made.run == 128 + 128 + 512
    # Nobody asks about a claim that nothing asserts, or one that is the same in every draw.
    made = MadeUp(lambda x: np.ones(len(x)), 256, 3, make_findings)
    found = made.judged(make_case(make_claim("free", GAIN), make_claim("same", GAIN, asserts=(WEIGHT,))))
    assert list(found["verdict"].values) == ["supported", "not testable"]
    assert made.run == 0


def test_without_further_runs_it_is_not_settled(
    make_case: Make, make_claim: Make, findings: xr.DataTree
) -> None:
    case = make_case(make_claim("asserted", GAIN, asserts=(WEIGHT,)))
    found = judge(case, findings, Designs()).isel(claim=0)
    assert found["verdict"] == "contested"
    assert str(found["reason"].item()).endswith("is not settled")


def test_a_total_index_in_closed_form() -> None:
    """Y = 2 X1 + X0 with both normal: a fifth; pairs that were not computed do not count."""
    rng = np.random.default_rng(1)
    mine, one, two = rng.normal(size=(3, 4096))
    y, again = 2 * mine + one, 2 * mine + two
    y[:100], again[50:150] = np.nan, np.nan
    found = owed_to_others(y, again)
    assert found.pairs == 4096 - 150
    assert found.low < 0.2 < found.high
    assert found.high - found.low < 0.03
    # The limits are at two standard errors: they hold the truth nineteen times in twenty.
    held = 0
    for _ in range(400):
        mine, one, two = rng.normal(size=(3, 256))
        part = owed_to_others(2 * mine + one, 2 * mine + two)
        held += part.low < 0.2 < part.high
    assert 0.92 < held / 400 < 0.98


def test_nothing_to_go_by_settles_nothing() -> None:
    for y, again in ((np.ones(64), np.ones(64)), (np.full(64, np.nan), np.ones(64))):
        found = owed_to_others(y, again)
        assert found.pairs == 0
        assert found.to_others is None


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("levers.lever[russia, capital] > levers.lever[china, capital]", True),
        ("displacement.leverage_gain[china, capital] > 0", True),
        ("displacement.vacuum_share[china, capital] > 0.2", True),
        ("max(levers.lever[*, capital]) > 3", True),
        ("levers.lever[russia, capital] > levers.lever[china, trade]", False),
        ("levers.lever[russia] > levers.lever[china]", False),
        ("displacement.vacuum_share[china, trade_exports] > 0.2", False),
        ("max(levers.lever[russia, *]) > 3", False),
        (f'levers.lever[russia, capital] > inputs["{ELASTICITY}"]', False),
    ],
)
def test_it_is_told_which_claims_leave_trade_aside(text: str, apart: bool, make_findings: Make) -> None:
    assert apart_from_trade(text, from_findings(make_findings(8), {})) == apart
