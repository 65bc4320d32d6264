"""The command line: ``tertius run``, ``check``, ``cases``, ``schema``.

Exit codes: 0 done; 1 the program could not do it; 2 what it was given is wrong; 130 interrupted. Whatever
goes wrong, no half-written file is left behind. Heavy libraries are imported by the commands that need them.
"""

from __future__ import annotations

from tertius.cli import _cases, _run  # noqa: F401  (each adds its commands)
from tertius.cli._app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command that was typed."""
    app(prog_name="tertius")


if __name__ == "__main__":
    main()
