import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import torch

from calibration import Camera, Rigid
from drr.projector import Projector, render
from drr.torch_renderer import render_torch
from drr.volume import Volume

MU = 0.02  # water, 1/mm
SPACE_DIAGONAL_DEG = math.degrees(math.atan(1 / math.sqrt(2)))
ALONG_AXES_DEG = [(0, 0, 0), (90, 0, 0), (180, 0, 90), (0, 90, 0)]  # azimuth, tilt, roll
BETWEEN_AXES_DEG = [(45, 0, 0), (45, SPACE_DIAGONAL_DEG, 0)]
VIEWS_DEG = [*ALONG_AXES_DEG, *BETWEEN_AXES_DEG, (20, 10, 5), (-130, -35, 30), (75, 60, -160)]


def turn(axis, angle_deg):
    twist = torch.zeros(6, dtype=torch.float64)
    twist[3 + axis] = math.radians(angle_deg)
    return Rigid.exp(twist).matrix().numpy()


def looking_at(center_ct, azimuth_deg, tilt_deg, roll_deg, distance_mm=600.0):
    """cam_from_ct with the centre straight ahead; at zero angles the camera looks along +y."""
    upright = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    cam_from_ct = turn(2, roll_deg) @ upright @ turn(0, tilt_deg) @ turn(2, azimuth_deg)
    cam_from_ct[:3, 3] = [0, 0, distance_mm] - cam_from_ct[:3, :3] @ center_ct
    return cam_from_ct


def camera(width=50, height=40, focal_px=300.0, cx=None, cy=None):
    cx = (width - 1) / 2 if cx is None else cx
    cy = (height - 1) / 2 if cy is None else cy
    K = torch.tensor([[focal_px, 0, cx], [0, focal_px, cy], [0, 0, 1]], dtype=torch.float64)
    return Camera(K, Rigid.from_matrix(torch.eye(4, dtype=torch.float64)), width, height)


def rays_ct(view, cam_from_ct):
    """The source (3,), and unit directions (height, width, 3), in ct."""
    ct_from_cam = np.linalg.inv(cam_from_ct)
    v, u = np.mgrid[: view.height, : view.width]
    directions = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(view.K.numpy()).T
    directions = directions @ ct_from_cam[:3, :3].T
    return ct_from_cam[:3, 3], directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def box_crossings(source, directions, low, high):
    """Distances (mm or any unit of the direction) at which rays enter and leave a box."""
    with np.errstate(divide="ignore"):
        ends = np.stack([(low - source) / directions, (high - source) / directions])
    return ends.min(0).max(-1), ends.max(0).min(-1)


def siddon(volume, view, cam_from_ct):
    """Voxels as homogeneous boxes, crossed one by one in float64."""
    source, directions = rays_ct(view, cam_from_ct)
    voxel_from_ct = np.linalg.inv(volume.ct_from_voxel)
    source = voxel_from_ct[:3, :3] @ source + voxel_from_ct[:3, 3]
    mu = MU * np.maximum(0, 1 + volume.data_hu.astype(np.float64) / 1000)
    image = np.zeros((view.height, view.width))
    for index in np.ndindex(image.shape):
        step = voxel_from_ct[:3, :3] @ directions[index]
        crossings = [
            (np.arange(n + 1) - 0.5 - s) / d for n, s, d in zip(mu.shape, source, step, strict=True)
        ]
        t = np.sort(np.concatenate(crossings))
        middles = source + (t[1:, None] + t[:-1, None]) / 2 * step
        voxels = np.rint(middles).astype(int)
        inside = ((voxels >= 0) & (voxels < mu.shape)).all(1) & (t[:-1] > 0)
        image[index] = np.sum(np.diff(t)[inside] * mu[tuple(voxels[inside].T)])
    return image


SHEARED_LEFT_HANDED = np.array(
    [[-2.0, 0.1, 0, 30], [0, 2.2, 0.2, -70], [-0.1, 0, 2.5, 400], [0, 0, 0, 1]]
)


