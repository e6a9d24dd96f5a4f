"""Radiographs by marching along rays: the demo's own projector, which shares nothing with `drr`.

The geometry is a point source and a flat panel given by its corner and its two pixel steps.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Real
from numba import njit

BAND_ROWS = 16
MU_WATER_PER_MM = 0.02


class Panel(NamedTuple):
    """A source and a panel in one frame, mm; `corner` is the centre of the top-left pixel."""

    source: Float[np.ndarray, "3"]
    corner: Float[np.ndarray, "3"]
    step_right: Float[np.ndarray, "3"]
    step_down: Float[np.ndarray, "3"]


def moved_panel(target_from_panel: Float[np.ndarray, "4 4"], panel: Panel) -> Panel:
    """The same panel in another frame."""
    R, t = target_from_panel[:3, :3], target_from_panel[:3, 3]
    steps = R @ panel.step_right, R @ panel.step_down
    return Panel(R @ panel.source + t, R @ panel.corner + t, *steps)


def attenuation_per_mm(data_hu: Real[np.ndarray, "i j k"]) -> Float[np.ndarray, "i j k"]:
    """Of every voxel, float32."""
    return np.maximum(data_hu.astype(np.float32) + 1000, 0) * np.float32(MU_WATER_PER_MM / 1000)


def line_integrals(
    mu_per_mm: Float[np.ndarray, "i j k"],
    ct_from_voxel: Float[np.ndarray, "4 4"],
    panel_ct: Panel,
    width: int,
    height: int,
    step_mm: float = 1.0,
) -> Float[np.ndarray, "height width"]:
    """Attenuation along the ray of every pixel, dimensionless, trilinear at equal steps."""
    panel = moved_panel(np.linalg.inv(ct_from_voxel), panel_ct)
    image = np.zeros((height, width), np.float32)
    length_mm = np.ascontiguousarray(ct_from_voxel[:3, :3], dtype=np.float64)
    # numba's own threads would change the number of those that torch uses, and with it its sums
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bands = [(v, min(v + BAND_ROWS, height)) for v in range(0, height, BAND_ROWS)]
        march = [
            pool.submit(_march, mu_per_mm, *panel, length_mm, step_mm, band, image)
            for band in bands
        ]
        for done in march:
            done.result()
    return image


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _march(mu, source, corner, step_right, step_down, mm_from_voxel, step_mm, rows, image):
    """Fill some rows of the image; all vectors in voxels but for the metric `mm_from_voxel`."""
    width = image.shape[1]
    for v in range(rows[0], rows[1]):
        for u in range(width):
            way = corner + u * step_right + v * step_down - source
            near, far = 0.0, 1.0
            for axis in range(3):
                last = mu.shape[axis] - 1.001
                if abs(way[axis]) < 1e-12:
                    if source[axis] < 0.0 or source[axis] > last:
                        far = -1.0
                    continue
                a, b = -source[axis] / way[axis], (last - source[axis]) / way[axis]
                near, far = max(near, min(a, b)), min(far, max(a, b))
            if near >= far:
                continue
            length_mm = np.sqrt(np.sum((mm_from_voxel @ way) ** 2)) * (far - near)
            count = int(length_mm / step_mm) + 1
            total = 0.0
            for n in range(count):
                s = near + (far - near) * (n + 0.5) / count
                total += _attenuation(
                    mu,
                    source[0] + s * way[0],
                    source[1] + s * way[1],
                    source[2] + s * way[2],
                )
            image[v, u] = total * length_mm / count


@njit(cache=True, fastmath=True)
@no_type_check
def _attenuation(mu, x, y, z):
    """Trilinear attenuation (1/mm) at a point inside the grid."""
    i, j, k = int(x), int(y), int(z)
    a, b, c = x - i, y - j, z - k
    total = 0.0
    for di in range(2):
        wi = a if di else 1.0 - a
        for dj in range(2):
            low, high = mu[i + di, j + dj, k], mu[i + di, j + dj, k + 1]
            total += wi * (b if dj else 1.0 - b) * (low + c * (high - low))
    return total
