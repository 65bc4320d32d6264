"""Thresholds, likelihood words and confidence, with every edge."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.claims import LIKELIHOODS, confidence, likelihood, verdict

NAN = math.nan
MIRROR = {
    "almost no chance": "almost certain",
    "very unlikely": "very likely",
    "unlikely": "likely",
    "roughly even chance": "roughly even chance",
}
MIRROR |= {v: k for k, v in MIRROR.items()}


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0, "contradicted"),
        (0.2, "contradicted"),
        (math.nextafter(0.2, 1), "contested"),
        (0.5, "contested"),
        (math.nextafter(0.8, 0), "contested"),
        (0.8, "supported"),
        (1, "supported"),
        (NAN, "not yet computed"),
    ],
)
def test_verdict(probability: float, expected: str) -> None:
    assert verdict(probability) == expected


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0, "almost no chance"),
        (0.005, "almost no chance"),
        (0.01, "almost no chance"),
        (0.05, "almost no chance"),
        (math.nextafter(0.05, 1), "very unlikely"),
        (0.2, "very unlikely"),
        (math.nextafter(0.2, 1), "unlikely"),
        (math.nextafter(0.45, 0), "unlikely"),
        (0.45, "unlikely"),
        (math.nextafter(0.45, 1), "roughly even chance"),
        (0.5, "roughly even chance"),
        (math.nextafter(0.55, 0), "roughly even chance"),
        (0.55, "likely"),
        (math.nextafter(0.8, 0), "likely"),
        (0.8, "very likely"),
        (math.nextafter(0.95, 0), "very likely"),
        (0.95, "almost certain"),
        (0.99, "almost certain"),
        (1, "almost certain"),
        (NAN, ""),
    ],
)
def test_likelihood(probability: float, expected: str) -> None:
    assert likelihood(probability) == expected


def test_the_ranges_adjoin_and_are_the_directives() -> None:
    assert [(a, b) for a, b, _ in LIKELIHOODS] == [
        (0.01, 0.05),
        (0.05, 0.20),
        (0.20, 0.45),
        (0.45, 0.55),
        (0.55, 0.80),
        (0.80, 0.95),
        (0.95, 0.99),
    ]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 8_192))
def test_the_words_mirror_each_other_and_agree_with_the_verdict(k: int) -> None:
    p = k / 8_192
    assert likelihood(1 - p) == MIRROR[likelihood(p)]
    assert (verdict(p) == "supported") == (likelihood(p) in ("very likely", "almost certain"))
    assert (verdict(p) == "contradicted") == (likelihood(p) in ("very unlikely", "almost no chance"))


@pytest.mark.parametrize(
    ("sourced", "moved", "base", "rivals", "expected"),
    [
        # Half sourced, hardly moved, all rivals agree.
        (0.5, 0.0, 0.9, [0.8, 1.0], "high"),
        (0.5, 0.9 - 0.8, 0.9, [0.8], "high"),
        (1.0, 0.1, 0.5, [0.3, 0.7], "high"),
        (1.0, 0.0, 0.1, [0.2, 0.0], "high"),
        # One condition fails.
        (0.4999, 0.0, 0.9, [0.8], "moderate"),
        (0.5, 0.1001, 0.9, [0.8], "moderate"),
        (0.5, 0.0, 0.9, [0.9, 0.79], "moderate"),
        (0.5, 0.0, 0.5, [0.9], "moderate"),
        (0.5, 0.0, 0.9, [], "moderate"),
        (0.5, 0.0, 0.9, [0.9, NAN], "moderate"),
        (0.5, NAN, 0.9, [0.9], "moderate"),
        (NAN, 0.0, 0.9, [0.9], "moderate"),
        # Little sourced and moved: both are needed.
        (0.1999, 0.1001, 0.9, [0.9], "low"),
        (0.2, 0.5, 0.9, [0.9], "moderate"),
        (0.0, 0.1, 0.9, [0.9], "moderate"),
        (0.0, NAN, 0.9, [0.9], "moderate"),
        (NAN, 0.5, 0.9, [0.9], "moderate"),
        (-0.01, 0.2, 0.5, [0.5], "low"),
        # A rival turns the verdict round, whatever else.
        (1.0, 0.0, 0.8, [0.9, 0.2], "low"),
        (1.0, 0.0, 0.2, [0.8], "low"),
        (1.0, 0.0, 0.8, [0.2001], "moderate"),
        (1.0, 0.0, 0.5, [0.0, 1.0], "moderate"),
    ],
)
def test_confidence(sourced: float, moved: float, base: float, rivals: list[float], expected: str) -> None:
    assert confidence(sourced, moved, base, rivals) == expected
