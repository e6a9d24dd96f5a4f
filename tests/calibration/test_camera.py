import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from calibration import Camera, Rigid

K = np.array([[3000.0, 0, 480.25], [0, 3060.0, 530.5], [0, 0, 1]])
TWIST = np.array([20.0, -35.0, 900.0, 0.4, -0.3, 1.2])


def camera(**changes):
    given = {"K": K, "cam_from_world": Rigid.exp(TWIST), "width": 1024, "height": 960}
    return Camera(**given | changes)


def points(count=50):
    return np.random.default_rng(1).uniform(-80, 80, size=(count, 3))


def with_cv2(view, points_world, coefficients=None):
    rotation = Rotation.from_matrix(view.cam_from_world.R.numpy()).as_rotvec()
    shift = view.cam_from_world.t.numpy()
    return cv2.projectPoints(points_world, rotation, shift, view.K.numpy(), coefficients)[0][:, 0]


def test_projection_agrees_with_opencv():
    np.testing.assert_allclose(camera().project(points()), with_cv2(camera(), points()), atol=1e-6)


def test_a_bead_on_the_optical_axis_falls_on_the_principal_point():
    view = camera(cam_from_world=Rigid.identity())
    np.testing.assert_array_equal(view.project(np.array([0.0, 0.0, 700.0])), K[:2, 2])
    # 10 mm to the side at 1000 mm: 10 / 1000 * fx
    np.testing.assert_allclose(view.project(np.array([10.0, 0, 1000]))[0], 480.25 + 30, atol=1e-12)


def test_a_point_is_the_source_plus_its_ray():
    view, p = camera(), torch.from_numpy(points())
    rays = view.rays(view.project(p))
    distance = (p - view.center_world).norm(dim=-1, keepdim=True)
    np.testing.assert_allclose(view.center_world + distance * rays, p, atol=1e-9)
    np.testing.assert_allclose(rays.norm(dim=-1), 1, atol=1e-15)


def test_the_source_projects_nowhere_and_lies_at_depth_zero():
    view = camera()
    assert abs(view.depth(view.center_world)) < 1e-12
    np.testing.assert_allclose(view.cam_from_world @ view.center_world, np.zeros(3), atol=1e-12)
    axis = view.rays(K[:2, 2])
    np.testing.assert_allclose(view.depth(view.center_world + 250 * axis), 250, atol=1e-10)


def test_projection_and_rays_keep_leading_axes_and_take_none():
    view = camera()
    assert view.project(points(12).reshape(3, 4, 3)).shape == (3, 4, 2)
    assert view.rays(np.zeros((3, 4, 2))).shape == (3, 4, 3)
    assert view.project(np.zeros((0, 3))).shape == (0, 2)


@pytest.mark.parametrize("scale", [0.5, 0.25, 2.0, 1.0])
def test_resizing_moves_pixel_centres_to_pixel_centres(scale):
    view = camera(pixel_spacing_mm=0.3)
    small = view.resized(scale)
    expected = (view.project(points()) + 0.5) * scale - 0.5
    np.testing.assert_allclose(small.project(points()), expected, atol=1e-9)
    assert (small.width, small.height) == (1024 * scale, 960 * scale)
    assert small.pixel_spacing_mm == 0.3 / scale
    corners = np.array(
        [[-0.5, -0.5], [1023.5, 959.5]]
    )  # the image's outer corners stay its corners
    expected = np.array([[-0.5, -0.5], [1024 * scale - 0.5, 960 * scale - 0.5]])
    on_ray = view.center_world + 900 * view.rays(corners)
    np.testing.assert_allclose(small.project(on_ray), expected, atol=1e-9)


