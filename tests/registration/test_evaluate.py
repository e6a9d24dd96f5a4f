"""Errors of a track in closed form."""

import json
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch

from calibration import Rigid
from registration.bland_altman import AXES
from registration.evaluate import evaluate, summary
from registration.frame_errors import FrameErrors, frame_errors, joined
from registration.sd_coverage import sd_coverage
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


def off_by(twist_ct, sd_deg=np.nan, sd_mm=np.nan, status=None):
    """A track whose errors are these (v mm, w deg) in the axes of the CT, a row a frame."""
    true = truth(len(twist_ct))
    v, w = np.split(np.asarray(twist_ct, dtype=np.float64), 2, axis=1)
    turn = Rigid.exp(np.concatenate([np.zeros_like(w), np.radians(w)], axis=1))
    centre = torch.from_numpy(POINTS.mean(0))
    inner = Rigid(turn.R, torch.from_numpy(v) + centre - turn.R @ centre)
    track = track_of_poses(true.world_from_ct @ inner, true.time_s, status)
    n = np.ones(len(v))
    return replace(track, sd_rotation_deg=sd_deg * n, sd_translation_mm=sd_mm * n)


def test_bias_and_limits_are_those_of_each_axis_of_the_ct():
    rng = np.random.default_rng(1)
    shape = rng.normal(size=(40, 6)) * [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] + [1, 0, -2, 0.5, 0, 0]
    result = evaluate(off_by(shape), truth(40), POINTS)
    assert tuple(result["agreement"]) == AXES
    for name, values in zip(AXES, shape.T, strict=True):
        found = result["agreement"][name]
        mean, sd = statistics.mean(values), statistics.stdev(values)
        assert found["bias"] == pytest.approx(mean, abs=1e-9)
        assert found["lower"] == pytest.approx(mean - 1.96 * sd, abs=1e-9)
        assert found["upper"] == pytest.approx(mean + 1.96 * sd, abs=1e-9)


def test_a_single_frame_has_a_bias_but_no_limits_and_none_has_neither():
    row = [[1.0, 0, 0, 0, 0, 0]]
    found = evaluate(off_by(row, status=("doubtful",)), truth(1), POINTS)
    assert found["agreement"]["x_mm"]["bias"] == pytest.approx(1)
    assert found["agreement"]["x_mm"]["upper"] is None
    assert found["agreement_ok_only"]["x_mm"] is None and found["within_ok_only"] is None


def test_lost_frames_are_outside_of_every_bound():
    rows = np.zeros((4, 6))
    rows[:, 0], rows[:, 3] = [0.1, 0.4, 0.4, 0], [0.1, 0.1, 1.5, 0]
    found = evaluate(off_by(rows, status=("ok", "ok", "doubtful", "lost")), truth(4), POINTS)
    assert found["within"]["translation_mm"] == {"0.2": 0.25, "0.5": 0.75, "1": 0.75, "2": 0.75}
    assert found["within"]["rotation_deg"] == {"0.2": 0.5, "0.5": 0.5, "1": 0.5, "2": 0.75}
    assert found["within"]["both"] == {"0.2": 0.25, "0.5": 0.5, "1": 0.5, "2": 0.75}
    assert found["within_ok_only"]["both"] == {"0.2": 0.5, "0.5": 1.0, "1": 1.0, "2": 1.0}


def test_coverage_counts_errors_in_stated_deviations():
    rows = np.zeros((4, 6))
    rows[:, 1], rows[:, 4] = [0.1, 0.3, 0.5, 0.7], [0.4, 0.4, 0.4, 3.0]
    found = evaluate(off_by(rows, sd_deg=0.5, sd_mm=0.2), truth(4), POINTS)["coverage"]
    assert found["translation_mm"]["within_1_sd"] == 0.25
    assert found["translation_mm"]["within_2_sd"] == 0.5
    assert found["translation_mm"]["rms"] == pytest.approx(np.sqrt(0.84 / 4) / 0.2)
    assert found["rotation_deg"]["within_1_sd"] == found["rotation_deg"]["within_2_sd"] == 0.75
    silent = evaluate(off_by(rows), truth(4), POINTS)["coverage"]
    assert silent == {"rotation_deg": None, "translation_mm": None}


@pytest.mark.parametrize(("axes", "shares"), [(1, (0.683, 0.954)), (3, (0.608, 0.993))])
def test_deviations_that_are_true_cover_what_the_definition_says(axes, shares):
    rng = np.random.default_rng(2)
    error = np.linalg.norm(rng.normal(size=(20_000, axes)), axis=1)
    found = sd_coverage(error, np.full(20_000, np.sqrt(axes)))
    assert found is not None
    assert (found["within_1_sd"], found["within_2_sd"]) == pytest.approx(shares, abs=0.01)
    assert found["rms"] == pytest.approx(1, abs=0.01)


def test_several_trials_together_are_as_one_long_trial():
    rows = np.random.default_rng(3).normal(size=(9, 6))
    whole = evaluate(off_by(rows, 0.5, 0.4), truth(9), POINTS)
    long = frame_errors(off_by(rows, 0.5, 0.4), truth(9), POINTS)
    parts = [
        FrameErrors(
            long.status[part],
            long.twist_ct[part],
            long.mtre_mm[part],
            long.sd_rotation_deg[part],
            long.sd_translation_mm[part],
        )
        for part in (slice(0, 2), slice(2, 9))
    ]
    assert summary(joined(parts)) == whole
    with pytest.raises(ValueError, match="no trial"):
        joined([])
