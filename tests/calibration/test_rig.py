import cv2
import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from calibration import Camera, Rig, Rigid

K = np.array([[3000.0, 0, 480.0], [0, 3060.0, 530.0], [0, 0, 1]])
LENS = {"model": "opencv", "coefficients": [0.2, -0.1, 0.001, 0.002]}


def rig(turns_rad=(0.0, 1.2), distortion=None):
    """Sources on a circle of 750 mm about the world's origin."""
    cameras = []
    for name, turn in zip("ABC", turns_rad, strict=False):
        cam_from_world = Rigid(np.eye(3), np.array([5.0, -8.0, 750.0])) @ Rigid.exp(
            np.array([0.0, 0, 0, 0.05, turn, -0.1])
        )
        cameras.append(Camera(K, cam_from_world, 1024, 1024, name, distortion=distortion))
    return Rig(tuple(cameras))


def points(count=40):
    return np.random.default_rng(2).uniform(-90, 90, size=(count, 3))


def seen_by(cameras, points_world):
    return torch.stack([camera.project(points_world) for camera in cameras])


@pytest.mark.parametrize("turns_rad", [(0.0, 1.2), (0.0, 0.05), (0.0, np.pi / 2, 2.5)])
def test_noise_free_points_come_back_exactly(turns_rad):
    two = rig(turns_rad)
    # 1e-9 mm; views 3 deg apart leave ten times the rounding of those 70 deg apart
    np.testing.assert_allclose(two.triangulate(seen_by(two, points())), points(), atol=1e-9)


def test_the_result_has_the_least_weighted_reprojection_error():
    three, rng = rig((0.0, 0.9, 2.0)), np.random.default_rng(3)
    pixels = seen_by(three, points(6)).numpy() + rng.normal(scale=5, size=(3, 6, 2))
    weights = rng.uniform(0.1, 4, size=(3, 6))
    found = three.triangulate(pixels, weights=weights)
    for i in range(6):

        def residual(x, i=i):
            error = seen_by(three, x[None])[:, 0].numpy() - pixels[:, i]
            return (np.sqrt(weights[:, i, None]) * error).ravel()

        best = least_squares(residual, points(6)[i], xtol=1e-15, ftol=1e-15, gtol=1e-15).x
        np.testing.assert_allclose(found[i], best, atol=1e-5)


def test_triangulation_is_near_opencvs_and_has_the_smaller_error():
    two = rig()
    pixels = seen_by(two, points()).numpy() + np.random.default_rng(4).normal(size=(2, 40, 2))
    P = [c.K.numpy() @ c.cam_from_world.matrix().numpy()[:3] for c in two]
    linear = cv2.triangulatePoints(P[0], P[1], pixels[0].T, pixels[1].T)
    found = two.triangulate(pixels)
    # Both see 1 px of noise, about 0.25 mm; OpenCV's linear solution weighs it otherwise.
    np.testing.assert_allclose(found, (linear[:3] / linear[3]).T, atol=0.25)
    error = (seen_by(two, found) - torch.from_numpy(pixels)).square().sum()
    linear_error = np.square(seen_by(two, (linear[:3] / linear[3]).T).numpy() - pixels).sum()
    assert error <= linear_error


def test_a_point_seen_in_fewer_than_two_views_is_nan():
    three = rig((0.0, 0.9, 2.0))
    pixels = seen_by(three, points(4))
    pixels[0, 1] = np.nan  # seen in two
    pixels[:2, 2] = np.nan  # seen in one
    pixels[:, 3, 0] = np.nan  # seen in none: half a pixel is no pixel
    found = three.triangulate(pixels)
    np.testing.assert_allclose(found[:2], points(4)[:2], atol=1e-9)
    assert found[2:].isnan().all()
    weights = np.ones((3, 4))
    weights[2, 1] = 0
    assert three.triangulate(pixels, weights=weights)[1].isnan().all()


def test_a_point_that_one_camera_sees_from_the_side_of_its_source_is_found():
    three = rig((0.0, 0.9, 2.0))
    source = three["C"].center_world
    pixels = seen_by(three, source[None])
    pixels[2] = np.nan
    np.testing.assert_allclose(three.triangulate(pixels)[0], source, atol=1e-9)


