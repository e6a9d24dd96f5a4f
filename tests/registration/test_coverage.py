"""How much of the skull is seen, and what follows for the flags."""

import numpy as np
import pytest

from calibration import Rigid
from drr.volume import Volume
from registration.coverage import coverage
from registration.frame_flags import TrackingConfig, coverage_flags
from registration.head_model import Resolution, head_model
from registration.radiograph import radiograph

CENTRE = np.array([10.0, 220.0, 420.0])
LEVELS = (Resolution(8.0, 5.6, 12, 1.2, 5),)
POSE = Rigid(np.eye(3), -CENTRE)
CONFIG = TrackingConfig()


@pytest.fixture(scope="module")
def model(blob_head):
    return head_model(blob_head, None, LEVELS)


def seen(camera, polygon_px):
    image = np.random.default_rng(0).uniform(size=(72, 72)).astype(np.float32)
    return radiograph(camera, image, np.array(polygon_px, dtype=np.float64))


@pytest.mark.parametrize("right_px", [-1, 20, 36, 50, 72])
def test_the_share_in_the_field_is_that_of_the_bones_points(small_rig, model, right_px):
    camera = small_rig["A"]
    field = [[0, 0], [max(right_px, 1), 0], [max(right_px, 1), 71], [0, 71]]
    shadow = camera.project(POSE @ model.points_ct).numpy()
    expected = np.mean(shadow[:, 0] <= max(right_px, 1) + 0.5)
    assert coverage(seen(camera, field), model, POSE).in_field == pytest.approx(expected, abs=0.03)


def test_a_head_behind_the_source_or_off_the_film_is_not_seen(small_rig, model):
    camera = small_rig["A"]
    whole = seen(camera, [[0, 0], [71, 0], [71, 71], [0, 71]])
    right = camera.cam_from_world.R.numpy()[0]
    away = Rigid(np.eye(3), -CENTRE + 400 * right)
    assert coverage(whole, model, away) == (0.0, 0.0)


def test_a_whole_head_has_no_cut_and_a_sawn_one_has(small_rig, blob_head, model):
    camera = small_rig["A"]
    whole = seen(camera, [[0, 0], [71, 0], [71, 71], [0, 71]])
    assert coverage(whole, model, POSE).cut == 0
    forward = camera.cam_from_world.R.numpy()[2]
    assert abs(forward[2]) > 0.8  # the beam runs along the CT's third axis
    sawn = Volume(np.asarray(blob_head.data_hu)[:, :, :28], blob_head.ct_from_voxel)
    assert coverage(whole, head_model(sawn, None, LEVELS), POSE).cut > 0.3


def test_flags_say_what_is_missing(small_rig, model):
    raised = set()
    for right_px in range(16, 48, 4):
        field = [[0, 0], [right_px, 0], [right_px, 71], [0, 71]]
        views = tuple(seen(camera, field) for camera in small_rig)
        shares = [coverage(view, model, POSE).in_field for view in views]
        flags = coverage_flags(views, model, POSE, CONFIG)
        assert ("little_skull" in flags) == (min(shares) < CONFIG.in_field_ok)
        assert ("field_edge" in flags) == (max(shares) < CONFIG.half_in_field)
        raised |= set(flags)
    assert raised == {"little_skull", "field_edge"}
    whole = tuple(seen(camera, [[0, 0], [71, 0], [71, 71], [0, 71]]) for camera in small_rig)
    assert coverage_flags(whole, model, POSE, CONFIG) == ()
