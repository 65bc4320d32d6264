"""Colours of the page: text against its ground by WCAG 2.1, powers apart from each other for every kind of sight."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
import xarray as xr

from tertius._brief import charts, palette
from tertius._brief.palette import colours

AA_TEXT = 4.5
AA_GRAPHICS = 3.0
NAMED = {"white": "#ffffff"}

# Machado, Oliveira & Fernandes (2009): what is left of linear RGB at full severity.
SIGHT = {
    "whole": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour: str) -> np.ndarray:
    digits = NAMED.get(colour, colour).lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * d for d in digits)
    v = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    lights = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(c)) for c in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of linear RGB, under D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    ratio = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    # The lightest grey that passes on white.
    assert contrast("#767676", "#ffffff") >= AA_TEXT > contrast("#777777", "#ffffff")


def test_text_of_the_page_can_be_read(full: xr.DataTree) -> None:
    from tertius._brief import Brief

    style = files("tertius._brief").joinpath("templates/brief.css").read_text(encoding="utf-8")
    named = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", style))
    grounds = [named["paper"], named["wash"], *re.findall(r"target \{ background: (#[0-9a-f]+)", style)]
    assert len(grounds) == 3
    for ground in grounds:
        for text in (named["ink"], named["soft"]):
            assert contrast(text, ground) >= AA_TEXT, (text, ground)
    # Words within charts stand on paper, but for those on bars and squares.
    drawn = set(re.findall(r'<text[^>]*?fill="([^"]+)"', Brief(full).html())) - {"white"}
    assert drawn
    for text in drawn | {charts._INK, charts._SOFT, palette.NEUTRAL}:
        assert contrast(text, named["paper"]) >= AA_TEXT, text


@pytest.mark.parametrize("ground", [*colours("abcdefgh").values(), palette.NEUTRAL])
def test_words_on_bars_can_be_read(ground: str) -> None:
    assert contrast(charts._legible(ground), ground) >= AA_TEXT


def test_words_on_squares_can_be_read() -> None:
    for weight in np.linspace(0, 1, 101):
        ground = charts._shade(float(weight))
        assert contrast(charts._legible(ground), ground) >= AA_TEXT


def test_marks_of_five_powers_stand_out_from_paper() -> None:
    for colour in colours("abcde").values():
        assert contrast(colour, "#fff") >= AA_GRAPHICS, colour


@pytest.mark.parametrize("sight", SIGHT)
def test_powers_can_be_told_apart(sight: str) -> None:
    seen = [lab(SIGHT[sight] @ linear(c)) for c in colours("abcdefgh").values()]
    apart = [float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)]
    assert min(apart) > 15
