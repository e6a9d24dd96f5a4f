"""Poses that a run of `track` has found so far: what was killed goes on from there.

A line a pose is added to `.track.journal` beside the track. Tracking asks for its poses in one
order, each by those before it, so that giving them back brings a new run to where the old one was.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from calibration import Rigid
from registration.frame_pose import FramePose

JOURNAL = ".track.journal"
FORMAT = "dualfluoro-journal"


@dataclass(frozen=True)
class Journal:
    """Poses by what they are of, and the open file to which new ones are added."""

    file: FileIO
    known: dict[str, list[dict]]

    def recall(self, what: str) -> Callable[[int, Callable[[], FramePose]], FramePose]:
        """Poses of the skull or of one body, given back or found, for `registration.tracking`."""
        waiting = iter(self.known.get(what, ()))

        def found(frame: int, find: Callable[[], FramePose]) -> FramePose:
            earlier = next(waiting, None)
            if earlier is not None and earlier["frame"] == frame:
                return pose_of(earlier)
            pose = find()
            _write_line(self.file, {"what": what, "frame": frame} | record_of(pose))
            return pose

        return found

    @property
    def count(self) -> int:
        """How many poses are known from an earlier run."""
        return sum(map(len, self.known.values()))


@contextmanager
def journal_of(folder: Path, key: str) -> Iterator[Journal]:
    """The journal of the run of a key; it is removed when the block is done.

    A journal of another key is begun anew; of one that a kill cut short the last line is taken off.

    Raises:
        ValueError: the folder cannot be written.
    """
    path = folder / JOURNAL
    known, length = _read(path, key)
    try:
        opened = path.open("r+b" if length else "wb", buffering=0)
    except OSError as error:
        raise ValueError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder: --out DIR"
        ) from None
    with opened as file:
        file.truncate(length)
        file.seek(length)
        if not length:
            _write_line(file, {"format": FORMAT, "key": key})
        empty = length or file.tell()
        try:
            yield Journal(file, known)
        finally:
            if file.tell() == empty and not known:  # it failed before it found anything
                path.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _write_line(file: FileIO, content: dict) -> None:
    rest = json.dumps(content).encode() + b"\n"
    try:
        while rest:  # a disk that becomes full takes a part, and refuses what is left
            rest = rest[file.write(rest) :]
    except OSError as error:
        error.filename = str(file.name)
        raise


def _read(path: Path, key: str) -> tuple[dict[str, list[dict]], int]:
    """The poses of a journal, and how many bytes of it are whole; none of another key."""
    known: dict[str, list[dict]] = {}
    length = 0
    with suppress(OSError, ValueError, KeyError, TypeError), path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            record = json.loads(line)
            if not length and record != {"format": FORMAT, "key": key}:
                break
            if length:
                pose_of(record)
                known.setdefault(record["what"], []).append(record)
            length += len(line)
    return known, length


def record_of(pose: FramePose) -> dict:
    """A pose as JSON that keeps every bit of its numbers."""
    motion = pose.world_from_ct
    return {
        "R": None if motion is None else motion.R.tolist(),
        "t": None if motion is None else motion.t.tolist(),
        "covariance": pose.covariance.tolist(),
        "similarity": pose.similarity.tolist(),
        "reprojection_px": pose.reprojection_px.tolist(),
        "landmarks_used": pose.landmarks_used,
        "flags": list(pose.flags),
    }


def pose_of(record: dict) -> FramePose:
    """The pose of a record; ValueError, KeyError or TypeError where it is none."""
    known = record["R"] is not None
    return FramePose(
        Rigid(np.array(record["R"], np.float64), np.array(record["t"], np.float64))
        if known
        else None,
        np.array(record["covariance"], np.float64),
        np.array(record["similarity"], np.float64),
        np.array(record["reprojection_px"], np.float64),
        int(record["landmarks_used"]),
        tuple(record["flags"]),
    )
