"""The head as a solid: its cavities filled, its cut planes known, ready for one closed surface."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Num
from scipy import ndimage

COARSEST_MM = 1.0  # voxels are averaged to at most this size: finer ones only cost time
AIR_HU = -1000.0
ROUND_MM = 150.0  # no head curves less: a slice of h mm at its end covers at most 2 pi R h
SMALLEST_PIECE = 0.02  # of the largest piece; smaller ones are noise, hair, tubes


class SolidHead(NamedTuple):
    """HU in which the iso level of the skin is one closed sheet around the head."""

    hu: Float[np.ndarray, "i j k"]
    ct_from_voxel: Float[np.ndarray, "4 4"]


def solid_head(
    data_hu: Num[np.ndarray, "i j k"], ct_from_voxel: Float[np.ndarray, "4 4"], threshold_hu: float
) -> SolidHead:
    """The volume without blank end slices and small pieces, and with enclosed air filled.

    Raises ValueError where nothing reaches the threshold.
    """
    spacing_mm = np.linalg.norm(ct_from_voxel[:3, :3], axis=0)
    hu, first = without_blank_slices(data_hu, ct_from_voxel, threshold_hu)
    hu, factors = averaged(hu, spacing_mm)
    solid_from_given = np.eye(4)
    solid_from_given[:3, :3] = np.diag(factors)
    solid_from_given[:3, 3] = np.asarray(first) + (np.asarray(factors) - 1) / 2
    body = large_pieces(hu >= threshold_hu)
    if not body.any():
        raise ValueError(
            f"no skin: no voxel reaches {threshold_hu:g} HU (the CT spans {float(hu.min()):g} to "
            f"{float(hu.max()):g}); is the volume in HU, is skin_threshold_hu right?"
        )
    inside = enclosed(body)
    hu[~inside & ~body & (hu >= threshold_hu)] = AIR_HU
    # Filled voxels mirror air about the threshold, so a cavity's mouth lies half-way to the air.
    hu[inside & (hu < threshold_hu)] = 2 * threshold_hu - AIR_HU
    return SolidHead(hu, ct_from_voxel @ solid_from_given)


def enclosed(body: Bool[np.ndarray, "i j k"]) -> Bool[np.ndarray, "i j k"]:
    """Voxels outside the body that it encloses within a slice along at least one array axis."""
    inside = np.zeros_like(body)
    for axis in range(3):
        in_plane = ndimage.generate_binary_structure(3, 1)
        in_plane[tuple(slice(None) if a != axis else [0, 2] for a in range(3))] = False
        regions, count = _connected(~body, in_plane)
        open_region = np.zeros(count + 1, bool)
        for edge in (a for a in range(3) if a != axis):
            for end in (0, -1):
                open_region[np.unique(np.take(regions, end, axis=edge))] = True
        open_region[0] = True  # the body itself
        inside |= ~open_region[regions]
    return inside


def large_pieces(mask: Bool[np.ndarray, "i j k"]) -> Bool[np.ndarray, "i j k"]:
    """The connected pieces of a mask that are no small fraction of the largest."""
    pieces, count = _connected(mask, ndimage.generate_binary_structure(3, 1))
    if count <= 1:
        return mask
    size = np.bincount(pieces.ravel())
    size[0] = 0
    return (size >= SMALLEST_PIECE * size.max())[pieces]


def _connected(mask: np.ndarray, neighbours: np.ndarray) -> tuple[np.ndarray, int]:
    """Connected pieces numbered from 1, 0 outside the mask, and their count."""
    pieces = np.empty(mask.shape, np.int32)
    return pieces, int(ndimage.label(mask, neighbours, output=pieces))  # type: ignore[arg-type]


def without_blank_slices(
    data_hu: Num[np.ndarray, "i j k"], ct_from_voxel: Float[np.ndarray, "4 4"], threshold_hu: float
) -> tuple[Num[np.ndarray, "i2 j2 k2"], tuple[int, int, int]]:
    """The volume without end slices that hold no scan, and the index of its first voxel.

    Such a slice has one single value all over a cross-section of the head in the next slice, too
    wide for the last slice of anything round. Across the scan that value is not -1000: there it
    is the couch, taken away from a head that lay on it.
    """
    spacing_mm = np.linalg.norm(ct_from_voxel[:3, :3], axis=0)
    scan_axis = int(np.argmax(np.abs(ct_from_voxel[2, :3])))
    body = data_hu >= threshold_hu
    window = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        area_mm2 = body.sum(axis=others) * np.prod(spacing_mm) / spacing_mm[axis]
        wide = np.flatnonzero(area_mm2 > 2 * math.pi * ROUND_MM * spacing_mm[axis])
        start, stop = 0, data_hu.shape[axis]
        if len(wide):
            before = _single_value(data_hu, body, axis, int(wide[0]), -1)
            after = _single_value(data_hu, body, axis, int(wide[-1]), 1)
            if before is not None and (axis == scan_axis or before != AIR_HU):
                start = int(wide[0])
            if after is not None and (axis == scan_axis or after != AIR_HU):
                stop = int(wide[-1]) + 1
        window.append(slice(start, stop))
    return data_hu[tuple(window)], (window[0].start, window[1].start, window[2].start)


def _single_value(
    data_hu: np.ndarray, body: np.ndarray, axis: int, last: int, step: int
) -> float | None:
    """The value that the slice beyond has all over the body in the last slice, if it is one."""
    if not 0 <= last + step < data_hu.shape[axis]:
        return None
    beyond = np.take(data_hu, last + step, axis)[np.take(body, last, axis)]
    return float(beyond[0]) if (beyond == beyond[0]).all() else None


def averaged(
    data_hu: Num[np.ndarray, "i j k"], spacing_mm: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "i2 j2 k2"], tuple[int, int, int]]:
    """Means over whole blocks of voxels no larger than 1 mm, and the block's size in voxels."""
    sizes = [max(1, math.floor(COARSEST_MM / s + 1e-6)) for s in spacing_mm]
    spare = [(0, -n % size) for n, size in zip(data_hu.shape, sizes, strict=True)]
    padded = np.pad(data_hu, spare, mode="edge").astype(np.float32)
    for axis, size in enumerate(sizes):
        shape = padded.shape
        split = (*shape[:axis], shape[axis] // size, size, *shape[axis + 1 :])
        padded = padded.reshape(split).mean(axis=axis + 1)
    return padded, (sizes[0], sizes[1], sizes[2])
