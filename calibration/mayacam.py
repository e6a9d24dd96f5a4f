"""MayaCam 2.0, the camera file of XMALab.

Its axes, its pixels and its cam_from_world are ours; its unit is not stored. Line numbers count
from 1. The optional undistortion holds k1 k2 p1 p2 k3 k4 k5 k6, in OpenCV's order.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from .camera import Camera
from .length_unit import checked_unit, mm_of_text, text_of_mm
from .lens_terms import lens_terms
from .number_lines import joined, number_cells, shown, text_lines
from .rig import Rig
from .rigid import Rigid

UNITS = ("mm", "cm")
HEADINGS = {1: "image size", 4: "camera matrix", 9: "rotation", 14: "translation"}
BLANKS = (3, 8, 13)


def read_mayacam(
    paths: Sequence[str | Path] | str | Path,
    unit: str | None = None,
    names: Sequence[str] | None = None,
) -> Rig:
    """The rig of MayaCam 2.0 files, one a camera, named A, B, ... unless names are given.

    `unit` is "mm" or "cm", that of the calibration object; the files do not store it, and there
    is no default: ValueError without it.
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    names = list(ascii_uppercase[: len(files)]) if names is None else list(names)
    if len(names) != len(files):
        raise ValueError(f"{len(files)} MayaCam files but {len(names)} names: {', '.join(names)}")
    unit = checked_unit(unit, ", ".join(map(str, files)), "a MayaCam file", UNITS)
    return Rig(tuple(_camera(path, unit, name) for path, name in zip(files, names, strict=True)))


def mayacam_text(camera: Camera, unit: str) -> str:
    """The MayaCam 2.0 file of a camera; `unit` is what its lengths are written in.

    Not stored: unit, name, pixel spacing, a distortion map. ValueError on more than 8 lens terms.
    """
    checked_unit(unit, "the MayaCam file to be written", "a MayaCam file", UNITS)
    K, motion = camera.K.tolist(), camera.cam_from_world
    lines = [HEADINGS[1], f"{camera.width},{camera.height}", "", HEADINGS[4]]
    lines += [*map(joined, K), "", HEADINGS[9], *map(joined, motion.R.tolist())]
    lines += ["", HEADINGS[14], *(text_of_mm(value, unit) for value in motion.t.tolist())]
    if terms := lens_terms(camera, "a MayaCam 2.0 file", 8):
        lines += ["", "undistortion", *map(repr, [*terms, *[0.0] * 8][:8])]
    return "\n".join(lines) + "\n"


def _camera(path: Path, unit: str, name: str) -> Camera:
    """The camera of one file; ValueError naming the file and line."""
    lines = _lines(path)
    width, height = _size(path, lines[1])
    K = np.array([_row(path, lines, number, 3) for number in (5, 6, 7)])
    R = np.array([_row(path, lines, number, 3) for number in (10, 11, 12)])
    cells = [number_cells(lines[number - 1], 1, f"{path}:{number}")[0] for number in (15, 16, 17)]
    t_mm = np.array([mm_of_text(cell, unit) for cell in cells])
    terms = _undistortion(path, lines)
    distortion = {"model": "opencv", "coefficients": terms} if any(terms) else None
    try:
        cam_from_world = Rigid(R, t_mm)
    except ValueError as error:
        raise ValueError(f"{path}:10: rotation: {error}") from error
    try:
        return Camera(K, cam_from_world, width, height, name=name, distortion=distortion)
    except ValueError as error:
        raise ValueError(f"{path}:5: {error}") from error


def _lines(path: Path) -> list[str]:
    """The stripped lines of the file, if its headings stand where MayaCam 2.0 has them."""
    lines = text_lines(path, "MayaCam file")
    if not lines or lines[0].lower() != HEADINGS[1]:
        raise ValueError(
            f"{path}:1: not a MayaCam 2.0 file, expected 'image size'{_other_format(lines)}"
        )
    if len(lines) < 17:
        raise ValueError(
            f"{path}: a MayaCam 2.0 file has at least 17 lines, found {len(lines)}; is it cut off?"
        )
    for number, heading in HEADINGS.items():
        if lines[number - 1].lower() != heading:
            raise ValueError(f"{path}:{number}: expected '{heading}', found {lines[number - 1]!r}")
    for number in BLANKS:
        if lines[number - 1]:
            raise ValueError(f"{path}:{number}: expected a blank line, found {lines[number - 1]!r}")
    return lines


def _other_format(lines: list[str]) -> str:
    """What the file is instead, as the end of a message."""
    if not lines:
        return ", found an empty file"
    if lines[0].startswith("{"):
        return "; this looks like Autoscoper's VTKCam 1.0, not supported: export MayaCam 2.0"
    if len(lines) == 5 and lines[0].count(",") == 2:
        return "; this looks like MayaCam 1.0: it is read by read_mayacam1"
    return f", found {shown(lines[0])}"


def _size(path: Path, line: str) -> tuple[int, int]:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != 2 or not all(re.fullmatch(r"\d{1,6}", cell, re.ASCII) for cell in cells):
        raise ValueError(f"{path}:2: expected width,height in whole pixels, found {shown(line)}")
    return int(cells[0]), int(cells[1])


def _row(path: Path, lines: list[str], number: int, count: int) -> list[float]:
    """The finite numbers of a line."""
    return [float(cell) for cell in number_cells(lines[number - 1], count, f"{path}:{number}")]


def _undistortion(path: Path, lines: list[str]) -> list[float]:
    """The eight lens terms, on one line or one a line; empty where the file has none."""
    rest = [number for number in range(18, len(lines) + 1) if lines[number - 1]]
    if not rest:
        return []
    if lines[rest[0] - 1].lower() != "undistortion":
        raise ValueError(
            f"{path}:{rest[0]}: expected 'undistortion' or the end, found {lines[rest[0] - 1]!r}"
        )
    if len(rest) == 2:
        return _row(path, lines, rest[1], 8)
    if len(rest) != 9:
        raise ValueError(
            f"{path}:{rest[0]}: undistortion holds 8 numbers (k1 k2 p1 p2 k3 k4 k5 k6), "
            f"one a line or all on one line; found {len(rest) - 1} lines"
        )
    return [_row(path, lines, number, 1)[0] for number in rest[1:]]
