"""Edges projected onto frames, radiographs beside them, and the order of bad frames."""

import numpy as np
import pytest

from calibration import Camera, Rigid
from drr import Projector, Volume
from dualfluoro import load_trial
from dualfluoro.overlay import (
    bone_outlines,
    level_lines,
    pixel_covariances,
    shadows_of,
    shown_camera,
)
from dualfluoro.overlay_panels import compared, difference, matched
from dualfluoro.overlay_sheet import worst_first, write_overlays
from dualfluoro.recording import open_tracked
from dualfluoro.scene import scene_of
from dualfluoro.subject import subject_of
from registration import track_of_poses
from registration.image_match import cam_from_ct_matrix


@pytest.fixture(scope="module")
def opened(tracked_trial):
    loaded = load_trial(tracked_trial)
    views, track = open_tracked(loaded, tracked_trial / "track.csv")
    scene = scene_of(loaded, views, track, tracked_trial / "track.csv")
    return loaded, views, scene, shadows_of(subject_of(loaded))


def distance_px(points, lines):
    """From each point to the nearest of the lines' segments."""
    starts = np.concatenate([line[:-1] for line in lines])
    steps = np.concatenate([np.diff(line, axis=0) for line in lines])
    length = np.maximum((steps**2).sum(1), 1e-12)
    along = np.clip(((points[:, None] - starts) * steps).sum(-1) / length, 0, 1)
    nearest = starts + along[..., None] * steps
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(1)


def test_the_edge_on_the_frame_is_that_of_the_registrations_own_projection(opened):
    """Half a pixel of the frame, at the matrix that poses are refined with."""
    _, _, scene, shadows = opened
    for frame in range(2):
        pose = scene.track.world_from_ct[frame]
        for camera in scene.rig:
            large = shown_camera(camera)
            scale = large.width / camera.width
            shown = bone_outlines(shadows.cranium, large, pose)
            shown = [(line + 0.5) / scale - 0.5 for line in shown]
            matrix = cam_from_ct_matrix(camera, pose.R.numpy(), pose.t.numpy())
            own_mm = shadows.cranium.render(camera.K, camera.width, camera.height, matrix)
            own = level_lines(own_mm.numpy(), 1.5)
            longest = max(own, key=len)
            assert np.quantile(distance_px(longest, shown), 0.95) < 0.5


def test_the_shadow_of_a_ball_is_its_ellipse():
    """Closed form: rays that pass the centre at less than sqrt(r^2 - (edge / 2)^2)."""
    index = np.indices((81, 81, 81)).reshape(3, -1).T
    inside = np.linalg.norm(index - 40, axis=1).reshape(81, 81, 81) < 36
    ct_from_voxel = np.diag([2.0, 2, 2, 1])
    ct_from_voxel[:3, 3] = -80
    ball = Projector(Volume(np.where(inside, np.float32(0), np.float32(-1000)), ct_from_voxel), 1.0)
    K = np.array([[900.0, 0, 255.5], [0, 900, 240], [0, 0, 1]])
    camera = Camera(K, Rigid(np.eye(3), np.array([60.0, -30, 800])), 512, 512)
    large = shown_camera(camera)
    (line,) = bone_outlines(ball, large, Rigid.identity(), edge_mm=20.0)
    line = (line + 0.5) * (512 / large.width) - 0.5
    rays = camera.rays(line).numpy()
    center = np.array([60.0, -30, 800])
    passed_mm = np.linalg.norm(np.cross(rays, center), axis=1)
    off_px = (passed_mm - np.sqrt(72.0**2 - 10.0**2)) * 900 / 800
    assert np.abs(off_px).max() < 0.9 and abs(off_px.mean()) < 0.5 and off_px.std() < 0.4


def test_a_level_is_found_between_pixels():
    (line,) = level_lines(np.tile(np.arange(10.0), (6, 1)), 3.25)
    np.testing.assert_allclose(line[:, 0], 3.25)
    assert set(line[:, 1]) == set(range(6))
    assert level_lines(np.zeros((5, 5)), 1.0) == []


def test_ellipses_follow_the_spread_of_projections():
    camera = Camera(
        np.diag([800.0, 700, 1]), Rigid.exp(np.array([5.0, 9, 600, 0.2, -0.4, 0.1])), 9, 9
    )
    covariance = np.diag([0.4, 0.1, 0.2])
    point = np.array([20.0, -30, 40])
    drawn = np.random.default_rng(0).normal(size=(50_000, 3)) * np.sqrt(np.diag(covariance)) + point
    measured = np.cov(camera.project(drawn).numpy().T)
    found = pixel_covariances(camera, point[None], covariance[None])[0]
    np.testing.assert_allclose(found, measured, rtol=0.05, atol=0.01)


def test_a_radiograph_with_the_frames_grey_values_differs_nowhere(opened):
    rng = np.random.default_rng(1)
    import cv2

    frame = cv2.GaussianBlur(rng.random((96, 96), np.float32), (0, 0), 4)
    inside = np.ones(frame.shape, bool)
    gamma = frame**3 + 2
    np.testing.assert_allclose(matched(gamma, frame, inside), frame, atol=2e-3)
    same = difference(frame, 2 * frame + 1, inside)
    assert same.min() > 225
    darker = frame.copy()
    darker[30:60, 30:60] -= 0.1
    part = difference(darker, frame, inside)[36:54, 36:54].astype(int)
    assert part[..., 0].mean() >= part[..., 2].mean()  # blue, green, red: bluish or white


def test_the_pose_that_was_found_fits_better_than_one_beside_it(opened):
    """White is agreement: the difference has more of it at the pose than 25 mm away."""
    loaded, views, scene, shadows = opened
    camera, image = scene.rig.cameras[0], views[0][0]
    large = shown_camera(camera)
    field = (scene.outline(0, 0) + 0.5) * (large.width / camera.width) - 0.5
    found = scene.track.world_from_ct[0]
    beside = Rigid(np.eye(3), camera.cam_from_world.R.numpy()[0] * 25.0) @ found
    white = [
        compared(image, large, shadows, p, field, loaded.views[0].transmission).difference.mean()
        for p in (found, beside)
    ]
    assert white[0] > white[1] + 1


def test_the_worst_frames_come_first():
    poses = Rigid(np.tile(np.eye(3), (4, 1, 1)), np.zeros((4, 3)))
    from dataclasses import replace

    track = replace(
        track_of_poses(poses, np.arange(4.0)),
        status=("ok", "doubtful", "ok", "lost"),
        view_names=("A",),
        similarity=np.array([[0.9, 0.99, 0.5, np.nan]]),
        reprojection_px=np.full((1, 4), np.nan),
    )
    assert worst_first(track) == [3, 1, 2, 0]


def test_overlays_of_every_frame_a_sheet_and_a_page(opened, tmp_path):
    loaded, views, scene, shadows = opened
    write_overlays(loaded, scene, views, shadows, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"frame_{i:04d}.jpg" for i in range(3)} | {"contact_sheet.png", "worst.html"}
    page = (tmp_path / "worst.html").read_text()
    assert page.count("data:image/webp") == 3 and "http" not in page and "plotly" not in page
