"""track.csv, read and written: the only place that knows its columns."""

import csv
from pathlib import Path

import numpy as np

from calibration import Rigid
from calibration.atomic import whole

from .track import STATUSES, Track

POSE = ("x_mm", "y_mm", "z_mm", "qw", "qx", "qy", "qz")
FIRST_TEN = ("frame", "time_s", "status", *POSE)
DEVIATIONS = ("sd_rotation_deg", "sd_translation_mm")
LARGEST_FRAME = 999_999
"""Lost frames that a file leaves out are filled in: a slip of a digit would fill the memory."""

FARTHEST_MM = 1e6
"""No head is a kilometre from the world's origin: a unit, or a decimal point, is wrong."""


def columns_of(view_names: tuple[str, ...]) -> tuple[str, ...]:
    """The header of the track.csv of these views."""
    return (
        *FIRST_TEN,
        *DEVIATIONS,
        *(f"reprojection_{name}_px" for name in view_names),
        *(f"similarity_{name}" for name in view_names),
        "landmarks_used",
        "flags",
    )


def write_track(path: str | Path, track: Track) -> None:
    """Write all columns of a track, whole or not at all."""
    rows = [[*_pose_cells(track, i), *_quality_cells(track, i)] for i in range(len(track))]
    _write_rows(Path(path), columns_of(track.view_names), rows)


def write_truth(path: str | Path, track: Track) -> None:
    """Write the first ten columns of a track, as truth.csv has them, whole or not at all."""
    _write_rows(Path(path), FIRST_TEN, [_pose_cells(track, i) for i in range(len(track))])


