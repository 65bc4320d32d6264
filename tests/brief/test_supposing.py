"""A figure that lies elsewhere, in words."""

from __future__ import annotations

import pytest
import xarray as xr

from tertius._brief.reading import Reading
from tertius._brief.supposing import outside, supposing


@pytest.mark.parametrize(
    ("path", "value", "was", "words"),
    [
        (
            "domains.security.elasticity",
            3.0,
            2.0,
            "if Kazakhstan could replace what it loses in “Security” more easily",
        ),
        ("domains.security.weight", 0.1, 0.2, "if “Security” weighed less than the case takes it to"),
        ("domains.security.ties.to_client.china", 0.3, 0.1, "if China held a larger part of “Security”"),
        (
            "domains.security.capacity.own",
            0.3,
            1.0,
            "if Kazakhstan itself could step in less easily in “Security”",
        ),
        ("exits.west_out.leavers.west", 0.3, 1.0, "if The West withdrew less far"),
        (
            "rescue.candidates.russia.motives.friendly_regime",
            2.0,
            1.0,
            "if a friendly regime counted more for Russia",
        ),
        ("crisis.strength", 0.3, 0.1, "if “The crisis: strength” were higher"),
    ],
)
def test_the_words_name_what_is_supposed(
    full: xr.DataTree, path: str, value: float, was: float, words: str
) -> None:
    assert supposing(path, value, was, Reading(full)) == words


def test_a_value_beyond_the_stated_range_is_told_apart() -> None:
    case = {"domains": {"elite": {"elasticity": {"range": [1.2, 2.5]}, "weight": {"value": 1, "sd": 0.2}}}}
    assert outside("domains.elite.elasticity", 1.14, case)
    assert not outside("domains.elite.elasticity", 1.2, case)
    assert not outside("domains.elite.weight", 9.0, case)
    assert not outside("crisis.strength", 9.0, case)
