"""A rig of two views 60 deg apart, and heads of points to look at."""

import numpy as np
import pytest
from scipy import ndimage

from calibration import Camera, Rig, Rigid
from drr.volume import Volume


@pytest.fixture(scope="session")
def rig() -> Rig:
    """Two cameras, SID 1100 mm, SOD 750 mm, a 300 mm field on 512 px."""
    focal = 1100 / (300 / 512)
    K = np.array([[focal, 0, 255.5], [0, focal, 255.5], [0, 0, 1.0]])
    cameras = []
    for name, yaw_deg in (("A", -30.0), ("B", 30.0)):
        turn = Rigid.exp(np.array([0, 0, 0, 0, np.radians(yaw_deg), 0]))
        away = Rigid(np.eye(3), np.array([0, 0, 750.0]))
        cameras.append(Camera(K, away @ turn, 512, 512, name))
    return Rig(tuple(cameras))


@pytest.fixture(scope="session")
def skull_points() -> np.ndarray:
    """Twenty points on a sphere of 80 mm, far from the CT's origin."""
    points = np.random.default_rng(3).normal(size=(20, 3))
    return 80 * points / np.linalg.norm(points, axis=1, keepdims=True) + [10.0, 220.0, 420.0]


BLOBS = (  # centre (mm), semi-axes (mm), HU: a head of ellipsoids without any symmetry
    ((0, 0, 0), (70, 90, 80), 40),
    ((0, 0, 5), (62, 80, 70), -300),
    ((30, 50, -30), (14, 10, 12), 1500),
    ((-28, 46, -34), (10, 14, 9), 1300),
    ((5, -60, 30), (18, 9, 12), 1500),
    ((-45, -20, 20), (8, 20, 10), 1600),
    ((42, 5, 38), (12, 8, 16), 1400),
    ((-10, 20, 55), (20, 12, 8), 1500),
    ((20, -35, -45), (9, 16, 9), 1500),
)


@pytest.fixture(scope="session")
def blob_head() -> Volume:
    """A head of ellipsoids on a 3 mm grid, away from the CT's origin."""
    axes = [np.arange(-99.0, 100.0, 3.0)] * 3
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    data = np.full(grid.shape[:3], -1000.0, dtype=np.float32)
    for centre, semi, hu in BLOBS:
        r = np.sqrt(np.square((grid - centre) / semi).sum(-1))
        edge = np.clip((1 - r) * min(semi) / 3 + 0.5, 0, 1).astype(np.float32)
        data += edge * (hu - data)
    ct_from_voxel = np.diag([3.0, 3, 3, 1])
    ct_from_voxel[:3, 3] = np.array([10.0, 220, 420]) - 99
    return Volume(data, ct_from_voxel)


@pytest.fixture(scope="session")
def small_rig(rig) -> Rig:
    """The same two views on 72 px."""
    return Rig(tuple(camera.resized(72 / 512) for camera in rig))


@pytest.fixture(scope="session")
def filmed():
    """Radiographs by a ray march of SciPy, with a look of their own: scatter, gamma and noise."""
    return _filmed


def _filmed(volume: Volume, rig: Rig, world_from_ct: Rigid, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    mu = 0.02 * np.maximum(0, 1 + volume.data_hu / 1000)
    images = []
    for camera in rig:
        v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
        rays = camera.rays(np.stack([u, v], axis=-1)).numpy()
        depth = np.arange(640.0, 860.0, 3.0)  # along the ray, mm from the source
        points = camera.center_world.numpy() + rays[..., None, :] * depth[:, None]
        voxels = volume.voxels((world_from_ct.inverse() @ points.reshape(-1, 3)).numpy())
        values = ndimage.map_coordinates(mu, voxels.T, order=1, mode="constant")
        primary = np.exp(-3.0 * values.reshape(*u.shape, -1).sum(-1))
        signal = primary + 0.3 * ndimage.gaussian_filter(primary, 12)
        image = 0.7 * (signal / signal.max()) ** 0.6 + 0.05 + rng.normal(0, 0.004, u.shape)
        images.append(image.astype(np.float32))
    return images
