"""Which slices a window of rays is summed over, and the grid of slopes that carries the sums.

A ray is named by its slopes p = da/dc, q = db/dc in voxel coordinates, where c is the principal
axis of its window: the axis against which the window's rays are least steep.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Window = tuple[int, int, int, int]  # left, top, right, bottom: pixels from left, below right
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]  # first, one past last; a, b, c

STEEPEST = 1.5  # voxels across per slice; a window with a steeper ray is halved
SMALLEST_PX = 32  # windows of this size are halved only where no axis serves all their rays
SAMPLES_PER_VOXEL = 1.5  # in the slice farthest from the source, along the finer of a and b
MARGIN = 3  # grid samples around those needed: cubic interpolation reaches two


class SlopeGrid(NamedTuple):
    """A grid of rays, p = p0 + i dp and q = q0 + j dq, and the slices to sum over."""

    slices: tuple[int, int]  # first, one past last
    start_step: tuple[float, float, float, float]  # p0, dp, q0, dq
    shape: tuple[int, int]  # of q, of p


def principal_windows(
    voxel_from_pixel: Float[np.ndarray, "3 3"], window: Window
) -> list[tuple[Window, int]]:
    """The window, or parts that make it up, each with the axis that serves its rays."""
    left, top, right, bottom = window
    steepness = [_steepness(corner_rays(voxel_from_pixel, window), axis) for axis in range(3)]
    axis = int(np.argmin(steepness))
    served = bool(np.isfinite(steepness[axis]))
    size = max(right - left, bottom - top)
    if steepness[axis] <= STEEPEST or (served and size <= SMALLEST_PX):
        return [(window, axis)]
    if size == 1:
        raise ValueError(f"pixel {(left, top)} has no ray: K or cam_from_ct has no inverse")
    if right - left == size:
        middle = (left + right) // 2
        halves = (left, top, middle, bottom), (middle, top, right, bottom)
    else:
        middle = (top + bottom) // 2
        halves = (left, top, right, middle), (left, middle, right, bottom)
    return [part for half in halves for part in principal_windows(voxel_from_pixel, half)]


def corner_rays(
    voxel_from_pixel: Float[np.ndarray, "3 3"], window: Window
) -> Float[np.ndarray, "4 3"]:
    """Voxel directions of the centres of a window's corner pixels."""
    left, top, right, bottom = window
    corners = [(u, v, 1.0) for u in (left, right - 1) for v in (top, bottom - 1)]
    return np.array(corners) @ voxel_from_pixel.T


def slope_grid(
    rays: Float[np.ndarray, "4 3"],
    source: Float[np.ndarray, "3"],
    box: Box,
    spacing_mm: Float[np.ndarray, "3"],
) -> SlopeGrid | None:
    """The grid for a window's corner rays through a box of filled voxels; None if they miss it.

    Axes are (a, b, c). The samples are as dense as the voxels along the finer of a and b, whatever
    the detector's density: a coarser grid would lose detail, and a finer one would find no more.
    """
    forwards = 1 if rays[0, 2] > 0 else -1
    first, end = box[2]
    if forwards > 0:
        first = max(first, int(np.floor(source[2])) + 1)
    else:
        end = min(end, int(np.ceil(source[2])))
    if first >= end:
        return None
    depths = np.array([first, end - 1]) - source[2]
    starts, steps, counts = [], [], []
    for axis in (0, 1):
        slopes = rays[:, axis] / rays[:, 2]
        edges = (np.array([box[axis][0] - 1, box[axis][1]]) - source[axis])[:, None] / depths
        low, high = max(slopes.min(), edges.min()), min(slopes.max(), edges.max())
        if low > high:
            return None
        fineness = SAMPLES_PER_VOXEL * spacing_mm[axis] / spacing_mm[:2].min()
        step = forwards / (fineness * np.abs(depths).max())
        steps.append(step)
        starts.append((low if forwards > 0 else high) - MARGIN * step)
        counts.append(int(np.ceil((high - low) / abs(step))) + 2 * MARGIN + 1)
    start_step = (starts[0], steps[0], starts[1], steps[1])
    return SlopeGrid((first, end), start_step, (counts[1], counts[0]))


def _steepness(rays: np.ndarray, axis: int) -> float:
    """Largest step across per slice along the axis; infinite if not all rays go the same way."""
    along = rays[:, axis]
    if not (np.all(along > 0) or np.all(along < 0)):
        return np.inf
    return float(np.abs(rays / along[:, None]).max())
