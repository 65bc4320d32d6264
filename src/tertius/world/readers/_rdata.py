"""Data frames out of R's ``.rda`` files, for the packs whose pinned originals are such files.

Only what a saved data frame is made of is read: vectors, factors, dates, and the short forms that R 3.5 and later
write for sequences. Nothing in a file is ever executed. The format is R's serialisation, big-endian ("XDR"), of
versions 2 and 3, compressed by gzip, bzip2 or xz (R Internals, section "Serialization Formats").
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["read_frames"]

_SYMBOL, _PAIRS, _CHARACTER, _LOGICAL, _INTEGER, _REAL, _STRINGS, _LIST = 1, 2, 9, 10, 13, 14, 16, 19
_REFERENCE, _NIL, _SHORT = 255, 254, 238
_EMPTY = {_NIL, 253, 242, 241, 251, 252, 250}
_MISSING = np.iinfo(np.int32).min


@dataclass
class _Vector:
    """A vector with its attributes."""

    values: Any
    attributes: dict[str, Any] = field(default_factory=dict)


def read_frames(path: Path) -> dict[str, pd.DataFrame]:
    """Return the data frames saved in a file, by name.

    Parameters
    ----------
    path
        A file that R's ``save`` wrote.

    Raises
    ------
    ValueError
        If it is none, or holds something that is no data frame.
    """
    saved = _Reader(_decompressed(path.read_bytes())).saved()
    return {name: _frame(value) for name, value in saved.items()}


def _decompressed(content: bytes) -> bytes:
    for magic, decompress in (
        (b"\x1f\x8b", gzip.decompress),
        (b"BZh", bz2.decompress),
        (b"\xfd7zXZ", lzma.decompress),
    ):
        if content.startswith(magic):
            return bytes(decompress(content))
    return content


class _Reader:
    def __init__(self, content: bytes) -> None:
        if content[:5] not in (b"RDX2\n", b"RDX3\n") or content[5:7] != b"X\n":
            raise ValueError("no file that R saved")
        self.content, self.at = content, 7
        self.references: list[Any] = []
        self.texts: dict[bytes, str] = {}
        version = self.integer()
        self.at += 8  # who wrote it, and who can read it
        if version == 3:
            length = self.integer()
            self.at += length  # the name of the encoding

    def integer(self) -> int:
        (value,) = struct.unpack_from(">i", self.content, self.at)
        self.at += 4
        return int(value)

    def numbers(self, kind: str, width: int) -> np.ndarray[Any, Any]:
        count = self.integer()
        values = np.frombuffer(self.content, kind, count, self.at)
        self.at += width * count
        return values

    def saved(self) -> dict[str, Any]:
        found = self.item()
        if not isinstance(found, dict):
            raise ValueError("no named objects")
        return found

    def item(self, flags: int | None = None) -> Any:
        if flags is None:
            flags = self.integer()
        kind, attributed, tagged = flags & 0xFF, bool(flags & 0x200), bool(flags & 0x400)
        if kind in _EMPTY:
            return None
        if kind == _REFERENCE:
            return self.references[(flags >> 8 or self.integer()) - 1]
        if kind == _SYMBOL:
            name = self.item()
            self.references.append(name)
            return name
        if kind == _PAIRS:
            return self.pairs(attributed, tagged)
        if kind == _CHARACTER:
            return self.character()
        if kind == _SHORT:
            return self.short()
        if kind in (_INTEGER, _LOGICAL):
            vector = _Vector(self.numbers(">i4", 4))
        elif kind == _REAL:
            vector = _Vector(self.numbers(">f8", 8))
        elif kind == _STRINGS:
            vector = _Vector(self.strings())
        elif kind == _LIST:
            vector = _Vector([self.item() for _ in range(self.integer())])
        else:
            raise ValueError(f"an object of R's kind {kind}, which no data frame here is made of")
        if attributed:
            vector.attributes = self.item() or {}
        return vector

    def pairs(self, attributed: bool, tagged: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            if attributed:
                self.item()
            name = self.item() if tagged else str(len(found))
            found[name] = self.item()
            flags = self.integer()
            if flags & 0xFF != _PAIRS:
                # The end, or in a short form the other half of a pair.
                if flags & 0xFF != _NIL:
                    found[str(len(found))] = self.item(flags)
                return found
            attributed, tagged = bool(flags & 0x200), bool(flags & 0x400)

    def character(self) -> str | None:
        length = self.integer()
        if length < 0:
            return None
        raw = self.content[self.at : self.at + length]
        self.at += length
        text = self.texts.get(raw)
        if text is None:
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                text = raw.decode("latin-1")
            self.texts[raw] = text
        return text

    def strings(self) -> list[str | None]:
        out = []
        for _ in range(self.integer()):
            self.at += 4  # its flags: a character string it must be
            out.append(self.character())
        return out

    def short(self) -> _Vector:
        """Read one of the short forms that R writes for vectors it has not spelt out."""
        info, state, _ = self.item(), self.item(), self.item()
        name = next(iter(info.values()))
        if name in ("compact_intseq", "compact_realseq"):
            count, first, step = state.values
            return _Vector(first + step * np.arange(int(count)))
        if name.startswith("wrap_"):
            inner = state.values[0] if isinstance(state, _Vector) else next(iter(state.values()))
            assert isinstance(inner, _Vector)
            return inner
        raise ValueError(f"R's short form '{name}'")


def _frame(value: Any) -> pd.DataFrame:
    if (
        not isinstance(value, _Vector)
        or not isinstance(value.values, list)
        or "names" not in value.attributes
    ):
        raise ValueError("no data frame")
    names = value.attributes["names"].values
    return pd.DataFrame({name: _column(column) for name, column in zip(names, value.values, strict=True)})


def _column(vector: Any) -> Any:
    values, attributes = vector.values, vector.attributes
    if isinstance(values, list):
        # The producers' CSV files do not tell an empty text from a missing one.
        return np.array([text or None for text in values], dtype=object)
    kinds = attributes["class"].values if "class" in attributes else []
    if values.dtype.kind == "f":
        # Spelt out so that R's missing and its not-a-number both end as missing.
        values = values.astype(float)
        if "Date" in kinds:
            days = pd.to_timedelta(pd.Series(values), unit="D")
            return (pd.Timestamp(1970, 1, 1) + days).dt.date
        return values
    missing = values == _MISSING
    if "levels" in attributes:
        levels = np.array([*attributes["levels"].values, None], dtype=object)
        return levels[np.where(missing, len(levels) - 1, values - 1)]
    if missing.any():
        return np.where(missing, np.nan, values.astype(float))
    return values.astype(np.int64)
