"""Findings side by side: two cases, or one case and changes to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import xarray as xr
from rich.console import Console

from tertius._brief.blocks import Block, Bullets, Cell, Paragraph, Part, Table, head
from tertius._brief.reading import Claim, Reading
from tertius._brief.summary import estimate, number
from tertius._brief.words import Estimate, percent

__all__ = ["Comparison"]


class Comparison:
    """Findings side by side.

    Parameters
    ----------
    findings
        Name to findings, the first being what the others are compared with; at least two.
    """

    def __init__(self, findings: Mapping[str, xr.DataTree]) -> None:
        self.readings = {name: Reading(tree) for name, tree in findings.items()}

    @property
    def _first(self) -> Reading:
        return next(iter(self.readings.values()))

    def _claims(self) -> dict[str, dict[str, Claim]]:
        """Claim to its verdicts by name, in the order in which they are first met."""
        found: dict[str, dict[str, Claim]] = {}
        for name, reading in self.readings.items():
            for claim in reading.claims:
                if claim.verdict != "not yet computed":
                    found.setdefault(claim.id, {})[name] = claim
        return found

    def _numbers(self) -> dict[str, dict[str, Estimate]]:
        """Headline numbers in words to their estimates by name."""
        found: dict[str, dict[str, Estimate]] = {}
        for name, reading in self.readings.items():
            if reading.levers is not None:
                for p in reading.levers.powers:
                    words = f"Lever of {reading.names.power(p)}, all domains"
                    found.setdefault(words, {})[name] = reading.levers.lever[p, "total"]
                found.setdefault("Effective number of powers", {})[name] = reading.levers.effective["total",]
            first = reading.headline
            if first is not None:
                found.setdefault(f"Cost of the exit: {first.title}", {})[name] = first.client_loss["total",]
        return found

    def _chances(self) -> dict[str, dict[str, float]]:
        """Probabilities of gaining most in the first exit, in words, by name."""
        found: dict[str, dict[str, float]] = {}
        for name, reading in self.readings.items():
            if reading.headline is None:
                continue
            for kind, what in (("leverage", "gains most leverage"), ("vacuum", "fills most of the vacuum")):
                for power, chance in reading.headline.tertius(kind):
                    words = f"{reading.names.power(power)} {what}"
                    found.setdefault(words, {})[name] = chance
        return {words: row for words, row in found.items() if max(row.values()) >= 0.005}

    def part(self) -> Part:
        """The comparison as a section."""
        names = list(self.readings)
        columns = [head(name) for name in names]
        chances = [
            [head(words), *[Cell(percent(row[n]) if n in row else "–") for n in names]]
            for words, row in self._chances().items()
        ]
        numbers = [
            [head(words), *[Cell(row[n].text(), row[n].interval()) if n in row else Cell("–") for n in names]]
            for words, row in self._numbers().items()
        ]
        claims = []
        turned = []
        for rows in self._claims().values():
            one = next(iter(rows.values()))
            label = f"{one.number}. {one.text}" if one.number is not None else one.text
            claims.append([head(label), *[_verdict(rows.get(n)) for n in names]])
            base = rows.get(names[0])
            for n in names[1:]:
                other = rows.get(n)
                if base is not None and other is not None and base.verdict != other.verdict:
                    turned.append(f"{label} – {base.verdict} in {names[0]}, {other.verdict} in {n}.")
        blocks: list[Block] = []
        if turned:
            blocks += [Paragraph("Verdicts that differ:"), Bullets(turned)]
        elif claims:
            blocks.append(Paragraph("No verdict differs."))
        if chances:
            blocks.append(Table("Probabilities, first exit, all domains", [head(""), *columns], chances))
        if numbers:
            caption = "Numbers: median and [5th, 95th percentile], log points where nothing else is said"
            blocks.append(Table(caption, [head(""), *columns], numbers))
        if claims:
            blocks.append(Table("Claims: verdict and probability", [head("Claim"), *columns], claims))
        return Part(
            "comparison",
            "Comparison",
            f"{' beside '.join(names[:2])}{' …' if len(names) > 2 else ''}",
            blocks,
        )

    def json(self) -> str:
        """Write the comparison for other programs."""
        out: dict[str, Any] = {
            "compared": {
                name: {
                    "case": r.provenance.case,
                    "digest": r.provenance.digest,
                    "draws": r.provenance.draws,
                    "seed": r.provenance.seed,
                    "unconverged": r.provenance.unconverged,
                }
                for name, r in self.readings.items()
            },
            "probabilities": {
                w: {n: number(v) for n, v in row.items()} for w, row in self._chances().items()
            },
            "numbers": {w: {n: estimate(v) for n, v in row.items()} for w, row in self._numbers().items()},
            "claims": {
                key: {
                    n: {
                        "verdict": c.verdict,
                        "probability": number(c.probability),
                        "confidence": c.confidence or None,
                    }
                    for n, c in rows.items()
                }
                for key, rows in self._claims().items()
            },
        }
        return json.dumps(out, ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    def print(self, console: Console) -> None:
        """Show it in a terminal."""
        from tertius._brief.terminal import show_part

        show_part(self.part(), self._first, console)


def _verdict(claim: Claim | None) -> Cell:
    if claim is None:
        return Cell("–")
    return Cell(percent(claim.probability) if claim.computed else "–", claim.verdict)
