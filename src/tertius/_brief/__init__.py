"""What the reader sees of findings: a terminal brief, one self-contained page, a JSON summary.

A brief computes nothing: it reads findings laid out as ``docs/findings.md`` says, and takes quantiles,
rounds and orders for display.
"""

from __future__ import annotations

import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tertius._brief.answer import answer
from tertius._brief.reading import Reading
from tertius._brief.summary import summary_json
from tertius.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

__all__ = ["Brief", "brief", "write_atomically"]


class Brief:
    """Findings as a reader sees them.

    Parameters
    ----------
    findings
        A tree laid out as ``docs/findings.md`` says; sections that are absent are left out of the brief.
    """

    def __init__(self, findings: xr.DataTree) -> None:
        self._reading = Reading(findings)

    @property
    def summary(self) -> str:
        """The answer in a sentence or a few, with likelihood words and the numbers."""
        return answer(self._reading)

    def json(self) -> str:
        """Write the summary for other programs; the same findings give the same bytes."""
        return summary_json(self._reading)

    @cached_property
    def _contents(self) -> dict[str, Any]:
        from tertius._brief.page import contents

        return contents(self._reading)

    @cached_property
    def _page(self) -> str:
        from tertius._brief.page import page

        return page(self._contents)

    def draw(self) -> None:
        """Have the charts of the page drawn in the background, while something else is done."""
        _ = self._contents

    def html(self) -> str:
        """Write the brief as one page that needs no network and no scripts."""
        return self._page

    def markdown(self) -> str:
        """Write the same in plain Markdown: tables instead of charts, and no HTML."""
        from tertius._brief.markdown import markdown

        return markdown(self._contents)

    def image(self) -> str:
        """Draw a summary of the size of a slide, 1280 by 720, as SVG."""
        from tertius._brief.slide import slide

        return slide(self._contents, self._reading)

    def save_image(self, path: str | os.PathLike[str]) -> Path:
        """Write the summary of the size of a slide to a file, as PNG or SVG by its ending.

        Raises
        ------
        BadInput
            If the ending is neither, or the folder does not exist.
        """
        ending = Path(path).suffix.lower()
        if ending == ".svg":
            return write_atomically(path, self.image().encode())
        if ending == ".png":
            import vl_convert

            return write_atomically(path, vl_convert.svg_to_png(self.image()))
        raise BadInput(f"{path} is neither .png nor .svg", code="image", path=str(path))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, whole or not at all.

        Raises
        ------
        BadInput
            If the folder does not exist.
        """
        return write_atomically(path, self.html().encode())

    def print(self, console: Console | None = None) -> None:
        """Show the brief in a terminal."""
        from rich.console import Console

        from tertius._brief.terminal import show

        show(self._reading, console if console is not None else Console())

    def _repr_html_(self) -> str:
        return self.html()


def brief(findings: xr.DataTree) -> Brief:
    """Make a brief of findings."""
    return Brief(findings)


def write_atomically(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file under a temporary name in the same folder, then rename it.

    Raises
    ------
    BadInput
        If the folder does not exist or cannot be written to.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise BadInput(
            f"the folder {target.parent} does not exist",
            code="no-folder",
            path=str(target),
            hint="create it first, or name another place",
        )
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        raise BadInput(
            f"cannot write there: {error.strerror}", code="not-writable", path=str(target)
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp gives 0600; a brief is meant to be passed on, so it gets what any new file would get.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
