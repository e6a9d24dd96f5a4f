"""A bone cut out of its flesh: what is matched, at which sizes, and what of it is left out."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Rigid
from drr.volume import Volume
from registration import weak_turn
from registration.bone_model import bone_model, is_bare, levels_of, over_flesh
from registration.radiograph import radiograph
from registration.refine_pose import refine_pose
from registration.twist import distance_between, moved_rigid
from registration.weak_turn import looked_again, weakest_motion

STEP_MM = 1.0


@pytest.fixture(scope="module")
def bone():
    """A curved, three-sided shaft with a knob, cut at its lower end; 60 mm long."""
    x, y, z = np.meshgrid(*[np.arange(n) * STEP_MM for n in (33, 25, 60)], indexing="ij")
    around = np.arctan2(y - 12, x - 12 - 0.002 * (z - 30) ** 2)
    away = np.hypot(y - 12, x - 12 - 0.002 * (z - 30) ** 2)
    edge = 5 + 1.2 * np.cos(3 * around) + 3 * np.clip((z - 42) / 10, 0, 1) * (1 + np.cos(around))
    inside, core = away < edge, away < edge - 2
    data = np.where(inside, np.where(core, 250.0, 1400.0), -1000.0)
    data[:, :, 57:] = -1000
    return Volume(data.astype(np.float32), np.diag([STEP_MM] * 3 + [1.0]))


def test_a_bone_in_air_is_bare_and_one_in_flesh_is_not(bone):
    assert is_bare(bone)
    flesh = np.pad(np.where(bone.data_hu < 0, 40, bone.data_hu), ((10, 10), (10, 10), (0, 0)))
    assert not is_bare(Volume(flesh + 40 * (flesh == 0), bone.ct_from_voxel))


def test_over_flesh_counts_what_is_denser_than_flesh_alone():
    hu = np.array([-1000.0, -100, 40, 140, 1040]).reshape(5, 1, 1)
    over = over_flesh(Volume(hu, np.eye(4))).data_hu.ravel()
    np.testing.assert_allclose(over, [-1000, -1000, -1000, -900, 0])


def test_levels_are_in_proportion_to_the_bone_but_not_finer_than_its_ct():
    small, large = levels_of(20.0, 0.1), levels_of(40.0, 0.1)
    for a, b in zip(small, large, strict=True):
        assert b.spacing_mm == pytest.approx(2 * a.spacing_mm)
        assert b.pixel_mm == pytest.approx(2 * a.pixel_mm)
        assert b.neighbourhood_px == a.neighbourhood_px
    assert min(level.spacing_mm for level in levels_of(20.0, 0.7)) == 0.7


def test_the_cut_end_is_left_out_and_sides_that_touch_the_box_are_not(bone):
    cut = np.asarray(bone_model(bone).loose[1].volume.data_hu) > -1000
    assert cut[:, :, 0].any() and not cut[:, :, 1:].any()


def test_nothing_as_dense_as_bone_is_refused(bone):
    with pytest.raises(ValueError, match="no rigid bone"):
        bone_model(Volume(np.zeros((4, 4, 4), np.float32), np.eye(4)))


def test_a_bone_in_flesh_of_another_renderer_is_met(bone, rig, filmed, monkeypatch):
    views = type(rig)(tuple(c.resized(0.4).cropped(62, 62, 80, 80) for c in rig))
    shift = np.eye(4)
    shift[:3, 3] = -30
    limb = np.pad(np.where(bone.data_hu < 0, 40, bone.data_hu), 30, constant_values=40)
    flesh = Volume(limb, bone.ct_from_voxel @ shift)
    model = bone_model(bone)
    truth = Rigid(np.eye(3), -model.centre_ct)
    shots = tuple(
        radiograph(camera, image)
        for camera, image in zip(views, filmed(flesh, views, truth), strict=True)
    )
    start = moved_rigid(truth, np.array([1.0, -1, 0.5, 0.02, 0.03, -0.02]), model.centre_ct)
    found = refine_pose(shots, model, start, 1, 3)
    mm, deg = distance_between(truth, found.world_from_ct, model.centre_ct)
    assert mm < 1 and deg < 2.5  # a pixel is 1 mm wide at the bone
    weakest = weakest_motion(found, model.radius_mm)[3:]
    assert abs(weakest[2]) > 0.7 * np.linalg.norm(weakest)  # the turn about its long axis
    better = replace(found, similarity=found.similarity + 0.01)
    ends = iter([found, better, found, found])
    monkeypatch.setattr(weak_turn, "refine_pose", lambda *_: next(ends))
    assert looked_again(shots, model, found) is better
