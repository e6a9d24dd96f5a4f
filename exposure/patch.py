"""The skin that one beam meets first: the irradiated patch, and the share of the beam beside it."""

import math
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Int

from .occlusion import hidden
from .outline import edges_by_row
from .raster import faces_in_box, first_hits, projected, shares_in_field, shares_of_beam
from .skin import Skin

GRID = 256  # rays across the field for shares of its solid angle


@dataclass(frozen=True, eq=False)
class Patch:
    """The faces of the skin that a beam meets first, and what of its solid angle meets what."""

    face: Int[np.ndarray, "face"]
    share: Float[np.ndarray, "face"]
    area_mm2: float
    miss_fraction: float
    cut_fraction: float
    nearest_mm: float | None


def patch_of(
    skin: Skin,
    outline: Float[np.ndarray, "corner 2"],
    cam_from_ct: Float[np.ndarray, "4 4"],
) -> Patch:
    """The patch of a field given by its outline as (x/z, y/z) in `cam`; cut planes are no skin.

    A face belongs to it by its share inside the field (cut faces in 36 parts) where it turns to
    the source and nothing lies before its centroid.
    """
    outline = np.ascontiguousarray(outline)
    box = (outline[:, 0].min(), outline[:, 0].max(), outline[:, 1].min(), outline[:, 1].max())
    rows = edges_by_row(outline)
    xyw = projected(skin.vertices_ct, cam_from_ct)
    number = faces_in_box(skin.faces, xyw, box)
    if len(number) == 0:
        return Patch(number, np.zeros(0, np.float32), 0.0, 1.0, 0.0, None)
    share, middle = shares_in_field(skin.faces, number, xyw, rows)
    cells = skin.cells
    spheres = (cells.faces, cells.start, cells.center, cells.radius_mm)
    visible = (share > 0) & ~hidden(spheres, cam_from_ct, xyw, box, middle, share > 0)
    on_skin = visible & ~skin.on_cut[number]
    area_mm2 = float(share[on_skin] @ skin.area_mm2[number[on_skin]])
    face, near = first_hits(skin.faces, number, xyw, box, GRID)
    miss, cut, nearest_mm = shares_of_beam(face, near, skin.on_cut, outline, box)
    return Patch(
        face=number[on_skin],
        share=share[on_skin].astype(np.float32),
        area_mm2=area_mm2,
        miss_fraction=miss,
        cut_fraction=cut,
        nearest_mm=nearest_mm if math.isfinite(nearest_mm) else None,
    )


def overlap_mm2(skin: Skin, patches: list[Patch]) -> float | None:
    """Area of the skin that lies in the patches of at least two views; None for a single view."""
    if len(patches) < 2:
        return None
    most = np.zeros(len(skin.faces), np.float32)
    second = np.zeros(len(skin.faces), np.float32)
    return sum(
        _met_again_mm2(most, second, patch.face, patch.share, skin.area_mm2) for patch in patches
    )


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _met_again_mm2(most, second, face, share, area_mm2):
    """Area that this patch adds to what two views share; updates each face's two largest shares."""
    total = 0.0
    for n in range(len(face)):
        f = face[n]
        again = max(second[f], min(most[f], share[n]))
        total += area_mm2[f] * (again - second[f])
        second[f] = again
        most[f] = max(most[f], share[n])
    return total
