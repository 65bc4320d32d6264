"""One chart after another from specification to SVG: what a process does that draws for another.

It stands alone, and can be run wherever this file can be read.
"""

from __future__ import annotations

import json
import sys
from typing import IO

__all__ = ["draw_here", "receive", "send"]

_SIZE = 8
"""Bytes that say how long a message is."""

_FIRST = """
{"data": {"values": [{"x": 1, "y": "a"}]},
 "mark": "bar",
 "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "nominal"}}}
"""
"""What a process draws for itself: the first drawing takes ten times as long as any later one."""


def draw_here(spec: str) -> str:
    """Draw a Vega-Lite specification in this process.

    Raises
    ------
    ValueError
        If it is no sound specification.
    """
    import vl_convert

    # Its own reading of JSON rounds numbers otherwise, and knows no NaN.
    return str(vl_convert.vegalite_to_svg(json.loads(spec)))


def send(pipe: IO[bytes], message: bytes) -> None:
    """Say how long a message is, then the message."""
    pipe.write(len(message).to_bytes(_SIZE, "big") + message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """The next message; None once there are no more."""
    size = pipe.read(_SIZE)
    if len(size) < _SIZE:
        return None
    length = int.from_bytes(size, "big")
    message = pipe.read(length)
    return message if len(message) == length else None


def _serve() -> None:
    """Draw what comes in until nothing does: what another process runs."""
    draw_here(_FIRST)
    while (message := receive(sys.stdin.buffer)) is not None:
        try:
            drawn = draw_here(message.decode()).encode()
        except ValueError:
            drawn = b""
        send(sys.stdout.buffer, drawn)


if __name__ == "__main__":
    _serve()
