import cv2
import numpy as np
import pytest
from scipy.optimize import least_squares

from calibration.bundle import adjusted
from calibration.bundle_projection import (
    RigState,
    Sightings,
    jacobian,
    lens_image,
    parameter_names,
    projected,
)

LENS = np.array([0.2, -0.4, 0.003, -0.002, 0.5])


@pytest.fixture(scope="module")
def truth(bead_images):
    return bead_images.random_truth(0)


def away(state, random, size=1.0):
    """A state that is off by as much as start values are."""
    own = np.concatenate([[30, 30, 20, 20, 2, 2, 8], np.full(3, 0.02)])
    move = np.concatenate([np.full(3, 2.0), np.full(3, 0.03)])
    spread = np.concatenate(
        [np.tile(own, len(state.t_view)), np.tile(move, len(state.t_position) - 1)]
    )
    return state.moved(size * random.normal(size=len(spread)) * spread, 0)


def with_lens(state, lens=LENS):
    return RigState(
        state.focal_px, state.centre_px, np.tile(lens, (len(state.t_view), 1)),
        state.R_view, state.t_view, state.R_position, state.t_position,
    )  # fmt: skip


def test_projection_agrees_with_opencv(truth, state_of, sightings_from):
    state, seen = with_lens(state_of(truth)), sightings_from(truth, 0.0)
    for v in range(2):
        for p in range(3):
            m = truth.cam_from_object(v, p)
            mine = (seen.view == v) & (seen.position == p)
            turn = cv2.Rodrigues(m[:3, :3])[0]
            expected, _ = cv2.projectPoints(truth.points_mm, turn, m[:3, 3], truth.K[v], LENS)
            found = projected(state, truth.points_mm, seen[mine])
            np.testing.assert_allclose(found, expected[seen.bead[mine], 0], atol=1e-9)


@pytest.mark.parametrize("lens_terms", [0, 1, 5])
def test_derivatives_agree_with_differences(truth, state_of, sightings_from, lens_terms):
    state, seen = with_lens(state_of(truth)), sightings_from(truth)
    names = parameter_names(("A", "B"), 3, lens_terms)
    J = jacobian(state, truth.points_mm, seen, lens_terms).toarray()
    for k in range(len(names)):
        nudge = np.zeros(len(names))
        nudge[k] = 1e-6
        ends = [
            projected(state.moved(s * nudge, lens_terms), truth.points_mm, seen).ravel()
            for s in (1, -1)
        ]
        np.testing.assert_allclose(J[:, k], (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-3)


def test_the_lens_without_terms_changes_nothing():
    xy = np.random.default_rng(0).uniform(-0.2, 0.2, (9, 2))
    image, by_xy, _ = lens_image(xy, np.zeros((9, 5)))
    np.testing.assert_array_equal(image, xy)
    np.testing.assert_array_equal(by_xy, np.tile(np.eye(2), (9, 1, 1)))


def test_exact_pixels_give_back_the_rig(truth, state_of, sightings_from):
    state = state_of(truth)
    start = away(state, np.random.default_rng(2))
    bundle = adjusted(start, truth.points_mm, sightings_from(truth, 0.0))
    assert bundle.rms_px < 1e-6 and bundle.inlier.all()
    np.testing.assert_allclose(bundle.state.focal_px, state.focal_px, atol=1e-3)
    np.testing.assert_allclose(bundle.state.t_view, state.t_view, atol=1e-4)
    np.testing.assert_allclose(bundle.state.R_position, state.R_position, atol=1e-8)


def test_lens_terms_are_found(truth, state_of, sightings_from):
    state = with_lens(state_of(truth), np.array([0.3, -0.5, 0.002, -0.003, 0.0]))
    seen = sightings_from(truth, 0.0)
    seen = Sightings(seen.view, seen.position, seen.bead, projected(state, truth.points_mm, seen))
    bundle = adjusted(state_of(truth), truth.points_mm, seen, lens_terms=4)
    np.testing.assert_allclose(bundle.state.lens, state.lens, atol=1e-4)
    assert bundle.rms_px < 1e-5


def test_outliers_are_named_and_take_no_part(truth, state_of, sightings_from):
    seen = sightings_from(truth)
    pixels = seen.pixels.copy()
    wrong = np.arange(0, len(seen), 11)
    pixels[wrong] += [9.0, -7.0]
    spoiled = Sightings(seen.view, seen.position, seen.bead, pixels)
    start = away(state_of(truth), np.random.default_rng(3), 0.3)
    bundle = adjusted(start, truth.points_mm, spoiled)
    assert (
        set(wrong) <= set(np.flatnonzero(~bundle.inlier))
        and (~bundle.inlier).sum() < len(wrong) + 3
    )
    clean = adjusted(start, truth.points_mm, seen[bundle.inlier])
    np.testing.assert_allclose(bundle.state.focal_px, clean.state.focal_px, atol=1e-4)
    assert bundle.sd_px == pytest.approx(0.1, rel=0.15)


def test_the_result_agrees_with_scipy(truth, state_of, sightings_from):
    start, seen = away(state_of(truth), np.random.default_rng(4)), sightings_from(truth)
    bundle = adjusted(start, truth.points_mm, seen)

    def residuals(step):
        return (projected(start.moved(step, 0), truth.points_mm, seen) - seen.pixels).ravel()

    theirs = least_squares(residuals, np.zeros(32), x_scale="jac", xtol=1e-12, ftol=1e-14)
    assert bundle.inlier.all() and (bundle.residual_px**2).sum() <= 2 * theirs.cost * (1 + 1e-9)
    state = start.moved(theirs.x, 0)
    np.testing.assert_allclose(bundle.state.focal_px, state.focal_px, atol=0.05)


def test_a_start_that_is_far_off_is_led_back(truth, state_of, sightings_from):
    start = away(state_of(truth), np.random.default_rng(5), size=6.0)
    assert adjusted(start, truth.points_mm, sightings_from(truth)).rms_px < 0.2


def test_parameters_are_named_in_the_order_of_steps(truth, state_of):
    names, state = parameter_names(("A", "B"), 3, 1), state_of(truth)
    step = np.zeros(len(names))
    step[names.index("B.cy_px")], step[names.index("A.k1")] = 5, 0.1
    step[names.index("position 3.tz_mm")] = 7
    moved = state.moved(step, 1)
    assert moved.centre_px[1, 1] - state.centre_px[1, 1] == pytest.approx(5)
    assert moved.lens[0, 0] == 0.1
    assert moved.t_position[2, 2] - state.t_position[2, 2] == pytest.approx(7)
    np.testing.assert_array_equal(moved.t_position[0], 0)
