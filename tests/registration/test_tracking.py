"""A moving head is followed, and what cannot be followed is not said to be ok."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Rigid
from registration import tracking
from registration.evaluate import evaluate
from registration.frame_pose import FramePose, Moment, Subject, TrackingConfig, locate
from registration.head_model import Resolution, head_model
from registration.radiograph import radiograph
from registration.track import track_of_poses
from registration.tracking import _jumps, _predictions, track_frames
from registration.twist import distance_between, moved_rigid, twist_between

CENTRE = np.array([10.0, 220.0, 420.0])
LEVELS = (Resolution(6.0, 4.2, 9, 1.2, 15), Resolution(3.0, 2.8, 7, 0.8, 12))
FRAMES = 4


@pytest.fixture(scope="module")
def model(blob_head):
    return head_model(blob_head, None, LEVELS)


def truth_track():
    R = Rigid.exp(np.array([0, 0, 0, 1.2, 0.4, -0.3])).R.numpy()
    first = Rigid(R, -R @ CENTRE)
    poses = [moved_rigid(first, k * np.array([2, 1, 0, 0, 0.05, 0]), CENTRE) for k in range(FRAMES)]
    stacked = Rigid(np.stack([p.R for p in poses]), np.stack([p.t for p in poses]))
    return track_of_poses(stacked, np.arange(FRAMES) / 30)


@pytest.fixture(scope="module")
def moments(blob_head, small_rig, filmed):
    truth = truth_track().world_from_ct
    frames = [filmed(blob_head, small_rig, truth[k], seed=k) for k in range(FRAMES)]
    return [
        Moment(tuple(radiograph(c, image) for c, image in zip(small_rig, images, strict=True)))
        for images in frames
    ]


def detected(rig, moments, points, sd_px=1.0):
    """The moments with landmarks, whose second reading is a mirror image."""
    truth, rng = truth_track().world_from_ct, np.random.default_rng(0)
    found = []
    for k, moment in enumerate(moments):
        uv = np.stack([c.project(truth[k] @ points).numpy() for c in rig])
        uv = uv + sd_px * rng.normal(size=uv.shape)
        mirrored = np.stack([71 - uv[..., 0], uv[..., 1]], axis=-1)
        readings = np.stack([uv, mirrored], axis=1)
        found.append(Moment(moment.radiographs, readings, np.full(readings.shape[:3], sd_px)))
    return found


def test_landmarks_start_and_radiographs_finish(moments, small_rig, model, skull_points):
    seen = detected(small_rig, moments, skull_points, sd_px=1.0)
    track = track_frames(small_rig, seen, Subject(model, skull_points), np.arange(FRAMES) / 30)
    errors = evaluate(track, truth_track(), skull_points)
    assert errors["ok"] == FRAMES and errors["false_ok"] == 0
    assert errors["rotation_deg"]["max"] < 0.6 and errors["translation_mm"]["max"] < 1
    assert track.view_names == ("A", "B") and (track.landmarks_used > 10).all()
    assert np.isfinite(track.covariance).all() and np.isfinite(track.reprojection_px).all()


def test_a_start_in_the_first_frame_is_enough(moments, small_rig, model):
    first = moved_rigid(truth_track().world_from_ct[0], np.array([4, 4, 4, 0.08, 0, 0.05]), CENTRE)
    start = track_of_poses(Rigid(first.R[None], first.t[None]), np.zeros(1))
    progress = []
    track = track_frames(
        small_rig,
        moments,
        Subject(model, None),
        np.arange(FRAMES) / 30,
        start,
        progress=lambda done, of: progress.append((done, of)),
    )
    errors = evaluate(track, truth_track(), CENTRE[None])
    assert errors["ok"] == FRAMES and errors["translation_mm"]["max"] < 1
    assert progress[-1] == (FRAMES, FRAMES)


def test_a_start_in_the_last_frame_is_carried_backward(moments, small_rig, model, monkeypatch):
    asked = []

    def noted(rig, moment, subject, predictions, config):
        asked.append(len(predictions))
        return locate(rig, moment, subject, predictions, config)

    monkeypatch.setattr(tracking, "locate", noted)
    last = truth_track().world_from_ct[FRAMES - 1]
    start = track_of_poses(
        Rigid(last.R[None], last.t[None]), np.zeros(1), frame=np.array([FRAMES - 1])
    )
    track = track_frames(small_rig, moments, Subject(model, None), np.arange(FRAMES) / 30, start)
    errors = evaluate(track, truth_track(), CENTRE[None])
    assert errors["lost"] == 0 and errors["translation_mm"]["max"] < 1
    assert asked[:FRAMES] == [1] * FRAMES  # no frame was searched for without a neighbour


def test_frames_without_the_head_are_not_ok(moments, small_rig, model, skull_points):
    seen = detected(small_rig, moments, skull_points)
    noise = np.random.default_rng(0).uniform(size=(2, 72, 72)).astype(np.float32)
    shots = tuple(radiograph(c, image) for c, image in zip(small_rig, noise, strict=True))
    seen[1] = Moment(shots, seen[1].pixels, seen[1].sd_px)
    track = track_frames(small_rig, seen, Subject(model, skull_points), np.arange(FRAMES) / 30)
    assert track.status[1] == "lost" and "similarity_low" in track.flags[1]
    assert [track.status[k] for k in (0, 2, 3)] == ["ok"] * 3


def test_landmarks_alone_are_ok_only_where_they_are_sure(moments, small_rig, skull_points):
    for sd_px, status in ((0.02, "ok"), (1.0, "doubtful")):
        seen = detected(small_rig, moments, skull_points, sd_px)
        track = track_frames(small_rig, seen, Subject(None, skull_points), np.arange(FRAMES) / 30)
        assert track.status == (status,) * FRAMES


def test_tracking_needs_a_start(moments, small_rig, model):
    with pytest.raises(ValueError, match="landmarks or an initial track"):
        track_frames(small_rig, moments, Subject(model, None), np.arange(FRAMES) / 30)
    with pytest.raises(ValueError, match="3 times for 4 frames"):
        track_frames(small_rig, moments, Subject(model, None), np.arange(3) / 30)


def test_views_of_different_times_share_one_motion(small_rig, skull_points, moments):
    rate_hz, offset_s, frames, sd_px = 30.0, 0.02, 12, 0.02
    rng = np.random.default_rng(0)
    time_s = np.arange(frames) / rate_hz

    def pose_at(seconds):
        step = (
            np.array([90, 60, 0, 0.3, 1.5, 0]) * seconds + 20 * np.sin(5 * seconds) * np.eye(6)[2]
        )
        return moved_rigid(truth_track().world_from_ct[0], step, CENTRE)

    seen = []
    for now in time_s:
        at = [pose_at(now), pose_at(now + offset_s)]
        uv = [c.project(p @ skull_points).numpy() for c, p in zip(small_rig, at, strict=True)]
        uv = np.stack(uv)[:, None] + sd_px * rng.normal(size=(2, 1, len(skull_points), 2))
        seen.append(Moment(moments[0].radiographs, uv, np.full(uv.shape[:3], sd_px)))
    poses = [pose_at(now) for now in time_s]
    stacked = Rigid(np.stack([p.R for p in poses]), np.stack([p.t for p in poses]))
    truth = track_of_poses(stacked, time_s)
    subject = Subject(None, skull_points)
    errors = []
    for offsets in ((0.0, offset_s), ()):
        track = track_frames(small_rig, seen, subject, time_s, time_offsets_s=offsets)
        errors.append(evaluate(track, truth, skull_points))
    one_motion, as_if_at_once = errors
    assert as_if_at_once["translation_mm"]["median"] > 1
    assert one_motion["translation_mm"]["max"] < 0.2 and one_motion["rotation_deg"]["max"] < 0.15


def steady(time_s, status=None):
    """Frames of a head in steady acceleration, as `track_frames` holds them."""
    first = truth_track().world_from_ct[0]
    twists = [np.array([40.0, 0, 0, 0, 0, 0.8]) * t + np.eye(6)[1] * 400 * t**2 for t in time_s]
    unknown = (np.full((6, 6), np.nan), np.full(2, 0.9), np.full(2, np.nan), 0)
    poses = [FramePose(moved_rigid(first, twist, CENTRE), *unknown, ()) for twist in twists]
    for k, flags in (status or {}).items():
        poses[k] = replace(poses[k], flags=flags)
    return poses


def test_predictions_count_seconds_where_frames_are_missing():
    time_s = np.array([0, 1, 2, 12, 13]) / 100  # nine frames are missing
    subject, found = Subject(None, CENTRE[None]), steady(time_s)
    given = [None] * len(found)
    (from_gap,) = _predictions(found, given, 4, -1, time_s, subject)
    step = twist_between(found[2].world_from_ct, found[3].world_from_ct, CENTRE)
    foretold = moved_rigid(found[3].world_from_ct, step / 10, CENTRE)
    assert distance_between(from_gap, foretold, CENTRE)[0] < 1e-9
    fast = np.arange(30) / 500  # only the first frame is good, 58 ms before the last
    lost = {k: ("similarity_low",) for k in range(1, 30)}
    assert _predictions(steady(fast, lost), [None] * 30, 29, -1, fast, subject)
    slow = np.arange(5) / 4.0
    lost = {k: ("similarity_low",) for k in range(1, 5)}
    assert _predictions(steady(slow, lost), given, 3, -1, slow, subject)
    assert not _predictions(steady(slow, lost), given, 4, -1, slow, subject)


def test_a_jump_is_told_from_a_gap():
    time_s = np.delete(np.arange(30), slice(10, 17)) / 30.0
    poses = steady(time_s)
    assert not any(_jumps(poses, time_s, CENTRE, TrackingConfig()))
    off = moved_rigid(poses[5].world_from_ct, np.array([5.0, 0, 0, 0, 0, 0]), CENTRE)
    poses[5] = replace(poses[5], world_from_ct=off)
    assert np.flatnonzero(_jumps(poses, time_s, CENTRE, TrackingConfig())).tolist() == [5]
