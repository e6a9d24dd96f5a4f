"""Rigid-body transformations of XMALab: 16 numbers a body and frame, for row vectors.

R11 R12 R13 01 R21 R22 R23 02 R31 R32 R33 03 TX TY TZ 1: the transpose of the matrix for column
vectors, so that the translation stands last. Not stored: the unit, the frame of the body's mesh or
CT, the frame rate, and whether the motion was filtered, unless a cell's name ends in the cut-off.
"""

import re
import warnings
from pathlib import Path

import numpy as np

from calibration import Rigid
from calibration.length_unit import texts_of_mm

from .body_motion import (
    BodyMotion,
    check_width,
    frames_of,
    motion_of,
    number_table,
    row_values,
    unit_of,
)

CELLS = "R11 R12 R13 01 R21 R22 R23 02 R31 R32 R33 03 TX TY TZ 1".split()
KIND = "a rigid-body file"
CONSTANTS, LENGTHS, LAST = (3, 7, 11, 15), (12, 13, 14), (0.0, 0.0, 0.0, 1.0)
TOLERANCE = 1e-6
LARGEST_STEP_DEG = 45.0
"""Between frames; XMALab filters rotation vectors, which a turn past 180 degrees corrupts."""


def read_rigid_bodies(path: str | Path, unit: str | None = None) -> BodyMotion:
    """The bodies of a file; `unit` is mm, cm or m, that of the calibration object, no default.

    Raises:
        ValueError: with file and line: cells named otherwise, a transposed matrix, some but not all
            of 16 cells NaN, a mirror image. A filtered motion that leaps warns.
    """
    path = Path(path)
    header, rows = number_table(path, "rigid-body file")
    has_frame = bool(header) and header[0].lower() == "frame"
    names, filters = _bodies(header[has_frame:], path)
    unit = unit_of(unit, path, KIND)
    check_width(rows, len(header), path)
    matrices = np.full((len(names), len(rows), 4, 4), np.nan)
    for row, (number, cells) in enumerate(rows):
        for body, name in enumerate(names):
            start = has_frame + 16 * body
            where = f"{path}:{number}: {name}"
            matrices[body, row] = _matrix(cells[start : start + 16], unit, where)
    motion = motion_of(names, matrices, lambda row: f"{path}:{rows[row][0]}")
    _warn_of_leaps(path, names, filters, motion)
    return BodyMotion(names, frames_of(rows, has_frame, path), motion, filters)


def rigid_bodies_text(motion: BodyMotion, unit: str) -> str:
    """The file of all bodies side by side, with a Frame column only where frames are left out."""
    unit_of(unit, "the rigid-body file to be written", KIND)
    suffixes = ["" if hz is None else f"_{hz:g}Hz" for hz in motion.filter_hz]
    header = [
        f"{name}_{cell}{suffix}"
        for name, suffix in zip(motion.names, suffixes, strict=True)
        for cell in CELLS
    ]
    has_frame = not np.array_equal(motion.frame, np.arange(len(motion.frame)))
    lines = [",".join(["Frame"] * has_frame + header)]
    transposed = motion.world_from_body.matrix().mT.flatten(-2).tolist()
    for row, frame in enumerate(motion.frame.tolist()):
        cells = [cell for body in transposed for cell in _cells(body[row], unit)]
        lines.append(",".join([str(frame + 1)] * has_frame + cells))
    return "\n".join(lines) + "\n"


def _bodies(header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[float | None, ...]]:
    """The bodies' names and filters, if all cells are named as XMALab names them."""
    if not header or len(header) % 16:
        raise ValueError(
            f"{path}:1: expected a header of 16 cells a body (name_R11, name_R12, ...), found "
            f"{len(header)}"
        )
    names, filters = [], []
    for start in range(0, len(header), 16):
        first = re.fullmatch(r"(.*)_R11((?:_(\d{1,6}(?:\.\d{1,6})?)Hz)?)", header[start], re.ASCII)
        name, suffix = (first[1], first[2]) if first else ("body", "")
        for cell, expected in zip(header[start : start + 16], CELLS, strict=True):
            if cell != f"{name}_{expected}{suffix}":
                raise ValueError(
                    f"{path}:1: expected the cell '{name}_{expected}{suffix}', found {cell!r:.60}"
                )
        names.append(name or f"body{start // 16 + 1:03d}")
        filters.append(float(first[3]) if first and first[3] else None)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{path}:1: the body {twice[0]!r} stands there twice")
    return tuple(names), tuple(filters)


def _matrix(cells: list[str], unit: str, where: str) -> np.ndarray:
    """The matrix for column vectors, mm; NaN where the body was not found."""
    values = np.array(row_values(cells, _units(unit), where))
    missing = np.isnan(values)
    if missing.all():
        return values.reshape(4, 4)
    if missing.any():
        raise ValueError(f"{where}: {missing.sum()} of 16 cells are NaN, must be all or none")
    if np.abs(values[list(CONSTANTS)] - LAST).max() > TOLERANCE:
        hint = "they must be 0, 0, 0 and 1"
        if np.abs(values[list(LENGTHS)]).max() <= TOLERANCE:
            hint = "the matrix is transposed, as in an Autoscoper .tra of rows"
        found = ", ".join(f"{value:g}" for value in values[list(CONSTANTS)])
        raise ValueError(f"{where}: the cells 01, 02, 03 and 1 are {found}; {hint}")
    return values.reshape(4, 4).T


def _cells(values: list[float], unit: str) -> list[str]:
    texts = texts_of_mm(values, _units(unit))
    if "NaN" in texts:
        return ["NaN"] * 16
    for place, value in zip(CONSTANTS, LAST, strict=True):
        texts[place] = f"{value:.0f}"
    return texts


def _units(unit: str) -> list[str]:
    return [unit if place in LENGTHS else "mm" for place in range(16)]


def _warn_of_leaps(
    path: Path, names: tuple[str, ...], filters: tuple[float | None, ...], motion: Rigid
) -> None:
    for body, (name, hz) in enumerate(zip(names, filters, strict=True)):
        of_body = motion[body]
        step = of_body[:-1].inverse() @ of_body[1:]
        turned_deg = np.degrees(step.log()[:, 3:].norm(dim=-1).numpy())
        if hz is not None and (turned_deg > LARGEST_STEP_DEG).any():
            worst = int(np.nanargmax(turned_deg))
            warnings.warn(
                f"{path}: {name}: the filtered motion turns by {turned_deg[worst]:.0f} degrees "
                f"between rows {worst + 1} and {worst + 2}: XMALab's filter may have corrupted it",
                stacklevel=3,
            )
