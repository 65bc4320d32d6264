"""Packs of public data: what each file is, where it comes from, and the hash it must have.

A pack's file is looked for in the folder that ``TERTIUS_DATA_MIRROR`` names, and taken only if its SHA-256 is the
one recorded here, so that an answer always rests on the data it says it rests on.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tertius.errors import BadInput, CannotCompute

__all__ = ["MIRROR_VARIABLE", "PACKS", "Pack", "find", "pack"]

MIRROR_VARIABLE = "TERTIUS_DATA_MIRROR"


@dataclass(frozen=True, slots=True)
class Pack:
    """One file of public data.

    Attributes
    ----------
    name
        The name under which it is asked for.
    file
        Its place below a mirror folder.
    sha256
        The hash of that file.
    years
        The years it covers.
    citation
        The producer, as they ask to be cited.
    terms
        What is known of the licence.
    quirks
        What a reader of results must know about the data.
    """

    name: str
    file: str
    sha256: str
    years: tuple[int, ...]
    citation: str
    terms: str
    quirks: str


PACKS: dict[str, Pack] = {
    p.name: p
    for p in (
        Pack(
            "baci-2000-2020",
            "trade-baci/baci_bilateral_2000_2020.csv.gz",
            "035b8e56261803d236fc2d498c72332abda92f7f8e442b96613910ec1e6f2e14",
            tuple(range(2000, 2021)),
            "CEPII BACI; Gaulier & Zignago (2010), CEPII WP 2010-23",
            "CEPII distributes BACI under the Etalab Open Licence 2.0; check before publishing",
            "An absent pair is a zero or an unreported flow. Taiwan, Kosovo, Western Sahara and Curaçao are absent.",
        ),
        Pack(
            "baci-2023",
            "trade-baci-2023/baci_bilateral_2023.csv.gz",
            "a1d983b4841a438baf348dc5154ebe0e3fcb6bc0332e1768789f26d42427aa1f",
            (2023,),
            "CEPII BACI HS22 V202501, as summed by Ignatenko, Macedoni, Lashkaripour & Simonovska (2025)",
            "CEPII distributes BACI under the Etalab Open Licence 2.0; check before publishing",
            "Russia has not reported since 2022. Gambia to Kazakhstan (2.9 bn) and Kazakhstan to the United "
            "Kingdom (14.4 bn) are artefacts. Taiwan, Cuba, North Korea and Palestine are absent.",
        ),
        Pack(
            "wdi-gdp",
            "gdp-pop-wdi/wdi_gdp_current_usd.csv.gz",
            "88f280d4c5e24d41028a28309f180457ab4237f77474bc1a6e374508f70c1fe7",
            tuple(range(1960, 2025)),
            "World Bank, World Development Indicators, NY.GDP.MKTP.CD",
            "CC BY 4.0",
            "Economies without a figure for the year have none here.",
        ),
    )
}


def pack(name: str) -> Pack:
    """Return the pack of that name.

    Raises
    ------
    BadInput
        If there is none; the hint gives the nearest name.
    """
    if name in PACKS:
        return PACKS[name]
    near = difflib.get_close_matches(name, PACKS, n=1)
    raise BadInput(
        f"there is no data pack '{name}'",
        code="unknown-pack",
        path=name,
        hint=f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(PACKS)}",
    )


def find(wanted: Pack) -> Path:
    """Return the path of the pack's file, its hash checked.

    Raises
    ------
    CannotCompute
        If no mirror folder is named, the file is not in it, or its hash is another.
    """
    folder = os.environ.get(MIRROR_VARIABLE)
    if not folder:
        raise CannotCompute(
            f"the data pack '{wanted.name}' is not on this machine",
            code="no-data",
            path=wanted.file,
            hint=f"set {MIRROR_VARIABLE} to a folder that holds {wanted.file}",
        )
    path = Path(folder) / wanted.file
    if not path.is_file():
        raise CannotCompute(
            f"the data pack '{wanted.name}' is not in the mirror folder",
            code="no-data",
            path=str(path),
            hint=f"put the producer's file there, or point {MIRROR_VARIABLE} elsewhere",
        )
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != wanted.sha256:
        raise CannotCompute(
            f"the file of the data pack '{wanted.name}' is not the one it should be",
            code="wrong-hash",
            path=str(path),
            hint=f"its SHA-256 begins {digest[:16]}, expected {wanted.sha256[:16]}",
        )
    return path
