"""Solids: signed distances in mm (negative inside) from which the digital head is built.

Coordinates come as three arrays that broadcast against each other, so that what depends on one
axis alone is computed once for that axis. Distances are bound to their sizes by `partial`: the
tests' type checker wraps every function that is made, and a head is made of a thousand.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

Number = float | int  # beartype takes no int for a float
Point = Sequence[Number] | np.ndarray


class Solid(NamedTuple):
    """A signed distance and the box (mm) outside of which it is positive."""

    distance: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    low: np.ndarray
    high: np.ndarray


def ramp(x: np.ndarray, start: Number | np.ndarray, stop: Number | np.ndarray) -> np.ndarray:
    """0 before `start`, 1 after `stop`, smooth (cubic) between."""
    t = np.clip((x - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)


def ellipsoid(centre: Point, radii: Point, power: Number = 2.0) -> Solid:
    """|x/rx|^power + ... = 1: an ellipsoid, more boxy for a higher power."""
    c, r = np.asarray(centre, np.float32), np.asarray(radii, np.float32)
    return Solid(partial(_ellipsoid_distance, c, r, power), c - r, c + r)


def _ellipsoid_distance(c, r, power, x, y, z):
    return super_distance((np.abs(x - c[0]), np.abs(y - c[1]), np.abs(z - c[2])), r, power)


def super_distance(
    offsets: Sequence[np.ndarray], radii: Sequence | np.ndarray, power: Number
) -> np.ndarray:
    """Distance to first order, (g - 1) / |grad g|, g = (sum |offset / radius|^power)^(1/power)."""
    total, slope = np.float32(1e-4), np.float32(1e-12)
    for offset, radius in zip(offsets, radii, strict=True):
        share = offset / radius
        steep = share ** (power - 1)
        total = total + steep * share
        slope = slope + (steep / radius) ** 2
    g = total ** (1 / power)
    return (g - 1) * (total / g) / np.sqrt(slope)


def rod(
    start: Point, end: Point, r_start: Number, r_end: Number, squash: Point = (1, 1, 1)
) -> Solid:
    """A rod with round ends whose radius changes evenly; `squash` thins it along an axis."""
    s = np.asarray(squash, np.float32)
    a, b = np.asarray(start, np.float32) / s, np.asarray(end, np.float32) / s
    axis = b - a
    reach = max(r_start, r_end) * s
    distance = partial(_rod_distance, s, a, axis, r_start, r_end)
    return Solid(distance, np.minimum(a, b) * s - reach, np.maximum(a, b) * s + reach)


def _rod_distance(s, a, axis, r_start, r_end, x, y, z):
    unit = axis / max(float(axis @ axis), 1e-9)
    u, v, w = x / s[0] - a[0], y / s[1] - a[1], z / s[2] - a[2]
    t = np.clip(u * unit[0] + v * unit[1] + w * unit[2], 0, 1)
    square = (u - t * axis[0]) ** 2 + (v - t * axis[1]) ** 2 + (w - t * axis[2]) ** 2
    return (np.sqrt(square) - (r_start + t * (r_end - r_start))) * s.min()


def chain(points: Sequence[Point], radii: Sequence[Number], squash: Point = (1, 1, 1)) -> Solid:
    """Rods end to end."""
    ends = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return union([rod(a, b, r_a, r_b, squash) for a, b, r_a, r_b in ends])


def box(centre: Point, half: Point, rounding: Number) -> Solid:
    """A box with rounded edges."""
    c, h = np.asarray(centre, np.float32), np.asarray(half, np.float32)
    inner = h - rounding

    def distance(x, y, z):
        u, v, w = (
            np.abs(x - c[0]) - inner[0],
            np.abs(y - c[1]) - inner[1],
            np.abs(z - c[2]) - inner[2],
        )
        outside = np.maximum(u, 0) ** 2 + np.maximum(v, 0) ** 2 + np.maximum(w, 0) ** 2
        return np.sqrt(outside) + np.minimum(np.maximum(np.maximum(u, v), w), 0) - rounding

    return Solid(distance, c - h, c + h)


def plate(outline_yz: np.ndarray, centre_x: Callable, half_x: Number, rounding: Number) -> Solid:
    """A polygon in the y-z plane, (n, 2), thickened along x about x = centre_x(z)."""
    corners = np.asarray(outline_yz, np.float32)

    def distance(x, y, z):
        flat = polygon_distance(corners, y, z) + rounding
        side = np.abs(x - centre_x(z)) - (half_x - rounding)
        outside = np.maximum(flat, 0) ** 2 + np.maximum(side, 0) ** 2
        return np.sqrt(outside) + np.minimum(np.maximum(flat, side), 0) - rounding

    x = np.asarray([centre_x(z) for z in (corners[:, 1].min(), corners[:, 1].max())])
    low = np.array([x.min() - half_x, *corners.min(axis=0)])
    return Solid(distance, low, np.array([x.max() + half_x, *corners.max(axis=0)]))


def polygon_distance(corners: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Signed distance to a simple polygon in its plane (even-odd rule)."""
    square, inside = np.float32(1e9), False
    for (y0, z0), (y1, z1) in zip(np.roll(corners, 1, axis=0), corners, strict=True):
        dy, dz = y1 - y0, z1 - z0
        t = np.clip(((y - y0) * dy + (z - z0) * dz) / (dy * dy + dz * dz), 0, 1)
        square = np.minimum(square, (y - y0 - t * dy) ** 2 + (z - z0 - t * dz) ** 2)
        if dz != 0:
            crosses = ((z0 <= z) != (z1 <= z)) & (y < y0 + (z - z0) * (dy / dz))
            inside = inside ^ crosses
    return np.where(inside, -1, 1) * np.sqrt(square)


