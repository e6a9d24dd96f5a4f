"""Errors of a track in closed form."""

import json

import numpy as np
import pytest
import torch

from calibration import Rigid
from registration.evaluate import evaluate
from registration.track import track_of_poses

POINTS = np.array([[30.0, 200, 400], [-30, 200, 400], [0, 260, 400], [0, 200, 470.0]])


def truth(n=6):
    return track_of_poses(
        Rigid.exp(np.random.default_rng(0).normal(size=(n, 6)) * [9, 9, 9, 1, 1, 1]),
        np.arange(n) / 30,
    )


def turned(motion: Rigid, deg: float, axis=(0, 0, 1.0)) -> Rigid:
    """The motion after a turn about the points' centroid, moved by it."""
    centre = motion @ POINTS.mean(0)
    turn = Rigid.exp(np.concatenate([np.zeros(3), np.radians(deg) * np.array(axis)]))
    return Rigid(turn.R @ motion.R, (turn.R @ (motion.t - centre)[..., None])[..., 0] + centre)


def test_the_truth_has_no_error():
    result = evaluate(truth(), truth(), POINTS)
    assert result["frames"] == result["ok"] == 6 and result["false_ok"] == 0
    assert result["rotation_deg"]["max"] < 1e-9 and result["mtre_mm"]["max"] < 1e-9


def test_a_turn_about_the_centroid_has_no_translation():
    track = track_of_poses(turned(truth().world_from_ct, 1.5), truth().time_s)
    result = evaluate(track, truth(), POINTS)
    assert result["rotation_deg"]["median"] == pytest.approx(1.5)
    assert result["translation_mm"]["max"] < 1e-9
    assert 0 < result["mtre_mm"]["max"] < np.radians(1.5) * 70


def test_a_shift_moves_all_points_alike():
    motion = truth().world_from_ct
    track = track_of_poses(Rigid(motion.R, motion.t + torch.tensor([3.0, 0, 4.0])), truth().time_s)
    result = evaluate(track, truth(), POINTS)
    assert result["translation_mm"]["mean"] == pytest.approx(5)
    assert result["mtre_mm"]["p95"] == pytest.approx(5)
    assert result["rotation_deg"]["max"] < 1e-6
    assert result["false_ok"] == 6


def test_only_frames_said_ok_can_be_falsely_ok():
    motion = turned(truth().world_from_ct, 175.0)
    track = track_of_poses(
        motion, truth().time_s, ("ok", "doubtful", "doubtful", "lost", "lost", "ok")
    )
    result = evaluate(track, truth(), POINTS)
    assert (result["ok"], result["doubtful"], result["lost"], result["false_ok"]) == (2, 2, 2, 2)
    assert result["rotation_deg"]["max"] == pytest.approx(175)


def test_frames_without_a_pose_are_lost_and_out_of_the_statistics():
    short = track_of_poses(truth(4).world_from_ct, np.arange(4) / 30, ("doubtful",) * 4)
    result = evaluate(short, truth(), POINTS)
    assert (result["frames"], result["doubtful"], result["lost"]) == (6, 4, 2)
    assert result["rotation_deg"] is not None and result["rotation_deg_ok_only"] is None
    json.dumps(result, allow_nan=False)


def test_errors_need_points_and_a_truth():
    with pytest.raises(ValueError, match="at least one point"):
        evaluate(truth(), truth(), np.zeros((0, 3)))
    lost = track_of_poses(truth().world_from_ct, truth().time_s, ("lost",) * 6)
    with pytest.raises(ValueError, match="every frame of it is lost"):
        evaluate(truth(), lost, POINTS)


def test_tracks_that_share_no_frame_are_refused():
    late = track_of_poses(truth().world_from_ct, np.arange(6) / 30, frame=np.arange(6) + 10)
    with pytest.raises(ValueError, match="share no frame: none of the 6 frames"):
        evaluate(late, truth(), POINTS)
