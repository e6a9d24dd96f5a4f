import math

import numpy as np
import pytest
from scipy.stats import norm

from calibration import Rigid
from exposure import Field, Lens, lenses_of
from exposure.lenses import lens_exposure, margin_at_mm, probability_in_field
from exposure.view import view_of

SQUARE = np.array([[-0.1, -0.1], [0.1, -0.1], [0.1, 0.1], [-0.1, 0.1]])  # half-width 0.1 z


@pytest.mark.parametrize(
    ("point", "margin_mm"),
    [
        ((0, 0, 500), 50.0),
        ((30, 0, 500), 20.0),
        ((0, -45, 500), 5.0),
        ((80, 0, 500), -30.0),
        ((80, 90, 500), -50.0),  # to the corner: 30, 40, 50
        ((0, 0, 1000), 100.0),  # the same shadow, twice as deep
    ],
)
def test_the_margin_is_measured_at_the_depth_of_the_lens(point, margin_mm):
    assert margin_at_mm(SQUARE, np.array(point, dtype=float)) == pytest.approx(margin_mm)


def test_a_lens_on_the_very_edge_is_not_in_the_field_and_its_margin_is_zero(
    fine_sphere, make_camera
):
    camera = make_camera(0.0)  # source at (0, -650, 0)
    outline = np.array([[200, 200], [400, 200], [400, 400], [200, 400.0]])
    view = view_of(camera, Field(outline, "given"), Rigid.identity(), Rigid.identity())
    for corner in (outline[0], outline[2], (outline[0] + outline[1]) / 2):
        x, y = (corner - camera.K[:2, 2].numpy()) / 2200
        point_cam = np.array([x, y, 1.0]) * 590
        cam_from_ct = view.cam_from_ct
        center = cam_from_ct[:3, :3].T @ (point_cam - cam_from_ct[:3, 3])
        found = lens_exposure(Lens(center), view.beam_ct, cam_from_ct, fine_sphere)
        assert found.margin_mm == pytest.approx(0.0, abs=1e-9)
        inward = np.array([-np.sign(x), -np.sign(y), 0.0]) * [corner[0] != 300, 1, 0] * 1e-6
        for step, in_field in ((inward, 1), (-inward, 0)):
            moved = Lens(center + cam_from_ct[:3, :3].T @ step)
            assert lens_exposure(moved, view.beam_ct, cam_from_ct, fine_sphere).in_field == in_field


def test_a_lens_behind_the_source_is_out_of_the_field():
    assert margin_at_mm(SQUARE, np.array([0.0, 0.0, -500.0])) < 0


def test_the_probability_at_a_straight_edge_is_that_of_the_margin():
    for shift in (-3.0, -1.0, 0.0, 1.0, 2.0):
        found = probability_in_field(SQUARE, np.array([50 - shift, 0, 500.0]), 4.0 * np.eye(3))
        assert found == pytest.approx(norm.cdf(shift / math.sqrt(4.0 * 1.01)), abs=0.01)


def test_the_probability_in_a_corner_is_the_product_of_both_edges():
    covariance = np.diag([4.0, 9.0, 0.0])
    found = probability_in_field(SQUARE, np.array([49.0, 48.0, 500.0]), covariance)
    assert found == pytest.approx(norm.cdf(0.5) * norm.cdf(2 / 3), abs=0.01)


def test_without_error_the_probability_is_the_flag():
    assert probability_in_field(SQUARE, np.array([49.9, 0, 500.0]), np.zeros((3, 3))) == 1.0
    assert probability_in_field(SQUARE, np.array([50.1, 0, 500.0]), np.zeros((3, 3))) == 0.0


def test_depth_and_distance_are_along_the_ray_to_the_lens(fine_sphere, make_camera):
    camera = make_camera(0.0)  # source at (0, -650, 0)
    view = view_of(camera, Field.whole_image(camera), Rigid.identity(), Rigid.identity())

    def met(*center):
        lens = Lens(np.array(center))
        return lens_exposure(lens, view.beam_ct, view.cam_from_ct, fine_sphere)

    assert met(0.0, -40.0, 0.0).distance_mm == pytest.approx(610)
    assert met(0.0, -40.0, 0.0).depth_mm == pytest.approx(50, abs=0.02)
    assert met(0.0, 80.0, 0.0).depth_mm == pytest.approx(170, abs=0.02)
    assert met(0.0, -40.0, 0.0).in_field == 1
    assert met(0.0, -100.0, 0.0).depth_mm is None  # in the air before the head
    assert met(0.0, 100.0, 0.0).depth_mm == pytest.approx(180, abs=0.02)  # behind all of it
    beside = met(300.0, 0.0, 0.0)
    assert (beside.in_field, beside.depth_mm) == (0, None)
    assert beside.margin_mm == pytest.approx(650 * 300 * 0.5 / 1100 - 300, abs=1e-9)


def test_lenses_are_taken_from_landmarks_by_their_names():
    points = {"lens_left": np.array([-30.0, 80, 10]), "nasion": np.zeros(3)}
    assert list(lenses_of(points)) == ["left"]
    assert lenses_of(None) == {}


def test_a_lens_that_was_found_in_the_ct_keeps_its_deviation_and_says_so():
    points = {"lens_left": np.array([-32.0, 84, 18]), "lens_right": np.array([32.0, 84, 18])}
    found = lenses_of(points, {"lens_left": 1.7})
    assert found["left"].sd_mm == 1.7 and "found in the CT" in found["left"].model
    assert found["right"].sd_mm == 0 and "marked" in found["right"].model
