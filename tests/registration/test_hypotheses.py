"""Several readings a view: which is right, what else could be, and left taken for right."""

import numpy as np
import pytest

from calibration import Rigid
from registration.hypotheses import solve_ambiguous_pose, with_sides_swapped
from registration.pose_solve import solve_pose
from registration.pose_starts import least_cost
from registration.reprojection import reprojection_of
from registration.robust_steps import robust_cost
from registration.twist import distance_between, rotation


def somewhere(points, rng):
    axis = rng.normal(size=3)
    R = rotation(axis / np.linalg.norm(axis) * rng.uniform(0, np.pi))
    return Rigid(R, rng.normal(size=3) * 15 - R @ points.mean(0))


def seen_by(rig, world_from_ct, points):
    return np.stack([camera.project(world_from_ct @ points).numpy() for camera in rig])


@pytest.fixture(scope="module")
def two_sided():
    """A head of 14 pairs and 12 landmarks on the midline, and each one's mirror image."""
    rng = np.random.default_rng(1)
    right = rng.normal(size=(14, 3)) * [60, 80, 70] + [15, 0, 0]
    midline = rng.normal(size=(12, 3)) * [0, 80, 70]
    points = np.concatenate([right, right * [-1, 1, 1], midline]) + np.array([10.0, 220, 420])
    index = np.arange(40)
    return points, np.concatenate([index[14:28], index[:14], index[28:]])


def off(pose, truth, points):
    return distance_between(truth, pose, points.mean(0))


@pytest.mark.parametrize("views", [(0,), (1,), (0, 1)])
def test_left_taken_for_right_is_found_where_both_names_are_offered(rig, two_sided, views):
    points, other_side = two_sided
    rng = np.random.default_rng(4)
    for _ in range(8):
        truth = somewhere(points, rng)
        pixels = seen_by(rig, truth, points) + 2 * rng.normal(size=(2, 40, 2))
        for view in views:
            pixels[view] = pixels[view][other_side]
        both = with_sides_swapped(pixels[:, None], np.full((2, 1, 40), 2.0), other_side)
        chosen = solve_ambiguous_pose(rig, points, *both)
        assert chosen.chosen == tuple(int(view in views) for view in range(2))
        assert max(off(chosen.estimate.world_from_ct, truth, points)) < 3
        assert chosen.margin > 0.5


def test_names_swapped_in_one_view_are_outvoted_by_the_midline_and_the_other(rig, two_sided):
    points, other_side = two_sided
    rng = np.random.default_rng(5)
    for _ in range(10):
        truth = somewhere(points, rng)
        pixels = seen_by(rig, truth, points) + 2 * rng.normal(size=(2, 40, 2))
        pixels[1] = pixels[1][other_side]
        found = solve_pose(rig, points, pixels, np.full((2, 40), 2.0))
        assert max(off(found.world_from_ct, truth, points)) < 4
        assert not found.used[1, :28].all() and found.used[0].mean() > 0.9


def test_sides_that_do_not_pair_are_refused(rig):
    pixels, sd = np.zeros((2, 1, 3, 2)), np.ones((2, 1, 3))
    for other_side in ([1, 2, 0], [0, 1, 3], [0, -1, 2]):
        with pytest.raises(ValueError, match="on the other side, which does not have it"):
            with_sides_swapped(pixels, sd, np.array(other_side))


def test_flat_landmarks_in_one_view_have_two_poses_and_both_are_kept(rig):
    """A small plate seen by one view looks alike when it is tilted the other way."""
    rng = np.random.default_rng(6)
    plate = np.array([[x, y, 0.0] for x in (-9, 0, 9) for y in (-9, 0, 9)])
    kept = 0
    for _ in range(20):
        truth = Rigid(rotation(np.array([*rng.choice([-0.6, 0.6], 2), 0])), np.zeros(3))
        pixels = seen_by(rig, truth, plate) + 0.5 * rng.normal(size=(2, 9, 2))
        sd = np.array([np.full(9, 0.5), np.full(9, np.nan)])
        chosen = solve_ambiguous_pose(rig, plate, pixels[:, None], sd[:, None])
        poses = [chosen.estimate, *chosen.runners_up]
        assert min(off(pose.world_from_ct, truth, plate)[1] for pose in poses) < 12
        assert (np.diff([pose.cost for pose in poses]) > -0.01).all() and chosen.margin >= 0
        kept += len(poses) > 1 and chosen.margin < 0.3
    assert kept >= 18
    both = solve_ambiguous_pose(rig, plate, pixels[:, None], np.full((2, 1, 9), 0.5))
    assert both.runners_up == () and off(both.estimate.world_from_ct, truth, plate)[1] < 8


def test_the_same_reading_twice_is_no_ambiguity(rig, skull_points):
    truth = somewhere(skull_points, np.random.default_rng(7))
    twice = np.repeat(seen_by(rig, truth, skull_points)[:, None], 2, axis=1)
    chosen = solve_ambiguous_pose(rig, skull_points, twice, np.ones((2, 2, 20)))
    assert chosen.margin == np.inf and chosen.runners_up == ()


def test_a_view_that_is_lost_leaves_the_other_ones_readings(rig, skull_points):
    rng = np.random.default_rng(8)
    truth = somewhere(skull_points, rng)
    pixels = seen_by(rig, truth, skull_points) + rng.normal(size=(2, 20, 2))
    readings = np.stack([rng.uniform(0, 511, (2, 20, 2)), pixels], axis=1)
    readings[1] = np.nan
    chosen = solve_ambiguous_pose(rig, skull_points, readings, np.ones((2, 2, 20)))
    assert chosen.chosen == (1, 0)
    mm, deg = off(chosen.estimate.world_from_ct, truth, skull_points)
    assert deg < 2 and mm < 4 * chosen.estimate.sd_translation_mm
    readings[0] = np.nan
    with pytest.raises(ValueError, match="no combination of the views' detections has a pose"):
        solve_ambiguous_pose(rig, skull_points, readings, np.ones((2, 2, 20)))


def test_no_pose_costs_less_than_its_rays_miss_each_other_by(rig, skull_points):
    """The bound by which readings are left unsolved, at poses near the truth and anywhere."""
    rng = np.random.default_rng(9)
    for _ in range(30):
        truth = somewhere(skull_points, rng)
        sd = rng.uniform(1, 6, size=(2, 20))
        pixels = seen_by(rig, truth, skull_points) + rng.choice([1, 8]) * sd[..., None] * (
            rng.normal(size=(2, 20, 2))
        )
        pixels[:, :4] = rng.uniform(0, 511, size=(2, 4, 2))
        sd[0, 5] = np.nan
        problem = reprojection_of(rig, skull_points, pixels, sd)
        for pose in (truth, somewhere(skull_points, rng)):
            cost, _ = robust_cost(*problem.readings(), pose.R.numpy(), pose.t.numpy(), 3.5)
            assert least_cost(problem, 3.5) < cost + 1e-3
