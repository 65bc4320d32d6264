"""The case that founded the project, and a second one, as they stand in the repository."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tertius.case import load_case
from tertius.claims.language import parse

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "src" / "tertius" / "cases" / "kazakhstan-2022.yaml"
UZBEKISTAN = str(HERE / "uzbekistan-2022.yaml")


@pytest.mark.parametrize("name", ["kazakhstan-2022", UZBEKISTAN])
def test_loads_without_a_warning(name: str) -> None:
    case = load_case(name)
    assert [str(warning) for warning in case.warnings] == []


def test_all_claims_of_the_argument_are_there_in_order() -> None:
    claims = load_case("kazakhstan-2022").claims
    assert [claim.number for claim in claims] == list(range(1, 27))
    assert len({claim.id for claim in claims}) == 26


@pytest.mark.parametrize("name", ["kazakhstan-2022", UZBEKISTAN])
def test_expressions_can_be_read(name: str) -> None:
    expressions = [claim.expression for claim in load_case(name).claims if claim.expression is not None]
    assert expressions
    for expression in expressions:
        parse(expression)


def test_claims_that_ties_assert_name_the_ties_as_inputs() -> None:
    case = load_case("kazakhstan-2022")
    paths = {entry.path for entry in case.inputs()}
    asserting = {claim.id: set(claim.asserts) for claim in case.claims if claim.asserts}
    assert set(asserting) == {
        "russia_most_trusted",
        "china_behind_in_elite",
        "appointments_cancel",
        "small_quarrels_go_on",
    }
    assert all(named <= paths for named in asserting.values())


def test_what_happened_afterwards_is_no_input() -> None:
    case = load_case("kazakhstan-2022")
    assert len(case.outcomes) >= 4
    assert not [entry.path for entry in case.inputs() if "outcome" in entry.path]


def test_headline_is_the_west_edged_out_and_russia_pushing() -> None:
    case = load_case("kazakhstan-2022")
    first = next(iter(case.exits.values()))
    assert next(iter(case.exits)) == "west_out"
    assert list(first.leavers) == ["west"]
    assert first.pushed_by == ("russia",)
    assert first.domains == "all"


def test_every_uncertain_figure_has_a_home_and_assumptions_a_reason() -> None:
    for name in ("kazakhstan-2022", UZBEKISTAN):
        for entry in load_case(name).inputs():
            if entry.kind == "sourced":
                assert entry.sources, entry.path
            else:
                assert entry.reason, entry.path


def test_all_that_a_region_sells_adds_up_to_its_product() -> None:
    """Kazakhstan's product of 2021 was 197.1 billion dollars by the World Bank; services are what is left."""
    content = YAML(typ="safe").load(SHIPPED.read_text(encoding="utf-8"))
    sold = sum(sum(flows["table"]["kazakhstan"].values()) for flows in content["trade"]["flows"].values())
    assert math.isclose(sold, 197.1, abs_tol=0.1)


def test_powers_are_regions_with_the_same_members() -> None:
    for name in ("kazakhstan-2022", UZBEKISTAN):
        case = load_case(name)
        assert case.trade is not None
        for power, entry in case.powers.items():
            assert case.trade.regions[power].members == entry.members
        named = [
            iso
            for region in case.trade.regions.values()
            if region.members != "rest"
            for iso in region.members
        ]
        assert len(named) == len(set(named))
