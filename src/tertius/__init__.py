"""Who holds which lever over a country, who fills the vacuum when a power is pushed out, and how sure can we be.

    import tertius as tt

    case = tt.load_case("kazakhstan-2022")
    findings = tt.study(case, draws=8_192, seed=0)
    tt.brief(findings).save("kazakhstan-2022.html")

The names below are the whole public face. They are imported when first used, so that checking a case does not
wait for the models' numerical libraries.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tertius._version import __version__

if TYPE_CHECKING:
    from tertius import models
    from tertius._brief import brief
    from tertius.analysis import study
    from tertius.case import load_case
    from tertius.models.trade import Exit
    from tertius.world import load_world

__all__ = ["Exit", "__version__", "brief", "load_case", "load_world", "models", "study"]

_HOME = {
    "Exit": "tertius.models.trade",
    "brief": "tertius._brief",
    "load_case": "tertius.case",
    "load_world": "tertius.world",
    "study": "tertius.analysis",
}


def __getattr__(name: str) -> Any:
    if name == "models":
        return importlib.import_module("tertius.models")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tertius' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
