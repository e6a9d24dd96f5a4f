"""The compiled steps against plain NumPy."""

import numpy as np
import pytest

from registration.pose_starts import crossings, fit_rigid, triangle_fits
from registration.reprojection import Reprojection, reprojection_of
from registration.robust_steps import (
    normal_equations,
    solved,
    squared_deviations,
    turned,
    typical,
)
from registration.twist import rotation


@pytest.fixture(scope="module")
def problem(rig, skull_points):
    rng = np.random.default_rng(0)
    sd = rng.uniform(1, 5, size=(2, 20))
    sd[0, 3] = np.inf
    return reprojection_of(rig, skull_points, rng.uniform(0, 511, size=(2, 20, 2)), sd)


def test_deviations_and_normal_equations_are_those_of_the_projection(problem: Reprojection):
    R = rotation(np.array([0.4, -1.0, 0.7]))
    t = np.array([3.0, -8, 5]) - R @ problem.centroid_ct
    world = problem.points_ct @ R.T + t
    centre = np.array([5.0, 6, 7])
    pixels, J = problem.views.project_with_jacobian(world, centre)
    off = problem.uv_px - pixels
    squared = squared_deviations(*problem.readings(), R, t)
    np.testing.assert_allclose(squared, (off**2).sum(-1) * problem.weight, rtol=1e-9)
    normal, right = normal_equations(*problem.readings(), R, t, centre)
    w = problem.weight
    np.testing.assert_allclose(normal, np.einsum("vn,vnki,vnkj->ij", w, J, J), rtol=1e-8)
    np.testing.assert_allclose(right, np.einsum("vn,vnki,vnk->i", w, J, off), rtol=1e-8)
    step = 1e-6 * np.array([1.0, -2, 3, 0.02, -0.01, 0.03])
    moved = centre + step[:3] + (world - centre) @ rotation(step[3:]).T
    np.testing.assert_allclose(problem.views.project(moved) - pixels, J @ step, atol=1e-9)


def test_cholesky_solves_and_says_what_is_open():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(30, 6)) * [1, 10, 100, 1e-2, 1, 1]
    normal, right = A.T @ A, rng.normal(size=6)
    twist, known = solved(normal, right)
    assert known
    np.testing.assert_allclose(twist, np.linalg.solve(normal, right), rtol=1e-9)
    A[:, 3] = 2 * A[:, 0] - A[:, 5]
    assert not solved(A.T @ A, right)[1]
    assert not solved(np.zeros((6, 6)), right)[1]


@pytest.mark.parametrize("angle", [0.0, 1e-10, 0.3, np.pi])
def test_a_turn_is_that_of_the_twist(angle):
    w = angle * np.array([2, -3, 6]) / 7
    np.testing.assert_allclose(turned(rotation(w), w), rotation(w) @ rotation(w), atol=1e-15)


def test_triangles_fit_as_by_singular_values(problem):
    """Noisy ones too, turned by anything; flat triangles and single points are left out."""
    rng = np.random.default_rng(2)
    source = rng.normal(size=(30, 3)) * 50
    target = source @ rotation(np.array([2.0, -2, 1])).T + rng.normal(size=(30, 3)) * 20
    keys = rng.exponential(size=(40, 30))
    R, t = triangle_fits(source, target, keys, np.ones(30))
    picks = np.argsort(keys, axis=1)[:, :3]
    R_svd, t_svd = fit_rigid(source[picks], target[picks], np.ones((40, 3)))
    np.testing.assert_allclose(R, R_svd, atol=1e-9)
    np.testing.assert_allclose(t, t_svd, atol=1e-7)
    flat = np.linspace(0, 1, 30)[:, None] * [1.0, 2, 3]
    assert len(triangle_fits(flat, target, keys, np.ones(30))[0]) == 0
    assert len(triangle_fits(source, target, keys, np.where(np.arange(30) < 2, 1.0, -1))[0]) == 0


def test_rays_cross_at_the_point_that_was_projected(rig, problem, skull_points):
    world = skull_points - skull_points.mean(0)
    views = problem.views
    uv = views.project(world)
    weight = np.random.default_rng(3).uniform(0.1, 1, size=(2, 20))
    weight[1, 4], weight[:, 5] = 0, 0
    found = crossings(views.K, views.R, views.sources, uv, weight)
    assert np.isnan(found[4:6]).all()
    np.testing.assert_allclose(np.delete(found, [4, 5], 0), np.delete(world, [4, 5], 0), atol=1e-9)


def test_two_thirds_of_outliers_leave_the_scale_alone():
    rng = np.random.default_rng(4)
    squared = 9 * rng.chisquare(2, size=(2, 300))
    ones = np.ones((2, 300))
    assert typical(squared, ones) == pytest.approx(3, rel=0.1)
    squared[:, ::2] = 1e12
    assert 3 < typical(squared, ones) < 6
    assert typical(squared / 1e4, np.zeros((2, 300))) == 1