def test_resizing_agrees_with_the_resized_image():
    # A blob drawn at a projected point is found there again after cv2 shrank the image by area.
    view, (u, v) = camera(), (456.3, 520.8)
    point = view.center_world + 900 * view.rays(np.array([u, v]))
    columns, rows = np.meshgrid(np.arange(1024.0), np.arange(960.0))
    image = np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 12.0**2))
    small = cv2.resize(image, (256, 240), interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[0:240, 0:256]
    found = [(small * axis).sum() / small.sum() for axis in (columns, rows)]
    np.testing.assert_allclose(view.resized(0.25).project(point), found, atol=1e-6)


def test_cropping_shifts_pixels_by_whole_pixels():
    part = camera().cropped(left=100, top=-20, width=300, height=400)
    expected = camera().project(points()).numpy() - [100, -20]
    np.testing.assert_allclose(part.project(points()), expected, atol=1e-9)
    assert (part.width, part.height) == (300, 400)


def test_a_camera_takes_a_matrix_for_its_pose():
    view = camera(cam_from_world=Rigid.exp(TWIST).matrix().numpy())
    np.testing.assert_array_equal(view.project(points()), camera().project(points()))


def test_projection_differentiates_through_the_pose():
    twist = torch.tensor(TWIST, requires_grad=True)
    p = torch.from_numpy(points(3))
    assert torch.autograd.gradcheck(
        lambda x: camera(cam_from_world=Rigid.exp(x)).project(p), twist, atol=1e-4
    )


@pytest.mark.parametrize("coefficients", [[0.1, -0.2, 0.001, -0.002, 0.3, 0.01, 0.02, 0.03]])
def test_distortion_agrees_with_opencv_and_is_undone(coefficients):
    view = camera(distortion={"model": "opencv", "coefficients": coefficients})
    seen = with_cv2(view, points(), np.array(coefficients))
    straight = view.project(points())
    assert np.abs(seen - straight.numpy()).max() > 0.1
    np.testing.assert_allclose(view.distorted(straight), seen, atol=1e-9)
    np.testing.assert_allclose(view.undistorted(seen), straight, atol=1e-9)
    lost = np.array([[np.nan, 1.0], [5.0, 5.0]])
    assert view.undistorted(lost)[:, 0].isnan().tolist() == [True, False]
    assert view.undistorted(np.zeros((0, 2))).shape == (0, 2)
    assert view.distorted(np.zeros((0, 2))).shape == (0, 2)


def test_a_pixel_that_no_lens_ray_reaches_comes_out_nan():
    view = camera(distortion={"model": "opencv", "coefficients": [-30.0, 0, 0, 0]})
    assert view.undistorted(np.array([[1023.0, 959.0]])).isnan().all()


def test_undistorting_without_a_map_is_refused():
    with pytest.raises(ValueError, match="camera 'A' has no distortion map"):
        camera(name="A").undistorted(np.zeros((1, 2)))


def replaced(row, column, value):
    changed = K.copy()
    changed[row, column] = value
    return changed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"K": replaced(0, 0, np.nan)}, "K is not finite"),
        ({"K": replaced(1, 1, -3060.0)}, "fy = -3060, both must be positive.*flip the image"),
        ({"K": replaced(0, 1, 2.5)}, "skew 2.5"),
        ({"K": K.T}, r"last row of K is \[480.25.*transposed"),
        ({"width": 0}, "width is 0, must be a positive whole number"),
        ({"height": -960}, "height is -960"),
        ({"pixel_spacing_mm": 0.0}, "pixel_spacing_mm is 0.0"),
        ({"cam_from_world": np.diag([1.0, -1, 1, 1])}, "mirror"),
        ({"cam_from_world": Rigid.exp(np.zeros((2, 6)))}, r"one pose; .* batch shape \(2,\)"),
        ({"cam_from_world": Rigid(np.eye(3), np.array([0, 0, np.nan]))}, "is not finite"),
        ({"distortion": {"model": "fisheye", "coefficients": [0.0] * 4}}, "fisheye.*opencv"),
        ({"distortion": {"model": "opencv", "coefficients": [0.1] * 3}}, "must be a list of"),
        ({"distortion": {"model": "opencv", "coefficients": [np.inf] * 4}}, "must all be finite"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        camera(**changes)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_resizing_to_nothing_is_refused(scale):
    with pytest.raises(ValueError, match="the scale must be positive"):
        camera().resized(scale)