def read_track(path: str | Path) -> Track:
    """The track of a file with at least the first ten columns; a missing row is a lost frame.

    Raises:
        FileNotFoundError: no such file.
        ValueError: with file and line: a missing column, a cell that is no number, an unknown
            status, a position beyond 1e6 mm, a quaternion more than 1e-3 off unit norm, a frame
            given twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no track at {path}")
    header, lines = _table(path)
    if missing := [name for name in FIRST_TEN if name not in header]:
        raise ValueError(
            f"{path}:1: column {missing[0]!r} is missing; a track has {','.join(FIRST_TEN)}"
        )
    rows = {}
    for number, row in lines:
        where = f"{path}:{number}"
        cells = _checked_row(row, where)
        if cells["frame"] in rows:
            raise ValueError(f"{where}: frame {cells['frame']} is given twice")
        rows[cells["frame"]] = cells
    names = tuple(n[len("similarity_") :] for n in header if n.startswith("similarity_"))
    return _assembled(rows, names)


def _table(path: Path) -> tuple[tuple[str, ...], list[tuple[int, dict]]]:
    """The header, and every row with its line number."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval=None)
        try:
            header = tuple(reader.fieldnames or ())
            return header, [(reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not a CSV file in UTF-8: {error}") from None


def _checked_row(row: dict, where: str) -> dict:
    frame, time_s = _number(row, "frame", where), _number(row, "time_s", where)
    if not 0 <= frame <= LARGEST_FRAME or frame != int(frame):
        raise ValueError(
            f"{where}: frame must be a whole number from 0 to {LARGEST_FRAME}, "
            f"found {row['frame']!r}"
        )
    status = (row["status"] or "").strip()
    if status not in STATUSES:
        raise ValueError(f"{where}: status must be one of {', '.join(STATUSES)}, found {status!r}")
    pose = np.array([_number(row, name, where) for name in POSE])
    if status == "lost":
        pose = np.full(7, np.nan)
    elif np.isnan(pose).any():
        empty = POSE[int(np.argmax(np.isnan(pose)))]
        raise ValueError(f"{where}: {empty} is empty though the status is {status!r}, not 'lost'")
    if (far := np.flatnonzero(np.abs(pose[:3]) > FARTHEST_MM)).size:
        raise ValueError(
            f"{where}: {POSE[far[0]]} is {pose[far[0]]:g}, must be within {FARTHEST_MM:g} mm; "
            "is it in another unit?"
        )
    norm = float(np.linalg.norm(pose[3:]))
    if abs(norm - 1) > 1e-3:
        raise ValueError(f"{where}: quaternion of norm {norm:.6g}; must be 1 within 0.001")
    rest = {name: _number(row, name, where) for name in row if name and _is_number_column(name)}
    flags = tuple((row.get("flags") or "").split())
    return {
        "frame": int(frame),
        "time_s": time_s,
        "status": status,
        "pose": pose,
        "flags": flags,
        **{name: value for name, value in rest.items()},
    }


def _is_number_column(name: str) -> bool:
    return (
        name in DEVIATIONS
        or name == "landmarks_used"
        or name.startswith(("reprojection_", "similarity_"))
    )


def _number(row: dict, name: str, where: str) -> float:
    text = (row.get(name) or "").strip()
    if not text:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("inf")
    if np.isinf(value):
        raise ValueError(f"{where}: {name} must be a number, found {text!r}")
    return value


def _assembled(rows: dict[int, dict], view_names: tuple[str, ...]) -> Track:
    frames = np.arange(max(rows, default=-1) + 1)
    empty = {"status": "lost", "pose": np.full(7, np.nan), "flags": ()}
    cells = [rows.get(int(number), empty) for number in frames]

    def column(name: str) -> np.ndarray:
        return np.array([row.get(name, np.nan) for row in cells], dtype=np.float64)

    pose = np.array([row["pose"] for row in cells], dtype=np.float64).reshape(-1, 7)
    q = pose[:, 3:] / np.linalg.norm(pose[:, 3:], axis=1, keepdims=True)
    return Track(
        view_names=view_names,
        frame=frames,
        time_s=_filled_times(frames, column("time_s")),
        status=tuple(row["status"] for row in cells),
        world_from_ct=Rigid.from_quaternion(q, pose[:, :3]),
        sd_rotation_deg=column("sd_rotation_deg"),
        sd_translation_mm=column("sd_translation_mm"),
        reprojection_px=_stacked([column(f"reprojection_{n}_px") for n in view_names], frames),
        similarity=_stacked([column(f"similarity_{n}") for n in view_names], frames),
        landmarks_used=np.nan_to_num(column("landmarks_used")).astype(np.int64),
        flags=tuple(row["flags"] for row in cells),
        covariance=np.full((len(frames), 6, 6), np.nan),
    )


def _stacked(columns: list[np.ndarray], frames: np.ndarray) -> np.ndarray:
    return np.stack(columns) if columns else np.zeros((0, len(frames)))


def _filled_times(frames: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Times of missing rows on the straight line through the known ones' neighbours."""
    known = np.isfinite(time_s)
    if known.sum() < 2:
        return time_s
    return np.where(known, time_s, np.interp(frames, frames[known], time_s[known]))


def _pose_cells(track: Track, i: int) -> list[str]:
    head = [str(int(track.frame[i])), _cell(track.time_s[i], 6), track.status[i]]
    if track.status[i] == "lost":
        return [*head, *[""] * 7]
    motion = track.world_from_ct[i]
    position = [_cell(value, 6) for value in motion.t.tolist()]
    return [*head, *position, *(_cell(value, 10) for value in motion.quaternion().tolist())]


def _quality_cells(track: Track, i: int) -> list[str]:
    return [
        _cell(track.sd_rotation_deg[i], 5),
        _cell(track.sd_translation_mm[i], 5),
        *(_cell(value, 3) for value in track.reprojection_px[:, i]),
        *(_cell(value, 4) for value in track.similarity[:, i]),
        str(int(track.landmarks_used[i])),
        " ".join(track.flags[i]),
    ]


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else ""


def _write_rows(path: Path, header: tuple[str, ...], rows: list[list[str]]) -> None:
    with whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