def blob(
    shape=(40, 36, 30), ct_from_voxel=SHEARED_LEFT_HANDED, middles=((0.5,) * 3, (0.4, 0.6, 0.45))
):
    """Smooth bumps that end inside the volume; their middles in shares of its sides."""
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij"), -1)
    density = np.zeros(shape)
    for middle, size in zip(middles, (0.45, 0.3), strict=False):
        density += np.maximum(0, 1 - ((grid - middle) ** 2).sum(-1) / size**2) ** 3
    return Volume((1000 * density - 1000).astype(np.float32), ct_from_voxel)


def assert_rms_below(image, expected, share_of_mean):
    """Over the shadow, the pixels that are not zero."""
    image, expected = np.asarray(image), np.asarray(expected)
    shadow = (image > 0) | (expected > 0)
    rms = np.sqrt(np.mean((image - expected)[shadow] ** 2))
    assert rms < share_of_mean * expected[shadow].mean()


@pytest.mark.parametrize("angles_deg", VIEWS_DEG)
def test_a_box_of_water_casts_its_chord_lengths(angles_deg):
    shape, spacing = np.array([40, 30, 24]), np.array([1.0, 1.5, 2.0])
    ct_from_voxel = np.diag([*spacing, 1.0])
    volume = Volume(np.zeros(shape, np.int16), ct_from_voxel)
    cam_from_ct = looking_at(spacing * (shape - 1) / 2, *angles_deg)
    image = render(volume, camera(), cam_from_ct).numpy()
    source, directions = rays_ct(camera(), cam_from_ct)
    enter, leave = box_crossings(source, directions, -0.5 * spacing, (shape - 0.5) * spacing)
    expected = MU * np.maximum(0, leave - enter)
    grazing = np.zeros(image.shape, bool)  # within two voxels of the silhouette
    for low, high in ((-2.5, 1.5), (1.5, -2.5)):
        enter, leave = box_crossings(source, directions, low * spacing, (shape + high) * spacing)
        grazing ^= leave > enter
    assert 0 < grazing.sum() < 0.35 * grazing.size
    assert abs(image - expected)[~grazing].max() < 1.1 * MU * spacing.max()
    assert image.mean() == pytest.approx(expected.mean(), rel=2e-2)


def test_a_ray_along_an_axis_counts_every_voxel_once():
    volume = Volume(np.zeros((9, 7, 5), np.float32), np.diag([1.0, 2.0, 3.0, 1.0]))
    for angles_deg, length_mm in (((0, 0, 0), 14), ((90, 0, 0), 9), ((0, 90, 0), 15)):
        cam_from_ct = looking_at(volume.center_ct, *angles_deg)
        image = render(volume, camera(1, 1), cam_from_ct)
        assert image.item() == pytest.approx(MU * length_mm, rel=1e-5)


@pytest.mark.parametrize("angles_deg", VIEWS_DEG)
def test_a_ball_casts_its_chords(angles_deg):
    n, radius = 48, 20.0
    squares = ((np.indices((n, n, n)) - (n - 1) / 2) ** 2).sum(0)
    cover = np.clip(radius + 0.5 - np.sqrt(squares), 0, 1)  # a soft edge, one voxel wide
    volume = Volume((1000 * cover - 1000).astype(np.float32), np.eye(4))
    cam_from_ct = looking_at(volume.center_ct, *angles_deg)
    image = render(volume, camera(), cam_from_ct).numpy()
    source, directions = rays_ct(camera(), cam_from_ct)
    closest = np.linalg.norm(np.cross(volume.center_ct - source, directions), axis=-1)
    expected = MU * 2 * np.sqrt(np.maximum(0, radius**2 - closest**2))
    inside = closest < radius - 2
    assert abs(image - expected)[inside].max() < 0.015 * expected.max()
    assert image.mean() == pytest.approx(expected.mean(), rel=3e-3)


@pytest.mark.parametrize("angles_deg", [(20, 10, 5), (45, 0, 0), (-130, -35, 30)])
def test_brute_force_through_voxels_agrees(angles_deg):
    volume = blob()
    view, cam_from_ct = camera(16, 14, 100.0), looking_at(volume.center_ct, *angles_deg)
    image = render(volume, view, cam_from_ct)
    assert_rms_below(image, siddon(volume, view, cam_from_ct), 0.1)  # boxes, not tents


