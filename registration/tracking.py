"""A head through time: predict, refine, verify; from the first start, then over what failed."""

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

REACH_FRAMES, REACH_S = 3, 0.1
"""A good frame predicts others as far as the farther of these."""
Recall = Callable[[int, Callable[[], FramePose]], FramePose]
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
    recall: Recall | None = None,
) -> Track:
    """The track of a head over all moments; every frame has a row, lost ones too.

    `moments` may load each moment when asked for it: only one is held at a time. Those that
    failed are asked for again, from their other side. Without landmarks, frames before the first
    start are followed backward from it.

    Args:
        start: poses to try first, as `--init` gives them; the detector is not needed then.
        time_offsets_s: how much later than the frame's time each view is exposed; the poses are
            of the frame's time. All at once, without it.
        progress: called with (frames done, of) after each frame.
        recall: is asked for every pose, with the frame and a function that finds it. The order is
            always the same: what an earlier run found may be given back in place of finding it.

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
        if recall is None:
            return placed(k, predictions, velocity)
        return recall(k, lambda: placed(k, predictions, velocity))

    def placed(k: int, predictions: tuple[Rigid, ...], velocity: np.ndarray | None) -> FramePose:
        if still or velocity is None or not predictions:
            return locate(rig, moments[k], subject, predictions, config)
        centre = (predictions[0] @ subject.centre_ct).numpy()
        moved = rig_in_motion(rig, time_offsets_s, velocity, centre)
        return locate(moved, moment_of(moments[k], moved), subject, predictions, config)

    count, nothing = len(moments), [None] * len(moments)
    starts = [k for k, pose in enumerate(given) if pose is not None]
    first = starts[0] if starts and subject.points_ct is None else 0
    for done, k in enumerate([*range(first, count), *reversed(range(first))], 1):
        forward = k >= first
        velocity = _velocity(found, k, time_s, subject) if forward and not still else None
        side = -1 if forward else 1
        found[k] = located(k, _predictions(found, given, k, side, time_s, subject), velocity)
        if progress is not None:
            progress(done, count)
    for k in [*reversed(range(first, count - 1)), *range(1, first)]:
        before = found[k]
        if before is None or before.status == "ok":
            continue
        side = 1 if k >= first else -1
        predictions = _predictions(found, nothing, k, side, time_s, subject)
        if predictions and subject.model is not None:
            again = located(k, predictions, None)
            found[k] = max(before, again, key=lambda pose: pose.trust)
    poses = [pose for pose in found if pose is not None]
    if not still:
        poses = _with_one_motion(rig, poses, time_s, subject, located, config)
    return _assembled(rig, _checked_in_time(poses, time_s, subject, config), time_s)


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


def _near(found, k: int, side: int, time_s: np.ndarray, good: tuple[str, ...]) -> list[int]:
    """The two nearest good frames on one side of k, as far as they predict."""
    near: list[int] = []
    n = k + side
    while 0 <= n < len(found) and len(near) < 2:
        if abs(n - k) > REACH_FRAMES and not abs(time_s[n] - time_s[k]) <= REACH_S:
            break
        if found[n] is not None and found[n].status in good:
            near.append(n)
        n += side
    return near


def _velocity(found, k: int, time_s: np.ndarray, subject: Subject) -> np.ndarray | None:
    """The head's velocity by the last two good frames, where they are near."""
    good = _near(found, k, -1, time_s, ("ok", "doubtful"))
    if len(good) < 2 or not time_s[good[0]] > time_s[good[1]]:
        return None
    near, far = (found[n].world_from_ct for n in good)
    return twist_between(far, near, subject.centre_ct) / (time_s[good[0]] - time_s[good[1]])


def _given_poses(start: Track | None, frames: int) -> list[Rigid | None]:
    if start is None:
        return [None] * frames
    start = at_frames(start, np.arange(frames))
    return [start.world_from_ct[k] if has else None for k, has in enumerate(start.has_pose)]


def _predictions(
    found, given, k: int, side: int, time_s: np.ndarray, subject: Subject
) -> tuple[Rigid, ...]:
    """Where the head should be: by the given start, and by the good frames on one side of k.

    Two of them foretell as much motion as lies between them, or less where k is nearer in time.
    """
    poses = [given[k]] if given[k] is not None else []
    good = _near(found, k, side, time_s, ("ok",))
    if good:
        near = found[good[0]].world_from_ct
        if len(good) > 1:
            far = found[good[1]].world_from_ct
            step = twist_between(far, near, subject.centre_ct)
            ahead, between = (abs(time_s[n] - time_s[good[0]]) for n in (k, good[1]))
            share = ahead / between if between > 0 else 1.0
            poses.append(moved_rigid(near, step * min(share, 1.0), subject.centre_ct))
        else:
            poses.append(near)
    return tuple(poses)


def _checked_in_time(
    poses: list[FramePose], time_s: np.ndarray, subject: Subject, config: TrackingConfig
) -> list[FramePose]:
    """The poses with the flags that only the whole track can raise: similarity_drop and jump."""
    similar = np.stack([pose.similarity for pose in poses])
    known = np.array([pose.status == "ok" for pose in poses])
    usual = np.median(similar[known], axis=0) if known.any() else np.full(similar.shape[1], np.nan)
    jumps = _jumps(poses, time_s, subject.centre_ct, config)
    checked = []
    for pose, jump in zip(poses, jumps, strict=True):
        flags = list(pose.flags)
        if (pose.similarity < config.similarity_drop * usual).any():
            flags.append("similarity_drop")
        if jump:
            flags.append("jump")
        checked.append(replace(pose, flags=tuple(flags)))
    return checked


def _jumps(
    poses: list[FramePose], time_s: np.ndarray, centre_ct: np.ndarray, config: TrackingConfig
) -> list[bool]:
    """Which frames leave their neighbours' straight motion further than the track usually does.

    A steady acceleration a leaves it by a h1 h2 / 2, h the times to the neighbours: where frames
    are missing, the distance counts as that of the track's usual times.
    """
    away, product = np.full((len(poses), 2), np.nan), np.full(len(poses), np.nan)
    for k in range(1, len(poses) - 1):
        before, here, after = (poses[n].world_from_ct for n in (k - 1, k, k + 1))
        if before is None or here is None or after is None:
            continue
        gaps_s = np.diff(time_s[k - 1 : k + 2])
        if not (gaps_s > 0).all():
            continue
        way = twist_between(before, after, centre_ct) * gaps_s[0] / gaps_s.sum()
        away[k] = distance_between(moved_rigid(before, way, centre_ct), here, centre_ct)
        product[k] = gaps_s.prod()
    known = np.isfinite(product)
    if not known.any():
        return [False] * len(poses)
    away *= np.minimum(np.median(product[known]) / product, 1.0)[:, None]
    limit = np.maximum([config.agree_mm, config.agree_deg], 6 * np.median(away[known], axis=0))
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
