"""The documentation: built offline with warnings as errors, a page for every model, symbols that the code knows."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MODELS = ROOT / "src" / "tertius" / "models"
PAGES = sorted((DOCS / "models").glob("*.md"))


def _models() -> list[str]:
    return sorted(
        p.stem
        for p in MODELS.iterdir()
        if not p.name.startswith("_") and (p.suffix == ".py" or (p / "__init__.py").exists())
    )


def _names(model: str) -> set[str]:
    """Every name that the code of a model writes, and its short strings, which are keys and options."""
    place = MODELS / model
    files = sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    files += sorted((ROOT / "src" / "tertius" / "case" / "schema").glob("*.py"))
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case (
                    ast.arg(arg=name)
                    | ast.Name(id=name)
                    | ast.Attribute(attr=name)
                    | ast.keyword(arg=str(name))
                ):
                    found.add(name)
                case ast.Constant(value=str(text)) if len(text) < 40:
                    found.add(text)
    return found


def _symbols(page: Path) -> list[str]:
    """Identifiers in the code columns of the page's symbol tables."""
    found: list[str] = []
    columns: list[int] = []
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            columns = []
        elif cells[0] == "symbol":
            columns = [i for i, c in enumerate(cells) if "code" in c or "argument" in c or "field" in c]
        else:
            for i in columns:
                for code in re.findall(r"`([^`]+)`", cells[i] if i < len(cells) else ""):
                    found += re.findall(r"[A-Za-z_]\w*", re.sub(r"\"[^\"]*\"|'[^']*'", "", code))
    return found


def test_every_model_has_a_page_and_every_page_a_model() -> None:
    assert [p.stem for p in PAGES] == _models()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_symbols_of_a_page_are_names_in_the_code(page: Path) -> None:
    symbols = _symbols(page)
    assert symbols, "the page has no table of symbols"
    known = _names(page.stem) | {"inf", "nan", "None", "True", "False"}
    assert not sorted(set(symbols) - known)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-b",
        "html",
        str(DOCS),
        str(tmp_path),
    ]
    # In a process of its own: what other people's extensions warn Python of is not the documentation's.
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"https?://", text), page
    trade = (tmp_path / "models" / "trade.html").read_text(encoding="utf-8")
    assert "tertius run" in (tmp_path / "commands.html").read_text(encoding="utf-8")
    assert "<table" in trade


def _with_examples() -> list[str]:
    source = ROOT / "src"
    found = [
        p
        for p in sorted(source.rglob("*.py"))
        if re.search(r"^\s*>>> ", p.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    return [".".join(p.relative_to(source).with_suffix("").parts).removesuffix(".__init__") for p in found]


@pytest.mark.parametrize("module", _with_examples())
def test_examples_in_docstrings_run(module: str) -> None:
    assert not doctest.testmod(importlib.import_module(module)).failed
