"""Which points of a closed mesh the mesh itself hides from the source.

As in `raster`, everything is in the plane z = 1 of the camera frame.
"""

import math
from typing import no_type_check

import numba
import numpy as np

from .raster import nearness


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def _bin(value, low, scale, side):
    """The bin of a coordinate among `side` bins, the nearest one outside of them."""
    return min(max(int((value - low) * scale), 0), side - 1)


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def _in_bins(middle, wanted, side, x0, y0, sx, sy):
    """The wanted points sorted into bins: starts, numbers, (x/z, y/z, 1/z), least 1/z of a bin."""
    start = np.zeros(side * side + 1, np.int64)
    least = np.full(side * side, np.inf)
    bins = np.empty(len(middle), np.int64)
    for n in range(len(middle)):
        if wanted[n]:
            i, j = _bin(middle[n, 0], x0, sx, side), _bin(middle[n, 1], y0, sy, side)
            bins[n] = j * side + i
            start[bins[n] + 1] += 1
            least[bins[n]] = min(least[bins[n]], middle[n, 2])
    start = np.cumsum(start)
    cursor = start[:-1].copy()
    number = np.empty(start[-1], np.int64)
    points = np.empty((start[-1], 3))
    for n in range(len(middle)):
        if wanted[n]:
            k = cursor[bins[n]]
            number[k] = n
            for axis in range(3):
                points[k, axis] = middle[n, axis]
            cursor[bins[n]] += 1
    return start, number, points, least


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def hidden(cells, cam_from_ct, xyw, box, middle, wanted):
    """Which of the wanted points lie behind a closed mesh.

    What hides a point has a far side before it: a face that turns away. On a head there are few
    such faces; the others are farther than every point of their bins, most by whole cells.
    """
    faces, cell_start, center, radius = cells
    x0, y0 = middle[:, 0].min(), middle[:, 1].min()
    side = max(1, int(math.sqrt(len(middle) / 2)))
    sx = side / max(middle[:, 0].max() - x0, 1e-12)
    sy = side / max(middle[:, 1].max() - y0, 1e-12)
    start, order, points, least = _in_bins(middle, wanted, side, x0, y0, sx, sy)
    covered = np.zeros(len(middle), np.bool_)
    for cell in range(len(radius)):
        if _behind(center[cell], radius[cell], cam_from_ct, box, least, side, x0, y0, sx, sy):
            continue
        for f in range(cell_start[cell], cell_start[cell + 1]):
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            aw, bw, cw = xyw[a, 2], xyw[b, 2], xyw[c, 2]
            if aw == 0.0 or bw == 0.0 or cw == 0.0:
                continue
            ax, ay, bx, by = xyw[a, 0], xyw[a, 1], xyw[b, 0], xyw[b, 1]
            cx, cy = xyw[c, 0], xyw[c, 1]
            if (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) <= 0.0:
                continue
            if max(ax, bx, cx) < box[0] or min(ax, bx, cx) > box[1]:
                continue
            if max(ay, by, cy) < box[2] or min(ay, by, cy) > box[3]:
                continue
            closest = max(aw, bw, cw)
            i0, i1 = _bin(min(ax, bx, cx), x0, sx, side), _bin(max(ax, bx, cx), x0, sx, side)
            j0, j1 = _bin(min(ay, by, cy), y0, sy, side), _bin(max(ay, by, cy), y0, sy, side)
            for j in range(j0, j1 + 1):
                for i in range(i0, i1 + 1):
                    if closest <= least[j * side + i]:
                        continue
                    for k in range(start[j * side + i], start[j * side + i + 1]):
                        if closest <= points[k, 2]:
                            continue
                        x, y = points[k, 0], points[k, 1]
                        w = nearness(x, y, ax, ay, aw, cx, cy, cw, bx, by, bw)
                        if w > points[k, 2] * (1 + 1e-9):
                            covered[order[k]] = True
    return covered


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check  # the type checker's wrapper cannot be compiled
def _behind(center, radius, cam_from_ct, box, least, side, x0, y0, sx, sy):
    """Whether a sphere lies outside the box, or behind all the points of the bins it may cover."""
    m = cam_from_ct
    x = m[0, 0] * center[0] + m[0, 1] * center[1] + m[0, 2] * center[2] + m[0, 3]
    y = m[1, 0] * center[0] + m[1, 1] * center[1] + m[1, 2] * center[2] + m[1, 3]
    z = m[2, 0] * center[0] + m[2, 1] * center[1] + m[2, 2] * center[2] + m[2, 3]
    reach = radius * (1 + 1e-9) + 1e-6
    if z <= reach:
        return False
    # |X/Z - x/z| <= r (1 + |x/z|) / (z - r) for every point (X, Y, Z) of the sphere
    x, y, spread = x / z, y / z, reach / (z - reach)
    wide, high = spread * (1 + abs(x)), spread * (1 + abs(y))
    if x + wide < box[0] or x - wide > box[1] or y + high < box[2] or y - high > box[3]:
        return True
    closest = 1.0 / (z - reach)
    for j in range(_bin(y - high, y0, sy, side), _bin(y + high, y0, sy, side) + 1):
        for i in range(_bin(x - wide, x0, sx, side), _bin(x + wide, x0, sx, side) + 1):
            if closest > least[j * side + i]:
                return False
    return True
