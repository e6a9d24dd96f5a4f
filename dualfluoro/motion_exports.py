"""Motions for OpenSim (.mot, .trc) and as C3D: frames, landmarks and times brought together."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration import Rigid
from detector import read_landmarks
from exposure import skull_from_ct
from registration import Track, at_frames
from registration.body_motion import BodyMotion
from registration.c3d_file import write_c3d
from registration.opensim_mot import OPENSIM_FROM_RAS, Y_UP_FROM, mot_text
from registration.opensim_trc import trc_text

from .file_facts import FileFacts

EXPORTS = ("mot", "trc", "c3d")
UP = "x, -x, y, -y, z or -z, the axis of the world that points up"
LANDMARKS = "the landmarks of each body in its CT, which become markers; once a body, in order"
NEEDED_TO_EXPORT = {
    "mot": {"up": UP},
    "trc": {"up": UP, "landmarks": LANDMARKS},
    "c3d": {"landmarks": LANDMARKS},
}
OPTIONAL_TO_EXPORT = {"mot": {"landmarks"}}
UNEVEN = 1e-3
"""Of a frame: steps that differ by more have no rate."""


def read_tracks(sources: Sequence[Path]) -> BodyMotion:
    """The motions of a track.csv a body: `head` of track.csv, NAME of track_NAME.csv.

    Raises:
        ValueError: two files of one body, or with different times of a frame.
    """
    tracks = [Track.read(path) for path in sources]
    frames = np.arange(max((int(t.frame[-1]) + 1 for t in tracks if len(t)), default=0))
    padded = [at_frames(track, frames) for track in tracks]
    times = np.full(len(frames), np.nan)
    for path, track in zip(sources, padded, strict=True):
        off = np.abs(track.time_s - times)
        if (off > 1e-5).any():
            frame = int(np.nanargmax(off))
            raise ValueError(
                f"{path}: frame {frame} is at {track.time_s[frame]:g} s, in {sources[0]} at "
                f"{times[frame]:g} s: are they tracks of one trial?"
            )
        times = np.where(np.isnan(times), track.time_s, times)
    R = np.stack([track.world_from_ct.R.numpy() for track in padded])
    t = np.stack([track.world_from_ct.t.numpy() for track in padded])
    names = tuple(_name(path) for path in sources)
    return BodyMotion(names, frames, Rigid(R, t), (None,) * len(names), times)


def write_export(name: str, path: Path, motion: BodyMotion, facts: FileFacts) -> None:
    """Write the motion of CTs in one of the EXPORTS at a path."""
    motion = _without_holes(motion)
    time_s = times_of(motion, facts)
    points = _points(motion, facts)
    if name == "mot":
        text = _mot(motion, time_s, points, facts)
    else:
        markers, points_mm = _markers(motion, points)
        rate_hz = _rate_hz(time_s, facts)
        if name == "c3d":
            write_c3d(path, markers, points_mm, rate_hz)
            return
        y_up = points_mm @ np.array(Y_UP_FROM[facts.up or "y"]).T
        text = trc_text("dualfluoro.trc", markers, time_s, y_up, rate_hz)
    path.write_text(text, encoding="utf-8")


def _without_holes(motion: BodyMotion) -> BodyMotion:
    """The motion with a row for every frame between its first and last, NaN where it has none."""
    frames = motion.frame
    if len(frames) == 0:
        raise ValueError("there is no frame to be written")
    row_of = np.full(int(frames[-1] - frames[0]) + 1, -1)
    row_of[frames - frames[0]] = np.arange(len(frames))
    if (row_of >= 0).all():
        return motion
    R, t = (
        part.numpy()[:, row_of] for part in (motion.world_from_body.R, motion.world_from_body.t)
    )
    R[:, row_of < 0], t[:, row_of < 0] = np.nan, np.nan
    every = np.arange(frames[0], frames[-1] + 1)
    return replace(motion, frame=every, world_from_body=Rigid(R, t), time_s=None)


def _name(path: Path) -> str:
    found = re.fullmatch(r"(?:track|smoothed|truth)(?:_(.+))?", path.stem)
    return (found[1] or "head") if found else path.stem


def times_of(motion: BodyMotion, facts: FileFacts) -> np.ndarray:
    """Seconds, one a frame: those of the file, or by the rate."""
    if motion.time_s is not None:
        if not np.isfinite(motion.time_s).all():
            raise ValueError("the track lacks the times of some frames")
        return motion.time_s
    if facts.rate_hz is None or not 0 < facts.rate_hz < np.inf:
        raise ValueError(f"--rate-hz must be a positive number, found {facts.rate_hz}")
    return motion.frame / facts.rate_hz


def _points(motion: BodyMotion, facts: FileFacts) -> list[dict[str, np.ndarray]]:
    """The landmarks of each body, ct mm."""
    given = [read_landmarks(path) for path in facts.landmarks]
    if len(given) not in (0, len(motion.names)):
        raise ValueError(
            f"--landmarks: {len(given)} files for {len(motion.names)} bodies "
            f"({', '.join(motion.names)}); give one a body, in this order, or choose with --body"
        )
    return given


def _mot(motion: BodyMotion, time_s: np.ndarray, points: list[dict], facts: FileFacts) -> str:
    """The first body in the ground, the others in the first."""
    turn = Rigid(OPENSIM_FROM_RAS, np.zeros(3))
    frames = [turn] * len(motion.names)
    for n, its in enumerate(points):
        frames[n] = turn @ skull_from_ct(its, np.mean(list(its.values()), axis=0))[0]
    ground_from_world = Rigid(np.array(Y_UP_FROM[facts.up or "y"]), np.zeros(3))
    first = ground_from_world @ motion.world_from_body[0] @ frames[0].inverse()
    joints, poses = [motion.names[0]], [first]
    for n, name in enumerate(motion.names[1:], 1):
        body = ground_from_world @ motion.world_from_body[n] @ frames[n].inverse()
        joints.append(name)
        poses.append(first.inverse() @ body)
    R, t = (np.stack([getattr(pose, part).numpy() for pose in poses]) for part in ("R", "t"))
    return mot_text("dualfluoro", joints, time_s, Rigid(R, t))


def _markers(motion: BodyMotion, points: list[dict]) -> tuple[list[str], np.ndarray]:
    """Names, and places in the world (frame, marker, 3), mm, of every frame from 0 to the last."""
    shared = len({name for its in points for name in its}) < sum(map(len, points))
    names, places = [], []
    for n, its in enumerate(points):
        if not its:
            raise ValueError(f"--landmarks: the file of {motion.names[n]} holds no point")
        names += [f"{motion.names[n]}_{name}" if shared else name for name in its]
        moving = motion.world_from_body[n]
        places.append((moving[:, None] @ np.stack(list(its.values()))).numpy())
    return names, np.concatenate(places, axis=1)


def _rate_hz(time_s: np.ndarray, facts: FileFacts) -> float:
    """Frames a second; ValueError where they are not evenly spaced."""
    if facts.rate_hz is not None:
        return float(facts.rate_hz)
    if len(time_s) < 2:
        raise ValueError("the rate cannot be told from fewer than two frames")
    steps = np.diff(time_s)
    mean = float(steps.mean())
    if not (mean > 0 and (np.abs(steps - mean) < UNEVEN * mean + 2e-6).all()):
        raise ValueError(
            "the frames are not evenly spaced in time, as .trc and .c3d have them: steps of "
            f"{steps.min():g} to {steps.max():g} s"
        )
    return float(f"{1 / mean:.5g}")
