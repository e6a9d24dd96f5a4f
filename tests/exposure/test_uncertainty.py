import math

import numpy as np
import pytest

from calibration import Rig, Rigid
from exposure import Head, Lens, covariance_of_sd, expose
from exposure.central_ray import central_ray
from exposure.columns import beam_columns, lens_columns, skin_columns
from exposure.lenses import lens_exposure
from exposure.uncertainty import pose_spread
from exposure.view import view_of
from registration.twist import moved_rigid

CENTER = np.array([5.0, 10.0, -3.0])
LENSES = {"left": Lens(np.array([-30.0, 75.0, 12.0])), "right": Lens(np.array([30.0, 75.0, 12.0]))}
SAMPLED = ("source_x_mm", "source_z_mm", "beam_x", "beam_y", "primary_angle_deg", "sod_mm")
SAMPLED += ("secondary_angle_deg", "ssd_mm", "entry_x_mm", "entry_z_mm", "k_isq")
SAMPLED += ("lens_left_margin_mm", "lens_right_margin_mm")


def columns_at(pose, camera, field, skin):
    """The columns of one view that take no patch."""
    view = view_of(camera, field, pose, Rigid.identity())
    ray = central_ray(view.beam_ct, skin)
    met = {
        side: lens_exposure(lens, view.beam_ct, view.cam_from_ct, skin)
        for side, lens in LENSES.items()
    }
    lenses, _ = lens_columns(view, LENSES, met, None)
    return beam_columns(view) | skin_columns(view, ray, 600.0) | lenses


def random_covariance(rng):
    root = rng.normal(size=(6, 6)) * np.array([0.05] * 3 + [4e-4] * 3)[:, None]
    return root @ root.T


def test_linear_deviations_agree_with_sampling(fine_egg, rig, cone):
    rng = np.random.default_rng(1)
    covariance = random_covariance(rng)
    at_rest = moved_rigid(Rigid.identity(), np.array([3, -4, 5, 0.1, -0.2, 0.3]), CENTER)

    fields = [cone(4)] * 2
    head = Head(fine_egg, center_ct=CENTER, lenses=LENSES)
    told = expose(at_rest, rig, head, fields, 600.0, covariance)
    draws = rng.multivariate_normal(np.zeros(6), covariance, 500)
    poses = [moved_rigid(at_rest, twist, CENTER) for twist in draws]
    for camera, field, exposure in zip(rig, fields, told, strict=True):
        samples = [columns_at(pose, camera, field, fine_egg) for pose in poses]
        for name in SAMPLED:
            spread = np.std([sample[name] for sample in samples])
            # 500 draws know a deviation to 3 %, and curvature adds to it.
            assert exposure.sd[name] == pytest.approx(spread, rel=0.12), name
        assert exposure.ssd_sd_mm == exposure.sd["ssd_mm"]


def test_a_head_on_beam_feels_only_motion_along_itself(fine_sphere, make_camera, cone):
    rig = Rig((make_camera(0.0),))
    for axis, expected in ((0, 0.0), (1, 0.5), (2, 0.0)):
        covariance = np.zeros((6, 6))
        covariance[axis, axis] = 0.25
        head = Head(fine_sphere)
        exposure = expose(Rigid.identity(), rig, head, [cone(5)], covariance=covariance)[0]
        assert exposure.ssd_sd_mm == pytest.approx(expected, abs=0.01)


def test_no_uncertainty_gives_no_deviation(egg, rig):
    head = Head(egg, center_ct=CENTER, lenses=LENSES)
    exposures = expose(Rigid.identity(), rig, head, covariance=np.zeros((6, 6)))
    assert all(value == 0 for value in exposures[0].sd.values())
    assert exposures[0].lens_left_probability in (0.0, 1.0)


def test_deviations_without_direction_have_the_tracks_norms():
    covariance = covariance_of_sd(0.9, 2.0)
    assert math.sqrt(np.trace(covariance[:3, :3])) == pytest.approx(0.9)
    assert math.degrees(math.sqrt(np.trace(covariance[3:, 3:]))) == pytest.approx(2.0)


@pytest.mark.parametrize("broken", [-np.eye(6), np.full((6, 6), np.nan)])
def test_what_is_no_covariance_is_refused(broken):
    with pytest.raises(ValueError, match="not a covariance"):
        pose_spread(Rigid.identity(), broken, CENTER)
