"""The lenses of the eyes in one beam: in the field or not, by how much, how far and how deep."""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc

from .beam import Beam
from .crossings import Crossings
from .outline import signed_distance
from .skin import Skin
from .structures import Structure, ball_points, share_inside

SIDES = ("left", "right")
RADIUS_MM = 4.5  # equatorial, of an adult's lens
DRAWS = 1024  # of the pose, for the probability; a power of two, as Sobol's points want


@dataclass(frozen=True, eq=False)
class Lens:
    """One lens in `ct`; `estimated` from the orbit, or `found_in_ct` by the landmark model.

    It is a sphere, or `points_ct` where it was segmented. `gaze_ct` is the unit direction of the
    eye's optical axis, None where nothing but the skull's front is known of it.
    """

    center_ct: Float[np.ndarray, "3"]
    sd_mm: float = 0.0
    estimated: bool = False
    found_in_ct: bool = False
    radius_mm: float = RADIUS_MM
    points_ct: Float[np.ndarray, "point 3"] | None = None
    gaze_ct: Float[np.ndarray, "3"] | None = None

    @property
    def model(self) -> str:
        """What stands for the lens, in words for the output."""
        if self.points_ct is not None:
            return "segmented volume"
        how = "found in the CT" if self.found_in_ct else "marked"
        how = "estimated from the orbit" if self.estimated else how
        return f"sphere of radius {self.radius_mm:g} mm, {how}"

    @staticmethod
    def segmented(structure: Structure) -> "Lens":
        """The lens that a label map marks."""
        return Lens(structure.center_ct, points_ct=structure.points_ct)


@dataclass(frozen=True)
class LensExposure:
    """How one beam meets one lens; depth is None where the ray meets no skin before the lens.

    `crossings` are those of the ray through the lens's centre, `toward_ct` its unit direction.
    """

    in_field: int
    margin_mm: float
    distance_mm: float
    depth_mm: float | None
    crossings: Crossings
    toward_ct: Float[np.ndarray, "3"]


def lenses_of(
    landmarks_ct: dict[str, np.ndarray] | None, sd_mm: dict[str, float] | None = None
) -> dict[str, Lens]:
    """The lenses that the landmarks name: `lens_left` and `lens_right`.

    The optical axis runs from `eye_left` or `eye_right`, the eyeball's centre, where it is named.

    Args:
        sd_mm: deviations, per axis, of landmarks that were found by the program; those of others
            are taken as exact.
    """
    named, spread_mm = landmarks_ct or {}, sd_mm or {}
    found = {}
    for side in SIDES:
        if (center := named.get(f"lens_{side}")) is None:
            continue
        center = np.asarray(center, dtype=np.float64)
        gaze = None
        if (eye := named.get(f"eye_{side}")) is not None and (way := center - eye).any():
            gaze = way / np.linalg.norm(way)
        name = f"lens_{side}"
        found[side] = Lens(
            center, spread_mm.get(name, 0.0), found_in_ct=name in spread_mm, gaze_ct=gaze
        )
    return found


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
    in_field = int(margin_mm > 0)
    return LensExposure(in_field, margin_mm, distance_mm, depth_mm, crossings, toward_ct)


def lens_points_ct(lens: Lens) -> Float[np.ndarray, "point 3"]:
    """Points that fill the lens evenly."""
    if lens.points_ct is not None:
        return lens.points_ct
    return lens.center_ct + ball_points(lens.radius_mm)


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
    return share_inside(outline, point_cam + errors)


@functools.cache
def _normal_draws() -> np.ndarray:
    """Points spread like a normal distribution in three dimensions, the same in every run."""
    return ndtri(qmc.Sobol(3, rng=0).random(DRAWS))
