"""Bones that move apart from the skull: their outlines lie where their own poses put them."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Camera, Rigid
from drr import Projector, Volume
from dualfluoro import load_trial
from dualfluoro.motion_bodies import body_file
from dualfluoro.overlay import BODY_BGR, BodyShadow, Shadows, draw_bodies, draw_dashed, key_of
from dualfluoro.overlay_bodies import body_shadows
from dualfluoro.subject import subject_of
from dualfluoro.trial_bodies import Body
from registration import Track, track_of_poses, write_truth


@pytest.fixture(scope="module")
def ball():
    """A ball of bone of 20 mm, 2 mm voxels, about the origin of its CT."""
    index = np.indices((31, 31, 31)).reshape(3, -1).T
    inside = np.linalg.norm(index - 15, axis=1).reshape(31, 31, 31) < 10
    ct_from_voxel = np.diag([2.0, 2, 2, 1])
    ct_from_voxel[:3, 3] = -30
    return Projector(Volume(np.where(inside, np.float32(0), np.float32(-1000)), ct_from_voxel), 1.0)


def test_the_outline_of_a_body_is_drawn_at_its_own_pose_and_not_where_it_is_lost(ball):
    K = np.array([[1000.0, 0, 127.5], [0, 1000, 127.5], [0, 0, 1]])
    camera = Camera(K, Rigid.identity(), 256, 256)
    poses = Rigid(np.tile(np.eye(3), (2, 1, 1)), np.array([[30.0, -20, 800], [np.nan] * 3]))
    track = replace(track_of_poses(poses, np.arange(2.0)), status=("ok", "lost"))
    body = BodyShadow("ball", ball, track)
    picture = np.zeros((256, 256, 3), np.uint8)
    draw_bodies(picture, camera, (body,), 0)
    v, u = np.nonzero(picture.max(axis=2) > 100)
    center = np.array([127.5 + 1000 * 30 / 800, 127.5 - 1000 * 20 / 800])
    radius = np.hypot(u - center[0], v - center[1])
    assert len(u) > 60 and np.abs(radius - 25).max() < 3  # 20 mm at 800 mm is 25 px
    picture[:] = 0
    draw_bodies(picture, camera, (body,), 1)
    assert not picture.any()


def test_dashes_leave_gaps():
    picture = np.zeros((9, 100, 3), np.uint8)
    draw_dashed(picture, np.array([[0.0, 4], [99, 4]]), BODY_BGR, (8.0, 4.0, 1.5, 4.0))
    drawn = picture[4].max(axis=1) > 60
    assert 0.4 < drawn.mean() < 0.8 and np.count_nonzero(np.diff(drawn)) >= 18


def test_bodies_of_a_trial_are_those_with_a_track(trial, ball):
    loaded, track = load_trial(trial), Track.read(trial / "truth.csv")
    subject = subject_of(loaded)
    named = replace(loaded, bodies=(Body("atlas", ct=loaded.ct), Body("axis", ct=loaded.ct)))
    assert body_shadows(named, subject, track, trial) == ()
    write_truth(trial / body_file("axis"), track)
    (found,) = body_shadows(named, subject, track, trial)
    assert found.name == "axis" and len(found.track) == len(track)
    said = key_of(Shadows(ball, ball, (found,)), 5)
    assert "axis, at poses of their own" in said and "5 times as large" in said
