"""How far off in space beads are that took no part: the rig's error in mm, in five folds."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import from_numpy

from .bead_object import BeadObject
from .bundle import Bundle, adjusted
from .bundle_projection import RigState, Sightings
from .camera import Camera
from .distortion import undistorted_pixels
from .rigid import Rigid
from .triangulation import triangulated

FOLDS = 5
LEAST_LEFT = 4
"""Beads that must remain in a fold."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Beads triangulated by rigs that were adjusted without them, in the object's frame, mm."""

    bead: Int[np.ndarray, "found"]
    position: Int[np.ndarray, "found"]
    error_mm: Float[np.ndarray, "found 3"]

    @property
    def distance_mm(self) -> Float[np.ndarray, "found"]:
        """How far each bead is from where it should be."""
        return np.linalg.norm(self.error_mm, axis=1)


def left_out_beads(
    bundle: Bundle, bead_object: BeadObject, seen: Sightings, seed: int = 0
) -> LeftOut:
    """All beads that two views see, each left out once; outliers of the whole stay out.

    A fold whose rest would be too little, or flat where the object is not, is passed over.
    """
    kept = seen[bundle.inlier]
    fold = np.random.default_rng(seed).permutation(len(bead_object)) % FOLDS
    beads, positions, errors = [], [], []
    for k in range(FOLDS):
        out = fold[kept.bead] == k
        rest = kept[~out]
        if not _enough(rest, bead_object, bundle.state):
            continue
        again = adjusted(bundle.state, bead_object.points_mm, rest, bundle.lens_terms)
        bead, position, found = placed(again.state, kept[out])
        beads.append(bead)
        positions.append(position)
        errors.append(found - bead_object.points_mm[bead])
    if not beads:
        return LeftOut(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 3)))
    return LeftOut(np.concatenate(beads), np.concatenate(positions), np.concatenate(errors))


def placed(
    state: RigState, seen: Sightings
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
    """Beads, positions and places in the object's frame (mm) of what two or more views see."""
    cameras = cameras_of(state)
    keys, row = np.unique(np.stack([seen.bead, seen.position]), axis=1, return_inverse=True)
    pixels = np.full((len(cameras), keys.shape[1], 2), np.nan)
    pixels[seen.view, row.ravel()] = straight_pixels(state, seen)
    weights = np.ones(pixels.shape[:2])
    world = triangulated(cameras, from_numpy(pixels), from_numpy(weights)).numpy()
    bead, position = keys
    turned = world - state.t_position[position]
    placed_mm = np.einsum("nji,nj->ni", state.R_position[position], turned)
    known = np.isfinite(placed_mm).all(1)
    return bead[known], position[known], placed_mm[known]


def straight_pixels(state: RigState, seen: Sightings) -> Float[np.ndarray, "sighting 2"]:
    """The sightings' pixels without the lens that the state has."""
    pixels = seen.pixels.copy()
    for view, lens in enumerate(state.lens):
        if lens.any():
            mine = seen.view == view
            terms = {"model": "opencv", "coefficients": lens.tolist()}
            K = from_numpy(matrix_of(state, view))
            pixels[mine] = undistorted_pixels(from_numpy(pixels[mine]), K, terms).numpy()
    return pixels


def matrix_of(state: RigState, view: int) -> Float[np.ndarray, "3 3"]:
    """K of a view."""
    K = np.diag([*state.focal_px[view], 1.0])
    K[:2, 2] = state.centre_px[view]
    return K


def cameras_of(state: RigState) -> tuple[Camera, ...]:
    """The views as pinholes; their images' sizes do not matter here."""
    return tuple(
        Camera(matrix_of(state, v), Rigid(R, t), 1, 1, name=str(v))
        for v, (R, t) in enumerate(zip(state.R_view, state.t_view, strict=True))
    )


def _enough(rest: Sightings, bead_object: BeadObject, state: RigState) -> bool:
    """Whether every image keeps beads, and the beads of the whole stay as solid as the object."""
    for v in range(len(state.t_view)):
        for p in range(len(state.t_position)):
            if ((rest.view == v) & (rest.position == p)).sum() < LEAST_LEFT:
                return False
    points = bead_object.points_mm[np.unique(rest.bead)]
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    least = 0.2 * bead_object.extents_mm * np.sqrt(len(points))
    return bool((spread >= least - 1e-9).all())
