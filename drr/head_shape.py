"""The proportions of one digital head, and the map between it and the mean head.

Every structure is built once, in the mean head; a head of other proportions is the mean head
stretched along each axis. The stretch is monotone, so each point of the mean head has one place.
Mean head: origin midway between the porions, z = 0 the Frankfort plane, x right, y front, z up, mm.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

CT_FROM_SKULL_MM = np.array([2.0, -14.0, 36.0])  # the scanner's origin is not the skull's
LOWEST_MM, HIGHEST_MM = -118.0, 127.0  # the scan, over the Frankfort plane of the mean head


@dataclass(frozen=True)
class HeadShape:
    """Sizes in mm, and shares, of one head; the defaults are the mean head.

    The spreads in `SPREAD` are about those of adults of both sexes together.
    """

    cranial_length_mm: float = 183.0  # glabella to opisthocranion
    cranial_breadth_mm: float = 140.0
    auricular_height_mm: float = 118.0  # Frankfort plane to vertex
    nasion_depth_mm: float = 93.0  # porion to nasion along y
    nasion_height_mm: float = 28.0  # over the Frankfort plane
    upper_face_height_mm: float = 69.0  # nasion to prosthion
    face_height_mm: float = 117.5  # nasion to menton
    bizygomatic_mm: float = 134.0
    bigonial_mm: float = 99.0
    vault_thickness_mm: float = 6.0
    frontal_sinus: float = 1.0  # size over the mean's
    maxillary_sinus: float = 1.0
    bone_density: float = 1.0  # HU over the mean's
    nose: float = 1.0
    left_breadth: float = 0.99  # the left half over the mean
    skew: float = 0.012  # mm the right side lies behind, per mm from the middle
    seed: int = 0  # of the smooth variations


SPREAD = {
    "cranial_length_mm": 6.5,
    "cranial_breadth_mm": 5.0,
    "auricular_height_mm": 4.5,
    "nasion_depth_mm": 3.5,
    "nasion_height_mm": 1.5,
    "upper_face_height_mm": 3.5,
    "face_height_mm": 5.0,
    "bizygomatic_mm": 5.0,
    "bigonial_mm": 5.0,
    "vault_thickness_mm": 0.7,
    "frontal_sinus": 0.15,
    "maxillary_sinus": 0.08,
    "bone_density": 0.07,
    "nose": 0.1,
    "left_breadth": 0.01,
    "skew": 0.012,
}


def drawn_shape(seed: int) -> HeadShape:
    """The mean head for seed 0, else sizes drawn normally, cut at two spreads."""
    if seed == 0:
        return HeadShape()
    rng = np.random.default_rng(seed)
    mean = HeadShape()
    draws = {
        name: float(getattr(mean, name) + spread * np.clip(rng.standard_normal(), -2, 2))
        for name, spread in SPREAD.items()
    }
    return replace(mean, seed=seed, **draws)


def mean_from_ct(
    shape: HeadShape, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates in the mean head of ct coordinates (mm); the arrays broadcast."""
    y_map, z_map, breadth = _maps(shape)
    x, y, z = (c - o for c, o in zip((x, y, z), CT_FROM_SKULL_MM, strict=True))
    z_mean = z_map(z)
    x_mean = x / (breadth(z_mean) * np.where(x < 0, shape.left_breadth, 1.0))
    return x_mean, y_map(y + shape.skew * x), z_mean


def ct_from_mean(shape: HeadShape, points: np.ndarray) -> np.ndarray:
    """The ct points (n, 3) of points of the mean head: the exact inverse of `mean_from_ct`."""
    y_map, z_map, breadth = _maps(shape)
    x, y, z = np.asarray(points, dtype=np.float64).T
    x_skull = x * breadth(z) * np.where(x < 0, shape.left_breadth, 1.0)
    y_skull = np.array([_root(y_map, value) for value in y]) - shape.skew * x_skull
    z_skull = np.array([_root(z_map, value) for value in z])
    return np.stack([x_skull, y_skull, z_skull], axis=1) + CT_FROM_SKULL_MM


def _maps(h: HeadShape) -> tuple[PchipInterpolator, PchipInterpolator, PchipInterpolator]:
    """mean y of y, mean z of z, and the breadth over the mean's at a mean z."""
    mean = HeadShape()
    back = h.nasion_depth_mm + 5 - h.cranial_length_mm
    y = [back - 100, back, 0.0, h.nasion_depth_mm, h.nasion_depth_mm + 100]
    chin, teeth = (h.nasion_height_mm - d for d in (h.face_height_mm, h.upper_face_height_mm))
    z = [chin - 100, chin, teeth, 0, h.nasion_height_mm, h.auricular_height_mm]
    z_mean = [-189.5, -89.5, -41, 0, 28, 118]
    breadth = [
        0.5 + 0.5 * h.bigonial_mm / mean.bigonial_mm,  # the neck follows by half
        h.bigonial_mm / mean.bigonial_mm,
        h.bizygomatic_mm / mean.bizygomatic_mm,
        h.cranial_breadth_mm / mean.cranial_breadth_mm,
        h.cranial_breadth_mm / mean.cranial_breadth_mm,
    ]
    return (
        PchipInterpolator(y, [-185.0, -85.0, 0.0, 93.0, 193.0]),
        PchipInterpolator([*z, h.auricular_height_mm + 100], [*z_mean, 218]),
        PchipInterpolator([-250.0, -67.0, 0.0, 45.0, 250.0], breadth),
    )


def _root(curve: PchipInterpolator, value: float) -> float:
    return float(curve.solve(value, extrapolate=False)[0])


def mean_bounds(shape: HeadShape) -> tuple[np.ndarray, np.ndarray]:
    """The scan's box in ct mm: ears, nose and occiput with a margin of air, neck cut below."""
    x, back, front = 92, -105, 135
    corners = [
        (s * x, y, z) for s in (-1, 1) for y in (back, front) for z in (LOWEST_MM, HIGHEST_MM)
    ]
    ends = ct_from_mean(shape, np.array(corners))
    return ends.min(axis=0), ends.max(axis=0)
