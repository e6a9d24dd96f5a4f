"""Radiographs of a CT on the CPU, and their derivatives by the pose.

The image is the integral along each ray of mu_water_per_mm * max(0, 1 + HU / 1000): bilinear in
the slices that the ray crosses (Joseph 1982, doi:10.1109/TMI.1982.4307572), zero outside the
volume, times the ray's own millimetres per slice. The work is done in voxel coordinates, where
lines stay lines (shear-warp, Lacroute and Levoy 1994, doi:10.1145/192161.192283).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from calibration import Camera, Rigid

from .detector_warp import to_detector, to_detector_with_jacobian
from .lanes import LANES
from .shearwarp import accumulate, content_bounds
from .slopes import Box, Window, corner_rays, principal_windows, slope_grid
from .volume import Volume

Intrinsics = Float[Tensor, "3 3"] | Float[np.ndarray, "3 3"]
Pose = Rigid | Float[Tensor, "4 4"] | Float[np.ndarray, "4 4"]
Image = Float[Tensor, "height width"]
Jacobian = Float[Tensor, "twist=6 height width"]


class _Layout(NamedTuple):
    """Attenuation with the slices along one axis first, and where it is not zero."""

    order: list[int]  # voxel axes in the order a, b, c
    steps: np.ndarray  # (c, b, a + LANES), uint16, zeros at the end of each row
    mu_per_step: float  # 1/mm
    columns: np.ndarray
    rows: np.ndarray
    box: Box


class _Rays(NamedTuple):
    """The rays of one view in voxel coordinates."""

    source: np.ndarray
    voxel_from_cam: np.ndarray
    cam_from_pixel: np.ndarray


@dataclass(frozen=True)
class Projector:
    """A volume made ready to be rendered many times."""

    volume: Volume
    mu_water_per_mm: float = 0.02
    _layouts: dict[int, _Layout] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        """ValueError unless the attenuation is positive."""
        if not self.mu_water_per_mm > 0:
            raise ValueError(f"mu_water_per_mm must be above 0, found {self.mu_water_per_mm}")

    def render(self, K: Intrinsics, width: int, height: int, cam_from_ct: Pose) -> Image:
        """Line integrals, dimensionless, float32."""
        image = np.zeros((height, width), np.float32)
        self._draw(_rays(K, cam_from_ct, self.volume), image, None)
        return torch.from_numpy(image)

    def render_with_jacobian(
        self, K: Intrinsics, width: int, height: int, cam_from_ct: Pose
    ) -> tuple[Image, Jacobian]:
        """Line integrals, and their derivatives by a twist (v mm, w rad) in the camera's frame.

        At zero twist, of the image at exp(twist) @ cam_from_ct.
        """
        image = np.zeros((height, width), np.float32)
        jacobian = np.zeros((6, height, width), np.float32)
        self._draw(_rays(K, cam_from_ct, self.volume), image, jacobian)
        return torch.from_numpy(image), torch.from_numpy(jacobian)

    def _draw(self, rays: _Rays, image: np.ndarray, jacobian: np.ndarray | None) -> None:
        """Write the image, and its Jacobian if asked, window by window."""
        height, width = image.shape
        voxel_from_pixel = rays.voxel_from_cam @ rays.cam_from_pixel
        for window, axis in principal_windows(voxel_from_pixel, (0, 0, width, height)):
            _draw_window(self._layout(axis), rays, window, image, jacobian)

    def _layout(self, axis: int) -> _Layout:
        """The volume with slices along the axis, made when first needed."""
        if axis not in self._layouts:
            data_hu = np.asarray(self.volume.data_hu)
            self._layouts[axis] = _lay_out(data_hu, axis, self.mu_water_per_mm)
        return self._layouts[axis]


def render(
    volume: Volume | Projector,
    camera: Camera,
    cam_from_ct: Pose,
    mu_water_per_mm: float = 0.02,
) -> Image:
    """Line integrals of the attenuation, dimensionless, in the camera's K, width and height.

    A `Projector` in place of the volume spares its preparation, and has its own mu_water_per_mm.
    """
    projector = volume if isinstance(volume, Projector) else Projector(volume, mu_water_per_mm)
    return projector.render(camera.K, camera.width, camera.height, cam_from_ct)


def _rays(K: Intrinsics, cam_from_ct: Pose, volume: Volume) -> _Rays:
    pose = cam_from_ct.matrix() if isinstance(cam_from_ct, Rigid) else cam_from_ct
    cam_from_voxel = _float64(pose) @ _float64(volume.ct_from_voxel)
    K = _float64(K)
    if not (np.isfinite(K).all() and np.isfinite(cam_from_voxel).all()):
        raise ValueError(f"K and cam_from_ct must be finite, found {K} and {_float64(pose)}")
    voxel_from_cam = np.linalg.inv(cam_from_voxel[:3, :3])
    return _Rays(-voxel_from_cam @ cam_from_voxel[:3, 3], voxel_from_cam, np.linalg.inv(K))


def _float64(array) -> np.ndarray:
    """A float64 NumPy copy of a tensor or array."""
    array = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
    return np.array(array, np.float64)


def _lay_out(data_hu: np.ndarray, axis: int, mu_water_per_mm: float) -> _Layout:
    b, a = (other for other in range(3) if other != axis)
    slices = data_hu.transpose(axis, b, a)
    hu_per_step = _hu_per_step(data_hu)
    steps = np.zeros((*slices.shape[:2], slices.shape[2] + LANES), np.uint16)
    for k, slice_hu in enumerate(slices):
        above_air = np.maximum(slice_hu.astype(np.float32) + 1000, 0)
        steps[k, :, :-LANES] = np.rint(above_air * np.float32(1 / hu_per_step))
    columns, rows = content_bounds(steps)
    filled = np.flatnonzero(rows[:, 1])
    box = ((0, 0), (0, 0), (0, 0))
    if filled.size:
        box = (
            (int(columns[..., 0].min()), int(columns[..., 1].max())),
            (int(rows[filled, 0].min()), int(rows[:, 1].max())),
            (int(filled[0]), int(filled[-1]) + 1),
        )
    mu_per_step = mu_water_per_mm * hu_per_step / 1000
    return _Layout([a, b, axis], steps, mu_per_step, columns, rows, box)


def _hu_per_step(data_hu: np.ndarray) -> float:
    """One for whole HU, which are kept exactly; else as fine as sixteen bits allow."""
    top_hu = float(data_hu.max(initial=-999))
    if np.issubdtype(data_hu.dtype, np.integer) and top_hu + 1000 <= 65535:
        return 1.0
    return (top_hu + 1000) / 65535


def _draw_window(
    layout: _Layout, rays: _Rays, window: Window, image: np.ndarray, jacobian: np.ndarray | None
) -> None:
    """Write one window of the image, and of its Jacobian, on as many threads as torch uses."""
    voxel_from_cam, source = rays.voxel_from_cam[layout.order], rays.source[layout.order]
    direction_from_pixel = voxel_from_cam @ rays.cam_from_pixel
    cam_from_voxel = np.linalg.inv(voxel_from_cam)
    spacing_mm = np.linalg.norm(cam_from_voxel, axis=0)
    corners = corner_rays(direction_from_pixel, window)
    grid = slope_grid(corners, source, layout.box, spacing_mm)
    if grid is None:
        return
    total = np.zeros(grid.shape, np.float32)
    by_depth = np.zeros((0, 0) if jacobian is None else grid.shape, np.float32)
    attenuation = (layout.steps, layout.mu_per_step, layout.columns, layout.rows)
    content = (*attenuation, grid.slices, tuple(source), grid.start_step)
    metric = np.ascontiguousarray(cam_from_voxel.T @ cam_from_voxel)
    where = (grid.start_step, metric, window)
    threads = torch.get_num_threads()

    # lambdas: type checking in tests would decorate a named function anew for every window
    _in_threads(lambda part: accumulate(*content, part, threads, total, by_depth), threads)
    if jacobian is None:
        fixed = (total, direction_from_pixel, *where)
        _in_threads(lambda part: to_detector(*fixed, part, threads, image), threads)
    else:
        fixed = ((total, by_depth), voxel_from_cam, rays.cam_from_pixel, *where)
        _in_threads(
            lambda part: to_detector_with_jacobian(*fixed, part, threads, image, jacobian), threads
        )


def _in_threads(work: Callable[[int], None], threads: int) -> None:
    """Do all parts of some work at once, the first of them in this thread.

    Threads that end here are safe under fork and in callers with threads; numba's pools are not.
    """
    others = [Thread(target=work, args=(part,)) for part in range(1, threads)]
    for thread in others:
        thread.start()
    work(0)
    for thread in others:
        thread.join()
