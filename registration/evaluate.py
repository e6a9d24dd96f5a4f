"""How far tracks are from the truth, as evaluation.json states it; docs/accuracy.md defines all."""

import numpy as np
from jaxtyping import Float

from .bland_altman import agreement
from .frame_errors import FrameErrors, frame_errors
from .frame_errors import pose_errors as pose_errors
from .sd_coverage import sd_coverage
from .track import Track

FALSE_OK_DEG = 2.0
FALSE_OK_MM = 2.0
BOUNDS = (0.2, 0.5, 1.0, 2.0)
"""Degrees and mm within which shares of the frames are counted."""


def evaluate(track: Track, truth: Track, points_ct: Float[np.ndarray, "point 3"]) -> dict:
    """Errors over the frames whose true pose is known, keyed as in evaluation.json.

    The points are the landmarks, or points of the bone: translation is measured at their
    centroid, mTRE is the mean distance over them. A frame that the track does not have is lost.

    Raises:
        ValueError: no points, a truth without any pose, or poses at other frames than the truth's.
    """
    return summary(frame_errors(track, truth, points_ct))


def summary(errors: FrameErrors) -> dict:
    """The figures of evaluation.json, of one trial's frames or of several trials' joined.

    Statistics are over ok and doubtful frames together, and again over ok alone (`_ok_only`); they
    are None where there is no such frame. Of the shares in `within`, those without the suffix are
    of all frames, lost ones being off by any amount.
    """
    status = np.array(errors.status)
    values = {name: getattr(errors, name) for name in ("rotation_deg", "translation_mm", "mtre_mm")}
    far = (values["rotation_deg"] > FALSE_OK_DEG) | (values["translation_mm"] > FALSE_OK_MM)
    result: dict = {
        "frames": len(status),
        **{s: int((status == s).sum()) for s in ("ok", "doubtful", "lost")},
        "false_ok": int((far & (status == "ok")).sum()),
    }
    with_pose = status != "lost"
    for suffix, of in (("", np.ones_like(with_pose)), ("_ok_only", status == "ok")):
        chosen = of & with_pose
        for name, value in values.items():
            result[name + suffix] = _statistics(value[chosen])
        result["within" + suffix] = _within(values, with_pose, of)
        result["agreement" + suffix] = agreement(errors.twist_ct[chosen])
        result["coverage" + suffix] = {
            name: sd_coverage(values[name][chosen], sd[chosen])
            for name, sd in (
                ("rotation_deg", errors.sd_rotation_deg),
                ("translation_mm", errors.sd_translation_mm),
            )
        }
    return result


def _within(
    values: dict[str, np.ndarray], with_pose: np.ndarray, of: np.ndarray
) -> dict[str, dict] | None:
    """Shares of the frames `of` that have a pose within each bound, by either error and by both."""
    if not of.any():
        return None
    shares: dict[str, dict] = {"rotation_deg": {}, "translation_mm": {}, "both": {}}
    for bound in BOUNDS:
        turn, shift = (
            (with_pose & (values[name] <= bound))[of] for name in ("rotation_deg", "translation_mm")
        )
        for name, inside in zip(shares, (turn, shift, turn & shift), strict=True):
            shares[name][f"{bound:g}"] = float(inside.mean())
    return shares


def _statistics(values: np.ndarray) -> dict[str, float] | None:
    if len(values) == 0:
        return None
    return {
        "median": float(np.median(values)),
        "mean": float(values.mean()),
        "p95": float(np.percentile(values, 95)),
        "max": float(values.max()),
    }
