"""3D points of XMALab: x, y, z of every marker in every frame, in the calibration object's frame.

Header cells name_X, name_Y, name_Z, a filter's cut-off before the axis (name_50Hz_X); an optional
first column Frame counts from 1; missing is NaN. Not stored: the unit, the frame rate.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from calibration.length_unit import texts_of_mm

from .body_motion import check_width, frames_of, number_table, row_values, unit_of

KIND = "a file of 3D points"


@dataclass(frozen=True, eq=False)
class PointTracks:
    """World positions (mm) of named points, NaN where not known; `frame` counts from 0.

    `filter_hz` is the cut-off of each point's low-pass filter, if its file names one.
    """

    names: tuple[str, ...]
    frame: Int[np.ndarray, "frame"]
    points_world: Float[np.ndarray, "frame point 3"]
    filter_hz: tuple[float | None, ...]


def read_points3d(path: str | Path, unit: str | None = None) -> PointTracks:
    """The points of a file; `unit` is mm, cm or m, there is no default.

    Raises:
        ValueError: with file and line: cells that are no x, y, z of one point, a name given twice,
            what is no number, some but not all of x, y, z NaN.
    """
    path = Path(path)
    header, rows = number_table(path, "file of 3D points")
    has_frame = bool(header) and header[0].lower() == "frame"
    names, filters = _points(header[has_frame:], path)
    unit = unit_of(unit, path, KIND)
    check_width(rows, len(header), path)
    units = [unit] * (3 * len(names))
    values = [row_values(cells[has_frame:], units, f"{path}:{number}") for number, cells in rows]
    points = np.array(values, dtype=np.float64).reshape(len(rows), len(names), 3)
    missing = np.isnan(points)
    if (torn := missing.any(-1) & ~missing.all(-1)).any():
        row, point = np.argwhere(torn)[0]
        raise ValueError(
            f"{path}:{rows[row][0]}: {names[point]}: x, y, z must be numbers, or all three NaN"
        )
    return PointTracks(names, frames_of(rows, has_frame, path), points, filters)


def points3d_text(tracks: PointTracks, unit: str) -> str:
    """The file of all points side by side, with a Frame column only where frames are left out."""
    unit_of(unit, "the file of 3D points to be written", KIND)
    suffixes = ["" if hz is None else f"_{hz:g}Hz" for hz in tracks.filter_hz]
    header = [
        f"{name}{suffix}_{axis}"
        for name, suffix in zip(tracks.names, suffixes, strict=True)
        for axis in "XYZ"
    ]
    has_frame = not np.array_equal(tracks.frame, np.arange(len(tracks.frame)))
    lines = [",".join(["Frame"] * has_frame + header)]
    for frame, points in zip(tracks.frame.tolist(), tracks.points_world, strict=True):
        cells = texts_of_mm(points.ravel().tolist(), [unit] * points.size)
        lines.append(",".join([str(frame + 1)] * has_frame + cells))
    return "\n".join(lines) + "\n"


def _points(header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[float | None, ...]]:
    if not header or len(header) % 3:
        raise ValueError(
            f"{path}:1: expected a header of 3 cells a point (name_X, name_Y, name_Z), found "
            f"{len(header)}"
        )
    names, filters = [], []
    for start in range(0, len(header), 3):
        first = re.fullmatch(r"(.+?)((?:_(\d{1,6}(?:\.\d{1,6})?)Hz)?)_X", header[start], re.ASCII)
        stem = f"{first[1]}{first[2]}" if first else "name"
        for cell, axis in zip(header[start : start + 3], "XYZ", strict=True):
            if cell != f"{stem}_{axis}":
                raise ValueError(f"{path}:1: expected the cell '{stem}_{axis}', found {cell!r:.60}")
        names.append(first[1] if first else stem)
        filters.append(float(first[3]) if first and first[3] else None)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{path}:1: the point {twice[0]!r} stands there twice")
    return tuple(names), tuple(filters)
