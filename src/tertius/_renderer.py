"""Charts from specification to SVG, in processes beside this one.

The renderer is a browser's engine that keeps Python's lock for as long as it draws. In processes of their own several
charts are drawn at a time, while the next is put together. Where no process can be started, or one has ended, charts
are drawn in this one, which gives the same drawings.

The module imports nothing heavy, so that processes can be started before what has the charts drawn is there.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from queue import SimpleQueue
from typing import IO, Any

__all__ = ["AT_ONCE", "start", "to_svg"]

AT_ONCE = min(2, os.cpu_count() or 1)
"""Charts that are drawn at a time: each process takes half a second to start."""

_SIZE = 8
"""Bytes that say how long a message is."""

_FIRST: dict[str, Any] = {
    "data": {"values": [{"x": 1, "y": "a"}]},
    "mark": "bar",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "nominal"}},
}
"""What a process draws for itself: the first drawing takes ten times as long as any later one."""


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
            _send(process.stdin, message)
            answer = _receive(process.stdout)
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
                [sys.executable, "-P", __file__],
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

    def draw(self, spec: Mapping[str, Any]) -> str:
        """Draw a specification, once a process is free."""
        beside = self._free.get()
        try:
            drawn = beside.draw(json.dumps(spec).encode())
        finally:
            self._free.put(beside)
        return drawn.decode() if drawn else _here(spec)


_RENDERER = Renderer(AT_ONCE)


def start() -> None:
    """Start what draws, so that it is ready by the time that there is something to draw."""
    _RENDERER.start()


def to_svg(spec: Mapping[str, Any]) -> str:
    """Draw a Vega-Lite specification.

    Raises
    ------
    ValueError
        If it is no sound specification.
    """
    return _RENDERER.draw(spec)


def _here(spec: Mapping[str, Any]) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(dict(spec)))


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(len(message).to_bytes(_SIZE, "big") + message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """The next message; None once there are no more."""
    size = pipe.read(_SIZE)
    if len(size) < _SIZE:
        return None
    length = int.from_bytes(size, "big")
    message = pipe.read(length)
    return message if len(message) == length else None


def _serve() -> None:
    """Draw what comes in until nothing does: what another process runs."""
    _here(_FIRST)
    while (message := _receive(sys.stdin.buffer)) is not None:
        try:
            drawn = _here(json.loads(message)).encode()
        except ValueError:
            drawn = b""
        _send(sys.stdout.buffer, drawn)


if __name__ == "__main__":
    _serve()
