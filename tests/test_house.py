"""The house itself: what a lock file may hold, and that every model has its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tertius.models

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["run", "test", "bench"])
def test_lock_files_have_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z])", text)
    pinned = [e for e in entries if "==" in e]
    assert len(pinned) > 20
    assert all("--hash=sha256:" in entry for entry in pinned)


def test_what_the_package_needs_is_locked() -> None:
    wanted = re.search(
        r"^dependencies = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.S | re.M
    )
    assert wanted is not None
    names = [n.replace(".", "-") for n in re.findall(r'"([a-z0-9.-]+)', wanted.group(1))]
    locked = (ROOT / "requirements" / "run.lock").read_text(encoding="utf-8")
    assert names
    assert not [n for n in names if not re.search(rf"^{re.escape(n)}==", locked, re.M)]


def test_every_model_has_a_page() -> None:
    folder = Path(tertius.models.__path__[0])
    models = {p.stem for p in folder.iterdir() if not p.name.startswith("_")}
    pages = {p.stem for p in (ROOT / "docs" / "models").glob("*.md")}
    assert models == pages


def test_links_in_the_documentation_lead_somewhere() -> None:
    dead = [
        f"{page.name}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not dead
