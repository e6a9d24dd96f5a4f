from dataclasses import replace

import numpy as np
import pytest

from calibration import Camera, Rig, Rigid
from calibration.refined_rig import _error_slopes, _errors, _moved, refined_rig


@pytest.fixture(scope="module")
def true_rig(bead_images):
    truth = bead_images.random_truth(0)
    cameras = [
        Camera(K, m, 1024, 1024, name)
        for K, m, name in zip(truth.K, truth.cam_from_world, "AB", strict=True)
    ]
    return Rig(tuple(cameras))


def filmed(rig, noise_px=0.1, count=150):
    random = np.random.default_rng(0)
    points = random.uniform(-60, 60, (count, 3))
    pixels = np.stack([camera.project(points).numpy() for camera in rig])
    return points, pixels + random.normal(size=pixels.shape) * noise_px


def nudged(rig):
    camera = rig["B"]
    turn = Rigid.exp(np.array([0.0, 0, 0, 0.002, -0.003, 0.004]))
    moved = Rigid(turn.R @ camera.cam_from_world.R, turn.R @ camera.cam_from_world.t)
    return Rig((rig["A"], replace(camera, cam_from_world=moved)))


def test_a_view_that_was_turned_is_turned_back(true_rig):
    points, pixels = filmed(true_rig)
    spoiled = nudged(true_rig)
    result = refined_rig(spoiled, pixels)
    assert result.rms_before_px > 2 > 0.2 > result.rms_after_px
    assert result.turned_deg[0] == 0 and 0.1 < result.turned_deg[1] < 0.6
    assert "view B: turned by" in str(result) and "px after" in str(result)

    def error(rig):
        return np.median(np.linalg.norm(rig.triangulate(pixels).numpy() - points, axis=1))

    assert error(result.rig) < 0.5 * error(spoiled)


def test_a_rig_that_agrees_with_itself_stays(true_rig):
    _, pixels = filmed(true_rig, noise_px=0.0)
    result = refined_rig(true_rig, pixels)
    assert result.turned_deg.max() < 1e-4 and result.shifted_mm.max() < 1e-3
    assert result.used.all()


def test_points_that_jump_take_no_part_and_unseen_ones_neither(true_rig):
    _, pixels = filmed(true_rig)
    pixels[1, :8] += 40
    pixels[0, 20] = np.nan
    result = refined_rig(nudged(true_rig), pixels)
    assert not result.used[:8].any() and not result.used[20]
    assert result.used.sum() > 130 and result.rms_after_px < 0.2


def test_the_slopes_are_those_of_the_errors(true_rig):
    place = true_rig["B"].cam_from_world
    third = replace(true_rig["B"], cam_from_world=Rigid(place.R, place.t + 50.0), name="C")
    rig = Rig((*true_rig, third))
    step = np.array([0.5, -1, 0.3, 0.2, -0.1, 0.05, 0.1, 0.2, 0.3, 0.01, 0.02, 0.03])
    _, pixels = filmed(_moved(rig, step), noise_px=0.0)
    pixels[2, :5] = np.nan
    pixels[:2, 7] = np.nan

    def errors(change):
        return _errors(_moved(rig, step + change), pixels)

    found = _error_slopes(rig, step, pixels)
    for n, slope in enumerate(found.T):
        change = 1e-5 * np.eye(12)[n]
        differences = (errors(change) - errors(-change)) / 2e-5
        assert np.abs(slope - differences).max() < 1e-6 * np.abs(slope).max() + 1e-6


def test_too_few_points_and_other_views_are_refused(true_rig):
    _, pixels = filmed(true_rig)
    with pytest.raises(ValueError, match=r"5 points are seen by two views; .* 12 or more"):
        refined_rig(true_rig, pixels[:, :5])
    with pytest.raises(ValueError, match="pixels are of 1 views, the rig has 2"):
        refined_rig(true_rig, pixels[:1])
