"""A head through time: predict, refine, verify; forward, then backward over what failed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from calibration import Rig, Rigid

from .frame_pose import FramePose, Moment, Subject, TrackingConfig, locate
from .smoother import smoothed
from .track import Track, at_frames
from .twist import distance_between, moved_rigid, twist_between
from .view_times import moment_of, rig_in_motion

REACH_FRAMES = 3
"""A good frame predicts others as far as this."""
MOTION_PASSES = 3
"""Passes over all frames in which views of different times are brought to one motion."""


def track_frames(
    rig: Rig,
    moments: Sequence[Moment],
    subject: Subject,
    time_s: Float[np.ndarray, "frame"],
    start: Track | None = None,
    config: TrackingConfig | None = None,
    time_offsets_s: Sequence[float] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Track:
    """The track of a head over all moments; every frame has a row, lost ones too.

    `moments` may load each moment when asked for it: only one is held at a time. Those that
    failed are asked for again in the backward pass.

    Args:
        start: poses to try first, as `--init` gives them; the detector is not needed then.
        time_offsets_s: how much later than the frame's time each view is exposed; the poses are
            of the frame's time. All at once, without it.
        progress: called with (frames done, of) after each frame.

    Raises:
        ValueError: times that do not fit the moments, or neither landmarks nor a start.
    """
    config = config or TrackingConfig()
    if len(time_s) != len(moments):
        raise ValueError(f"{len(time_s)} times for {len(moments)} frames")
    if subject.points_ct is None and (start is None or not start.has_pose.any()):
        raise ValueError(
            "tracking needs the detector's landmarks or an initial track; neither given"
        )
    given = _given_poses(start, len(moments))
    still = not any(time_offsets_s)
    found: list[FramePose | None] = [None] * len(moments)

    def located(k: int, predictions: tuple[Rigid, ...], velocity: np.ndarray | None) -> FramePose:
        if still or velocity is None or not predictions:
            return locate(rig, moments[k], subject, predictions, config)
        centre = (predictions[0] @ subject.centre_ct).numpy()
        moved = rig_in_motion(rig, time_offsets_s, velocity, centre)
        return locate(moved, moment_of(moments[k], moved), subject, predictions, config)

    for k in range(len(moments)):
        velocity = None if still else _velocity(found, k, time_s, subject)
        found[k] = located(k, _predictions(found, given, k, -1, subject), velocity)
        if progress is not None:
            progress(k + 1, len(moments))
    for k in reversed(range(len(moments) - 1)):
        before = found[k]
        if before is None or before.status == "ok":
            continue
        predictions = _predictions(found, [None] * len(moments), k, 1, subject)
        if predictions and subject.model is not None:
            again = located(k, predictions, None)
            found[k] = max(before, again, key=lambda pose: pose.trust)
    poses = [pose for pose in found if pose is not None]
    if not still:
        poses = _with_one_motion(rig, poses, time_s, subject, located, config)
    return _assembled(rig, _checked_in_time(poses, subject, config), time_s)


def _with_one_motion(rig, poses, time_s, subject, located, config) -> list[FramePose]:
    """The poses found anew with the velocities of the smoothed track."""
    for _ in range(MOTION_PASSES):
        track = _assembled(rig, poses, time_s)
        if track.has_pose.sum() < 3:
            return poses
        motion = smoothed(track, subject.centre_ct)
        poses = list(poses)
        for place, k in enumerate(motion.row):
            start = motion.world_from_ct[place]
            again = located(int(k), (start,), motion.velocity[place])
            if again.world_from_ct is not None:
                poses[k] = again
    return poses


def _velocity(found, k: int, time_s: np.ndarray, subject: Subject) -> np.ndarray | None:
    """The head's velocity by the last two good frames, where they are near."""
    good = [
        n
        for n in range(k - 1, max(k - 1 - REACH_FRAMES, -1), -1)
        if found[n] is not None and found[n].status != "lost"
    ]
    if len(good) < 2 or not time_s[good[0]] > time_s[good[1]]:
        return None
    near, far = (found[n].world_from_ct for n in good[:2])
    return twist_between(far, near, subject.centre_ct) / (time_s[good[0]] - time_s[good[1]])