def union(solids: Sequence[Solid], blend_mm: Number = 0.0) -> Solid:
    """All solids together; with `blend_mm` the seams are filleted."""
    distance = partial(_union_distance, solids, blend_mm)
    low = np.min([solid.low for solid in solids], axis=0) - blend_mm / 4
    return Solid(distance, low, np.max([solid.high for solid in solids], axis=0) + blend_mm / 4)


def _union_distance(solids, blend_mm, x, y, z):
    nearest = solids[0].distance(x, y, z)
    for solid in solids[1:]:
        nearest = smooth_min(nearest, solid.distance(x, y, z), blend_mm)
    return nearest


def without(solid: Solid, hole: Solid) -> Solid:
    """What is left of a solid outside of a hole."""

    def distance(x, y, z):
        return np.maximum(solid.distance(x, y, z), -hole.distance(x, y, z))

    return Solid(distance, solid.low, solid.high)


def inside_of(solid: Solid, whole: Solid, deep_mm: Number) -> Solid:
    """What of a solid lies so deep or deeper inside of another."""

    def distance(x, y, z):
        return np.maximum(solid.distance(x, y, z), whole.distance(x, y, z) + np.float32(deep_mm))

    return Solid(distance, solid.low, solid.high)


def grown(solid: Solid, more_mm: Number) -> Solid:
    """A solid with its surface moved outward."""
    if more_mm == 0:
        return solid

    def distance(x, y, z):
        return solid.distance(x, y, z) - np.float32(more_mm)

    return Solid(distance, solid.low - more_mm, solid.high + more_mm)


def smooth_min(a: np.ndarray, b: np.ndarray, blend_mm: Number) -> np.ndarray:
    """The smaller of two distances; within `blend_mm` of each other a little less than it."""
    nearest = np.minimum(a, b)
    if blend_mm == 0:
        return nearest
    near = np.maximum(blend_mm - np.abs(a - b), 0)
    return nearest - near * near * np.float32(0.25 / blend_mm)
