"""An answer about the world as one page: no scripts, no network."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from tertius._brief.atlas.reading import Answer
from tertius._brief.page import laid_out, render

__all__ = ["page"]


def _read(name: str) -> str:
    return resources.files("tertius._brief").joinpath("templates", name).read_text(encoding="utf-8")


def page(answer: Answer, attrs: dict[str, Any], command: str) -> str:
    """Write the page.

    Parameters
    ----------
    answer
        What it says.
    attrs
        Of the data behind it.
    command
        What was typed to get it.
    """
    # The macros of the brief's page come first, so that the sections of both look alike.
    macros = _read("brief.html.j2").split("<!doctype html>")[0]
    return render(
        macros + _read("atlas.html.j2"),
        answer=answer,
        parts=[laid_out(part) for part in answer.parts],
        origin=attrs,
        bibliography=json.loads(attrs["sources"]),
        origins=json.loads(attrs["origins"]),
        command=command,
    )
