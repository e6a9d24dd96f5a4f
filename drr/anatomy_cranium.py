"""The cranium's bone: skull cap, base and upper face, without mandible and cervical spine.

Two floods rise through the bone, densest first, one from the bone around the cavity and from the
upper face, one from jaw and neck. They meet in the gaps of the joints, where bone is least dense.
What lies deep below the base is left out anyway, and so is a seam along the other flood.
"""

from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from jaxtyping import Bool, Float, Real

from .anatomy_cavity import Endocranium
from .morphology import distance_mm, largest

Mask = Bool[np.ndarray, "i j k"]

AROUND_CORE_MM = 8.0  # bone this near to the core of the cavity is the cranium
FACE_DEPTH_MM = 45.0  # the face reaches this far behind the front of the cavity
FACE_SURE_MM = 20.0  # face bone down to here below the floor of the cavity's front is the cranium
FACE_LOWEST_MM = 32.0
JAW_BELOW_MM = 60.0  # below here is jaw, or teeth
NECK_FROM_CAVITY_MM = 42.0  # behind the face: farther is neck, or the angle of the jaw
NECK_RADIUS_MM = 28.0
NECK_BELOW_CANAL_MM = 6.0
BASE_FROM_CAVITY_MM = 25.0
SEAM_MM = 3.0


class _Place(NamedTuple):
    """Where each voxel lies, mm."""

    from_cavity: Float[np.ndarray, "i j k"]  # distance
    from_core: Float[np.ndarray, "i j k"]
    behind_front: Float[np.ndarray, "i j k"]  # the cavity's foremost point
    below_floor: Float[np.ndarray, "i j k"]  # the floor of the cavity's front quarter
    in_neck: Bool[np.ndarray, "i j k"]  # a cylinder down from just below the foramen magnum


def find_cranium(
    data_hu: Real[np.ndarray, "i j k"],
    bone: Mask,
    inside: Endocranium,
    ct_from_voxel: Float[np.ndarray, "4 4"],
) -> Mask:
    """The cranium's share of the bone; all masks are on one grid with voxels of one size."""
    voxel_mm = float(np.linalg.norm(ct_from_voxel[:3, 0]))
    place = _places(inside, ct_from_voxel, voxel_mm)
    face = place.behind_front < FACE_DEPTH_MM
    cranium_seed = place.from_core < AROUND_CORE_MM
    cranium_seed |= face & (place.below_floor < FACE_SURE_MM)
    other_seed = place.in_neck | np.where(
        face, place.below_floor > JAW_BELOW_MM, place.from_cavity > NECK_FROM_CAVITY_MM
    )
    is_cranium = _flooded(data_hu, bone, cranium_seed, other_seed & ~cranium_seed)
    kept = is_cranium & np.where(
        face, place.below_floor < FACE_LOWEST_MM, place.from_cavity < BASE_FROM_CAVITY_MM
    )
    kept &= distance_mm(bone & ~is_cranium, voxel_mm) > SEAM_MM
    return largest(kept)


def _places(
    inside: Endocranium, ct_from_voxel: Float[np.ndarray, "4 4"], voxel_mm: float
) -> _Place:
    cavity = inside.cavity
    axes = np.indices(cavity.shape, np.float32, sparse=True)
    right, anterior, superior = (
        np.broadcast_to(sum(np.float32(row[n]) * axes[n] for n in range(3)), cavity.shape)
        + np.float32(row[3])
        for row in ct_from_voxel[:3]
    )
    front, back = np.percentile(anterior[cavity], (99.9, 0.1))
    quarter = cavity & (anterior > front - (front - back) / 4)
    floor = np.percentile(superior[quarter], 2)
    in_neck = np.zeros(cavity.shape, bool)
    if inside.canal_ct is not None:
        x, y, z = inside.canal_ct.astype(np.float32)
        in_neck = (right - x) ** 2 + (anterior - y) ** 2 < NECK_RADIUS_MM**2
        in_neck &= superior < z - NECK_BELOW_CANAL_MM
    return _Place(
        distance_mm(cavity, voxel_mm),
        distance_mm(inside.core, voxel_mm),
        np.float32(front) - anterior,
        np.float32(floor) - superior,
        in_neck,
    )


def _flooded(
    data_hu: Real[np.ndarray, "i j k"], bone: Mask, cranium_seed: Mask, other_seed: Mask
) -> Mask:
    """The bone that the cranium's flood reaches before the other one."""
    depth = np.clip(4096 - data_hu, 0, 8191).astype(np.uint16)
    markers = np.where(bone & cranium_seed, 1, np.where(bone & other_seed, 2, 0)).astype(np.uint8)
    markers[~bone] = 3
    labels = sitk.MorphologicalWatershedFromMarkers(
        sitk.GetImageFromArray(depth), sitk.GetImageFromArray(markers), markWatershedLine=False
    )
    return bone & (sitk.GetArrayFromImage(labels) == 1)
