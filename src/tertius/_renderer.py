"""Charts from specification to SVG, in processes beside this one.

The renderer is a browser's engine that keeps Python's lock for as long as it draws. In processes of their own several
charts are drawn at a time, while the next is put together. Where no process can be started, or one has ended, charts
are drawn in this one, which gives the same drawings.

The module imports nothing heavy, so that processes can be started before what has the charts drawn is there.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
from queue import SimpleQueue

from tertius import _drawing
from tertius._drawing import draw_here, receive, send
from tertius._processors import usable

__all__ = ["AT_ONCE", "start", "to_svg"]

AT_ONCE = 2 if usable() > 2 else 1
"""Charts that are drawn at a time: a process takes half a second to start, which must be a processor's spare time."""


class _Beside:
    """Another process that draws, started when first wanted."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        # Within a program that was packed up with Python, the executable is that program.
        self._can_start = bool(sys.executable) and not getattr(sys, "frozen", False)

    def draw(self, message: bytes) -> bytes:
        """What it answers; blank if there is no such process, or it could not draw this."""
        self.start()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return b""
        try:
            send(process.stdin, message)
            answer = receive(process.stdout)
        except OSError:
            answer = None
        if answer is None:
            self.end()
        return answer or b""

    def start(self) -> None:
        """Start it, the first time."""
        if not self._can_start:
            return
        self._can_start = False
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", _drawing.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            return
        atexit.register(self.end)

    def end(self) -> None:
        """Let it end, by having nothing more to say to it."""
        if self._process is not None:
            process, self._process = self._process, None
            try:
                process.communicate()
            except OSError:
                process.wait()


class Renderer:
    """So many processes, each of which draws one chart at a time."""

    def __init__(self, processes: int) -> None:
        self._free: SimpleQueue[_Beside] = SimpleQueue()
        self._processes = tuple(_Beside() for _ in range(processes))
        for beside in self._processes:
            self._free.put(beside)

    def start(self) -> None:
        """Start the processes, each of which takes a while to get going; to be called before anything is drawn."""
        for beside in self._processes:
            beside.start()

    def draw(self, spec: str) -> str:
        """Draw a specification, once a process is free."""
        beside = self._free.get()
        try:
            drawn = beside.draw(spec.encode())
        finally:
            self._free.put(beside)
        return drawn.decode() if drawn else draw_here(spec)


_RENDERER = Renderer(AT_ONCE)


def start() -> None:
    """Start what draws, so that it is ready by the time that there is something to draw."""
    _RENDERER.start()


def to_svg(spec: str) -> str:
    """Draw a Vega-Lite specification, as JSON.

    Raises
    ------
    ValueError
        If it is no sound specification.
    """
    return _RENDERER.draw(spec)
