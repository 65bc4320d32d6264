"""Numbers and likelihoods as a reader wants to see them.

A likelihood word stands for a probability alone and never for confidence in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tertius.case.quantity import written_out
from tertius.claims import verdicts

__all__ = [
    "MISSING",
    "Estimate",
    "clause",
    "likelihood",
    "listed",
    "number",
    "percent",
    "share",
    "significant",
    "spelled",
]

MISSING = "missing"
_NBSP = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"

_ADVERBS = {
    "almost no chance": "would almost certainly not",
    "very unlikely": "would be very unlikely to",
    "unlikely": "would be unlikely to",
    "roughly even chance": "would, with a roughly even chance,",
    "likely": "would likely",
    "very likely": "would very likely",
    "almost certain": "would almost certainly",
}
# Below this many draws a whole percentage point is more than the draws support.
_FEW_DRAWS = 400


def likelihood(probability: float) -> str:
    """Give ICD 203's word for a probability; ``missing`` for NaN."""
    return verdicts.likelihood(probability) or MISSING


def clause(probability: float) -> str:
    """Give the auxiliary verb that states a likelihood: ``would very likely``."""
    return _ADVERBS[likelihood(probability)]


def percent(probability: float, draws: int | None = None) -> str:
    """Write a probability as a whole percentage that never crosses into another likelihood word's range.

    Parameters
    ----------
    probability
        Between 0 and 1; NaN is written ``missing``.
    draws
        How many draws it was counted over; with few of them the figure is marked as approximate.
    """
    if math.isnan(probability):
        return MISSING
    exact = 100 * probability
    if exact > 99:
        return f">99{_NBSP}%"
    if exact < 1:
        return f"<1{_NBSP}%"
    whole = round(exact)
    # An edge belongs to the word further from even: 20 % is still very unlikely, 80 % already very likely.
    if whole in (5, 20) and exact > whole:
        whole += 1
    elif whole in (45, 55, 80, 95) and exact < whole:
        whole -= 1
    about = f"about{_NBSP}" if draws is not None and draws < _FEW_DRAWS else ""
    return f"{about}{whole}{_NBSP}%"


def number(value: float, decimals: int) -> str:
    """Write a number with so many decimals; what would read as zero but is not is written ``<0.01``."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "infinite" if value > 0 else f"{_MINUS}infinite"
    if value == 0:
        return "0"
    text = f"{abs(value):,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    if float(f"{abs(value):.{decimals}f}") == 0:
        step = f"{10.0**-decimals:.{decimals}f}"
        return f"<{step}" if value > 0 else f">{_MINUS}{step}"
    return f"{_MINUS}{text}" if value < 0 else text


def significant(value: float, digits: int) -> str:
    """Write a number with at most so many significant digits, and without a power of ten."""
    if math.isinf(value):
        return number(value, 0)
    whole, dot, rest = written_out(abs(value), digits).partition(".")
    grouped = f"{int(whole):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if whole.isdigit() else whole
    return f"{_MINUS if value < 0 else ''}{grouped}{dot}{rest}"


def share(value: float) -> str:
    """Write a share, which may be negative or above one, as a whole percentage."""
    if math.isnan(value):
        return MISSING
    return f"{number(100 * value, 0)}{_NBSP}%"


@dataclass(frozen=True)
class Estimate:
    """What the draws say about one number.

    Attributes
    ----------
    median, p05, p95, mean
        Over the draws in which the number is known; NaN if it is known in none.
    unit
        Unit of the number.
    draws
        In how many draws it is known.
    """

    median: float
    p05: float
    p95: float
    mean: float
    unit: str
    draws: int

    @property
    def known(self) -> bool:
        """Whether there is anything to show."""
        return not math.isnan(self.median)

    @property
    def decimals(self) -> int:
        """So many as the draws support: the standard error of a median, and three figures at most."""
        finite = [abs(x) for x in (self.median, self.p05, self.p95) if math.isfinite(x)]
        largest = max(finite, default=0.0)
        width = self.p95 - self.p05
        error = 1.2533 * width / 3.29 / math.sqrt(self.draws) if self.draws and math.isfinite(width) else 0.0
        by_error = math.floor(-math.log10(error)) if error > 0 else 2
        by_figures = 2 - math.floor(math.log10(largest)) if largest > 0 else 2
        return max(0, min(2, by_error, by_figures))

    def text(self) -> str:
        """Write the median."""
        return share(self.median) if self.unit == "share" else number(self.median, self.decimals)

    def interval(self) -> str:
        """Write the 5th and 95th percentile; blank where there is no estimate or it does not vary."""
        if not self.known or self.p05 == self.p95:
            return ""
        if self.unit == "share":
            return f"[{number(100 * self.p05, 0)}, {number(100 * self.p95, 0)}{_NBSP}%]".replace(
                ", ", f",{_NBSP}"
            )
        low, high = number(self.p05, self.decimals), number(self.p95, self.decimals)
        return f"[{low},{_NBSP}{high}]"

    def full(self) -> str:
        """Write the median with its interval."""
        return f"{self.text()} {self.interval()}".rstrip()


def listed(items: Sequence[str], joint: str = "and") -> str:
    """Join words as prose does: ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joint} {items[-1]}"


def spelled(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: ``1 draw``, ``3 draws``."""
    noun = one if count == 1 else (many or f"{one}s")
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") + f"{_NBSP}{noun}"
