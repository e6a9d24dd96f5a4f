"""The lenses of the eyes in one beam: in the field or not, by how much, how far and how deep."""

import functools
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc

from .beam import Beam
from .outline import signed_distance
from .skin import Skin

SIDES = ("left", "right")
DRAWS = 1024  # of the pose, for the probability; a power of two, as Sobol's points want


@dataclass(frozen=True, eq=False)
class Lens:
    """The centre of one lens in `ct`; `estimated` where it was not marked or segmented."""

    center_ct: Float[np.ndarray, "3"]
    sd_mm: float = 0.0
    estimated: bool = False


@dataclass(frozen=True)
class LensExposure:
    """How one beam meets one lens; depth is None where the ray meets no skin before the lens."""

    in_field: int
    margin_mm: float
    distance_mm: float
    depth_mm: float | None


def lenses_of(landmarks_ct: dict[str, np.ndarray] | None) -> dict[str, Lens]:
    """The lenses that the landmarks name: `lens_left` and `lens_right`."""
    named = {side: (landmarks_ct or {}).get(f"lens_{side}") for side in SIDES}
    return {
        side: Lens(np.asarray(center, dtype=np.float64))
        for side, center in named.items()
        if center is not None
    }


def lens_exposure(
    lens: Lens, beam_ct: Beam, cam_from_ct: Float[np.ndarray, "4 4"], skin: Skin
) -> LensExposure:
    """What the beam does to a lens; the margin lies across the principal ray, at the lens."""
    center_cam = cam_from_ct[:3, :3] @ lens.center_ct + cam_from_ct[:3, 3]
    margin_mm = margin_at_mm(beam_ct.outline, center_cam)
    distance_mm = float(np.linalg.norm(center_cam))
    toward_ct = (lens.center_ct - beam_ct.source) / distance_mm
    crossings = skin.crossings(beam_ct.source, toward_ct)
    depth_mm = None
    if crossings.paired and len(crossings.face) and crossings.distance_mm[0] < distance_mm:
        depth_mm = crossings.length_inside_mm(distance_mm)
    return LensExposure(int(margin_mm > 0), margin_mm, distance_mm, depth_mm)


def margin_at_mm(
    outline: Float[np.ndarray, "corner 2"], point_cam: Float[np.ndarray, "3"]
) -> float:
    """Signed distance (mm, + inside) from a point to the beam's edge, across the principal ray."""
    x, y, z = point_cam
    if z <= 0:
        return -float(np.linalg.norm(point_cam))  # behind the source: out of any field
    return float(z) * signed_distance(outline, x / z, y / z)


def probability_in_field(
    outline: Float[np.ndarray, "corner 2"],
    point_cam: Float[np.ndarray, "3"],
    covariance_cam: Float[np.ndarray, "3 3"],
) -> float:
    """Probability that a point with a normal error (mm^2) is in the beam, by 1024 fixed draws."""
    values, vectors = np.linalg.eigh(covariance_cam)
    errors = _normal_draws() @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    margin_mm = margin_at_mm(outline, point_cam)
    if abs(margin_mm) > 2 * np.linalg.norm(errors, axis=1).max():  # no draw comes to the edge
        return float(margin_mm > 0)
    return _share_inside(outline, point_cam + errors)


@functools.cache
def _normal_draws() -> np.ndarray:
    """Points spread like a normal distribution in three dimensions, the same in every run."""
    return ndtri(qmc.Sobol(3, rng=0).random(DRAWS))


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _share_inside(outline, points):
    """Share of points (cam) whose projection lies inside the outline."""
    inside = 0
    for point in points:
        if (
            point[2] > 0.0
            and signed_distance(outline, point[0] / point[2], point[1] / point[2]) > 0
        ):
            inside += 1
    return inside / len(points)