@pytest.mark.parametrize("angles_deg", VIEWS_DEG)
def test_the_torch_renderer_agrees(angles_deg):
    volume = blob()
    cam_from_ct = looking_at(volume.center_ct, *angles_deg)
    expected = render_torch(volume, camera(), torch.from_numpy(cam_from_ct))
    assert_rms_below(render(volume, camera(), cam_from_ct), expected, 0.008)


def test_a_window_wider_than_a_right_angle_is_still_exact():
    volume = blob()
    cam_from_ct = looking_at(volume.center_ct, 30, 20, 0, distance_mm=70.0)
    view = camera(90, 90, focal_px=30.0)  # 113 degrees across, the source near the surface
    expected = render_torch(volume, view, torch.from_numpy(cam_from_ct))
    assert_rms_below(render(volume, view, cam_from_ct), expected, 0.005)


def test_thick_slices_agree_with_the_torch_renderer():
    volume = blob((60, 60, 12), np.diag([1.0, 1.0, -6.0, 1.0]))
    for angles_deg in VIEWS_DEG:
        cam_from_ct = looking_at(volume.center_ct, *angles_deg)
        expected = render_torch(volume, camera(), torch.from_numpy(cam_from_ct))
        assert_rms_below(render(volume, camera(), cam_from_ct), expected, 0.03)


def test_camera_and_volume_may_move_together():
    volume = blob()
    cam_from_ct = looking_at(volume.center_ct, 20, 10, 5)
    motion = Rigid.exp(torch.tensor([100.0, -300, 50, 0.5, -1, 2], dtype=torch.float64)).matrix()
    moved = Volume(volume.data_hu, motion.numpy() @ volume.ct_from_voxel)
    image = render(moved, camera(), torch.from_numpy(cam_from_ct) @ torch.linalg.inv(motion))
    torch.testing.assert_close(image, render(volume, camera(), cam_from_ct), rtol=1e-4, atol=1e-5)


def test_the_order_in_which_voxels_are_stored_does_not_matter():
    volume = blob()
    cam_from_ct = looking_at(volume.center_ct, 20, 10, 5)
    expected = render(volume, camera(), cam_from_ct)
    old_from_new = np.zeros((4, 4))  # old (i, j, k) = (n - 1 - new j, new k, new i)
    old_from_new[[0, 1, 2, 3], [1, 2, 0, 3]] = [-1, 1, 1, 1]
    old_from_new[0, 3] = volume.shape[0] - 1
    data = volume.data_hu[::-1].transpose(2, 0, 1)
    image = render(Volume(data, volume.ct_from_voxel @ old_from_new), camera(), cam_from_ct)
    torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-4)


def test_a_cropped_window_is_the_crop_of_the_whole():
    projector = Projector(blob())
    cam_from_ct = looking_at(projector.volume.center_ct, 30, 10, 5)
    whole = render(projector, camera(), cam_from_ct)
    window = camera(21, 13, cx=24.5 - 12, cy=19.5 - 17)
    part = render(projector, window, cam_from_ct)
    assert abs(part - whole[17:30, 12:33]).max() < 0.003 * whole.max()


