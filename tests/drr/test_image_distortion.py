from dataclasses import replace

import cv2
import numpy as np
import pytest

from drr.fluoroscope import Fluoroscope
from drr.image_distortion import distorted, raw_from_undistorted, undistorted_from_raw

SIZE = (120, 90)
TUBES = [
    Fluoroscope(pincushion=a, s_turn_rad=b)
    for a, b in [(0.08, 0.0), (0.0, 0.06), (0.1, -0.05), (-0.05, 0.03), (1e-9, 0.0), (0.0, 0.0)]
]
POINTS = np.random.default_rng(0).uniform([-20, -20], [140, 110], size=(200, 2))


@pytest.mark.parametrize("tube", TUBES)
def test_there_and_back_is_where_it_was(tube: Fluoroscope):
    raw = raw_from_undistorted(POINTS, tube, *SIZE)
    np.testing.assert_allclose(undistorted_from_raw(raw, tube, *SIZE), POINTS, atol=1e-9)
    straight = undistorted_from_raw(POINTS, tube, *SIZE)
    np.testing.assert_allclose(raw_from_undistorted(straight, tube, *SIZE), POINTS, atol=1e-9)


@pytest.mark.parametrize("tube", TUBES)
def test_the_middle_stays_to_first_order(tube: Fluoroscope):
    middle = np.array([[59.5, 44.5]])
    for there in (raw_from_undistorted, undistorted_from_raw):
        np.testing.assert_allclose(there(middle, tube, *SIZE), middle, atol=1e-12)
        near = middle + np.array([[0.01, 0], [0, 0.01], [-0.01, 0.01]])
        np.testing.assert_allclose(there(near, tube, *SIZE), near, atol=1e-8)


def test_at_half_the_width_the_asked_growth_and_turn_are_found():
    edge = np.array([[59.5 + 60, 44.5]])
    grown = raw_from_undistorted(edge, Fluoroscope(pincushion=0.08), *SIZE)
    np.testing.assert_allclose(grown, [[59.5 + 60 * 1.08, 44.5]])
    turned = raw_from_undistorted(edge, Fluoroscope(s_turn_rad=0.06), *SIZE)
    np.testing.assert_allclose(turned, [[59.5 + 60 * np.cos(0.06), 44.5 + 60 * np.sin(0.06)]])


def test_beyond_the_rim_of_a_barrel_there_is_nothing():
    barrel = Fluoroscope(pincushion=-0.2)
    rim = 60 * 2 / 3 / np.sqrt(3 * 0.2)  # the largest radius that r - 0.2 r^3 reaches
    points = np.array([[59.5 + rim - 0.01, 44.5], [59.5 + rim + 0.01, 44.5]])
    found = undistorted_from_raw(points, barrel, *SIZE)
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()
    image = distorted(np.ones((90, 120), np.float32), barrel)
    assert image[44, 119] == 0 and image[44, 60] == 1


@pytest.mark.parametrize("tube", TUBES[:4])
def test_beads_of_the_image_move_with_their_labels(tube: Fluoroscope):
    beads = np.array([[60.0, 45], [30, 30], [90, 25], [85, 70], [40, 62]])
    v, u = np.mgrid[:90, :120]
    image = sum(np.exp(-((u - a) ** 2 + (v - b) ** 2) / 8) for a, b in beads).astype(np.float32)
    seen = distorted(image, tube)
    for u, v in raw_from_undistorted(beads, tube, *SIZE):
        patch = seen[round(v) - 5 : round(v) + 6, round(u) - 5 : round(u) + 6]
        m = cv2.moments(patch)
        found = round(u) - 5 + m["m10"] / m["m00"], round(v) - 5 + m["m01"] / m["m00"]
        np.testing.assert_allclose(found, (u, v), atol=0.12)  # local shear moves a bead's centroid


def test_a_straight_panel_gives_the_image_itself():
    image = np.ones((4, 5), np.float32)
    assert distorted(image, Fluoroscope()) is image


def test_shapes_of_points_are_kept():
    grid = np.zeros((3, 4, 2))
    assert raw_from_undistorted(grid, replace(TUBES[0]), *SIZE).shape == (3, 4, 2)
    assert undistorted_from_raw(np.zeros((0, 2)), TUBES[0], *SIZE).shape == (0, 2)
