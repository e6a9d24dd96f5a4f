"""A pose from landmarks: exact, robust, and as sure as it says."""

import numpy as np
import pytest

from calibration import Rigid
from registration.hypotheses import solve_ambiguous_pose
from registration.pose_solve import solve_pose
from registration.twist import distance_between, rotation, twist_between


def somewhere(points, rng):
    """A pose with any rotation that puts the points near the world's origin."""
    axis = rng.normal(size=3)
    R = rotation(axis / np.linalg.norm(axis) * rng.uniform(0, np.pi))
    return Rigid(R, rng.normal(size=3) * 15 - R @ points.mean(0))


def seen_by(rig, world_from_ct, points):
    return np.stack([camera.project(world_from_ct @ points).numpy() for camera in rig])


def error(estimate, truth, points):
    return distance_between(truth, estimate.world_from_ct, points.mean(0))


@pytest.mark.parametrize("seed", range(5))
def test_pixels_without_noise_give_the_pose_exactly(rig, skull_points, seed):
    truth = somewhere(skull_points, np.random.default_rng(seed))
    pixels = seen_by(rig, truth, skull_points)
    estimate = solve_pose(rig, skull_points, pixels, np.ones((2, 20)))
    assert max(error(estimate, truth, skull_points)) < 1e-9
    assert estimate.used.all() and estimate.residuals_px.max() < 1e-9


def test_half_a_turn_is_no_singular_point(rig, skull_points):
    R = np.diag([-1.0, 1.0, -1.0])
    truth = Rigid(R, -R @ skull_points.mean(0))
    estimate = solve_pose(rig, skull_points, seen_by(rig, truth, skull_points), np.ones((2, 20)))
    assert max(error(estimate, truth, skull_points)) < 1e-9


@pytest.mark.parametrize(("views", "corner"), [(2, False), (2, True), (1, False)])
def test_the_covariance_is_that_of_the_errors(rig, skull_points, views, corner):
    rng = np.random.default_rng(11)
    points = skull_points
    if corner:  # eight landmarks within 30 mm, away from the middle
        points = np.array([60.0, 270, 450]) + rng.uniform(-15, 15, size=(8, 3))
    sd = np.full((2, len(points)), 1.0)
    sd[views:] = np.inf
    squares, expected, ratio = np.zeros(6), np.zeros(6), []
    for _ in range(80):
        truth = somewhere(skull_points, rng)
        pixels = seen_by(rig, truth, points) + rng.normal(size=(2, len(points), 2))
        estimate = solve_pose(rig, points, pixels, sd)
        off = twist_between(truth, estimate.world_from_ct, points.mean(0))
        squares += off**2
        expected += np.diag(estimate.covariance)
        ratio.append(off @ np.linalg.solve(estimate.covariance, off) / 6)
    for block in (slice(0, 3), slice(3, 6)):
        assert np.sqrt(squares[block].sum() / expected[block].sum()) == pytest.approx(1, abs=0.15)
    assert np.mean(ratio) == pytest.approx(1, abs=0.2)


def anywhere(rig, truth, points, pixels, wrong, rng):
    pixels[:, wrong] = rng.uniform(0, 511, size=(2, len(wrong), 2))


def anywhere_in_one_view(rig, truth, points, pixels, wrong, rng):
    pixels[0, wrong] = rng.uniform(0, 511, size=(len(wrong), 2))
    others = rng.permutation(np.setdiff1d(np.arange(len(points)), wrong))[: len(wrong)]
    pixels[1, others] = rng.uniform(0, 511, size=(len(wrong), 2))


def shifted_alike(rig, truth, points, pixels, wrong, rng):
    angle = rng.uniform(0, 2 * np.pi, size=2)
    pixels[:, wrong] += 60 * np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, None]


def elsewhere_on_the_head(rig, truth, points, pixels, wrong, rng):
    """Both views agree on where these landmarks are: 40 mm off."""
    off = rng.normal(size=(len(wrong), 3))
    off *= 40 / np.linalg.norm(off, axis=1, keepdims=True)
    pixels[:, wrong] = seen_by(rig, truth, points[wrong] + off)


