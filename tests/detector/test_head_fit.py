"""Pose and shape of an unknown head from landmarks that are projected by OpenCV."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from detector.head_fit import fit_head, pixels_by_xyz, projected
from detector.head_shapes import CRANIAL, shape_model
from drr import LANDMARK_NAMES

K = np.array([[2400.0, 0, 260], [0, 2300, 240], [0, 0, 1]])


@pytest.fixture(scope="module")
def shapes(family_points):
    return shape_model(family_points[:17], modes=12, floor_mm=1.0)


def seen(points_ct, turn_deg, t):
    """Camera points and OpenCV's pixels of a head that looks about at the source."""
    upright = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
    R = upright @ Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    xyz = (points_ct - points_ct.mean(0)) @ R.T + t
    uv, _ = cv2.projectPoints(xyz, np.zeros(3), np.zeros(3), K, None)
    return xyz, uv[:, 0]


def test_heads_of_the_model_are_found_again(shapes):
    rng = np.random.default_rng(0)
    for turn_deg in ([0, 0, 0], [10, -5, 95], [-20, 8, 180], [5, 5, -140]):
        shape = rng.standard_normal(len(shapes.modes_mm))
        head = shapes.mean_mm + np.tensordot(shape, shapes.modes_mm, 1)
        xyz, uv = seen(head, turn_deg, [12.0, -8, 750])
        fit = fit_head(shapes, K, uv, np.full(len(uv), 0.05), (750.0, 60.0))
        nearer = xyz[:, 2].mean() / fit.xyz_cam[:, 2].mean()
        off_mm = np.linalg.norm(fit.xyz_cam * nearer - xyz, axis=1)
        assert np.median(off_mm) < 2 and off_mm.max() < 7  # along the rays, which one view hides
        assert np.abs(projected(K, fit.xyz_cam) - uv).max() < 0.5


def test_unseen_heads_are_within_the_deviations(family_points, shapes):
    rng, over_sd, off_mm = np.random.default_rng(1), [], []
    for head in family_points[17:]:
        for azimuth in (0, 70, 160, 250):
            xyz, uv = seen(head, [5, 0, azimuth], [0.0, 10, 800])
            sd = 3.0 * K[0, 0] / 800
            noisy = uv + sd * rng.standard_normal(uv.shape)
            fit = fit_head(shapes, K, noisy, np.full(len(uv), sd))
            off = fit.xyz_cam - xyz
            over_sd.append(off / np.sqrt(np.diagonal(fit.covariance_mm2, axis1=1, axis2=2)))
            lateral = np.linalg.norm(off[:, :2] - off[:, 2:] * xyz[:, :2] / xyz[:, 2:], axis=1)
            off_mm.append(lateral)
    assert np.mean(np.abs(over_sd) < 2) > 0.8  # a model of 17 heads is too sure of itself
    assert np.median(off_mm) < 2.5  # noise of 3 mm an axis has 3.5


def test_one_wild_landmark_does_not_pull_the_head(shapes):
    _, uv = seen(shapes.mean_mm, [0, 0, 40], [0.0, 0, 700])
    sd = np.full(len(uv), 1.0)
    uv[7] += [300, -200]
    fit = fit_head(shapes, K, uv, sd, (700.0, 30.0))
    others = np.arange(len(uv)) != 7
    assert np.abs(projected(K, fit.xyz_cam)[others] - uv[others]).max() < 3


def test_landmarks_in_one_place_end_in_numbers(shapes):
    uv = np.full((len(LANDMARK_NAMES), 2), 250.0)
    fit = fit_head(shapes, K, uv, np.full(len(uv), 5.0))
    assert np.isfinite(fit.xyz_cam).all() and fit.surprise > 1


def test_derivatives_of_pixels():
    rng, step = np.random.default_rng(2), 1e-4
    xyz = rng.uniform(-80, 80, (5, 3))
    xyz[:, 2] += 700
    for axis in range(3):
        moved = step * np.eye(3)[axis]
        slope = (projected(K, xyz + moved) - projected(K, xyz - moved)) / (2 * step)
        assert np.allclose(pixels_by_xyz(K, xyz)[:, :, axis], slope, atol=1e-6)


def test_the_mean_does_not_depend_on_where_the_heads_stand(family_points):
    rng = np.random.default_rng(3)
    turned = np.stack(
        [
            head @ Rotation.random(rng=rng).as_matrix().T + rng.normal(0, 50, 3)
            for head in family_points
        ]
    )
    one, two = shape_model(family_points, modes=8), shape_model(turned, modes=8)
    apart = [np.linalg.norm(m.mean_mm[:, None] - m.mean_mm[None], axis=-1) for m in (one, two)]
    assert np.allclose(*apart, atol=1e-3)
    assert np.allclose(*[np.linalg.norm(m.modes_mm, axis=(1, 2)) for m in (one, two)], rtol=1e-3)
    assert np.allclose(one.mean_mm[CRANIAL].mean(0), 0, atol=1e-9)


def test_too_few_heads_are_refused(family_points):
    with pytest.raises(ValueError, match="24 modes take 26 heads"):
        shape_model(family_points)
