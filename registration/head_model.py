"""The CT made ready to be matched with radiographs: radiographs of it at several resolutions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from drr.anatomy import HeadAnatomy
from drr.projector import Projector
from drr.volume import Volume, moved


@dataclass(frozen=True)
class Resolution:
    """A step of the pyramid: voxels and window that fit each other, and how it is matched.

    Images are normalised in squares of 2 `neighbourhood_px` + 1 a side: wide at first, so that
    bones far apart attract each other. A residual of `outlier` (in units of local contrast) has a
    quarter of its weight left.
    """

    spacing_mm: float
    pixel_mm: float
    neighbourhood_px: int
    outlier: float
    steps: int


COARSE_TO_FINE = (
    Resolution(8.0, 5.6, 12, 1.2, 20),
    Resolution(4.5, 3.2, 9, 0.9, 15),
    Resolution(2.0, 1.3, 7, 0.6, 15),
)
BONE_HU, SKIN_HU = 250.0, -300.0
POINTS = 2000
WEIGHT_SPACING_MM, WEIGHT_PX = 5.0, 56
"""Voxels and window of the cranium's shadow, from which the weights come."""


@dataclass(frozen=True)
class HeadModel:
    """The CT at each resolution; what is rigid (the cranium) and what is not (jaw, spine, cut).

    Line integrals of `rigid` and `loose` are mm; the last of `loose` are the CT's cut faces.
    `centre_ct` and `radius_mm` are of the rigid part, `points_ct` lie in it.
    """

    projectors: tuple[Projector, ...]
    resolutions: tuple[Resolution, ...]
    rigid: Projector
    loose: tuple[Projector, ...]
    centre_ct: Float[np.ndarray, "3"]
    radius_mm: float
    points_ct: Float[np.ndarray, "point 3"]


def head_model(
    volume: Volume,
    anatomy: HeadAnatomy | None = None,
    resolutions: tuple[Resolution, ...] = COARSE_TO_FINE,
) -> HeadModel:
    """The model of a CT without couch: its cranium counts; its jaw, spine and cut faces do not.

    Without an anatomy all bone (above 250 HU) counts, as of any single bone.

    Raises:
        ValueError: nothing in the CT is as dense as bone.
    """
    if anatomy is None:
        bone, ct_from_voxel = np.asarray(volume.data_hu) > BONE_HU, volume.ct_from_voxel
        rigid = bone
    else:
        bone, rigid, ct_from_voxel = anatomy.bone, anatomy.cranium, anatomy.ct_from_voxel
    voxels = np.argwhere(rigid)
    if len(voxels) == 0:
        raise ValueError("the CT shows no rigid bone to match with radiographs")
    points = moved(ct_from_voxel, voxels[:: max(1, len(voxels) // 20000)])
    centre = points.mean(0)
    return HeadModel(
        projectors=tuple(Projector(volume.resampled(r.spacing_mm)) for r in resolutions),
        resolutions=resolutions,
        rigid=_thickness(rigid, ct_from_voxel),
        loose=(_thickness(bone & ~rigid, ct_from_voxel), _cut_faces(volume)),
        centre_ct=centre,
        radius_mm=float(np.quantile(np.linalg.norm(points - centre, axis=1), 0.98)),
        points_ct=points[:: max(1, len(points) // POINTS)],
    )


def _thickness(
    mask: Bool[np.ndarray, "i j k"], ct_from_voxel: Float[np.ndarray, "4 4"]
) -> Projector:
    """A projector whose line integrals are mm of the mask."""
    data = np.where(mask, np.float32(0), np.float32(-1000))
    return Projector(Volume(data, ct_from_voxel).resampled(WEIGHT_SPACING_MM), 1.0)


def _cut_faces(volume: Volume) -> Projector:
    """Mm of tissue on the outer slices of the CT: beyond them the head goes on, unmeasured."""
    small = volume.resampled(WEIGHT_SPACING_MM)
    tissue = np.asarray(small.data_hu) > SKIN_HU
    inner = np.zeros_like(tissue)
    inner[1:-1, 1:-1, 1:-1] = True
    data = np.where(tissue & ~inner, np.float32(0), np.float32(-1000))
    return Projector(Volume(data, small.ct_from_voxel), 1.0)
