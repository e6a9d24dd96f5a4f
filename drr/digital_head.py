"""The digital head: a CT of a head that never was, with landmarks known exactly."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from .head_cranium import brain, braincase, ears_inside, foramen_magnum, temporal_bones
from .head_face import (
    jaw_and_brow,
    nasal_cavity,
    orbit_contents,
    orbits_and_cheeks,
    sinuses,
    upper_teeth,
)
from .head_landmarks import landmarks_of
from .head_mandible import mandible
from .head_neck import airway, spine
from .head_paint import Part, paint
from .head_shape import HeadShape, drawn_shape, mean_bounds, mean_from_ct
from .head_skin import skin_parts
from .volume import Volume

NOISE_HU = 9.0
TEXTURE_HU = 5.0
SLAB_VOXELS = 600_000  # painted at a time: fits the cache of one core


class DigitalHead(NamedTuple):
    """A CT and its landmarks, (3,) ct mm each, by name."""

    volume: Volume
    landmarks: dict[str, Float[np.ndarray, "3"]]


def digital_head(seed: int = 0, spacing_mm: float | int = 1.0) -> DigitalHead:
    """A head drawn from a seed (0 is the mean head), int16 HU in RAS mm, the neck cut below.

    Raises:
        ValueError: spacing_mm is not positive.
    """
    if not spacing_mm > 0:
        raise ValueError(f"spacing_mm must be positive, found {spacing_mm}")
    shape = drawn_shape(seed)
    parts = head_parts(shape)
    low, high = mean_bounds(shape)
    count = np.ceil((high - low) / spacing_mm).astype(int)
    ct_from_voxel = np.diag([spacing_mm] * 3 + [1.0])
    ct_from_voxel[:3, 3] = low
    axes = [low[a] + spacing_mm * np.arange(count[a]) for a in range(3)]
    data_hu = _voxels(shape, parts, axes, spacing_mm)
    landmarks = landmarks_of(shape, parts)
    return DigitalHead(Volume(data_hu, ct_from_voxel), landmarks)


def head_parts(h: HeadShape) -> list[Part]:
    """All structures in painting order: later ones lie over earlier ones."""
    return [
        *skin_parts(h),
        *airway(),
        *brain(h),
        braincase(h),
        foramen_magnum(),
        *temporal_bones(h),
        *jaw_and_brow(h),
        *sinuses(h),
        *orbits_and_cheeks(h),
        *nasal_cavity(),
        *orbit_contents(),
        *upper_teeth(),
        *ears_inside(),
        *mandible(h),
        *spine(h),
    ]


def _voxels(
    shape: HeadShape, parts: list[Part], axes: list[np.ndarray], spacing_mm: float | int
) -> np.ndarray:
    """HU with texture and noise, int16 (i, j, k), painted slab by slab on all cores."""
    nx, ny, nz = (len(axis) for axis in axes)
    data_hu = np.empty((nx, ny, nz), np.int16)
    step = max(2, SLAB_VOXELS // (nx * ny))

    def paint_slab(first: int) -> None:
        z = axes[2][first : first + step]
        grid = np.meshgrid(axes[0], axes[1], z, indexing="ij", sparse=True)
        mean = [c.astype(np.float32) for c in mean_from_ct(shape, *grid)]
        slab = paint(parts, *mean, edge_mm=spacing_mm)
        data_hu[:, :, first : first + step] = with_noise(slab, mean, shape.seed, first)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(paint_slab, range(0, nz, step)))
    return data_hu


def with_noise(slab: np.ndarray, mean: list[np.ndarray], seed: int, first: int) -> np.ndarray:
    """HU with a slow texture of the tissue and the scanner's noise, the same for a seed."""
    x, y, z = mean
    rng = np.random.default_rng((seed, first))
    noise = rng.standard_normal(slab.shape, dtype=np.float32)
    for k in range(slab.shape[2]):  # neighbours in a slice share noise, as after a soft kernel
        noise[:, :, k] = cv2.GaussianBlur(noise[:, :, k], (0, 0), 0.7) * np.float32(2.5 * NOISE_HU)
    slow = np.sin(x / 11 + np.sin(z / 17) + seed) * np.sin(y / 13 + np.sin(x / 19)) * np.cos(z / 12)
    solid = slab > -500
    slab = slab + noise + solid * (slab + 1000) * (TEXTURE_HU / 1000) * slow
    return np.rint(np.clip(slab, -1024, 3071)).astype(np.int16)