def on_a_jaw_of_its_own(rig, truth, points, pixels, wrong, rng):
    """Both views agree on a body that moved by 25 mm."""
    pixels[:, wrong] = seen_by(rig, truth, points[wrong] + np.array([0, 15.0, -20.0]))


@pytest.mark.parametrize(
    "spoil",
    [
        anywhere,
        anywhere_in_one_view,
        shifted_alike,
        elsewhere_on_the_head,
        on_a_jaw_of_its_own,
    ],
)
def test_a_third_of_the_landmarks_may_be_wrong(rig, spoil):
    """1.5 times the error that is expected without them holds for 95 %, no pose is beyond 4."""
    rng, ratio = np.random.default_rng(5), []
    points = rng.normal(size=(48, 3))
    points *= 80 / np.linalg.norm(points, axis=1, keepdims=True)
    for _ in range(15):
        truth = somewhere(points, rng)
        pixels = seen_by(rig, truth, points) + 3 * rng.normal(size=(2, 48, 2))
        spoil(rig, truth, points, pixels, rng.permutation(48)[:16], rng)
        estimate = solve_pose(rig, points, pixels, np.full((2, 48), 3.0))
        off = twist_between(truth, estimate.world_from_ct, points.mean(0))
        ratio.append(off @ np.linalg.solve(estimate.covariance, off) / 6)
        assert max(error(estimate, truth, points)) < 2
    assert np.mean(ratio) < 1.6  # chi-square over its degrees of freedom: 1 without the third


def test_a_corner_of_landmarks_stands_two_wrong_ones(rig, skull_points):
    """Eight in a cube of 30 mm: 2 to 3 deg, and 2 mm at the head's centre, for 1 mm of error."""
    rng, squares = np.random.default_rng(12), []
    points = np.array([60.0, 270, 450]) + rng.uniform(-15, 15, size=(8, 3))
    for wrong in (0, 2):
        for _ in range(40):
            truth = somewhere(skull_points, rng)
            pixels = seen_by(rig, truth, points) + 2.5 * rng.normal(size=(2, 8, 2))
            pixels[:, :wrong] = rng.uniform(0, 511, size=(2, wrong, 2))
            estimate = solve_pose(rig, points, pixels, np.full((2, 8), 2.5))
            off = twist_between(truth, estimate.world_from_ct, points.mean(0))
            length = off @ np.linalg.solve(estimate.covariance, off)
            centre = distance_between(truth, estimate.world_from_ct, skull_points.mean(0))
            squares.append((wrong, length, *np.square(centre)))
    exact = np.array([row for row in squares if row[0] == 0])
    assert np.sqrt(exact[:, 3].mean()) < 3.2 and np.sqrt(exact[:, 2].mean()) < 3.5
    assert np.mean(exact[:, 1] < 12.59) > 0.88  # the 95 % quantile of chi-square of 6
    spoilt = np.array([row[1] for row in squares if row[0] == 2])
    assert np.mean(spoilt < 12.59) > 0.8


def test_the_95_percent_ellipsoid_holds_the_truth_as_often(rig, skull_points):
    rng, inside, count = np.random.default_rng(13), 0, 150
    for _ in range(count):
        truth = somewhere(skull_points, rng)
        sd = rng.uniform(2, 6, size=(2, 20))
        pixels = seen_by(rig, truth, skull_points) + sd[..., None] * rng.normal(size=(2, 20, 2))
        estimate = solve_pose(rig, skull_points, pixels, sd)
        off = twist_between(truth, estimate.world_from_ct, skull_points.mean(0))
        inside += off @ np.linalg.solve(estimate.covariance, off) < 12.59
    # residuals that are large by chance widen the ellipsoid, small ones do not narrow it
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / count) < inside / count < 0.99