def _given_poses(start: Track | None, frames: int) -> list[Rigid | None]:
    if start is None:
        return [None] * frames
    start = at_frames(start, np.arange(frames))
    return [start.world_from_ct[k] if has else None for k, has in enumerate(start.has_pose)]


def _predictions(found, given, k: int, side: int, subject: Subject) -> tuple[Rigid, ...]:
    """Where the head should be: by the given start, and by the good frames on one side of k."""
    poses = [given[k]] if given[k] is not None else []
    good = [
        n
        for n in (k + side * step for step in range(1, REACH_FRAMES + 1))
        if 0 <= n < len(found) and found[n] is not None and found[n].status == "ok"
    ]
    if good:
        near = found[good[0]].world_from_ct
        if len(good) > 1:
            far = found[good[1]].world_from_ct
            step = twist_between(far, near, subject.centre_ct)
            share = abs(k - good[0]) / abs(good[0] - good[1])
            poses.append(moved_rigid(near, step * min(share, 1.0), subject.centre_ct))
        else:
            poses.append(near)
    return tuple(poses)


def _checked_in_time(
    poses: list[FramePose], subject: Subject, config: TrackingConfig
) -> list[FramePose]:
    """The poses with the flags that only the whole track can raise: similarity_drop and jump."""
    similar = np.stack([pose.similarity for pose in poses])
    known = np.array([pose.status == "ok" for pose in poses])
    usual = np.median(similar[known], axis=0) if known.any() else np.full(similar.shape[1], np.nan)
    jumps = _jumps(poses, subject.centre_ct, config)
    checked = []
    for pose, jump in zip(poses, jumps, strict=True):
        flags = list(pose.flags)
        if (pose.similarity < config.similarity_drop * usual).any():
            flags.append("similarity_drop")
        if jump:
            flags.append("jump")
        checked.append(replace(pose, flags=tuple(flags)))
    return checked


def _jumps(poses: list[FramePose], centre_ct: np.ndarray, config: TrackingConfig) -> list[bool]:
    """Which frames leave the middle of their neighbours further than the track usually does."""
    away = np.full((len(poses), 2), np.nan)
    for k in range(1, len(poses) - 1):
        before, here, after = (poses[n].world_from_ct for n in (k - 1, k, k + 1))
        if before is None or here is None or after is None:
            continue
        half = twist_between(before, after, centre_ct) / 2
        away[k] = distance_between(moved_rigid(before, half, centre_ct), here, centre_ct)
    known = np.isfinite(away[:, 0])
    usual = np.median(away[known], axis=0) if known.any() else np.zeros(2)
    limit = np.maximum([config.agree_mm, config.agree_deg], 6 * usual)
    return [bool((row > limit).any()) for row in away]


def _assembled(rig: Rig, poses: list[FramePose], time_s: np.ndarray) -> Track:
    """The track's columns from its frames."""
    n = len(poses)
    R, t = np.full((n, 3, 3), np.nan), np.full((n, 3), np.nan)
    for k, pose in enumerate(poses):
        if pose.world_from_ct is not None:
            R[k], t[k] = pose.world_from_ct.R.numpy(), pose.world_from_ct.t.numpy()
    covariance = np.array([pose.covariance for pose in poses]).reshape(n, 6, 6)
    sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).reshape(n, 2, 3).sum(-1)).T
    return Track(
        view_names=rig.names,
        frame=np.arange(n),
        time_s=np.asarray(time_s, dtype=np.float64),
        status=tuple(pose.status for pose in poses),
        world_from_ct=Rigid(R, t),
        sd_rotation_deg=np.degrees(sd[1]),
        sd_translation_mm=sd[0],
        reprojection_px=np.array([pose.reprojection_px for pose in poses]).reshape(n, -1).T,
        similarity=np.array([pose.similarity for pose in poses]).reshape(n, -1).T,
        landmarks_used=np.array([pose.landmarks_used for pose in poses], dtype=np.int64),
        flags=tuple(pose.flags for pose in poses),
        covariance=covariance,
    )
