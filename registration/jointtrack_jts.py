"""Poses of JointTrack and JTML (.jts, .jtak, .jtap): a row a frame, for one camera and one model.

x, y, z in mm and z, x, y rotations in degrees, R = Rz Rx Ry, in a camera that looks along -z with y
upwards. Not stored: which camera, the model's frame (that of its STL), the frame numbers.
"""

import re
import warnings
from pathlib import Path

import numpy as np

from calibration import Rigid
from calibration.euler_angles import angles_zxy, rotation_zxy
from calibration.jointtrack_calibration import OURS_FROM_FILE
from calibration.number_lines import is_number, shown, text_lines

HEADERS = {".jts": "JT_EULER_312", ".jtak": "JTA_EULER_KINEMATICS", ".jtap": "JTA_EULER_POSE"}
TITLES = ["x_tran", "y_tran", "z_tran", "z_rot", "x_rot", "y_rot"]
MISSING = "NOT_OPTIMIZED"


def read_jointtrack_poses(path: str | Path, frame_count: int | None = None) -> Rigid:
    """Cam_from_model (mm) of every row, NaN where it was not optimized.

    Warns of a last row that is cut off and skipped, and of a number of rows that is not
    `frame_count`. ValueError, with file and line, on another header, titles in another order, what
    is no number.
    """
    path = Path(path)
    lines = text_lines(path, "JointTrack pose file")
    if not lines or lines[0] not in HEADERS.values():
        found = shown(lines[0]) if lines else "an empty file"
        raise ValueError(
            f"{path}:1: not a JointTrack pose file, expected {', '.join(HEADERS.values())}, "
            f"found {found}"
        )
    titles = _cells(lines[1]) if len(lines) > 1 else []
    if titles != TITLES:
        raise ValueError(
            f"{path}:2: expected the titles {', '.join(TITLES)}, found {shown(', '.join(titles))}"
        )
    rows = [(number, _cells(line)) for number, line in enumerate(lines[2:], 3) if line]
    if rows and len(rows[-1][1]) < 6 and rows[-1][1][0] != MISSING:
        warnings.warn(
            f"{path}:{rows[-1][0]}: the last row is cut off, it was skipped", stacklevel=2
        )
        rows.pop()
    if lines[0] == HEADERS[".jtap"] and len(rows) != 1:
        raise ValueError(f"{path}: {lines[0]} holds one pose, found {len(rows)}")
    if frame_count is not None and len(rows) != frame_count:
        warnings.warn(f"{path}: {len(rows)} rows for {frame_count} frames", stacklevel=2)
    values = np.array([_row(cells, f"{path}:{number}") for number, cells in rows]).reshape(-1, 6)
    return OURS_FROM_FILE @ Rigid(rotation_zxy(values[:, 3:]), values[:, :3])


def jointtrack_poses_text(cam_from_model: Rigid, ending: str) -> str:
    """The file of one camera's poses; `ending` is .jts, .jtak or .jtap (one pose)."""
    if ending not in HEADERS:
        raise ValueError(f"a JointTrack pose file ends in {', '.join(HEADERS)}, not {ending!r}")
    if ending == ".jtap" and len(cam_from_model.t) != 1:
        raise ValueError(f"a .jtap holds one pose, not {len(cam_from_model.t)}; write a .jtak")
    motion = OURS_FROM_FILE @ cam_from_model
    values = np.hstack([motion.t.numpy(), angles_zxy(motion.R.numpy())])
    lines = [HEADERS[ending], ", ".join(TITLES)]
    for row in values.tolist():
        known = not np.isnan(row).any()
        lines.append(", ".join(repr(x + 0.0) if known else MISSING for x in row))
    return "\n".join(lines) + "\n"


def _cells(line: str) -> list[str]:
    return [cell for cell in re.split(r"[\s,]+", line) if cell]


def _row(cells: list[str], where: str) -> list[float]:
    if cells[0] == MISSING:
        return [np.nan] * 6
    if len(cells) != 6 or not all(map(is_number, cells)):
        raise ValueError(f"{where}: expected 6 finite numbers, found {shown(' '.join(cells))}")
    return list(map(float, cells))
