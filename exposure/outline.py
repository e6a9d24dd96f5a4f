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

    Returns (lowest y, rows per unit, starts, edge numbers, circle's x, y, squared radius).
    """
    low, high = outline[:, 1].min(), outline[:, 1].max()
    scale = SLABS / (high - low)
    start = np.zeros(SLABS + 1, np.int64)
    edges = np.empty(0, np.int64)
    for filling in range(2):
        cursor = start[:-1].copy()
        for i in range(len(outline)):
            a, b = outline[i - 1, 1], outline[i, 1]
            first = max(int((min(a, b) - low) * scale) - 1, 0)
            last = min(int((max(a, b) - low) * scale) + 1, SLABS - 1)
            for row in range(first, last + 1):
                if filling:
                    edges[cursor[row]] = i
                    cursor[row] += 1
                else:
                    start[row + 1] += 1
        if not filling:
            start = np.cumsum(start)
            edges = np.empty(start[-1], np.int64)
    x, y = (outline[:, 0].min() + outline[:, 0].max()) / 2, (low + high) / 2
    radius = max(signed_distance(outline, x, y), 0.0) * (1 - 1e-9)
    return low, scale, start, edges, x, y, radius * radius


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def is_inside(outline, rows, x, y):
    """Whether a point lies inside the outline (even-odd rule)."""
    low, scale, start, edges, middle_x, middle_y, free = rows
    if (x - middle_x) ** 2 + (y - middle_y) ** 2 < free:
        return True
    row = math.floor((y - low) * scale)
    if row < 0 or row >= SLABS:
        return False
    inside = False
    for e in range(start[row], start[row + 1]):
        i = edges[e]
        ax, ay = outline[i - 1, 0] - x, outline[i - 1, 1] - y
        bx, by = outline[i, 0] - x, outline[i, 1] - y
        if (ay > 0.0) != (by > 0.0) and (ax * by - bx * ay > 0.0) == (by > 0.0):
            inside = not inside
    return inside
