"""motion.csv: the head's motion since its first pose, and each body's in the frame `skull`."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from calibration import Rigid
from calibration.atomic import whole
from registration import Track
from registration.relative_motion import MovingFrame, RelativeMotion, motion_in, motion_since

HEAD = "head"
ANGLES = ("flexion_x", "bending_y", "rotation_z")
"""In the order of the sequence: about x of the reference, the floating axis, z of the body."""
COLUMNS = (
    *(f"{axis}_mm" for axis in "xyz"),
    *(f"{angle}_deg" for angle in ANGLES),
    "helical_angle_deg",
    *(f"helical_axis_{axis}" for axis in "xyz"),
    *(f"helical_point_{axis}_mm" for axis in "xyz"),
    "helical_shift_mm",
    *(f"sd_{axis}_mm" for axis in "xyz"),
    *(f"sd_{angle}_deg" for angle in ANGLES),
    "sd_helical_angle_deg",
)


class TrackedFrame(NamedTuple):
    """A body's track, and its anatomical frame."""

    track: Track
    center_ct: np.ndarray
    """The point (mm) that the track's covariances are about."""
    frame_from_ct: Rigid

    @property
    def moving(self) -> MovingFrame:
        """The frame as it moves."""
        track = self.track
        return MovingFrame(
            track.world_from_ct, track.covariance, np.asarray(self.center_ct), self.frame_from_ct
        )


class MotionTable(NamedTuple):
    """The columns of a motion.csv; NaN where a cell is empty."""

    names: tuple[str, ...]
    """`head`, then the bodies."""
    time_s: np.ndarray
    columns: dict[str, np.ndarray]
    """By the name in the header, `head_x_mm`."""


def write_motion(path: Path, head: TrackedFrame, bodies: Mapping[str, TrackedFrame]) -> None:
    """Write motion.csv, whole or not at all; none, nor an old one, where the head has no pose."""
    skull = head.track
    if not skull.has_pose.any():
        path.unlink(missing_ok=True)
        return
    first = int(np.flatnonzero(skull.has_pose)[0])
    parts = {HEAD: (skull, _cells(motion_since(head.moving, first), skull.has_pose))}
    for name, body in bodies.items():
        known = skull.has_pose & body.track.has_pose
        parts[name] = body.track, _cells(motion_in(head.moving, body.moving), known)
    header = ["frame", "time_s"]
    header += [f"{name}_{column}" for name in parts for column in ("status", *COLUMNS)]
    with whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row, (frame, time_s) in enumerate(zip(skull.frame, skull.time_s, strict=True)):
            cells = [str(int(frame)), _text(time_s)]
            for track, values in parts.values():
                cells += [track.status[row], *map(_text, values[row])]
            writer.writerow(cells)


def read_motion(path: Path) -> MotionTable:
    """The table of a motion.csv.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: with file and line: a column is missing, or a cell is no number.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        try:
            header, rows = next(reader, []), list(reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not a CSV file in UTF-8: {error}") from None
    names = tuple(cell[: -len("_status")] for cell in header if cell.endswith("_status"))
    expected = ["frame", "time_s", *(f"{n}_{c}" for n in names for c in ("status", *COLUMNS))]
    if header != expected or not names:
        raise ValueError(
            f"{path}:1: not the columns of a motion.csv; make it with: dualfluoro track"
        )
    numbers = np.full((len(rows), len(header)), np.nan)
    for row, cells in enumerate(rows):
        if len(cells) != len(header):
            raise ValueError(f"{path}:{row + 2}: expected {len(header)} cells, found {len(cells)}")
        for place, (name, cell) in enumerate(zip(header, cells, strict=True)):
            if not name.endswith("_status") and cell:
                numbers[row, place] = _number(cell, f"{path}:{row + 2}: {name}")
    columns = {name: numbers[:, place] for place, name in enumerate(header)}
    return MotionTable(names, columns["time_s"], columns)


def _cells(motion: RelativeMotion, known: np.ndarray) -> np.ndarray:
    """The values of COLUMNS, a row a frame, NaN where unknown."""
    if not known.any():
        return np.full((len(known), len(COLUMNS)), np.nan)
    since = motion.since(int(np.flatnonzero(known)[0]))
    axes = since.axes
    return np.column_stack(
        [
            motion.position_mm,
            motion.angles_deg,
            axes.turn_deg,
            axes.direction,
            axes.point_mm,
            axes.shift_mm,
            motion.position_sd_mm,
            motion.angles_sd_deg,
            since.turn_sd_deg,
        ]
    )


def _text(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{where} must be a number, found {cell!r:.40}")
    return value
