"""Vessels painted into a CT as what their iodine adds to the HU, no iodine lost."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from .materials import hu_per_iodine_mg_ml
from .vessels import VesselTree
from .volume import Volume


def with_contrast(
    volume: Volume, tree: VesselTree, iodine_mg_per_ml: float | int = 12.0
) -> tuple[Volume, Float32[np.ndarray, "i j k"]]:
    """A copy of the CT with contrast medium in the vessels, and its iodine in mg / ml.

    Args:
        iodine_mg_per_ml: in the blood; some 12 in a CT angiogram, 100 to 300 after an injection
            into the artery. Whole HU of 16 bits end at 32767.

    Raises:
        ValueError: the concentration is not one.
    """
    if not 0 <= iodine_mg_per_ml < np.inf:
        raise ValueError(f"iodine_mg_per_ml must be 0 or more, found {iodine_mg_per_ml}")
    iodine = np.float32(iodine_mg_per_ml) * vessel_share(tree, volume)
    data_hu = volume.data_hu.copy()
    filled = np.flatnonzero(iodine)
    hu = (
        data_hu.reshape(-1)[filled] + np.float32(hu_per_iodine_mg_ml()) * iodine.reshape(-1)[filled]
    )
    if data_hu.dtype == np.int16:
        hu = np.rint(np.minimum(hu, 32767))
    data_hu.reshape(-1)[filled] = hu.astype(data_hu.dtype)
    return Volume(data_hu, volume.ct_from_voxel), iodine


def vessel_share(tree: VesselTree, volume: Volume) -> Float32[np.ndarray, "i j k"]:
    """Share of each voxel that is vessel; every piece fills as many voxels as its cylinder holds.

    Edges fall from 1 to 0 over a voxel. A vessel thinner than a voxel leaves a small share in
    those around it, which adds up to its volume; what lies outside of the grid is not painted.
    """
    share = np.zeros(volume.shape, np.float32)
    ct_from_voxel, voxel_from_ct = volume.ct_from_voxel, volume.voxel_from_ct
    voxel_mm3 = abs(np.linalg.det(ct_from_voxel[:3, :3]))
    edge_mm = voxel_mm3 ** (1 / 3)
    ends = np.stack([volume.voxels(tree.starts_ct), volume.voxels(tree.ends_ct)])
    per_mm = np.linalg.norm(voxel_from_ct[:3, :3], axis=1)  # voxels along i, j, k
    reach = (tree.radii_mm[:, None] + edge_mm) * per_mm
    first = np.ceil(ends.min(axis=0) - reach).astype(np.int64)
    stop = np.floor(ends.max(axis=0) + reach).astype(np.int64) + 1
    along = tree.ends_ct - tree.starts_ct
    lengths = np.linalg.norm(along, axis=1)
    for_each = (along / np.maximum(lengths, 1e-9)[:, None], lengths, tree.radii_mm)
    filled = np.pi * tree.radii_mm**2 * lengths / voxel_mm3  # in voxels
    _paint(tree.starts_ct, *for_each, filled, first, stop, ct_from_voxel, edge_mm, share)
    return np.minimum(share, 1, out=share)


@njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _paint(starts, along, lengths, radii, filled, first, stop, ct_from_voxel, edge_mm, share):
    """Add each cylinder, twice over its box: once to weigh it, once to paint it."""
    for n in range(len(starts)):
        if lengths[n] == 0:
            continue
        weight = 0.0
        for painting in range(2):
            if painting and weight == 0:
                break
            factor = filled[n] / weight if painting else 1.0
            for i in range(first[n, 0], stop[n, 0]):
                for j in range(first[n, 1], stop[n, 1]):
                    for k in range(first[n, 2], stop[n, 2]):
                        squared = t = 0.0
                        for axis in range(3):
                            row = ct_from_voxel[axis]
                            x = row[0] * i + row[1] * j + row[2] * k + row[3] - starts[n, axis]
                            squared += x * x
                            t += x * along[n, axis]
                        beside = np.sqrt(max(squared - t * t, 0.0))
                        across = min(max(0.5 + (radii[n] - beside) / edge_mm, 0.0), 1.0)
                        if across == 0:
                            continue
                        before = min(max(0.5 + t / edge_mm, 0.0), 1.0)
                        after = min(max(0.5 + (lengths[n] - t) / edge_mm, 0.0), 1.0)
                        part = across * max(before + after - 1, 0.0)
                        if not painting:
                            weight += part
                        elif (
                            0 <= i < share.shape[0]
                            and 0 <= j < share.shape[1]
                            and 0 <= k < share.shape[2]
                        ):
                            share[i, j, k] += factor * part
