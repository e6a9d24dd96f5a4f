"""Tracks of Autoscoper (.tra): a row a frame, 16 or 6 numbers a volume, no header.

Rows: R11 R12 R13 Tx ... 0 0 0 1; columns: the transpose; Euler: x y z yaw pitch roll with
R = Rz(yaw) Ry(pitch) Rx(roll). They move Autoscoper's volume-local frame, in which x and y of the
stack's slices run right and up from a corner and z runs against the slices. Not stored: which of
the layouts it is, the unit, and where the volume lies in the CT.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from calibration import Rigid
from calibration.euler_angles import rotation_zyx
from calibration.length_unit import texts_of_mm
from calibration.number_lines import text_lines

from .body_motion import BodyMotion, Rows, check_width, motion_of, row_values, unit_of

KIND = "an Autoscoper .tra"
Layout = Literal["rows", "columns", "euler"]
LENGTHS = {"rows": (3, 7, 11), "columns": (12, 13, 14), "euler": (0, 1, 2)}
TOLERANCE = 1e-6


def read_tra(
    path: str | Path,
    *,
    unit: str | None = None,
    layout: Layout | None = None,
    angles: Literal["deg", "rad"] | None = None,
) -> BodyMotion:
    """World_from_local (mm) of every volume, named volume1, volume2, ...; NaN where unsolved.

    `unit` is mm, cm or m. The layout is found in the numbers where they allow but one; `angles` is
    needed for the layout euler. ValueError where a file can be read in two ways.
    """
    path = Path(path)
    lines = text_lines(path, ".tra file")
    rows: Rows = [
        (number, (line if "," in line else ",".join(line.split())).split(","))
        for number, line in enumerate(lines, 1)
        if line
    ]
    rows = [(number, [cell.strip() for cell in cells]) for number, cells in rows]
    width = len(rows[0][1]) if rows else 0
    check_width(rows, width, path)
    if not width or (width % 16 and width % 6):
        raise ValueError(f"{path}:1: expected 16 or 6 columns a volume, found {width}")
    unit = unit_of(unit, path, KIND)
    chosen = _layout(path, rows, width, layout)
    if chosen == "euler" and angles is None:
        raise ValueError(f"{path}: {KIND} does not store the unit of its angles; give deg or rad")
    matrices = _matrices(path, rows, chosen, unit, angles)
    names = tuple(f"volume{number}" for number in range(1, len(matrices) + 1))
    motion = motion_of(names, matrices, lambda row: f"{path}:{rows[row][0]}")
    return BodyMotion(names, np.arange(len(rows)), motion, (None,) * len(names))


def tra_text(motion: BodyMotion, unit: str) -> str:
    """The .tra of all volumes in Autoscoper's plain form: rows, commas; frames left out are NaN."""
    unit_of(unit, "the .tra to be written", KIND)
    row_of = {int(frame): row for row, frame in enumerate(motion.frame)}
    matrices = motion.world_from_body.matrix().flatten(-2).tolist()
    lines = []
    for frame in range(max(row_of, default=-1) + 1):
        row = row_of.get(frame)
        bodies = [[np.nan] * 16 if row is None else body[row] for body in matrices]
        lines.append(",".join(cell for body in bodies for cell in _cells(body, unit)))
    return "".join(line + "\n" for line in lines)


def local_from_ct(ct_from_voxel: Float[np.ndarray, "4 4"], shape: tuple[int, int, int]) -> Rigid:
    """Autoscoper's frame of a CT whose voxels [i, j, k] are the stack's column, row, slice.

    x = (i + 0.5) sx, y = (H - j - 0.5) sy, z = -(k + 0.5) sz. ValueError where the stack mirrors
    the anatomy: then it must be exported anew, or its VolumeFlip undone.
    """
    sx, sy, sz = np.linalg.norm(ct_from_voxel[:3, :3], axis=0)
    local_from_voxel = np.diag([sx, -sy, -sz, 1.0])
    local_from_voxel[:3, 3] = [0.5 * sx, (shape[1] - 0.5) * sy, -0.5 * sz]
    try:
        return Rigid.from_matrix(local_from_voxel @ np.linalg.inv(ct_from_voxel))
    except ValueError as error:
        raise ValueError(f"the stack of slices does not lie in the CT as a body: {error}") from None