def test_parallel_rays_fix_no_point_and_spoil_none():
    A = Camera(K, Rigid.identity(), 1024, 1024, "A")
    B = Camera(K, Rigid(np.eye(3), np.array([-300.0, 0, 0])), 1024, 1024, "B")
    two = Rig((A, B))
    pixels = seen_by(two, np.array([[10.0, 20.0, 800.0], [0, 0, 900.0]]))
    pixels[1, 1] = pixels[0, 1]
    found = two.triangulate(pixels)
    np.testing.assert_allclose(found[0], [10, 20, 800], atol=1e-9)
    assert found[1].isnan().all()


def test_no_points_give_no_points():
    assert rig().triangulate(np.zeros((2, 0, 2))).shape == (0, 3)
    assert rig().epipolar_distance(np.zeros((2, 0, 2))).shape == (0,)


def test_distorted_pixels_are_straightened_first():
    two = rig(distortion=LENS)
    seen = torch.stack([camera.distorted(camera.project(points())) for camera in two])
    np.testing.assert_allclose(two.triangulate(seen, distorted=True), points(), atol=1e-8)
    assert np.abs(two.triangulate(seen).numpy() - points()).max() > 0.1


def test_distorted_pixels_without_a_map_are_refused():
    with pytest.raises(ValueError, match="camera 'A' has no distortion map"):
        rig().triangulate(np.zeros((2, 1, 2)), distorted=True)


def test_pixels_of_too_few_views_are_refused():
    with pytest.raises(ValueError, match="pixels are of 2 views, the rig has 3: A, B, C"):
        rig((0.0, 1.0, 2.0)).triangulate(np.zeros((2, 1, 2)))


@pytest.mark.parametrize("weight", [-1.0, np.inf])
def test_impossible_weights_are_refused(weight):
    with pytest.raises(ValueError, match="weights must be finite and not negative"):
        rig().triangulate(np.zeros((2, 1, 2)), weights=np.full((2, 1), weight))


def test_matching_pixels_lie_on_each_others_epipolar_lines():
    assert rig().epipolar_distance(seen_by(rig(), points())).max() < 1e-9


def test_the_epipolar_distance_is_the_distance_from_opencvs_lines():
    two = rig()
    pixels = seen_by(two, points()).numpy() + np.random.default_rng(5).normal(size=(2, 40, 2))
    b_from_a = (two["B"].cam_from_world @ two["A"].cam_from_world.inverse()).matrix().numpy()
    x, y, z = b_from_a[:3, 3]
    E = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ b_from_a[:3, :3]
    F = np.linalg.inv(K).T @ E @ np.linalg.inv(K)
    squares = []
    for here, there, image in ((0, 1, 2), (1, 0, 1)):
        lines = cv2.computeCorrespondEpilines(pixels[there][:, None], image, F)[:, 0]
        squares.append(np.square((lines[:, :2] * pixels[here]).sum(1) + lines[:, 2]))
    expected = np.sqrt(np.mean(squares, axis=0))
    np.testing.assert_allclose(two.epipolar_distance(pixels), expected, atol=1e-9)


def test_the_epipolar_distance_does_not_ask_which_view_is_first():
    two = rig()
    pixels = seen_by(two, points()).numpy() + np.random.default_rng(6).normal(size=(2, 40, 2))
    swapped = Rig(two.cameras[::-1]).epipolar_distance(pixels[::-1].copy())
    np.testing.assert_allclose(two.epipolar_distance(pixels), swapped, atol=1e-10)


def test_an_epipolar_distance_needs_two_views():
    with pytest.raises(ValueError, match="between two views; the rig has 3"):
        rig((0.0, 1.0, 2.0)).epipolar_distance(np.zeros((2, 1, 2)))


def test_cameras_are_found_by_name_in_order():
    two = rig()
    assert two.names == ("A", "B") and len(two) == 2
    assert two["B"] is two.cameras[1]
    assert [camera.name for camera in two] == ["A", "B"]


def test_an_unknown_camera_is_refused_naming_those_there_are():
    with pytest.raises(ValueError, match="no camera 'C', only 'A', 'B'"):
        rig()["C"]


def test_a_rig_without_cameras_or_with_unfit_names_is_refused():
    A = rig()["A"]
    with pytest.raises(ValueError, match="at least one camera"):
        Rig(())
    with pytest.raises(ValueError, match="given twice: A"):
        Rig((A, A))
    with pytest.raises(ValueError, match="camera 1 of the rig has no name"):
        Rig((A, Camera(K, Rigid.identity(), 10, 10)))
