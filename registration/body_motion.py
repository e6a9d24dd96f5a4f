"""Where named bodies are in every frame, as other programs keep it; and what their tables share.

What a body's own frame is, no such file says: the CT's, a mesh file's, or a volume's in Autoscoper.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from calibration import Rigid
from calibration.length_unit import PLACES, checked_unit, mm_of_texts
from calibration.number_lines import number_or_nan_cells, shown, text_lines

UNITS = tuple(PLACES)


@dataclass(frozen=True, eq=False)
class BodyMotion:
    """Motions (body, frame) in mm of uniquely named bodies; NaN where a body was not found.

    `frame` counts from 0. `filter_hz` is the cut-off of each body's low-pass filter, if its file
    names one.
    """

    names: tuple[str, ...]
    frame: Int[np.ndarray, "frame"]
    world_from_body: Rigid
    filter_hz: tuple[float | None, ...]
    time_s: Float[np.ndarray, "frame"] | None = None
    """Of each frame, if the file has times."""

    def __post_init__(self):
        """ValueError on a name given twice, or frames that do not increase."""
        if twice := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ValueError(f"bodies must have unique names; given twice: {', '.join(twice)}")
        if (np.diff(self.frame) <= 0).any():
            raise ValueError("the frames of a motion must increase, each given once")


def motion_of(
    names: Sequence[str], matrices: Float[np.ndarray, "body frame 4 4"], where: Callable[[int], str]
) -> Rigid:
    """The motions of homogeneous matrices, NaN passed on; `where` names a frame in a complaint."""
    try:
        return Rigid(matrices[..., :3, :3], matrices[..., :3, 3])
    except ValueError:
        for frame in range(matrices.shape[1]):
            for body, name in enumerate(names):
                try:
                    Rigid(matrices[body, frame, :3, :3], matrices[body, frame, :3, 3])
                except ValueError as error:
                    raise ValueError(f"{where(frame)}: {name}: {error}") from None
        raise


Rows = list[tuple[int, list[str]]]
"""Line numbers, and the stripped cells of each line."""


def number_table(path: Path, kind: str) -> tuple[list[str], Rows]:
    """The first line's cells, and those of every later line that is not blank."""
    lines = text_lines(path, kind)
    table = [
        (number, [cell.strip() for cell in line.split(",")])
        for number, line in enumerate(lines, 1)
        if line or number == 1
    ]
    return (table[0][1], table[1:]) if table else ([], [])


def check_width(rows: Rows, count: int, path: Path) -> None:
    """ValueError, naming the line, where a row has more or fewer cells."""
    for number, cells in rows:
        if len(cells) != count:
            raise ValueError(f"{path}:{number}: expected {count} cells, found {len(cells)}")


def frames_of(rows: Rows, has_column: bool, path: Path) -> Int[np.ndarray, "frame"]:
    """Frame numbers from 0: those of a first column that counts from 1, or one a row."""
    if not has_column:
        return np.arange(len(rows))
    frames = [-1]
    for number, cells in rows:
        if not re.fullmatch(r"\d{1,6}", cells[0], re.ASCII) or int(cells[0]) - 1 <= frames[-1]:
            raise ValueError(
                f"{path}:{number}: Frame must be whole numbers from 1 that increase, found "
                f"{shown(cells[0])}"
            )
        frames.append(int(cells[0]) - 1)
    return np.array(frames[1:], dtype=np.int64)


def row_values(cells: Sequence[str], units: Sequence[str], where: str) -> list[float]:
    """Numbers in mm of their units ("mm" for what is no length), NaN where a cell says so."""
    return mm_of_texts(number_or_nan_cells(cells, where), units)


def unit_of(unit: str | None, path: object, kind: str) -> str:
    """The unit of a motion file, mm, cm or m; ValueError without one."""
    return checked_unit(unit, path, kind, UNITS)