def test_residuals_above_the_predicted_ones_widen_the_covariance(rig, skull_points):
    rng = np.random.default_rng(6)
    truth = somewhere(skull_points, rng)
    pixels = seen_by(rig, truth, skull_points)
    calm = solve_pose(rig, skull_points, pixels, np.ones((2, 20)))
    loud = solve_pose(
        rig, skull_points, pixels + 3 * rng.normal(size=pixels.shape), np.ones((2, 20))
    )
    assert loud.scale == pytest.approx(3, rel=0.3)
    assert loud.sd_translation_mm == pytest.approx(loud.scale * calm.sd_translation_mm, rel=0.1)


def test_a_shift_common_to_all_landmarks_is_covered_by_the_correlation(rig, skull_points):
    rng = np.random.default_rng(7)
    ratio = []
    for _ in range(60):
        truth = somewhere(skull_points, rng)
        pixels = seen_by(rig, truth, skull_points) + 2 * rng.normal(size=(2, 1, 2))
        estimate = solve_pose(
            rig, skull_points, pixels, np.full((2, 20), 2.0), error_correlation=1.0
        )
        off = twist_between(truth, estimate.world_from_ct, skull_points.mean(0))
        ratio.append(off[:3] @ np.linalg.solve(estimate.covariance[:3, :3], off[:3]) / 3)
    assert 0.5 < np.mean(ratio) < 1.3


def test_unseen_landmarks_count_for_nothing(rig, skull_points):
    truth = somewhere(skull_points, np.random.default_rng(8))
    pixels = seen_by(rig, truth, skull_points)
    sd = np.ones((2, 20))
    pixels[0, :5], sd[1, 10:] = np.nan, np.nan
    estimate = solve_pose(rig, skull_points, pixels, sd)
    assert max(error(estimate, truth, skull_points)) < 1e-9
    assert estimate.used.sum() == 25 and np.isnan(estimate.residuals_px).sum() == 15


def test_one_view_alone_knows_depth_badly(rig, skull_points):
    truth = somewhere(skull_points, np.random.default_rng(9))
    sd = np.ones((2, 20))
    both = solve_pose(rig, skull_points, seen_by(rig, truth, skull_points), sd)
    sd[1] = np.inf
    one = solve_pose(rig, skull_points, seen_by(rig, truth, skull_points), sd)
    assert max(error(one, truth, skull_points)) < 1e-6
    assert one.sd_translation_mm > 4 * both.sd_translation_mm


def test_the_views_decide_between_two_readings(rig, skull_points):
    rng = np.random.default_rng(10)
    truth = somewhere(skull_points, rng)
    pixels = seen_by(rig, truth, skull_points)
    mirrored = np.stack([511 - pixels[..., 0], pixels[..., 1]], axis=-1)  # left taken for right
    readings = np.stack([mirrored, pixels], axis=1) + rng.normal(size=(2, 2, 20, 2))
    chosen = solve_ambiguous_pose(rig, skull_points, readings, np.ones((2, 2, 20)))
    assert chosen.chosen == (1, 1) and chosen.margin > 0.5
    mm, deg = error(chosen.estimate, truth, skull_points)
    assert mm < 1 and deg < 1


def test_what_does_not_determine_a_pose_is_refused(rig, skull_points):
    pixels = np.zeros((2, 20, 2))
    with pytest.raises(ValueError, match="found 2 and 2"):
        solve_pose(rig, skull_points[:2], pixels[:, :2], np.ones((2, 2)))
    line = np.linspace(0, 100, 10)[:, None] * [0.6, 0.0, 0.8]
    on_line = seen_by(rig, Rigid.identity(), line)
    with pytest.raises(ValueError, match="on a line"):
        solve_pose(rig, line, on_line, np.ones((2, 10)))
    with pytest.raises(ValueError, match="must be positive px, found 0"):
        solve_pose(rig, skull_points, pixels, np.zeros((2, 20)))
    with pytest.raises(ValueError, match="landmark 3 of the CT is not finite"):
        lost = skull_points.copy()
        lost[3] = np.nan
        solve_pose(rig, lost, pixels, np.ones((2, 20)))
    with pytest.raises(ValueError, match="pixels of 1 views for a rig of 2: A, B"):
        solve_pose(rig, skull_points, pixels[:1], np.ones((1, 20)))
