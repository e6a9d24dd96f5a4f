"""Markers of OpenSim (.trc): where named points are in every frame, mm, tab-separated.

Each row ends in a tab: OpenSim's reader takes a cell to end at a tab, and counts the cells, the
empty ones of a marker that is missing too (readers before version 4 know no missing ones).
"""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

KEYS = (
    "DataRate",
    "CameraRate",
    "NumFrames",
    "NumMarkers",
    "Units",
    "OrigDataRate",
    "OrigDataStartFrame",
    "OrigNumFrames",
)


def trc_text(
    title: str,
    markers: Sequence[str],
    time_s: Float[np.ndarray, "frame"],
    points_mm: Float[np.ndarray, "frame marker 3"],
    rate_hz: float | int,
) -> str:
    """The file of the markers, which are empty where a point is NaN; y should be up.

    Raises:
        ValueError: no marker, one named twice, a name that holds a tab or is empty, or no point
            in any frame.
    """
    if not markers or len(set(markers)) != len(markers):
        raise ValueError("a .trc needs markers with names of their own")
    for name in markers:
        if name != name.strip() or not re.fullmatch(r"[^\t\r\n]+", name):
            raise ValueError(f"a marker's name must hold no tab and no blank ends, found {name!r}")
    if not np.isfinite(points_mm).all(-1).any():
        raise ValueError("no marker has a place in any frame: there is nothing to write in a .trc")
    count, number = points_mm.shape[:2]
    rate = f"{rate_hz:.10g}"
    values = [rate, rate, str(count), str(number), "mm", rate, "1", str(count)]
    axes = [f"{axis}{n}" for n in range(1, number + 1) for axis in "XYZ"]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{title}",
        "\t".join(KEYS),
        "\t".join(values),
        "Frame#\tTime\t" + "".join(f"{name}\t\t\t" for name in markers),
        "\t\t" + "".join(f"{axis}\t" for axis in axes),
        "",
    ]
    for row, (time, points) in enumerate(zip(time_s, points_mm, strict=True), 1):
        cells = [f"{x:.6f}" if np.isfinite(point).all() else "" for point in points for x in point]
        lines.append("".join(f"{cell}\t" for cell in (row, f"{time:.6f}", *cells)))
    return "\n".join(lines) + "\n"
