"""The map between the mean head and one of other proportions.

Every structure is built once, in the mean head; a head of other proportions is the mean head
stretched along each axis. Each stretch is monotone, so each point of the mean head has one place.
Mean head: origin midway between the porions, z = 0 the Frankfort plane, x right, y front, z up, mm.
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from .head_proportions import HeadShape
from .head_solids import ramp

CT_FROM_SKULL_MM = np.array([2.0, -14.0, 36.0])  # the scanner's origin is not the skull's
LOWEST_MM, HIGHEST_MM = -118.0, 127.0  # the scan, over the Frankfort plane of the mean head
BIZYGOMATIC_MM, BIGONIAL_MM, CRANIAL_BREADTH_MM = 134.0, 99.0, 140.0  # of the mean head
PROSTHION_YZ_MM, POGONION_YZ_MM = (96.603, -40.0), (90.302, -82.0)
NASION_Z_MM = 28.0  # above, the face is not stretched forward
EVEN_MM = 15.0  # the face is stretched forward from the ears on, beginning softly over so much
LARGE, TABLE_MM = 200_000, 0.004  # so many points are mapped by a table of such steps


class _Maps(NamedTuple):
    y: PchipInterpolator  # mean y of y
    z: PchipInterpolator  # mean z of z
    breadth: PchipInterpolator  # over the mean's, at a mean z
    depth: PchipInterpolator | None  # of the face over the mean's, at a mean z; None: 1


def mean_from_ct(
    shape: HeadShape, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates in the mean head of ct coordinates (mm); the arrays broadcast."""
    maps = _maps(shape)
    x, y, z = (c - o for c, o in zip((x, y, z), CT_FROM_SKULL_MM, strict=True))
    z_mean = along(maps.z, z)
    y_mean = along(maps.y, y + shape.skew * x)
    if maps.depth is not None and z_mean.min() < NASION_Z_MM:
        y_mean = _stretched(y_mean, along(maps.depth, z_mean))
    if shape.chin_deviation_mm:
        x = x - shape.chin_deviation_mm * ramp(-z_mean, 0, 80)
    x_mean = x / (along(maps.breadth, z_mean) * np.where(x < 0, shape.left_breadth, 1.0))
    return x_mean, y_mean, z_mean


def ct_from_mean(shape: HeadShape, points: np.ndarray) -> np.ndarray:
    """The ct points (n, 3) of points of the mean head: the exact inverse of `mean_from_ct`."""
    maps = _maps(shape)
    x, y, z = np.asarray(points, dtype=np.float64).T
    x_skull = x * maps.breadth(z) * np.where(x < 0, shape.left_breadth, 1.0)
    if shape.chin_deviation_mm:
        x_skull = x_skull + shape.chin_deviation_mm * ramp(-z, 0, 80)
    if maps.depth is not None:
        y = _unstretched(y, maps.depth(z))
    y_skull = np.array([_root(maps.y, value) for value in y]) - shape.skew * x_skull
    z_skull = np.array([_root(maps.z, value) for value in z])
    return np.stack([x_skull, y_skull, z_skull], axis=1) + CT_FROM_SKULL_MM


def mean_bounds(shape: HeadShape) -> tuple[np.ndarray, np.ndarray]:
    """The scan's box in ct mm: ears, nose and occiput with a margin of air, neck cut below."""
    x, back, front = 92, -105, 135
    corners = [
        (s * x, y, z) for s in (-1, 1) for y in (back, front) for z in (LOWEST_MM, HIGHEST_MM)
    ]
    ends = ct_from_mean(shape, np.array(corners))
    return ends.min(axis=0), ends.max(axis=0)


def along(curve: PchipInterpolator, values: np.ndarray) -> np.ndarray:
    """A curve at many values: from a table in steps of 0.004 mm where they are very many."""
    if values.size < LARGE:
        return curve(values)
    low, high = float(values.min()), float(values.max())
    table = curve(np.arange(low, high + TABLE_MM, TABLE_MM)).astype(values.dtype)
    return table[((values - low) * (1 / TABLE_MM) + 0.5).astype(np.int32)]


def _maps(h: HeadShape) -> _Maps:
    back = h.nasion_depth_mm + 5 - h.cranial_length_mm
    y = [back - 100, back, 0.0, h.nasion_depth_mm, h.nasion_depth_mm + 100]
    chin, teeth = (h.nasion_height_mm - d for d in (h.face_height_mm, h.upper_face_height_mm))
    z = [chin - 100, chin, teeth, 0, h.nasion_height_mm, h.auricular_height_mm]
    z_mean = [-189.5, -89.5, -41, 0, 28, 118]
    breadth = [
        0.5 + 0.5 * h.bigonial_mm / BIGONIAL_MM,  # the neck follows by half
        h.bigonial_mm / BIGONIAL_MM,
        h.bizygomatic_mm / BIZYGOMATIC_MM,
        h.cranial_breadth_mm / CRANIAL_BREADTH_MM,
        h.cranial_breadth_mm / CRANIAL_BREADTH_MM,
    ]
    y_map = PchipInterpolator(y, [-185.0, -85.0, 0.0, 93.0, 193.0])
    return _Maps(
        y_map,
        PchipInterpolator([*z, h.auricular_height_mm + 100], [*z_mean, 218]),
        PchipInterpolator([-250.0, -67.0, 0.0, 45.0, 250.0], breadth),
        _depth(h, y_map),
    )


def _depth(h: HeadShape, y_map: PchipInterpolator) -> PchipInterpolator | None:
    """The face's stretch forward by height: as it must be at prosthion and pogonion."""
    factors = []
    for depth_mm, (y_mean, _) in (
        (h.prosthion_depth_mm, PROSTHION_YZ_MM),
        (h.pogonion_depth_mm, POGONION_YZ_MM),
    ):
        y = float(y_map(depth_mm))
        soft = float(np.hypot(y, EVEN_MM)) - EVEN_MM
        factors.append((2 * y_mean - y + soft) / (y + soft))
    if np.allclose(factors, 1, atol=1e-9):
        return None
    at_teeth, at_chin = factors
    heights = [-250.0, POGONION_YZ_MM[1], PROSTHION_YZ_MM[1], NASION_Z_MM, 250.0]
    return PchipInterpolator(heights, [at_chin, at_chin, at_teeth, 1.0, 1.0])


def _stretched(y: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """y times the factor in front, y itself behind, smooth between: a hyperbola through 0."""
    return y * ((1 + factor) / 2) + (factor - 1) / 2 * (np.hypot(y, EVEN_MM) - EVEN_MM)


def _unstretched(y: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The inverse of `_stretched`: the root of a quadratic equation."""
    mean, half = (1 + factor) / 2, (factor - 1) / 2
    shifted = y + half * EVEN_MM
    return (mean * shifted - half * np.sqrt(shifted**2 + factor * EVEN_MM**2)) / factor


def _root(curve: PchipInterpolator, value: float) -> float:
    return float(curve.solve(value, extrapolate=False)[0])
