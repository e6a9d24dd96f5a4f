"""2D points of XMALab: x, y of every marker in every camera and frame.

Header cells name_cam1_X, name_cam1_Y, name_cam2_X, ...: marker by marker, in it camera by camera;
missing is NaN. Not stored: whether pixels are raw or undistorted, count from 0 or from 1 (the 1 is
added after y was turned), and whether y counts downwards or upwards.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from calibration.number_lines import number_or_nan_cells

from .body_motion import check_width, number_table


@dataclass(frozen=True, eq=False)
class MarkerPixels:
    """Pixels of named markers, NaN where not seen: 0 is the centre of the top-left one, y is down.

    `cameras` are XMALab's numbers, from 1, in the order of the view axis. Whether the pixels are
    raw or undistorted is not known here.
    """

    names: tuple[str, ...]
    cameras: tuple[int, ...]
    uv_px: Float[np.ndarray, "view frame marker 2"]


def read_points2d(
    path: str | Path,
    *,
    one_based: bool | None = None,
    y_up: bool | None = None,
    height_px: Sequence[int] = (),
) -> MarkerPixels:
    """The markers of a file, in our pixels.

    The file stores neither `one_based` nor `y_up`, and there is no default. Where y counts upwards,
    `height_px` of each camera's images is needed. ValueError, with file and line, on cells that are
    named otherwise, cameras out of order, a name given twice, what is no number.
    """
    path = Path(path)
    header, rows = number_table(path, "file of 2D points")
    header, offsets = _without_offsets(header, path)
    names, cameras = _markers(header, path)
    if one_based is None or y_up is None:
        raise ValueError(
            f"{path}: a file of 2D points stores neither whether pixels count from 1 nor whether y "
            "counts upwards; say both (XMALab's own defaults are from 0 and downwards)"
        )
    check_width(rows, len(header) + offsets, path)
    values = [
        list(map(float, number_or_nan_cells(cells[offsets:], f"{path}:{number}")))
        for number, cells in rows
    ]
    uv = np.array(values, dtype=np.float64).reshape(len(rows), len(names), len(cameras), 2)
    uv = np.moveaxis(uv, 2, 0) - (1.0 if one_based else 0.0)
    uv[np.isnan(uv).any(-1)] = np.nan
    if y_up:
        if len(height_px) != len(cameras):
            raise ValueError(
                f"{path}: y counts upwards, so the image heights of its {len(cameras)} cameras are "
                f"needed, found {len(height_px)}"
            )
        uv[..., 1] = np.array(height_px)[:, None, None] - 1 - uv[..., 1]
    return MarkerPixels(names, cameras, uv)


def points2d_text(markers: MarkerPixels) -> str:
    """The file in XMALab's plain form: header, from 0, y down, one file for all markers."""
    header = [
        f"{name}_cam{camera}_{axis}"
        for name in markers.names
        for camera in markers.cameras
        for axis in "XY"
    ]
    lines = [",".join(header)]
    by_frame = np.moveaxis(markers.uv_px, 0, 2)  # (frame, marker, view, 2)
    for values in by_frame.reshape(len(by_frame), len(header)).tolist():
        lines.append(",".join("NaN" if value != value else repr(value) for value in values))
    return "\n".join(lines) + "\n"


def _without_offsets(header: list[str], path: Path) -> tuple[list[str], int]:
    """The header of the markers alone, and how many columns of frame offsets stand before them."""
    count = 0
    while header and re.fullmatch(r"cam\d+_offset", header[0], re.ASCII):
        header, count = header[1:], count + 1
    run = re.match(r"(?:cam\d+_offset)+", header[0], re.ASCII) if header else None
    if run:  # XMALab's writer puts no commas there
        warnings.warn(
            f"{path}:1: the header's first cell {header[0][:60]!r} lacks its commas, as XMALab "
            "writes it; read as columns of offsets, which are left out",
            stacklevel=3,
        )
        count += run[0].count("_offset")
        header = [header[0][run.end() :], *header[1:]]
    return header, count


def _markers(header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Marker names and camera numbers, if every cell is named as XMALab names it."""
    parts = [re.fullmatch(r"(.+)_cam(\d{1,3})_([XY])", cell, re.ASCII) for cell in header]
    if not header or None in parts:
        wrong = header[parts.index(None)] if header else ""
        raise ValueError(
            f"{path}:1: expected header cells name_cam1_X, name_cam1_Y, ..., found {wrong!r:.60}"
        )
    found = [part.groups() for part in parts if part]
    cameras = []
    for name, camera, _ in found[::2]:
        if name != found[0][0] or int(camera) in cameras:
            break
        cameras.append(int(camera))
    if cameras != sorted(cameras):
        raise ValueError(f"{path}:1: the cameras are out of order: {cameras}")
    if len(header) % (2 * len(cameras)):
        raise ValueError(
            f"{path}:1: {len(header)} columns are no multiple of 2 for each of {len(cameras)} "
            "cameras"
        )
    names = [found[start][0] for start in range(0, len(found), 2 * len(cameras))]
    expected = [
        f"{name}_cam{camera}_{axis}" for name in names for camera in cameras for axis in "XY"
    ]
    if expected != header:
        wrong, right = next(
            pair for pair in zip(header, expected, strict=True) if pair[0] != pair[1]
        )
        raise ValueError(f"{path}:1: expected the cell {right!r:.60}, found {wrong!r:.60}")
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{path}:1: the marker {twice[0]!r} stands there twice")
    return tuple(names), tuple(cameras)
