"""A track: where the head is in every frame, how sure that is, and what spoke against it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from calibration import Rigid

STATUSES = ("ok", "doubtful", "lost")


@dataclass(frozen=True)
class Track:
    """One row a frame; a lost frame has NaN in its pose. Columns are those of track.csv.

    `covariance` is that of the twist described in `twist.py`; no file of ours but exposure.json
    holds it, so it is NaN in a track that was read.
    """

    view_names: tuple[str, ...]
    frame: Int[np.ndarray, "frame"]
    time_s: Float[np.ndarray, "frame"]
    status: tuple[str, ...]
    world_from_ct: Rigid
    sd_rotation_deg: Float[np.ndarray, "frame"]
    sd_translation_mm: Float[np.ndarray, "frame"]
    reprojection_px: Float[np.ndarray, "view frame"]
    similarity: Float[np.ndarray, "view frame"]
    landmarks_used: Int[np.ndarray, "frame"]
    flags: tuple[tuple[str, ...], ...]
    covariance: Float[np.ndarray, "frame 6 6"]

    def __post_init__(self):
        """ValueError on a status that is none, or frames that do not increase."""
        if unknown := sorted(set(self.status) - set(STATUSES)):
            raise ValueError(f"status must be one of {', '.join(STATUSES)}; found {unknown[0]!r}")
        if (np.diff(self.frame) <= 0).any():
            raise ValueError("the frames of a track must increase, each given once")

    def __len__(self) -> int:
        """The number of frames, lost ones too."""
        return len(self.frame)

    @property
    def has_pose(self) -> np.ndarray:
        """Which frames are ok or doubtful, (frame,) bool."""
        return np.array([status != "lost" for status in self.status], dtype=bool)

    @staticmethod
    def read(path: str | Path) -> "Track":
        """The track of a track.csv; the first ten columns suffice, a missing row is lost."""
        from .track_file import read_track

        return read_track(path)

    def write(self, path: str | Path) -> None:
        """Write track.csv, whole or not at all."""
        from .track_file import write_track

        write_track(path, self)


def track_of_poses(
    world_from_ct: Rigid,
    time_s: Float[np.ndarray, "frame"],
    status: tuple[str, ...] | None = None,
    frame: Int[np.ndarray, "frame"] | None = None,
) -> Track:
    """A track that knows only its poses, as a truth or a start has them; NaN poses are lost."""
    n = len(time_s)
    if status is None:
        known = np.isfinite(world_from_ct.matrix().numpy()).all((-2, -1))
        status = tuple(np.where(known, "ok", "lost").tolist())
    return Track(
        view_names=(),
        frame=np.arange(n) if frame is None else frame,
        time_s=np.asarray(time_s, dtype=np.float64),
        status=status,
        world_from_ct=world_from_ct,
        sd_rotation_deg=np.full(n, np.nan),
        sd_translation_mm=np.full(n, np.nan),
        reprojection_px=np.full((0, n), np.nan),
        similarity=np.full((0, n), np.nan),
        landmarks_used=np.zeros(n, dtype=np.int64),
        flags=((),) * n,
        covariance=np.full((n, 6, 6), np.nan),
    )


def at_frames(track: Track, frames: Int[np.ndarray, "wanted"]) -> Track:
    """The track's rows at these frames (increasing); a frame that it does not have is lost."""
    if len(track) == 0:
        unknown = np.full((len(frames), 12), np.nan)
        poses = Rigid(unknown[:, :9].reshape(-1, 3, 3), unknown[:, 9:])
        return track_of_poses(poses, unknown[:, 0], frame=np.asarray(frames))
    row_of = {int(number): row for row, number in enumerate(track.frame)}
    rows = np.array([row_of.get(int(number), -1) for number in frames], dtype=np.int64)
    missing = rows < 0
    motion = track.world_from_ct

    def picked(values: np.ndarray) -> np.ndarray:
        return np.where(missing, np.nan, values[..., rows])

    lost = torch.from_numpy(missing)
    return replace(
        track,
        frame=np.asarray(frames),
        time_s=picked(track.time_s),
        status=tuple("lost" if row < 0 else track.status[row] for row in rows),
        world_from_ct=Rigid(
            torch.where(lost[:, None, None], torch.nan, motion.R[rows]),
            torch.where(lost[:, None], torch.nan, motion.t[rows]),
        ),
        sd_rotation_deg=picked(track.sd_rotation_deg),
        sd_translation_mm=picked(track.sd_translation_mm),
        reprojection_px=picked(track.reprojection_px),
        similarity=picked(track.similarity),
        landmarks_used=np.where(missing, 0, track.landmarks_used[rows]),
        flags=tuple(() if row < 0 else track.flags[row] for row in rows),
        covariance=np.where(missing[:, None, None], np.nan, track.covariance[rows]),
    )
