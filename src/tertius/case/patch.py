"""Patches: changes to a case that are kept in a file, tied to the case that they were written for.

A patch is one YAML file::

    tertius-patch: 1
    title: Twice as easy to replace
    base: kazakhstan-2022
    digest: c20def0904f7        # of the base, at least its first twelve characters; `tertius run` prints it
    set:
      domains.capital.elasticity: 4
      domains.capital.weight: {range: [0.1, 0.2], assumed: "half of it"}

A base that has changed since is refused: what a change means depends on what it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tertius.case.document import Document, Mapping, Node, RefusedError, Scalar, parse, read_text
from tertius.case.load import Change, load_case
from tertius.case.problems import CaseErrors, Position, Problem, Report, nearest
from tertius.case.schema.root import Case

__all__ = ["Patch", "load_patch"]

KEYS = ("tertius-patch", "title", "base", "digest", "set")
SHORTEST = 12
"""Characters of a digest that must be given at least."""


@dataclass(frozen=True)
class Patch:
    """Changes to a case.

    Attributes
    ----------
    title
        In words, for a table's head.
    base
        Name or path of the case.
    digest
        The first characters of the base's digest.
    changes
        What is set, for :func:`tertius.load_case`.
    file
        Where it stands.
    digest_at
        Where its digest stands.
    """

    title: str
    base: str
    digest: str
    changes: tuple[Change, ...]
    file: str
    digest_at: Position

    def apply(self) -> Case:
        """Load the base with the changes made.

        Raises
        ------
        CaseErrors
            If the base is not the one that the patch was written for, or the changed case is not sound.
        """
        return self.apply_to(self.base)

    def apply_to(self, base: str) -> Case:
        """The same for a base that goes by another name."""
        unchanged = load_case(base)
        if not unchanged.digest.startswith(self.digest):
            at = self.digest_at
            problem = Problem(
                "error",
                "patch-base",
                f"the patch was written for another version of {self.base}: its digest is "
                f"{unchanged.digest[:SHORTEST]}, not {self.digest[:SHORTEST]}",
                at.file,
                at.line,
                at.column,
                "digest",
                "the digest of the case as it is now, once you have looked at what changed",
            )
            raise CaseErrors(Report(self.file, (problem,)))
        return load_case(base, overrides=self.changes)


def load_patch(path: str | Path) -> Patch:
    """Read a patch.

    Raises
    ------
    CaseErrors
        With everything that is wrong with the file; the changes themselves are looked at when it is applied.
    """
    file = str(path)
    try:
        document = parse(read_text(Path(path), file), file)
    except RefusedError as refusal:
        raise CaseErrors(Report(file, (refusal.problem,))) from refusal
    found = list(document.problems)
    root = document.root
    if not isinstance(root, Mapping):
        at = root.at
        expected = "`tertius-patch: 1` and the changes under `set`"
        found.append(
            Problem("error", "patch", "a patch is a mapping", file, at.line, at.column, "", expected)
        )
        raise CaseErrors(Report(file, tuple(found)))

    def wrong(key: str, message: str, expected: str, near: str = "") -> None:
        at = document.at((key,), key=True) if key in root.entries else root.at
        found.append(Problem("error", "patch", message, file, at.line, at.column, key, expected, near))

    for key in root.entries:
        if key not in KEYS:
            wrong(str(key), f"a patch has no `{key}`", "", nearest(str(key), KEYS))
    if _text(document, "tertius-patch") != "1":
        wrong("tertius-patch", "the version of the patch is missing or unknown", "`tertius-patch: 1`")
    base, digest = _text(document, "base"), _text(document, "digest")
    if not base:
        wrong(
            "base", "the patch does not say which case it changes", "`base:` with the name or path of a case"
        )
    if len(digest) < SHORTEST:
        wrong(
            "digest",
            "the patch does not say which version of its base it was written for",
            f"`digest:` with at least the first {SHORTEST} characters that `tertius run` prints",
        )
    given = root.entries.get("set")
    changes: tuple[Change, ...] = ()
    if isinstance(given, Mapping) and given.entries:
        changes = tuple(
            Change(str(key), value, given.keys.get(key, given.at)) for key, value in given.entries.items()
        )
    else:
        wrong("set", "the patch changes nothing", "`set:` with dotted paths and their new values")
    if found:
        raise CaseErrors(Report(file, tuple(found)))
    title = _text(document, "title") or Path(file).stem
    return Patch(title, base, digest, changes, file, document.at(("digest",)))


def _text(document: Document, key: str) -> str:
    """A scalar of the patch as it was written; blank if it is not there or no scalar."""
    root = document.root
    node: Node | None = root.entries.get(key) if isinstance(root, Mapping) else None
    return node.text.strip() if isinstance(node, Scalar) else ""
