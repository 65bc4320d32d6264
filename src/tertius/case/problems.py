"""What is wrong with a case, told all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from tertius.errors import BadInput

__all__ = ["CaseErrors", "Position", "Problem", "Report", "nearest"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; ``line`` and ``column`` count from one, and are 0 where the whole file is meant."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a case, or worth a look.

    Attributes
    ----------
    severity
        An ``error`` stops the study, a ``warning`` does not.
    code
        Stable short name of this kind of problem, such as ``unknown-power``.
    message
        What is wrong, in one sentence.
    file, line, column
        Where, counted from one; line 0 where the whole file is meant.
    path
        Dotted path of the place in the case; blank for the whole.
    expected
        What was expected; blank where the message says it.
    nearest
        The nearest valid name, where a name is wrong and one is near.
    """

    severity: Literal["error", "warning"]
    code: str
    message: str
    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    expected: str = ""
    nearest: str = ""

    @property
    def position(self) -> Position:
        """Where it is."""
        return Position(self.file, self.line, self.column)

    def __str__(self) -> str:
        parts = [f"{self.position}: {self.severity}: {self.message}"]
        if self.nearest:
            parts.append(f"did you mean `{self.nearest}`?")
        if self.expected:
            parts.append(f"expected: {self.expected}")
        return "; ".join(parts) + f" [{self.code}]"


@dataclass(frozen=True, slots=True)
class Report:
    """All that a check found, errors and warnings in the order of the file."""

    file: str
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop a study."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that do not."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether nothing stops a study."""
        return not self.errors

    def as_dict(self) -> dict[str, object]:
        """Return the report in plain types, for JSON."""
        return {"file": self.file, "ok": self.ok, "problems": [asdict(problem) for problem in self.problems]}

    def __str__(self) -> str:
        errors, warnings = len(self.errors), len(self.warnings)
        if not self.problems:
            return f"{self.file}: no problems"
        counted = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
        return "\n".join([*map(str, self.problems), f"{self.file}: {counted}"])


class CaseErrors(BadInput):
    """A case cannot be used; carries every problem that was found.

    Attributes
    ----------
    report
        Everything found, warnings included.
    problems
        The problems of the report.
    """

    def __init__(self, report: Report) -> None:
        errors = report.errors
        lines = [f"the case has {_count(len(errors), 'error')}", *(f"  {problem}" for problem in errors)]
        super().__init__(
            "\n".join(lines), code=errors[0].code if len(errors) == 1 else "case-errors", path=report.file
        )
        self.report = report
        self.problems = report.problems


def _count(n: int, noun: str) -> str:
    return f"{n or 'no'} {noun}{'' if n == 1 else 's'}"


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the valid name most like ``name``, or blank if none is near."""
    by_lower = {candidate.lower(): candidate for candidate in sorted(valid)}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else ""
