"""Bargaining in a study: what the stage hands to the models, what is missing, and how it is read."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import tertius
from tertius._brief.reading import Reading
from tertius._brief.sections import bargaining as section
from tertius._study.draws import design, draw
from tertius._study.layout import raw_groups
from tertius._study.scores.bargaining import record
from tertius._study.simulate import simulate
from tertius._study.stages import Context, run_stages
from tertius._study.stages.bargaining import MODELS
from tertius._study.structures import BASE
from tertius._study.world import Figures
from tertius.case import Case
from tertius.claims.tables import labels_of, table_of
from tertius.models import bargaining

WHY = "made up for the tests"
DRAWS = 64


def between(low: float, high: float) -> dict[str, Any]:
    return {"range": [low, high], "assumed": WHY}


def actor(where: tuple[float, float], cares: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {"position": between(*where), "salience": between(*cares), **more}


@pytest.fixture(scope="module")
def disputed(original: dict[str, Any]) -> dict[str, Any]:
    """The small case without trade, with two issues; one actor is absent from the second, which has no status quo."""
    out = copy.deepcopy(original)
    del out["trade"], out["claims"]
    client = out["client"]["id"]
    for domain in out["domains"].values():
        domain["ties"]["own"] = {"value": 0.4, "sd": 0, "assumed": WHY}
        del domain["nests"]
    out["exits"] = {"west_out": {"title": "The West leaves", "leavers": {"west": 1.0}}}
    out["sources"] = {}
    out["issues"] = {
        "language": {
            "title": "The language",
            "zero": "None",
            "hundred": "All",
            "status_quo": between(55, 65),
            "actors": {
                client: actor((50, 60), (30, 60), capability=between(50, 90)),
                "street": actor((0, 20), (50, 90), capability=between(5, 20), name="The street"),
                "russia": actor((80, 100), (20, 50)),
            },
        },
        "letters": {
            "title": "The letters",
            "zero": "Old",
            "hundred": "New",
            "actors": {
                client: actor((50, 80), (10, 40), capability=between(50, 90)),
                "russia": actor((0, 10), (10, 60)),
            },
        },
    }
    return out


@pytest.fixture(scope="module")
def made(disputed: dict[str, Any]) -> tuple[Figures, Case, dict[str, xr.Dataset]]:
    case = Case.model_validate(disputed)
    layout = design(case, DRAWS, 1)
    values = draw(case, layout, layout.a)
    simulation = simulate(case, values, BASE)
    raw = raw_groups(case, simulation, next(iter(case.exits)))
    found = run_stages(Context(case, Figures(values), BASE, simulation, next(iter(case.exits)), raw, True))
    return Figures(values), case, dict(found.groups)


def test_every_variable_is_listed_for_claims_with_its_labels(made: Any) -> None:
    _, case, groups = made
    group = groups["/bargaining"]
    entries = {entry.name: entry for entry in table_of("bargaining")}
    assert set(entries) == set(group.data_vars)
    for variable, entry in entries.items():
        assert group[variable].dims == entry.dims
        assert group[variable].attrs["unit"] == entry.unit
        assert group[variable].attrs["long_name"]
    for dim, known in labels_of("bargaining", case).items():
        assert tuple(str(label) for label in group[dim].values) == known


def test_the_forecast_is_the_weighted_mean_of_what_is_stated(made: Any) -> None:
    figures, case, groups = made
    found = groups["/bargaining"]
    assert found.attrs["forecast"] == "weighted_mean"
    for name, issue in case.issues.items():
        top = bottom = 0.0
        for who, entry in issue.actors.items():
            path = f"issues.{name}.actors.{who}"
            x, s = (figures(f"{path}.{k}", getattr(entry, k)) for k in ("position", "salience"))
            if entry.capability is not None:
                c = figures(f"{path}.capability", entry.capability)
            else:
                lever = groups["/levers"]["lever"].sel(power=who, domain="total").values
                c = 100 * (1 - np.exp(-lever / 100))
            np.testing.assert_allclose(found["capability"].sel(issue=name, actor=who), c)
            top, bottom = top + c * s * x, bottom + c * s
            expected = found["distance"].sel(issue=name, actor=who)
            np.testing.assert_allclose(abs(found["forecast"].sel(issue=name) - x), expected)
        np.testing.assert_allclose(found["forecast"].sel(issue=name), top / bottom)
        np.testing.assert_allclose(found["outcome"].sel(issue=name, model="weighted_mean"), top / bottom)


def test_what_is_not_stated_is_missing(made: Any) -> None:
    found = made[2]["/bargaining"]
    assert np.isnan(found["distance"].sel(issue="letters", actor="street")).all()
    assert np.isnan(found["change"].sel(issue="letters")).all()
    assert not np.isnan(found["change"].sel(issue="language")).any()
    # Without a status quo no agreement is as bad as can be, and Nash's bargain is the mean.
    letters = found["outcome"].sel(issue="letters")
    np.testing.assert_allclose(letters.sel(model="nash"), letters.sel(model="weighted_mean"))
    # With one between them, somebody would lose by any other position.
    np.testing.assert_allclose(
        found["outcome"].sel(issue="language", model="nash"), found["status_quo"].sel(issue="language")
    )


def test_a_contest_that_has_not_settled_has_no_outcome(made: Any) -> None:
    _, case, groups = made
    found = groups["/bargaining"]
    settled = found["settled"].values == 1
    assert (np.isnan(found["outcome"].values) == ~settled).all()
    assert settled[..., [MODELS.index(m) for m in ("weighted_mean", "exchange", "nash")]].all()
    told = [
        found[v].sel(issue="language", actor=[case.client.id, "street", "russia"]).values
        for v in ("capability",)
    ]
    assert np.isfinite(told).all()


def test_the_errors_are_those_of_the_record(made: Any) -> None:
    found, known = made[2]["/bargaining"], record()["scores"]["overall"]["models"]
    for model in MODELS:
        assert float(found["error"].sel(model=model)) == known[model]["mae"]
        assert callable(getattr(bargaining, model))
    assert found.attrs["forecast"] == min(MODELS, key=lambda m: known[m]["mae"])


@pytest.fixture(scope="module")
def findings(disputed: dict[str, Any]) -> xr.DataTree:
    claims = [
        {
            "id": "stays",
            "text": "It stays.",
            "expression": "abs(bargaining.change[language]) < 30 and bargaining.distance[language, street] > 10",
        },
        {"id": "unknown", "text": "It moves.", "expression": "bargaining.change[letters] > 0"},
    ]
    return tertius.study(Case.model_validate(disputed | {"claims": claims}), draws=DRAWS, seed=3)


def test_claims_read_it(findings: xr.DataTree) -> None:
    assert float(findings["claims"]["probability"].sel(claim="stays")) > 0.5
    assert str(findings["claims"]["verdict"].sel(claim="unknown").item()) == "not yet computed"


def test_the_brief_shows_the_forecast_and_the_rivals_with_their_record(findings: xr.DataTree) -> None:
    part = section.part(Reading(findings))
    assert part is not None
    table = next(block for block in part.blocks if hasattr(block, "rows"))
    assert (table.rows[0][0].text, table.rows[0][0].small) == ("Weighted mean", "the forecast")
    errors = [float(row[-2].text) for row in table.rows]
    assert errors == sorted(errors)
    assert len(errors) == len(MODELS)
    said = " ".join(line for block in part.blocks for line in getattr(block, "lines", ()))
    assert "The language: the forecast is" in said
    assert "things stand at" in said
    pictures = [p for block in part.blocks for p in getattr(block, "pictures", ())]
    assert len(pictures) == 2
    for picture in pictures:
        assert picture.svg.startswith("<svg")
        assert "NaN" not in picture.svg


def test_the_summary_has_its_key(findings: xr.DataTree) -> None:
    out: Any = section.summary(Reading(findings))["bargaining"]
    json.dumps(out, allow_nan=False)
    assert out["model"] == "weighted_mean"
    assert next(iter(out["models"])) == "weighted_mean"
    assert set(out["forecast"]) == {"language", "letters"}
    assert out["change"]["letters"]["median"] is None
    assert (
        out["models"]["expected_utility"]["record"]["error"]
        > out["models"]["weighted_mean"]["record"]["error"]
    )
    assert "street" not in out["distance"]["letters"]


def test_without_issues_there_is_no_section(findings: xr.DataTree) -> None:
    empty = Reading(findings.filter(lambda node: node.name != "bargaining"))
    assert section.part(empty) is None
    assert section.summary(empty) == {}
