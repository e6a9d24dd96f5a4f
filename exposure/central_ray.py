"""The central ray of a field through the head: where it enters and leaves the skin, and how."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .beam import Beam, unit
from .crossings import Crossings, first_distances_mm
from .skin import Skin

OUTLINE_RAYS = 60


@dataclass(frozen=True, eq=False)
class CentralRay:
    """What the ray meets, in `ct`; exit and path are None where entries and exits do not pair."""

    ssd_mm: float
    entry: Float[np.ndarray, "3"]
    normal: Float[np.ndarray, "3"]
    incidence_deg: float
    exit: Float[np.ndarray, "3"] | None
    path_length_mm: float | None
    flags: tuple[str, ...]
    crossings: Crossings


def central_ray(beam_ct: Beam, skin: Skin) -> CentralRay | None:
    """The first and last crossing with the skin; None where the ray misses the head."""
    crossings = skin.crossings(beam_ct.source, beam_ct.axis)
    if len(crossings.face) == 0:
        return None
    ssd_mm, face = float(crossings.distance_mm[0]), int(crossings.face[0])
    entry = beam_ct.source + ssd_mm * beam_ct.axis
    normal = skin.normal_ct(entry, face)
    incidence = math.acos(min(max(float(-beam_ct.axis @ normal), -1.0), 1.0))
    flags = ["field_truncated_by_mesh"] if skin.on_cut[face] else []
    leaves, path_length_mm = None, None
    if crossings.paired:
        leaves = beam_ct.source + float(crossings.distance_mm[-1]) * beam_ct.axis
        path_length_mm = crossings.length_inside_mm()
        flags += ["exit_on_cut_plane"] if skin.on_cut[crossings.face[-1]] else []
    else:
        flags += ["odd_crossings"]
    return CentralRay(
        ssd_mm,
        entry,
        normal,
        math.degrees(incidence),
        leaves,
        path_length_mm,
        tuple(flags),
        crossings,
    )


def patch_outline_ct(beam_ct: Beam, skin: Skin) -> Float[np.ndarray, "point 3"]:
    """Where 60 rays along the field's edge first meet the skin; NaN where they miss it."""
    step = np.linspace(0, len(beam_ct.rays), OUTLINE_RAYS, endpoint=False)
    low = step.astype(int)
    part = (step - low)[:, None]
    ends = np.roll(beam_ct.rays, -1, axis=0)
    rays = unit((1 - part) * beam_ct.rays[low] + part * ends[low])
    distances_mm = first_distances_mm(skin.vertices_ct, skin.cells, beam_ct.source, rays)
    return beam_ct.source + distances_mm[:, None] * rays
