"""The digital head: a CT of a head that never was, with landmarks known exactly."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .head_cranium import brain, braincase, ears_inside, foramen_magnum, temporal_bones
from .head_face import (
    jaw_and_brow,
    nasal_cavity,
    orbit_contents,
    orbits_and_cheeks,
    sinuses,
)
from .head_landmarks import landmarks_of
from .head_mandible import mandible
from .head_neck import airway, spine
from .head_paint import Part
from .head_posture import scan_bounds
from .head_proportions import HeadShape
from .head_shape import drawn_shape
from .head_skin import skin_parts
from .head_solids import Number
from .head_teeth import upper_teeth
from .head_voxels import LABELS, painted
from .volume import Volume

NOISE_HU = 9.0
TEXTURE_HU = 5.0
MOST_VOXELS = 2048  # along an axis
SLAB_VOXELS = 600_000  # painted at a time: fits the cache of one core


class DigitalHead(NamedTuple):
    """A CT and its landmarks, (3,) ct mm each, by name."""

    volume: Volume
    landmarks: dict[str, Float[np.ndarray, "3"]]


def digital_head(seed: int = 0, spacing_mm: Number = 1.0) -> DigitalHead:
    """A head drawn from a seed (0 is the mean head), int16 HU in RAS mm, the neck cut below.

    Raises:
        ValueError: spacing_mm is not positive, or the seed is negative.
    """
    return head_of(drawn_shape(seed), spacing_mm)


def head_of(shape: HeadShape, spacing_mm: Number = 1.0) -> DigitalHead:
    """The head of a shape, int16 HU in RAS mm, with its 55 landmarks.

    Raises:
        ValueError: spacing_mm is not positive, or so small that the head has too many voxels.
    """
    if not 0 < spacing_mm < math.inf:
        raise ValueError(f"spacing_mm must be positive, found {spacing_mm}")
    low, high = scan_bounds(shape)
    count = np.ceil((high - low) / spacing_mm)
    if not 1 <= count.min() <= count.max() <= MOST_VOXELS:
        raise ValueError(
            f"spacing_mm {spacing_mm:g} makes {count.max():.3g} voxels along an axis, "
            f"1 to {MOST_VOXELS} can be painted"
        )
    ct_from_voxel = np.diag([spacing_mm] * 3 + [1.0])
    ct_from_voxel[:3, 3] = low
    axes = [low[a] + spacing_mm * np.arange(int(count[a])) for a in range(3)]
    parts = head_parts(shape)
    data_hu = _voxels(shape, parts, axes, spacing_mm)
    return DigitalHead(Volume(data_hu, ct_from_voxel), landmarks_of(shape, parts))


def bone_labels(shape: HeadShape, volume: Volume) -> UInt8[np.ndarray, "i j k"]:
    """Whose bone each voxel of a head is: 0 none, 1 cranium, 2 mandible, 3 spine.

    Args:
        volume: the head of that shape, or any whose axes are those of its ct frame.

    Raises:
        ValueError: the volume is turned.
    """
    spacings = np.diag(volume.ct_from_voxel)[:3]
    if not np.allclose(volume.ct_from_voxel[:3, :3], np.diag(spacings)) or spacings.min() <= 0:
        raise ValueError("bone_labels wants a volume along the ct axes, this one is turned")
    axes = [
        volume.ct_from_voxel[a, 3] + spacings[a] * np.arange(n) for a, n in enumerate(volume.shape)
    ]

    def label(part: Part) -> float:
        return float(LABELS[part.group]) if part.is_bone else 0.0

    canvas, _ = painted(shape, head_parts(shape), axes, edge_mm=0.0, value=label, background=0.0)
    return canvas.astype(np.uint8)


def head_parts(h: HeadShape) -> list[Part]:
    """All structures in painting order: later ones lie over earlier ones."""
    return [
        *skin_parts(h),
        *airway(h),
        *brain(h),
        braincase(h),
        foramen_magnum(),
        *temporal_bones(h),
        *jaw_and_brow(h),
        *sinuses(h),
        *orbits_and_cheeks(h),
        *nasal_cavity(),
        *orbit_contents(),
        *upper_teeth(h),
        *ears_inside(),
        *mandible(h),
        *spine(h),
    ]


def _voxels(
    shape: HeadShape, parts: list[Part], axes: list[np.ndarray], spacing_mm: Number
) -> np.ndarray:
    """HU with texture and noise, int16 (i, j, k), painted slab by slab on all cores."""
    nx, ny, nz = (len(axis) for axis in axes)
    data_hu = np.empty((nx, ny, nz), np.int16)
    step = max(2, SLAB_VOXELS // (nx * ny))

    def paint_slab(first: int) -> None:
        z = axes[2][first : first + step]
        slab, mean = painted(shape, parts, [axes[0], axes[1], z], edge_mm=spacing_mm)
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
