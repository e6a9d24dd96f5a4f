"""How far each frame of a track is from its true pose.

An error is a twist (v mm, w rad) that carries the truth to what was found, in the axes of the true
CT: v is how far the points' centroid is off, w the rotation vector of R_true^T R_found. The
components are to the right, to the front and upwards of the scanned head, however it is turned in
the world; the world's own axes mean nothing over several trials. The norms are the same in both.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .track import Track, at_frames


@dataclass(frozen=True)
class FrameErrors:
    """A row for each frame whose true pose is known; NaN where the track has none there."""

    status: tuple[str, ...]
    twist_ct: Float[np.ndarray, "frame 6"]
    mtre_mm: Float[np.ndarray, "frame"]
    sd_rotation_deg: Float[np.ndarray, "frame"]
    sd_translation_mm: Float[np.ndarray, "frame"]

    @property
    def rotation_deg(self) -> Float[np.ndarray, "frame"]:
        """The geodesic angle."""
        return np.degrees(np.linalg.norm(self.twist_ct[:, 3:], axis=-1))

    @property
    def translation_mm(self) -> Float[np.ndarray, "frame"]:
        """The distance of the points' centroid from where it should be."""
        return np.linalg.norm(self.twist_ct[:, :3], axis=-1)


def frame_errors(
    track: Track, truth: Track, points_ct: Float[np.ndarray, "point 3"]
) -> FrameErrors:
    """The errors at the frames whose true pose is known; other frames of the track do not count.

    Raises:
        ValueError: no points, a truth without any pose, or poses at other frames than the truth's.
    """
    points = np.asarray(points_ct, dtype=np.float64)
    if len(points) == 0:
        raise ValueError("errors need at least one point of the CT to be measured at, found none")
    known = truth.has_pose
    if not known.any():
        raise ValueError("the truth holds no pose: every frame of it is lost")
    truth = at_frames(truth, truth.frame[known])
    has_poses, track = track.has_pose.any(), at_frames(track, truth.frame)
    if has_poses and not track.has_pose.any():
        raise ValueError(
            f"track and truth share no frame: none of the {len(truth)} frames with a true pose has "
            "one in the track; do both count from the same frame?"
        )
    found, true = track.world_from_ct, truth.world_from_ct
    return FrameErrors(
        status=track.status,
        twist_ct=error_twists(found, true, points.mean(0)),
        mtre_mm=_mean_distance_mm(found, true, points),
        sd_rotation_deg=track.sd_rotation_deg,
        sd_translation_mm=track.sd_translation_mm,
    )


def error_twists(
    found: Rigid, true: Rigid, centre_ct: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "frame 6"]:
    """The twists (v mm, w rad) about a point in the true CT's axes; at 180 deg w has two signs."""
    back = true.R.mT
    off = back @ (found @ centre_ct - true @ centre_ct)[..., None]
    turn = Rigid(back @ found.R, off.new_zeros(found.t.shape))
    return np.concatenate([off[..., 0].numpy(), turn.log()[..., 3:].numpy()], axis=-1)


def pose_errors(
    world_from_ct: Rigid, truth: Rigid, points_ct: Float[np.ndarray, "point 3"]
) -> dict[str, Float[np.ndarray, "frame"]]:
    """Geodesic angle (deg), distance of the centroid and mean distance of the points (mm)."""
    twist = error_twists(world_from_ct, truth, points_ct.mean(0))
    return {
        "rotation_deg": np.degrees(np.linalg.norm(twist[:, 3:], axis=-1)),
        "translation_mm": np.linalg.norm(twist[:, :3], axis=-1),
        "mtre_mm": _mean_distance_mm(world_from_ct, truth, points_ct),
    }


def joined(errors: list[FrameErrors]) -> FrameErrors:
    """The frames of several trials as if they were one's; ValueError where there is none."""
    if not errors:
        raise ValueError("there is no trial to be evaluated")

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in errors])

    return FrameErrors(
        status=tuple(status for one in errors for status in one.status),
        twist_ct=column("twist_ct"),
        mtre_mm=column("mtre_mm"),
        sd_rotation_deg=column("sd_rotation_deg"),
        sd_translation_mm=column("sd_translation_mm"),
    )


def _mean_distance_mm(found: Rigid, true: Rigid, points_ct: np.ndarray) -> np.ndarray:
    moved, there = (motion[:, None] @ points_ct for motion in (found, true))
    return np.linalg.norm((moved - there).numpy(), axis=-1).mean(-1)
