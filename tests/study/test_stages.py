"""A stage on top of levers and displacement: what it is given, and what becomes of what it returns."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from tertius._study import run, stages
from tertius._study.stages import Context, Made
from tertius.case import Case, asked


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
