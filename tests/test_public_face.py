"""The public face is a promise: a change to it must be made here too, on purpose."""

from __future__ import annotations

import inspect
import subprocess
import sys

import tertius
from tertius.models import trade


def test_the_names() -> None:
    assert tertius.__all__ == ["Exit", "__version__", "brief", "load_case", "load_world", "models", "study"]
    assert sorted(tertius.__all__) == dir(tertius)
    for name in tertius.__all__:
        assert getattr(tertius, name) is not None


def test_the_functions_stay_functions_whatever_was_imported() -> None:
    import tertius._brief
    import tertius._study

    assert callable(tertius.study)
    assert callable(tertius.brief)
    assert tertius._study.run is not tertius.study


def _parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_signatures() -> None:
    assert _parameters(tertius.load_case)[0] == "name_or_path"
    assert _parameters(tertius.load_world) == ["name"]
    assert _parameters(tertius.study)[:3] == ["case", "draws", "seed"]
    assert _parameters(tertius.brief) == ["findings"]
    assert _parameters(tertius.Exit) == ["a", "b", "degree", "sectors", "direction"]
    assert _parameters(trade.baseline)[:3] == ["flows", "gdp", "floor"]
    asked = ["exits", "caps", "cost", "tariff", "elasticity", "factors", "deficits"]
    assert [p for p in _parameters(trade.counterfactual) if p in asked] == asked
    assert _parameters(trade.leverage)[:4] == ["baseline", "elasticity", "factors", "deficits"]


def test_a_name_that_is_not_there() -> None:
    code = "import tertius\ntry:\n    tertius.nothing\nexcept AttributeError as e:\n    print(e)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nothing" in said.stdout


def test_the_front_door_is_light() -> None:
    heavy = "{'jax', 'xarray', 'vl_convert', 'pandas'} & set(sys.modules)"
    code = f"import sys, tertius\nprint(len({heavy}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "0"


def test_models_are_reached_from_the_package_alone() -> None:
    code = "import tertius as tt\nprint(tt.models.trade.baseline.__name__, tt.models.levers.lever.__name__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["baseline", "lever"]
