"""The one family of errors that Tertius raises on purpose.

Every error carries what a reader needs to act on it: a stable ``code``, the ``path`` of what is wrong (a place
in a file, or the dotted path of an input), and a ``hint`` that says what to do. The command line turns a
:class:`BadInput` into exit code 2 and everything else of the family into exit code 1.
"""

from __future__ import annotations

__all__ = ["BadInput", "CannotCompute", "TertiusError"]


class TertiusError(Exception):
    """Base class of every error raised on purpose.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    code
        A stable, short name for this kind of error, such as ``"unknown-power"``.
    path
        Where it is: ``file:line:column``, a dotted path into a case, or a file name; empty if nowhere.
    hint
        What to do about it; empty if there is nothing to add.
    """

    exit_code = 1

    def __init__(self, message: str, *, code: str, path: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{hint}"


class BadInput(TertiusError):
    """What the program was given is wrong (exit code 2)."""

    exit_code = 2


class CannotCompute(TertiusError):
    """The program could not do it: no convergence, no data (exit code 1)."""
