"""Runs beside a study's own: what is re-used must be what would have come out."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius._study.draws import Draws, design, draw
from tertius._study.explorer import Explorer
from tertius._study.layout import raw_groups
from tertius._study.run import _inputs
from tertius._study.simulate import simulate
from tertius._study.stages import Context, run_stages, watched_draws
from tertius._study.structures import BASE
from tertius._study.world import Figures
from tertius.case import Case

WHY = "made up for the tests"
ROWS = 16


def between(low: float, high: float) -> dict[str, Any]:
    return {"range": [low, high], "assumed": WHY}


@pytest.fixture(scope="module")
def case(original: dict[str, Any]) -> Case:
    concession = {
        "title": "An anthem",
        "patron": "russia",
        "value": between(0.5, 1.5),
        "refused": between(0, 0.2),
        "backing_down": between(0, 0.4),
        "reputation": between(-0.1, 0.4),
        "cost": between(0.1, 1),
        "rationality": between(1, 5),
        "answers": {"west": {"probability": between(0.2, 0.9), "degree": between(0.2, 0.6)}},
    }
    further = {
        "concessions": {"anthem": concession},
        "outlook": {"horizon": 2, "drift": {"capital": {"china": between(0, 5)}}},
        "exits": {"out": {"title": "x", "leavers": {"west": 1.0}}},
        "claims": [],
    }
    return Case.model_validate(original | further)


@pytest.fixture(scope="module")
def explorer(case: Case) -> Explorer:
    layout = design(case, 64, 1)
    return Explorer(case, layout, "out", ("out",), partial(_inputs, layout))


def all_over(case: Case, draws: Draws) -> dict[str, xr.Dataset]:
    """The slow way: every model, nothing re-used."""
    made = simulate(case, draws, BASE, retry=False)
    assert made.converged.all()
    raw = raw_groups(case, made, "out")
    return dict(run_stages(Context(case, Figures(draws), BASE, made, "out", raw)).groups)


MOVED = {
    "nothing": {},
    "trade": {"trade.sectors.goods.elasticity": 4.5},
    "domain": {"domains.capital.weight": 0.2},
    "concession": {"concessions.anthem.cost": 0.3},
    "answer": {"concessions.anthem.answers.west.degree": 0.5},
    "outlook": {"outlook.drift.capital.china": 3.0},
    "two": {"domains.security.elasticity": 2.0, "concessions.anthem.value": 1.2},
}
READS = {
    "nothing": set(),
    "trade": {"/levers", "/displacement", "/price", "/outlook"},
    "domain": {"/levers", "/displacement", "/price", "/outlook"},
    "concession": {"/price"},
    "answer": {"/price"},
    "outlook": {"/outlook"},
    "two": {"/levers", "/displacement", "/price", "/outlook"},
}


def test_what_is_reused_is_what_would_have_come_out(case: Case, explorer: Explorer) -> None:
    variants = [explorer.moved(ROWS, values) for values in MOVED.values()] + [explorer.other(ROWS)]
    base = all_over(case, explorer.base(ROWS))
    seen = []
    for part in explorer.explore(variants):
        for place, k in enumerate(part.variants):
            seen.append(k)
            expected = all_over(case, variants[k])
            rows = slice(place * ROWS, (place + 1) * ROWS)
            for path in ("/levers", "/displacement", "/price", "/outlook"):
                found = part.tree[path].to_dataset().drop_vars("draw").isel(draw=rows)
                for name, values in expected[path].data_vars.items():
                    np.testing.assert_allclose(
                        found[name], values, rtol=1e-7, atol=1e-9, err_msg=f"{k} {path} {name}"
                    )
            if k < len(MOVED):
                name = list(MOVED)[k]
                changed = {p for p in base if not expected[p].equals(base[p])}
                assert changed == READS[name], name
    assert sorted(seen) == list(range(len(variants)))


def test_first_draws_may_be_taken_over_from_a_run_that_has_been_through_them(case: Case) -> None:
    """What the main run hands over, and the same draws run again: the same parts, and the same of a variant."""
    layout = design(case, 64, 1)
    one, two = (Explorer(case, layout, "out", ("out",), partial(_inputs, layout)) for _ in range(2))
    draws, read = draw(case, layout, layout.a), set[str]()
    made = simulate(case, watched_draws(draws, read), BASE)
    raw = raw_groups(case, made, "out")
    whole = run_stages(Context(case, Figures(draws), BASE, made, "out", raw, main=True))
    one.begin(draws.head(32), made.trade, raw, made.converged, read, whole.ran)
    assert one._known is None
    one.begin(draws, made.trade, raw, made.converged, read, whole.ran)
    known, found = one._known, two._first()
    assert known is not None
    assert list(known.parts) == list(found.parts)
    for name, part in found.parts.items():
        assert (known.parts[name].paths, known.parts[name].parts) == (part.paths, part.parts), name
    variant = one.given(ROWS, ["domains.capital.weight"])
    [first], [second] = (list(e.explore([variant])) for e in (one, two))
    for path in ("/levers", "/displacement", "/price"):
        for name, values in second.tree[path].data_vars.items():
            np.testing.assert_allclose(first.tree[path][name], values, rtol=1e-7, atol=1e-9, err_msg=name)


def test_only_what_is_asked_for_and_can_have_changed_is_run(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tertius._study.explorer as module

    ran: list[str] = []
    whole, stage = module.simulate, module.run_stage

    def simulated(*given: Any, **named: Any) -> Any:
        ran.append("trade" if named["trade"] is None else "domains")
        return whole(*given, **named)

    def staged(name: str, context: Context) -> Any:
        ran.append(name)
        return stage(name, context)

    explorer.base(ROWS)
    monkeypatch.setattr(module, "simulate", simulated)
    monkeypatch.setattr(module, "run_stage", staged)

    def runs(values: dict[str, float], *wanted: str) -> list[str]:
        ran.clear()
        for part in explorer.explore([explorer.moved(ROWS, values)], wanted=[wanted]):
            assert {f"/{child}" for child in part.tree.children} == set(wanted)
        return list(ran)

    assert runs({}, "/price", "/outlook") == []
    assert runs(MOVED["concession"], "/outlook", "/levers") == []
    assert runs(MOVED["concession"], "/price") == ["domains", "price"]
    assert runs(MOVED["outlook"], "/price", "/outlook") == ["domains", "outlook"]
    assert runs(MOVED["domain"], "/levers") == ["domains"]
    assert runs(MOVED["trade"], "/levers") == ["trade"]
    assert runs(MOVED["answer"], "/price") == ["trade", "price"]


def test_what_hangs_on_trade_is_missing_where_nobody_reads_it(
    case: Case, explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tertius._study.explorer as module

    variants = [explorer.moved(ROWS, MOVED["trade"] | MOVED["domain"]), explorer.moved(ROWS, MOVED["domain"])]
    expected = [all_over(case, variant) for variant in variants]
    whole = module.simulate

    def simulated(*given: Any, **named: Any) -> Any:
        assert named["trade"] is not None, "trade was solved"
        return whole(*given, **named)

    monkeypatch.setattr(module, "simulate", simulated)
    wanted = [{"/levers", "/displacement"}] * 2
    missing: dict[int, set[str]] = {}
    for part in explorer.explore(variants, wanted=wanted, apart=[True, True]):
        for place, k in enumerate(part.variants):
            for path, name in (("levers", "lever"), ("displacement", "leverage_gain")):
                found = part.tree[path][name].isel(draw=slice(place * ROWS, (place + 1) * ROWS))
                assert found.sizes["draw"] == ROWS
                for domain in map(str, found["domain"].values):
                    one = found.sel(domain=domain)
                    if one.isnull().all():
                        missing.setdefault(k, set()).add(domain)
                    else:
                        of_all = expected[k][f"/{path}"][name].sel(domain=domain)
                        np.testing.assert_allclose(
                            one, of_all, rtol=1e-7, atol=1e-9, err_msg=f"{k} {name} {domain}"
                        )
    # What leaves trade as it is has all of it.
    assert missing == {0: {"trade", "transit", "total"}}
