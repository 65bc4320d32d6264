"""A stage on top of levers and displacement: what it is given, and what becomes of what it returns."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from tertius._study import run, stages
from tertius._study.draws import design, draw
from tertius._study.layout import raw_groups
from tertius._study.simulate import simulate
from tertius._study.stages import Context, Made, differences
from tertius._study.stages._conditions import head
from tertius._study.structures import BASE
from tertius._study.world import Figures
from tertius.case import Case, asked, load_case


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stage that any case asks for, and that loses every fourth draw."""
    module = ModuleType("made_up")

    def compute(context: Context) -> Made:
        lever = context.groups["/levers"]["lever"].sel(domain="total")
        assert lever.sizes["draw"] == context.size
        group = xr.Dataset({"twice": 2 * lever.assign_attrs(long_name="twice the lever", unit="log points")})
        n = context.size
        return Made(
            {"/made_up": group.drop_vars("domain")},
            np.arange(n) % 4 != 3 if n > 64 else np.ones(n, dtype=bool),
            np.full(n, 2e-9),
        )

    module.run = compute  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"{stages.__name__}.made_up", module)
    monkeypatch.setattr(stages, "STAGES", ("made_up",))
    monkeypatch.setattr(stages, "asked", lambda case: ("made_up",))
    return module


@pytest.mark.usefixtures("stage")
def test_a_stage_reads_the_groups_before_it_and_its_lost_draws_are_lost_to_all(small: Case) -> None:
    findings, designs = run(small, draws=128, seed=3, allow_unconverged=True)
    assert findings.attrs["unconverged"] == 32
    assert findings.attrs["worst_residual"] == 2e-9
    for group in ("made_up", "levers", "displacement", "inputs"):
        assert (findings[group]["draw"].values % 4 != 3).all()
    expected = 2 * findings["levers"]["lever"].sel(domain="total").values
    np.testing.assert_array_equal(findings["made_up"]["twice"].values, expected)
    assert all("made_up" in tree.children for tree in designs.structures.values())
    assert designs.frozen is not None
    assert "made_up" in designs.frozen.children


def test_a_case_asks_for_what_its_sections_need(small: Case) -> None:
    assert asked(small) == ()


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three stages, of which each notes that it ran: of a structure, of the first one's group, and of an input."""
    ran: list[str] = []

    def first(context: Context) -> Made:
        ran.append("first")
        worst = context.structure.expectations == "worst"
        return Made({"/first": xr.Dataset({"x": ("draw", np.full(context.size, float(worst)))})})

    def second(context: Context) -> Made:
        ran.append("second")
        return Made({"/second": context.groups["/first"] + 1}, np.arange(context.size) % 2 == 0)

    def third(context: Context) -> Made:
        ran.append("third")
        path = context.case.inputs()[0].path
        # What only a reader needs reads everything, and is not noted.
        assert len(context.apart().figures.draws.head(2).columns) > 1
        return Made({"/third": xr.Dataset({"x": ("draw", context.figures.draws[path])})})

    for name, compute in (("first", first), ("second", second), ("third", third)):
        module = ModuleType(name)
        module.run = compute  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"{stages.__name__}.{name}", module)
    monkeypatch.setattr(stages, "STAGES", ("first", "second", "third"))
    monkeypatch.setattr(stages, "asked", lambda case: ("first", "second", "third"))
    return ran


def test_only_stages_that_read_something_else_run_again(small: Case, chain: list[str]) -> None:
    layout = design(small, 64, 0)
    values = draw(small, layout, layout.a)
    simulation = simulate(small, values, BASE, only=())
    context = Context(small, Figures(values), BASE, simulation, None, {})
    base = stages.run_stages(context)
    path = small.inputs()[0].path
    assert {name: ran.read for name, ran in base.ran.items()} == {
        "first": {"structure.expectations"},
        "second": {"/first"},
        "third": {path},
    }
    known = {name: ran.at(slice(0, 32)) for name, ran in base.ran.items()}
    few = head(context, 32)
    worst = replace(BASE, expectations="worst")
    for structure, moved, again in (
        (replace(BASE, nested=True), differences(BASE, replace(BASE, nested=True)), []),
        (worst, differences(BASE, worst), ["first", "second"]),
        (BASE, {path}, ["third"]),
        (BASE, {"/first"}, ["second"]),
    ):
        chain.clear()
        other = replace(few, structure=structure)
        found = stages.run_stages(other, known=known, moved=moved)
        assert chain == again
        plain = stages.run_stages(other)
        assert found.converged is not None
        assert plain.converged is not None
        np.testing.assert_array_equal(found.converged, plain.converged)
        for name in ("/first", "/second", "/third"):
            xr.testing.assert_identical(found.groups[name], plain.groups[name])


def test_stages_read_no_group_but_those_that_they_build_on() -> None:
    case = load_case("kazakhstan-2022")
    assert asked(case) == stages.STAGES
    layout = design(case, 64, 0)
    values = draw(case, layout, layout.a)
    headline = next(iter(case.exits))
    made = simulate(case, values, BASE, only=(headline,))
    context = Context(case, Figures(values), BASE, made, headline, raw_groups(case, made, headline))
    for name, ran in stages.run_stages(context).ran.items():
        read = {path[1:] for path in ran.read if path[1:] in stages.STAGES}
        assert read == set(stages.BUILDS_ON.get(name, ()))
    assert stages.behind(("price", "levers")) == {"price", "rescue", "regime"}
    assert stages.behind(()) == set()