def _layout(path: Path, rows: Rows, width: int, asked: Layout | None) -> Layout:
    """The only layout that the numbers allow, or the one asked for among those."""
    allowed: list[Layout] = []
    solved = width % 16 == 0 and _solved_blocks(path, rows)
    if width % 16 == 0:
        blocks = np.array(solved or np.zeros((0, 16)), dtype=np.float64).reshape(-1, 16)
        last = np.abs(blocks[:, 15] - 1) <= TOLERANCE
        if (last & (np.abs(blocks[:, [12, 13, 14]]) <= TOLERANCE).all(1)).all():
            allowed.append("rows")
        if (last & (np.abs(blocks[:, [3, 7, 11]]) <= TOLERANCE).all(1)).all():
            allowed.append("columns")
    if width % 6 == 0:
        allowed.append("euler")
    if asked is not None and asked not in allowed:
        raise ValueError(
            f"{path}: the layout cannot be {asked}: "
            + (f"only {' or '.join(allowed)} fits its numbers" if allowed else "no layout fits")
        )
    if not allowed:
        raise ValueError(
            f"{path}: not matrices: {width} columns with neither 0 in elements 12 to 14 (rows) nor "
            "in 3, 7 and 11 (columns), and 1 in element 15, of every volume"
        )
    nothing_solved = width % 6 != 0 and not solved
    if asked is None and len(allowed) > 1 and not nothing_solved:
        raise ValueError(
            f"{path}: the layout can be read as {' or as '.join(allowed)}: a translation of 0 fits "
            f"both orders, and {width} columns may be 16 or 6 a volume; say which"
        )
    return asked or allowed[0]


def _solved_blocks(path: Path, rows: Rows) -> list[list[float]]:
    blocks = []
    for number, cells in rows:
        values = row_values(cells, ["mm"] * len(cells), f"{path}:{number}")
        for start in range(0, len(values), 16):
            if not np.isnan(values[start : start + 16]).any():
                blocks.append(values[start : start + 16])
    return blocks


def _matrices(
    path: Path, rows: Rows, layout: Layout, unit: str, angles: str | None
) -> Float[np.ndarray, "body frame 4 4"]:
    """Homogeneous matrices for column vectors, mm; NaN where a volume is unsolved."""
    size = 6 if layout == "euler" else 16
    bodies = len(rows[0][1]) // size
    units = [unit if place in LENGTHS[layout] else "mm" for place in range(size)] * bodies
    values = [row_values(cells, units, f"{path}:{number}") for number, cells in rows]
    blocks = np.array(values).reshape(len(rows), bodies, size)
    blocks[np.isnan(blocks[..., -1])] = np.nan  # as its reader does, the last number decides
    if (torn := np.isnan(blocks).any(-1) & ~np.isnan(blocks[..., -1])).any():
        row, body = np.argwhere(torn)[0]
        raise ValueError(f"{path}:{rows[row][0]}: volume {body + 1}: NaN must stand in all or none")
    blocks = np.swapaxes(blocks, 0, 1)
    if layout == "rows":
        return blocks.reshape(*blocks.shape[:2], 4, 4)
    if layout == "columns":
        return np.swapaxes(blocks.reshape(*blocks.shape[:2], 4, 4), -1, -2)
    matrices = np.broadcast_to(np.eye(4), (*blocks.shape[:2], 4, 4)).copy()
    turned = np.degrees(blocks[..., 3:]) if angles == "rad" else blocks[..., 3:]
    matrices[..., :3, :3], matrices[..., :3, 3] = rotation_zyx(turned), blocks[..., :3]
    return matrices


def _cells(values: list[float], unit: str) -> list[str]:
    if any(value != value for value in values):
        return ["NaN"] * 16
    units = [unit if place in LENGTHS["rows"] else "mm" for place in range(12)]
    return [*texts_of_mm(values[:12], units), "0", "0", "0", "1"]
