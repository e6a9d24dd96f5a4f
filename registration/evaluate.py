"""How far a track is from the truth, as evaluation.json states it."""

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .reprojection import Array
from .track import Track, at_frames

FALSE_OK_DEG = 2.0
FALSE_OK_MM = 2.0


def evaluate(track: Track, truth: Track, points_ct: Float[Array, "point 3"]) -> dict:
    """Errors over the frames whose true pose is known, keyed as in evaluation.json.

    The points are the landmarks, or points of the bone: translation is measured at their
    centroid, mTRE is the mean distance over them. A frame that the track does not have is lost.
    Statistics are over ok and doubtful frames together, and again over ok alone (`_ok_only`);
    they are None where there is no such frame.

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
    errors = pose_errors(track.world_from_ct, truth.world_from_ct, points)
    status = np.array(track.status)
    result: dict = {
        "frames": len(truth),
        **{s: int((status == s).sum()) for s in ("ok", "doubtful", "lost")},
    }
    far = (errors["rotation_deg"] > FALSE_OK_DEG) | (errors["translation_mm"] > FALSE_OK_MM)
    result["false_ok"] = int((far & (status == "ok")).sum())
    for suffix, chosen in (("", status != "lost"), ("_ok_only", status == "ok")):
        for name, values in errors.items():
            result[name + suffix] = _statistics(values[chosen])
    return result


def pose_errors(
    world_from_ct: Rigid, truth: Rigid, points_ct: Float[np.ndarray, "point 3"]
) -> dict[str, Float[np.ndarray, "frame"]]:
    """Geodesic angle (deg), distance of the centroid and mean distance of the points (mm)."""
    turn = Rigid(world_from_ct.R @ truth.R.mT, world_from_ct.t.new_zeros(world_from_ct.t.shape))
    centre = points_ct.mean(0)
    off = (world_from_ct @ centre - truth @ centre).numpy()
    moved, true = (motion[:, None] @ points_ct for motion in (world_from_ct, truth))
    return {
        "rotation_deg": np.degrees(np.linalg.norm(turn.log()[..., 3:].numpy(), axis=-1)),
        "translation_mm": np.linalg.norm(off, axis=-1),
        "mtre_mm": np.linalg.norm((moved - true).numpy(), axis=-1).mean(-1),
    }


def _statistics(values: np.ndarray) -> dict[str, float] | None:
    if len(values) == 0:
        return None
    return {
        "median": float(np.median(values)),
        "mean": float(values.mean()),
        "p95": float(np.percentile(values, 95)),
        "max": float(values.max()),
    }
