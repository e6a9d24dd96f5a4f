"""A body through time, frame by frame against the skull that is known already."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float

from calibration import Rig, Rigid

from .body_model import BodyModel
from .body_refine import refine_body, seen_shares
from .frame_flags import TrackingConfig, image_flags
from .frame_pose import Moment
from .refine_pose import RefinedPose
from .track import Track, at_frames
from .twist import distance_between, moved_rigid, sd_of, twist_between
from .view_times import moment_of, rig_in_motion

NEAR_LEVEL = 1
"""Of the pyramid: a pose told by a neighbour needs no coarser one."""
BODY_OK_DEG, BODY_OK_MM = 1.2, 0.8
"""Larger deviations are doubtful: wider than the skull's, as a body hides behind it."""

LEAST_SEEN = 0.08
"""Of the body's shadow in a view; where the spine covers more, a jaw was 2 mm and 2.6 deg off."""


def track_body(
    rig: Rig,
    moments: Sequence[Moment],
    model: BodyModel,
    skull: Track,
    start: Track | None = None,
    config: TrackingConfig | None = None,
    time_offsets_s: Sequence[float] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Track:
    """The track of a body in the CT of a head; a frame in which the skull is lost is lost.

    Each frame starts from the skull's pose, from how the body lay in the skull in the frame
    before, and from `start` where it has a pose; the most similar end is taken.
    """
    config = config or TrackingConfig(sd_ok_deg=BODY_OK_DEG, sd_ok_mm=BODY_OK_MM)
    count = len(moments)
    given = None if start is None else at_frames(start, np.arange(count))
    velocity = _velocities(skull, model.rest.centre_ct)
    found: list[RefinedPose | None] = []
    seen = np.full(count, np.nan)
    before: Rigid | None = None
    for k in range(count):
        found.append(None)
        if skull.has_pose[k]:
            pose = skull.world_from_ct[k]
            starts = [(pose, 0)]
            if before is not None:
                starts.insert(0, (pose @ before, NEAR_LEVEL))
            if given is not None and given.has_pose[k]:
                starts.append((given.world_from_ct[k], 0))
            moment = moments[k]
            if any(time_offsets_s) and np.isfinite(velocity[k]).all():
                centre = (pose @ model.rest.centre_ct).numpy()
                moment = moment_of(moment, rig_in_motion(rig, time_offsets_s, velocity[k], centre))
            ends = [refine_body(moment.radiographs, model, pose, s, n) for s, n in starts]
            best = max(ends, key=lambda end: end.similarity.mean())
            found[k] = best
            shares = seen_shares(moment.radiographs, model, pose, best.world_from_ct)
            seen[k] = shares.min()
            if best.similarity.min() >= config.similarity_ok:
                before = pose.inverse() @ best.world_from_ct
        if progress is not None:
            progress(k + 1, count)
    return _assembled(rig, found, seen < LEAST_SEEN, skull, model.body.centre_ct, config)


def _velocities(skull: Track, centre_ct: np.ndarray) -> Float[np.ndarray, "frame 6"]:
    """The skull's velocity (mm / s, rad / s) by its neighbours, NaN where they have no pose."""
    velocity = np.full((len(skull), 6), np.nan)
    if len(skull) > 2:
        step = twist_between(skull.world_from_ct[:-2], skull.world_from_ct[2:], centre_ct)
        velocity[1:-1] = step / (skull.time_s[2:] - skull.time_s[:-2])[:, None]
        velocity[0], velocity[-1] = velocity[1], velocity[-2]
    return velocity


def _jumps(found: list[RefinedPose | None], skull: Track, centre_ct, config) -> list[bool]:
    """Which frames leave the straight way between their neighbours, as seen from the skull."""
    jumps = [False] * len(found)
    for k in range(1, len(found) - 1):
        ends = [found[n] for n in (k - 1, k, k + 1)]
        if any(end is None for end in ends):
            continue
        before, here, after = (
            skull.world_from_ct[n].inverse() @ end.world_from_ct
            for n, end in zip((k - 1, k, k + 1), ends, strict=True)
            if end is not None
        )
        gaps_s = np.diff(skull.time_s[k - 1 : k + 2])
        if not (gaps_s > 0).all():
            continue
        way = twist_between(before, after, centre_ct) * gaps_s[0] / gaps_s.sum()
        mm, deg = distance_between(moved_rigid(before, way, centre_ct), here, centre_ct)
        jumps[k] = mm > config.agree_mm or deg > config.agree_deg
    return jumps


def _assembled(
    rig: Rig,
    found: list[RefinedPose | None],
    hidden: Bool[np.ndarray, "frame"],
    skull: Track,
    centre_ct: np.ndarray,
    config: TrackingConfig,
) -> Track:
    """The columns of the body's track, with the flags that speak against each pose."""
    count, views = len(found), len(rig)
    R = torch.full((count, 3, 3), torch.nan, dtype=torch.float64)
    t = torch.full((count, 3), torch.nan, dtype=torch.float64)
    covariance, sd = np.full((count, 6, 6), np.nan), np.full((count, 2), np.nan)
    similarity = np.full((views, count), np.nan)
    status, flags = [], []
    for k, jump in enumerate(_jumps(found, skull, centre_ct, config)):
        end, said = found[k], ()
        if end is None:
            said = ("skull_lost",)
        else:
            similarity[:, k] = end.similarity
            said = image_flags(end, config)
            said += ("little_in_view",) * bool(hidden[k])
            said += ("jump",) * jump + ("skull_doubtful",) * (skull.status[k] == "doubtful")
        if end is None or end.similarity.mean() < config.similarity_lost:
            status.append("lost")
        else:
            status.append("doubtful" if said else "ok")
            R[k], t[k] = end.world_from_ct.R, end.world_from_ct.t
            covariance[k], sd[k] = end.covariance, sd_of(end.covariance)
        flags.append(said)
    return Track(
        view_names=rig.names,
        frame=np.arange(count),
        time_s=skull.time_s,
        status=tuple(status),
        world_from_ct=Rigid(R, t),
        sd_rotation_deg=sd[:, 1],
        sd_translation_mm=sd[:, 0],
        reprojection_px=np.full((views, count), np.nan),
        similarity=similarity,
        landmarks_used=np.zeros(count, dtype=np.int64),
        flags=tuple(flags),
        covariance=covariance,
    )
