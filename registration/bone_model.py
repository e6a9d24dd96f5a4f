"""A single bone, or an implant, made ready to be matched with radiographs of a limb.

Three things set it apart from a head. Its shadow lies alone in flesh, so images are normalised over
squares about as wide as the bone: wider ones compare it with its neighbours, which move. It is
small, so voxels and pixels are in proportion to its size. And its CT is often cut out of the flesh:
what then shows in a film is its attenuation over that of the flesh in its place.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from drr.anatomy import HeadAnatomy
from drr.projector import Projector
from drr.volume import Volume, moved

from .head_model import BONE_HU, POINTS, SKIN_HU, HeadModel, Resolution

LEVELS = (
    Resolution(0.090, 0.061, 3, 2.0, 20),
    Resolution(0.050, 0.034, 4, 1.5, 20),
    Resolution(0.022, 0.014, 12, 1.2, 20),
    Resolution(0.013, 0.009, 18, 1.2, 20),
)
"""Lengths as shares of the bone's radius."""
WEIGHT_SHARE = 0.055
"""Side of the voxels that its shadow is told by, as a share of the radius."""
FLESH_HU = 40.0
BARE_SHARE = 2.0
"""With less flesh than this share of the bone's own volume in its CT, a bone has been cut out."""
CUT_SHARE = 0.05
"""Of the widest section along an axis: with more bone on a face, the bone goes on beyond it."""


def bone_model(volume: Volume, anatomy: HeadAnatomy | None = None) -> HeadModel:
    """The model of a CT with one rigid bone: the anatomy's, or all that is as dense as bone.

    Raises:
        ValueError: nothing in the CT is as dense as bone.
    """
    bone, ct_from_voxel = np.asarray(volume.data_hu) > BONE_HU, volume.ct_from_voxel
    loose = np.zeros_like(bone)
    if anatomy is not None:
        bone, ct_from_voxel = anatomy.cranium, anatomy.ct_from_voxel
        loose = anatomy.bone & ~anatomy.cranium
    voxels = np.argwhere(bone)
    if len(voxels) == 0:
        raise ValueError("the CT shows no rigid bone to match with radiographs")
    points = moved(ct_from_voxel, voxels[:: max(1, len(voxels) // 20000)])
    centre = points.mean(0)
    radius_mm = float(np.quantile(np.linalg.norm(points - centre, axis=1), 0.98))
    levels = levels_of(radius_mm, float(volume.spacing_mm.min()))
    shown = over_flesh(volume) if is_bare(volume) else volume
    side_mm = max(WEIGHT_SHARE * radius_mm, 1e-3)
    return HeadModel(
        projectors=tuple(Projector(shown.resampled(level.spacing_mm)) for level in levels),
        resolutions=levels,
        rigid=_thickness(bone, ct_from_voxel, side_mm),
        loose=(_thickness(loose, ct_from_voxel, side_mm), _cut_ends(volume, side_mm)),
        centre_ct=centre,
        radius_mm=radius_mm,
        points_ct=points[:: max(1, len(points) // POINTS)],
    )


def levels_of(radius_mm: float, ct_spacing_mm: float) -> tuple[Resolution, ...]:
    """The pyramid of a bone of this radius; voxels are never finer than those of its CT."""
    return tuple(
        replace(
            level,
            spacing_mm=max(level.spacing_mm * radius_mm, ct_spacing_mm),
            pixel_mm=level.pixel_mm * radius_mm,
        )
        for level in LEVELS
    )


def is_bare(volume: Volume) -> bool:
    """Whether the CT shows bone, or metal, cut out of its flesh."""
    data_hu = np.asarray(volume.data_hu)
    bone = np.count_nonzero(data_hu > BONE_HU)
    return bool(np.count_nonzero(data_hu > SKIN_HU) - bone < BARE_SHARE * bone)


def over_flesh(volume: Volume) -> Volume:
    """Attenuation over that of flesh, none where it is less; as HU, so that none is -1000."""
    over = np.maximum(np.asarray(volume.data_hu, dtype=np.float32) - FLESH_HU, 0) - 1000
    return Volume(over, volume.ct_from_voxel, volume.notes, volume.fingerprint)


def _thickness(
    mask: Bool[np.ndarray, "i j k"], ct_from_voxel: Float[np.ndarray, "4 4"], side_mm: float
) -> Projector:
    """A projector whose line integrals are mm of the mask."""
    data = np.where(mask, np.float32(0), np.float32(-1000))
    return Projector(Volume(data, ct_from_voxel).resampled(side_mm), 1.0)


def _cut_ends(volume: Volume, side_mm: float) -> Projector:
    """Mm of tissue on the faces of the CT that cut through it; a tight box touches it elsewhere."""
    tissue = np.asarray(volume.data_hu) > SKIN_HU
    small = volume.resampled(side_mm)
    outer = np.zeros(small.shape, bool)
    for axis in range(3):
        area = np.count_nonzero(tissue, axis=tuple(k for k in range(3) if k != axis))
        for side in (0, -1):
            if area[side] > CUT_SHARE * area.max():
                outer[(slice(None),) * axis + (side,)] = True
    data = np.where((small.data_hu > SKIN_HU) & outer, np.float32(0), np.float32(-1000))
    return Projector(Volume(data, small.ct_from_voxel), 1.0)
