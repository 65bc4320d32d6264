"""Loading: shipped names, overrides, inputs, digests, round trips, the JSON schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import tertius.case as face
from tertius.case import (
    Case,
    CaseErrors,
    Input,
    check_case,
    json_schema,
    load_case,
    parse_case,
    shipped_cases,
)
from tertius.case.document import parse
from tertius.case.inputs import SECTIONS
from tertius.case.load import _examined
from tertius.case.quantity import FORMS, Quantity
from tertius.case.shape import annotation_at

HERE = Path(__file__).parent
EXAMPLE = HERE / "example.yaml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
DOCS = HERE.parents[1] / "docs" / "writing-a-case.md"


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(EXAMPLE)


def inputs(case: Case) -> dict[str, Input]:
    return {item.path: item for item in case.inputs()}


def test_public_names() -> None:
    assert sorted(face.__all__) == face.__all__
    assert all(hasattr(face, name) for name in face.__all__)


def test_the_example_uses_every_section_and_every_form(case: Case) -> None:
    for section in Case.model_fields:
        assert getattr(case, section), section
    used = {form for form in FORMS for item in case.inputs() if getattr(item.quantity, form) is not None}
    assert used == set(FORMS)


@pytest.mark.parametrize("name", shipped_cases())
def test_shipped_cases_load_without_a_warning(name: str) -> None:
    case = load_case(name)
    assert case.id == name
    assert case.title == shipped_cases()[name]
    assert case.warnings == ()


def test_an_unknown_name_gets_the_nearest() -> None:
    shipped = next(iter(shipped_cases()))
    with pytest.raises(CaseErrors) as caught:
        load_case(shipped[:-1])
    (problem,) = caught.value.problems
    assert problem.code == "unknown-case"
    assert problem.nearest == shipped
    with pytest.raises(CaseErrors, match=re.escape(shipped)):
        load_case("zzzzzz")


def test_a_case_is_frozen(case: Case) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        case.title = "x"  # type: ignore[misc]


def test_a_copy_has_its_own_digest_and_inputs(case: Case) -> None:
    assert case.digest
    assert case.inputs()
    other = case.model_copy(update={"exits": {}})
    assert other.digest != case.digest
    assert len(other.inputs()) == len(case.inputs()) - 2


def test_a_shipped_name_is_that_case_wherever_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(iter(shipped_cases()))
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_case(name).id == name
    place = load_case(name).source_position("title")
    assert place is not None
    assert place.file == f"{name}.yaml"


def test_inputs_are_in_the_order_of_the_case(case: Case) -> None:
    paths = [item.path for item in case.inputs()]
    assert len(set(paths)) == len(paths)
    sections = [path.split(".")[0] for path in paths]
    assert sections == sorted(sections, key=SECTIONS.index)
    assert {"trade", "domains", "exits", "crisis", "rescue", "concessions", "history"} <= set(sections)
    assert paths.index("domains.capital.weight") < paths.index("domains.opinion.weight")
    assert "trade.adjust.smuggling.factor" in paths
    assert "trade.routes.river.share" in paths
    assert "domains.capital.nests.elasticity" in paths
    assert "domains.capital.reverse.weight" in paths
    assert "exits.half.leavers.sylvania" in paths
    assert any(path.startswith("history.") and path.endswith(".honoured") for path in paths)


def test_inputs_know_their_home(case: Case) -> None:
    found = inputs(case)
    cell = found["trade.flows.ducks.table.freedonia.sylvania"]
    assert (cell.kind, cell.sources, cell.unit, cell.exact) == (
        "sourced",
        ("yearbook", "census"),
        "billion crowns",
        True,
    )
    own_home = found["trade.flows.ducks.table.freedonia.rest"]
    assert (own_home.kind, own_home.sources, own_home.exact) == ("sourced", ("census",), False)
    assumed = found["trade.flows.services.table.rest.rest"]
    assert (assumed.kind, assumed.sources, assumed.reason) == ("assumed", (), "Nobody counted them.")
    share = found["domains.capital.ties.to_client.sylvania"]
    assert (share.kind, share.unit, share.reason) == ("sourced", "share", "")
    assert found["exits.sylvania_out.leavers.sylvania"].reason == "chosen for the what-if"
    assert found["domains.capital.weight"].reason == "Argued in the text."


def test_every_path_leads_back_to_its_line(case: Case) -> None:
    lines = TEXT.splitlines()
    for item in case.inputs():
        place = case.source_position(item.path)
        assert place is not None
        assert lines[place.line - 1][place.column - 1 :].startswith(item.path.split(".")[-1])
    assert case.source_position("trade.nothing") is None


# Round trips and digests


def test_canonical_json_is_the_whole_case(case: Case) -> None:
    again = Case.model_validate_json(case.canonical_json())
    assert again.canonical_json() == case.canonical_json()
    assert again.digest == case.digest
    assert [i.path for i in again.inputs()] == [i.path for i in case.inputs()]
    u = np.array([0.1, 0.5, 0.9])
    for a, b in zip(again.inputs(), case.inputs(), strict=True):
        assert np.array_equal(a.quantity.ppf(u), b.quantity.ppf(u))
    assert again.source_position("trade") is None


def test_layout_comments_and_order_of_fields_do_not_change_the_digest(case: Case) -> None:
    plain = parse(TEXT, "f").plain()
    as_json = json.dumps(_backwards(plain), default=str).replace("Infinity", '".inf"')
    assert parse_case(as_json).digest == case.digest
    assert parse_case(TEXT.replace("  #", "  # more").replace("\n\n", "\n\n\n")).digest == case.digest


def _backwards(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """The same case with its fields, and keys that refer to names, in the opposite order."""
    if isinstance(value, dict):
        declares = path in {
            ("powers",),
            ("trade", "regions"),
            ("trade", "sectors"),
            ("domains",),
            ("exits",),
        } or (path and path[-1] in ("candidates", "actors"))
        items = list(value.items()) if declares else reversed(list(value.items()))
        return {key: _backwards(entry, (*path, key)) for key, entry in items}
    if isinstance(value, list):
        return [_backwards(entry, (*path, 0)) for entry in value]
    return value


def test_any_other_figure_changes_the_digest(case: Case) -> None:
    assert parse_case(TEXT.replace("sylvania: 1.5", "sylvania: 1.6")).digest != case.digest
    assert parse_case(TEXT.replace("What is easy", "Whatever is easy")).digest != case.digest


def test_the_order_of_names_is_kept_and_counts(case: Case) -> None:
    first, second = (
        "  sylvania: {name: Sylvania, members: [SYL]}\n",
        "  osterlich: {name: Osterlich, members: [OST, GLO]",
    )
    assert list(case.powers) == ["sylvania", "osterlich"]
    start = TEXT.index(first)
    end = TEXT.index("\n", TEXT.index(second)) + 1
    swapped = TEXT[:start] + TEXT[start + len(first) : end] + first + TEXT[end:]
    other = parse_case(swapped)
    assert list(other.powers) == ["osterlich", "sylvania"]
    assert other.digest != case.digest


def test_defaults_are_filled_in(case: Case) -> None:
    assert (
        parse_case(TEXT.replace("    direction: exports\n", "    direction: both\n")).digest
        == parse_case(TEXT.replace("    direction: exports\n", "")).digest
    )


# Overrides


def test_a_number_set_is_exact_and_assumed(case: Case) -> None:
    changed = load_case(EXAMPLE, ["trade.sectors.ducks.elasticity=6"])
    item = inputs(changed)["trade.sectors.ducks.elasticity"]
    assert item.exact
    assert item.quantity.median == 6.0
    assert (item.kind, item.reason) == ("assumed", "set on the command line")
    assert changed.digest != case.digest
    assert [w.code for w in changed.warnings] == [w.code for w in case.warnings]


@pytest.mark.parametrize(
    ("path", "text", "median"),
    [
        ("trade.adjust.smuggling.factor", "1.5", 1.5),
        ("trade.routes.river.alternatives", "{range: [0, 1], assumed: x}", 0.5),
        ("trade.flows.ducks.table.freedonia.sylvania", "3", 3.0),
        ("trade.substitution", "{range: [0.3, 0.7], assumed: x}", 0.5),
        ("domains.capital.ties.to_client.sylvania", "0.2", 0.2),
        ("domains.capital.capacity.osterlich", ".inf", float("inf")),
        ("exits.sylvania_out.leavers.sylvania", "0.5", 0.5),
        ("domains.capital.ties.to_power.osterlich", "0.01", 0.01),
    ],
)
def test_figures_are_set_by_their_paths(path: str, text: str, median: float) -> None:
    for override in ((path, text), f"{path}={text}"):
        item = inputs(load_case(EXAMPLE, [override]))[path]
        assert item.quantity.median == median


def test_a_figure_keeps_its_unit() -> None:
    changed = load_case(EXAMPLE, ["domains.capital.ties.to_client.sylvania=0.2"])
    assert changed.domains["capital"].ties.to_client["sylvania"].unit == "share"


def test_anything_in_the_case_can_be_set() -> None:
    changed = load_case(EXAMPLE, ["trade.factors=mobile", "title=Another", "exits.half.domains=[trade]"])
    assert changed.trade is not None
    assert (changed.trade.factors, changed.title) == ("mobile", "Another")
    assert changed.exits["half"].domains == ("trade",)


@pytest.mark.parametrize(
    ("override", "code", "words"),
    [
        ("trade.sectors.duck.elasticity=6", "unknown-path", "did you mean `trade.sectors.ducks.elasticity`"),
        ("domains.capital.wieght=6", "unknown-path", "did you mean `domains.capital.weight`"),
        ("trade.adjust.smugling.factor=1", "unknown-path", "did you mean `trade.adjust.smuggling.factor`"),
        ("nonsense=1", "unknown-path", "the case has no `nonsense`"),
        ("=1", "unknown-path", "the case has no ``"),
        ("title", "override", "path=value"),
        ("title=[", "override", "is no value"),
        ("title=", "override", "is no value"),
        ("title=!!python/none x", "override", "is refused"),
        ("trade.sectors.ducks.elasticity=-6", "quantity", "a number above 0, not -6"),
        ("trade.sectors.ducks.elasticity=many", "quantity", "`elasticity` is `many`"),
        ("trade.factors=fixed", "choice", "specific, mobile"),
        ("domains.capital.ties.own=0.99", "shares-above-one", "add up to 1.39"),
    ],
)
def test_wrong_overrides_are_told(override: str, code: str, words: str) -> None:
    report = check_case(EXAMPLE, [override])
    assert code in [problem.code for problem in report.errors]
    assert words in str(report)
    with pytest.raises(CaseErrors):
        load_case(EXAMPLE, [override])


def test_a_wrong_override_points_at_itself() -> None:
    report = check_case(EXAMPLE, ["trade.sectors.ducks.elasticity=-6"])
    (problem,) = report.errors
    assert problem.file == "--set trade.sectors.ducks.elasticity"
    assert "example.yaml" not in str(problem)


def test_an_override_of_a_shared_node_changes_one_place() -> None:
    text = TEXT.replace(
        "own: {value: 0.5, assumed: x}, sylvania: {value: 1, assumed: x}",
        "own: &x {value: 0.5, assumed: x}, sylvania: *x",
    )
    changed = inputs(parse_case(text, overrides=["domains.opinion.capacity.own=3"]))
    assert changed["domains.opinion.capacity.own"].quantity.median == 3.0
    assert changed["domains.opinion.capacity.sylvania"].quantity.median == 0.5


# The schema


def test_the_json_schema_accepts_the_example_and_the_shipped_cases() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(parse(TEXT, "f").plain()))
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tertius: 1", "tertius: 2"),
        ("question:", "qestion:"),
        ("{range: [2.5, 7.5], assumed:", "{rnge: [2.5, 7.5], assumed:"),
        ("{range: [2.5, 7.5], assumed:", "{range: [2.5], assumed:"),
        ("{range: [2.5, 7.5], assumed:", "{range: [2.5, 7.5], source: a, assumed:"),
        ("direction: exports", "direction: export"),
        ("osterlich: {poll: 0.6, n: 1000", "osterlich: {poll: 0.6"),
        ("sylvania: 1.5", "sylvania: many"),
    ],
)
def test_the_json_schema_refuses_what_the_loader_refuses(old: str, new: str) -> None:
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(parse(text, "f").plain()))
    with pytest.raises(CaseErrors):
        parse_case(text)


def test_every_field_says_what_it_is() -> None:
    for name, definition in json_schema()["$defs"].items():
        assert definition.get("description"), name
        for field, schema in definition.get("properties", {}).items():
            assert schema.get("description") or "$ref" in schema, f"{name}.{field}"
    for field, schema in json_schema()["properties"].items():
        assert schema.get("description") or "$ref" in schema, field


def records(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    seen.add(model)
    for name in model.model_fields:
        inner = annotation_at((name,)) if model is Case else None
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner not in seen:
            records(inner, seen)
    return seen


def test_every_record_is_closed_and_frozen() -> None:
    for model in records(Case, set()):
        assert model.model_config["extra"] == "forbid"
        assert model.model_config["frozen"] is True
    assert Quantity.model_config["extra"] == "forbid"


# The documentation


def test_the_case_in_the_documentation_runs() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    case = parse_case(blocks[0])
    assert case.warnings == ()


def test_the_messages_in_the_documentation_are_the_programs() -> None:
    page = DOCS.read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    shown = re.findall(r"^my-case\.yaml:\d+:\d+: (.*)$", page, flags=re.MULTILINE)
    wrong = (
        blocks[0]
        .replace("leavers: {sylvania", "leavers: {sylvnia")
        .replace("[0.05, 0.15, 0.4]", "[0.4, 0.1]")
    )
    wrong = wrong.replace("triangular: [0.4", "range: [0.4")
    with pytest.raises(CaseErrors) as caught:
        parse_case(wrong, "my-case.yaml")
    said = [str(problem) for problem in caught.value.problems]
    assert len(shown) == 2
    for message in shown:
        assert any(message in line for line in said), said


# Robustness


@settings(deadline=None, max_examples=25, derandomize=True)
@given(st.data())
def test_a_case_with_any_value_spoilt_never_breaks_the_checker(data: st.DataObject) -> None:
    """Whatever stands in a place, the answer is a report."""
    plain = parse(TEXT, "f").plain()
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        entries = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, entry in entries:
            places.append((value, key))
            collect(entry)

    collect(plain)
    rubbish = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["x", "all", "sylvania", "", "1933"]),
        st.just([]),
        st.just({}),
        st.just({"a": 1}),
        st.just(["sylvania", "sylvania"]),
    )
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places))
        holder[key] = data.draw(rubbish)
    text = json.dumps(plain, default=str).replace("Infinity", '".inf"')
    case, report = _examined(parse(text, "f"), ())
    assert all(problem.message for problem in report.problems)
    if case is not None and report.ok:
        assert case.digest
        for item in case.inputs():
            assert not np.isnan(item.quantity.ppf([0.0, 0.3, 1.0])).any()
    else:
        assert report.errors
