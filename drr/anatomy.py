"""What a CT of a head shows: its bone, the cranium's share of it, and the endocranial cavity."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Real

from .anatomy_cavity import Endocranium, find_endocranium
from .anatomy_cranium import find_cranium
from .couch import GRID_MM as COUCH_GRID_MM
from .couch import head_mask
from .label_map import PlacedMask, placed_on
from .morphology import largest
from .resample import nearest_mask
from .volume import Volume, moved

GRID_MM = 1.5
CAVITY_GRID_MM = 3.0
BONE_OVER_TISSUE_HU = 220.0
NOMINAL_AIR_HU, NOMINAL_TISSUE_HU = -1000.0, 40.0
AIR_HU, TISSUE_HU = (-1100, -700), (-60, 140)
LEAST_DENSE = 0.2
"""A given cranium with less bone in it is not of this CT; marrow and teeth leave far more."""
Mask = Bool[np.ndarray, "i j k"]


@dataclass(frozen=True, eq=False)
class HeadAnatomy:
    """Masks on a grid of their own, with voxels of GRID_MM: p_ct = ct_from_voxel @ (i, j, k, 1).

    Where the CT is not of a head, `cavity` is None and `cranium` the largest piece of bone.
    """

    bone: Bool[np.ndarray, "i j k"]
    cranium: Bool[np.ndarray, "i j k"]
    cavity: Bool[np.ndarray, "i j k"] | None
    ct_from_voxel: Float[np.ndarray, "4 4"]
    is_head: bool
    threshold_hu: float


def find_anatomy(volume: Volume, cranium: PlacedMask | None = None) -> HeadAnatomy:
    """Bone, cranium and endocranial cavity.

    Args:
        volume: a CT, with or without its couch.
        cranium: what is rigid, from the user's own label map, in place of the automatic mask.

    Raises:
        ValueError: nothing is as dense as bone, or the cranium given is not that of this CT.
    """
    found = _found_anatomy(volume)
    if cranium is None:
        return found
    return _with_cranium(found, cranium)


def _with_cranium(found: HeadAnatomy, given: PlacedMask) -> HeadAnatomy:
    """The anatomy with another cranium, all of which counts as bone."""
    cranium = placed_on(given, found.bone.shape, found.ct_from_voxel)
    dense = np.count_nonzero(cranium & found.bone) / max(1, np.count_nonzero(cranium))
    if not cranium.any():
        raise ValueError(
            "the given cranium lies outside of the CT: are both in the same coordinates?"
        )
    if dense < LEAST_DENSE:
        raise ValueError(
            f"only {100 * dense:.0f} % of the given cranium is as dense as bone: is it of this CT, "
            "and in its coordinates?"
        )
    return replace(found, bone=found.bone | cranium, cranium=cranium)


def _found_anatomy(volume: Volume) -> HeadAnatomy:
    fine, coarse = volume.resampled(GRID_MM), volume.resampled(CAVITY_GRID_MM)
    couch_grid = volume.resampled(COUCH_GRID_MM)
    head_2mm = head_mask(couch_grid)
    threshold_hu = bone_threshold_hu(couch_grid.data_hu)
    heads = [
        nearest_mask(head_2mm, couch_grid.ct_from_voxel, grid.shape, grid.ct_from_voxel)
        for grid in (fine, coarse)
    ]
    bone = (fine.data_hu > threshold_hu) & heads[0]
    if not bone.any():
        raise ValueError(f"the CT shows no bone: nothing is above {threshold_hu:.0f} HU")
    coarse_bone = (coarse.data_hu > threshold_hu) & heads[1]
    inside = find_endocranium(coarse_bone, heads[1], coarse.ct_from_voxel)
    if inside is None:
        return HeadAnatomy(bone, largest(bone), None, fine.ct_from_voxel, False, threshold_hu)
    cavity, core = (
        nearest_mask(mask, coarse.ct_from_voxel, fine.shape, fine.ct_from_voxel) & ~bone
        for mask in (inside.cavity, inside.core)
    )
    inside = Endocranium(cavity, core, inside.canal_ct)
    cranium = find_cranium(fine.data_hu, bone, inside, fine.ct_from_voxel)
    return HeadAnatomy(bone, cranium, cavity, fine.ct_from_voxel, True, threshold_hu)


def bone_threshold_hu(data_hu: Real[np.ndarray, "i j k"]) -> float:
    """Above soft tissue by 220 HU, on the scale that the CT's own air and soft tissue give."""
    tissue = _median_within(data_hu, TISSUE_HU, otherwise=NOMINAL_TISSUE_HU)
    air = _median_within(data_hu, AIR_HU, otherwise=NOMINAL_AIR_HU)
    scale = (tissue - air) / (NOMINAL_TISSUE_HU - NOMINAL_AIR_HU)
    return tissue + BONE_OVER_TISSUE_HU * scale


def _median_within(
    data_hu: Real[np.ndarray, "i j k"], range_hu: tuple[int, int], otherwise: float
) -> float:
    within = data_hu[(data_hu > range_hu[0]) & (data_hu < range_hu[1])]
    return float(np.median(within)) if len(within) else otherwise


def bone_centroid_ct(anatomy: HeadAnatomy) -> Float[np.ndarray, "3"]:
    """The middle of the cranium's bone, mm."""
    return moved(anatomy.ct_from_voxel, np.argwhere(anatomy.cranium).mean(axis=0))
