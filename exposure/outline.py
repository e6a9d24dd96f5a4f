"""A closed outline in a plane: inside or outside, and how far from the edge."""

import math
from typing import no_type_check

import numba
import numpy as np

SLABS = 256  # rows in which the outline's edges are sorted


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def signed_distance(outline, x, y):
    """Distance from (x, y) to the nearest edge of an outline, positive inside."""
    inside = False
    nearest = np.inf
    for i in range(len(outline)):
        ax, ay = outline[i - 1, 0] - x, outline[i - 1, 1] - y
        bx, by = outline[i, 0] - x, outline[i, 1] - y
        if (ay > 0.0) != (by > 0.0) and (ax * by - bx * ay > 0.0) == (by > 0.0):
            inside = not inside
        dx, dy = bx - ax, by - ay
        squared = dx * dx + dy * dy
        s = 0.0 if squared == 0.0 else min(max(-(ax * dx + ay * dy) / squared, 0.0), 1.0)
        nearest = min(nearest, (ax + s * dx) ** 2 + (ay + s * dy) ** 2)
    return np.sqrt(nearest) if inside else -np.sqrt(nearest)


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def edges_by_row(outline):
    """The outline's edges that touch each of 256 rows, and a circle inside which no edge passes.

    Returns (lowest y, rows per unit, starts, edges (x, y, x, y), least and greatest x of each
    row's edges, circle's x, y, squared radius).
    """
    low, high = outline[:, 1].min(), outline[:, 1].max()
    scale = SLABS / (high - low)
    start = np.zeros(SLABS + 1, np.int64)
    edges = np.empty((0, 4))
    left, right = np.full(SLABS, np.inf), np.full(SLABS, -np.inf)
    for filling in range(2):
        cursor = start[:-1].copy()
        for i in range(len(outline)):
            ax, ay, bx, by = outline[i - 1, 0], outline[i - 1, 1], outline[i, 0], outline[i, 1]
            first = max(int((min(ay, by) - low) * scale) - 1, 0)
            last = min(int((max(ay, by) - low) * scale) + 1, SLABS - 1)
            for row in range(first, last + 1):
                if filling:
                    edge = edges[cursor[row]]
                    edge[0], edge[1], edge[2], edge[3] = ax, ay, bx, by
                    cursor[row] += 1
                    left[row] = min(left[row], ax, bx)
                    right[row] = max(right[row], ax, bx)
                else:
                    start[row + 1] += 1
        if not filling:
            start = np.cumsum(start)
            edges = np.empty((start[-1], 4))
    x, y = (outline[:, 0].min() + outline[:, 0].max()) / 2, (low + high) / 2
    radius = max(signed_distance(outline, x, y), 0.0) * (1 - 1e-9)
    return low, scale, start, edges, left, right, x, y, radius * radius


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def are_inside(rows, x, y):
    """Whether each point (x, y) lies inside the outline (even-odd rule) that was sorted in `rows`.

    Arrays are taken, not one point, as each handing over of `rows` costs more than many points.
    """
    low, scale, start, edges, left, right, middle_x, middle_y, free = rows
    found = np.zeros(len(x), np.bool_)
    for n in range(len(x)):
        px, py = x[n], y[n]
        if (px - middle_x) ** 2 + (py - middle_y) ** 2 < free:
            found[n] = True
            continue
        row = math.floor((py - low) * scale)
        if row < 0 or row >= SLABS or px < left[row] or px > right[row]:
            continue
        inside = False
        for e in range(start[row], start[row + 1]):
            ay, by = edges[e, 1] - py, edges[e, 3] - py
            if (ay > 0.0) != (by > 0.0):
                ax, bx = edges[e, 0] - px, edges[e, 2] - px
                if (ax * by - bx * ay > 0.0) == (by > 0.0):
                    inside = not inside
        found[n] = inside
    return found
