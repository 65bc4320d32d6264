"""Draw the outlines of the world's countries once, for the maps of the pages.

    python tools/world_map.py NATURALEARTH_LOWRES.shp CAPITALS.csv.gz

prints JSON that goes to ``src/tertius/_brief/templates/world.json``: for each ISO3 code a path in SVG's language, and
for countries too small to have an outline at this scale the place of the capital.

The outlines are Natural Earth's at 1:110 million (public domain), from the copy that geopandas 0.14 carries
(``geopandas/datasets/naturalearth_lowres``); the capitals are those of Correlates of War's states
(``geography-capabilities/cow_capitals.csv.gz``). The projection is Equal Earth (Šavrič, Patterson & Jenny 2019):
a shade over a map is read by area, so areas must be true. Where Natural Earth draws who is in control, three lines are
drawn as the United Nations' General Assembly has them: Crimea with Ukraine (resolution 68/262), northern Cyprus with
Cyprus, Somaliland with Somalia. Antarctica is left out.

Why outlines and not tiles: readers look for a neighbourhood, and tiles of equal size lose it. Why not a chart library's
own map: it would fetch the outlines over the network, and a page must stand alone.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd

WIDTH = 1000.0
# What Natural Earth gives no ISO code for, or one that is not its own.
CODES = {"France": "FRA", "Norway": "NOR", "N. Cyprus": "CYP", "Somaliland": "SOM", "Kosovo": "XKX"}
CRIMEA = (32.0, 44.0, 37.0, 46.5)
Ring = list[tuple[float, float]]


def project(lon: float, lat: float) -> tuple[float, float]:
    """Equal Earth, in units of the sphere's radius."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(lat)))
    t2, t6 = t**2, t**6
    x = 2 * math.sqrt(3) * math.radians(lon) * math.cos(t)
    x /= 3 * (9 * a4 * t**8 + 7 * a3 * t6 + 3 * a2 * t2 + a1)
    return x, t * (a4 * t**8 + a3 * t6 + a2 * t2 + a1)


EDGE = project(180.0, 0.0)[0]
TOP = project(0.0, 84.0)[1]


def place(lon: float, lat: float) -> tuple[int, int]:
    """Pixels from the upper left corner."""
    x, y = project(lon, lat)
    scale = WIDTH / (2 * EDGE)
    return round((x + EDGE) * scale), round((TOP - y) * scale)


def fields(path: Path) -> list[dict[str, str]]:
    """Read the rows of a dBASE table."""
    raw = path.read_bytes()
    rows, start, width = struct.unpack("<IHH", raw[4:12])
    columns = [(raw[at : at + 11].split(b"\0")[0].decode(), raw[at + 16]) for at in range(32, start - 1, 32)]
    out = []
    for row in range(rows):
        at = start + row * width + 1
        cells = {}
        for name, size in columns:
            cells[name] = raw[at : at + size].decode("utf-8", "replace").strip()
            at += size
        out.append(cells)
    return out


def shapes(path: Path) -> Iterator[list[Ring]]:
    """Read the rings of every polygon of a shapefile."""
    raw = path.read_bytes()
    at = 100
    while at < len(raw):
        size = struct.unpack(">I", raw[at + 4 : at + 8])[0] * 2
        body = raw[at + 8 : at + 8 + size]
        parts, points = struct.unpack("<II", body[36:44])
        firsts = [*struct.unpack(f"<{parts}I", body[44 : 44 + 4 * parts]), points]
        flat = struct.unpack(f"<{2 * points}d", body[44 + 4 * parts : 44 + 4 * parts + 16 * points])
        every = list(zip(flat[::2], flat[1::2], strict=True))
        yield [every[a:b] for a, b in pairwise(firsts)]
        at += 8 + size


def inside(ring: Ring, box: tuple[float, float, float, float]) -> bool:
    """Say whether a ring lies in a box of degrees."""
    return all(box[0] <= lon <= box[2] and box[1] <= lat <= box[3] for lon, lat in ring)


def path_of(rings: list[Ring]) -> str:
    """Write rings as a path, in whole pixels and relative steps."""
    out = []
    for ring in rings:
        points = [place(lon, lat) for lon, lat in ring]
        steps = [b for a, b in zip([None, *points], points, strict=False) if a != b]
        if len(steps) < 4:
            continue
        x, y = steps[0]
        words = [f"M{x} {y}l"]
        for nx, ny in steps[1:-1]:
            words.append(f"{nx - x} {ny - y} ")
            x, y = nx, ny
        out.append("".join(words).rstrip().replace(" -", "-") + "z")
    return "".join(out)


def main(arguments: list[str]) -> int:
    """Print the outlines and places."""
    if len(arguments) != 2:
        print("usage: python tools/world_map.py NATURALEARTH_LOWRES.shp CAPITALS.csv.gz", file=sys.stderr)
        return 2
    from tertius.world import codes

    shp = Path(arguments[0])
    outlines: dict[str, list[Ring]] = {}
    for row, rings in zip(fields(shp.with_suffix(".dbf")), shapes(shp), strict=True):
        iso3 = CODES.get(row["name"], row["iso_a3"])
        if iso3 in ("ATA", "-99"):
            continue
        for ring in rings:
            owner = "UKR" if iso3 == "RUS" and inside(ring, CRIMEA) else iso3
            outlines.setdefault(owner, []).append(ring)
    paths = {iso3: path_of(rings) for iso3, rings in sorted(outlines.items())}
    paths = {iso3: path for iso3, path in paths.items() if path}
    capitals = pd.read_csv(arguments[1])
    capitals = capitals[pd.to_datetime(capitals["enddate"]).dt.year >= 2016]
    points = {}
    for capital in capitals.itertuples():
        iso3 = codes.from_cow(int(capital.ccode))
        if iso3 is not None and iso3 not in paths:
            points[iso3] = place(capital.lng, capital.lat)
    bottom = place(0.0, -56.0)[1]
    everything = {
        "width": int(WIDTH),
        "height": bottom,
        "paths": paths,
        "points": dict(sorted(points.items())),
    }
    print(json.dumps(everything, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