def test_an_image_three_times_as_large_has_the_same_pixel_centres():
    projector = Projector(blob())
    cam_from_ct = looking_at(projector.volume.center_ct, 30, 10, 5)
    image, large = (render(projector, camera().resized(s), cam_from_ct) for s in (1.0, 3.0))
    torch.testing.assert_close(large[1::3, 1::3], image, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("tilt_deg", [0, SPACE_DIAGONAL_DEG])
def test_the_image_does_not_jump_where_the_principal_axis_switches(tilt_deg):
    projector = Projector(blob((40, 40, 40), np.diag([2.0, 2.0, 2.0, 1.0])))
    center = projector.volume.center_ct
    before, at, after = (
        render(projector, camera(), looking_at(center, 45 + turn_deg, tilt_deg, 0))
        for turn_deg in (-1e-4, 0, 1e-4)
    )
    assert_rms_below(before, after, 0.003)
    assert_rms_below(at, after, 0.003)


def test_what_is_not_in_the_beam_gives_zeros():
    volume = blob()
    air = Volume(np.full((8, 8, 8), -1000, np.int16), np.eye(4))
    below_air = Volume(np.full((8, 8, 8), -3024, np.int16), np.eye(4))
    cam_from_ct = looking_at(volume.center_ct, 20, 10, 5)
    behind = looking_at(volume.center_ct, 20, 10, 5, distance_mm=-600.0)
    beside = camera(cx=-2000.0)
    assert not render(air, camera(), looking_at(air.center_ct, 20, 10, 5)).any()
    assert not render(below_air, camera(), looking_at(air.center_ct, 20, 10, 5)).any()
    assert not render(volume, camera(), behind).any()
    assert not render(volume, beside, cam_from_ct).any()


def test_one_voxel_has_the_integral_of_its_tent():
    data = np.full((5, 5, 5), -1000, np.int16)
    data[2, 2, 2] = 0
    volume = Volume(data, np.diag([2.0, 3.0, 4.0, 1.0]))
    image = render(volume, camera(1, 1), looking_at(volume.center_ct, 0, 0, 0))
    assert image.item() == pytest.approx(MU * 3.0, rel=1e-5)


def test_a_pose_may_be_a_motion_a_tensor_or_an_array():
    volume = blob()
    cam_from_ct = looking_at(volume.center_ct, 20, 10, 5)
    tensor = torch.from_numpy(cam_from_ct)
    image = render(volume, camera(), cam_from_ct)
    assert image.dtype == torch.float32 and image.shape == (40, 50)
    torch.testing.assert_close(render(volume, camera(), tensor), image, rtol=0, atol=0)
    moved = render(volume, camera(), Rigid.from_matrix(tensor))
    torch.testing.assert_close(moved, image, rtol=0, atol=0)
    torch.testing.assert_close(render(volume, camera(), cam_from_ct, 2 * MU), 2 * image)


def test_threads_may_share_a_projector():
    projector = Projector(blob())
    poses = [looking_at(projector.volume.center_ct, *angles_deg) for angles_deg in VIEWS_DEG]
    alone = [render(projector, camera(), pose) for pose in poses]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda pose: render(projector, camera(), pose), poses))
    torch.testing.assert_close(together, alone, rtol=0, atol=0)


@cache
def smooth_projector():
    ct_from_voxel = np.array([[0.7, 0, 0.1, 3], [0, -0.8, 0, 5], [0, 0.1, 0.75, 0], [0, 0, 0, 1]])
    return Projector(blob((140, 136, 130), ct_from_voxel, [(0.5, 0.5, 0.5)]))


@pytest.mark.parametrize("angles_deg", [(0, 0, 0), (45, 0, 0), (20, 10, 5), (-160, -20, 30)])
def test_the_jacobian_equals_central_differences(angles_deg):
    projector = smooth_projector()
    view = camera(60, 50, focal_px=500.0, cx=-60.0, cy=80.0)  # off the axis, to feel a roll
    cam_from_ct = looking_at(projector.volume.center_ct, *angles_deg)
    cam_from_ct[:3, 3] += [110.0, -80.0, 0]
    cam_from_ct = Rigid.from_matrix(torch.from_numpy(cam_from_ct))
    image, jacobian = projector.render_with_jacobian(view.K, 60, 50, cam_from_ct)
    torch.testing.assert_close(image, render(projector, view, cam_from_ct))
    for parameter, step in enumerate([0.3] * 3 + [0.0006] * 3):
        twist = torch.zeros(6, dtype=torch.float64)
        twist[parameter] = step
        more = render(projector, view, Rigid.exp(twist) @ cam_from_ct)
        less = render(projector, view, Rigid.exp(-twist) @ cam_from_ct)
        expected = (more - less) / (2 * step)
        error = torch.linalg.norm(jacobian[parameter] - expected)
        assert error < 1e-3 * torch.linalg.norm(expected)


def test_an_impossible_attenuation_is_refused():
    with pytest.raises(ValueError, match="mu_water_per_mm must be above 0, found 0"):
        Projector(blob(), 0.0)


def test_a_pose_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="cam_from_ct must be finite"):
        render(blob(), camera(), np.full((4, 4), np.nan))
