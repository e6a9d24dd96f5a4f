"""The labels that a rig gives to the spots of its images: each bead's is where it should be."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from .bundle_projection import RigState, Sightings, projected
from .joint_labelling import Images
from .pose_fit import SpotImage, expected, matched
from .rig_start import CalibrationView

REACH_PX = 3.0
SHADOW_RADII = 2.5
"""Beads whose shadows are nearer than this overlap, and are not used."""
LEAST_CLEAR = 6
"""Where fewer beads are clear of each other, those that overlap are used too."""


def relabelled(
    state: RigState,
    views: Sequence[CalibrationView],
    points_mm: Float[np.ndarray, "bead 3"],
    reach_px: float = REACH_PX,
) -> Sightings:
    """The spots nearest to where the rig has the beads; beads in each other's shadow are left."""
    found = []
    for v, view in enumerate(views):
        for p, image in enumerate(view.images):
            pixels, depth = predicted_beads(state, points_mm, v, p)
            spot = matched(pixels, depth > 0, KDTree(image.uv_px), reach_px)
            gap, _ = KDTree(pixels).query(pixels, k=2)
            clear = (spot >= 0) & (gap[:, 1] > SHADOW_RADII * np.median(image.radius_px))
            if clear.sum() < LEAST_CLEAR:
                clear = spot >= 0
            found.append(sightings_of(v, p, np.flatnonzero(clear), image.uv_px[spot[clear]]))
    return _joined(found)


def first_sightings(images: Images, views: Sequence[CalibrationView]) -> Sightings:
    """The sightings of labelled images."""
    found = []
    for (v, p), way in sorted(images.items()):
        beads = np.flatnonzero(way.spot >= 0)
        found.append(sightings_of(v, p, beads, views[v].images[p].uv_px[way.spot[beads]]))
    return _joined(found)


def sightings_of(v: int, p: int, beads: Int[np.ndarray, "n"], uv_px) -> Sightings:
    """Sightings in one image."""
    return Sightings(np.full(len(beads), v), np.full(len(beads), p), beads, uv_px)


def _joined(parts: list[Sightings]) -> Sightings:
    fields = ("view", "position", "bead", "pixels")
    return Sightings(*(np.concatenate([getattr(part, f) for part in parts]) for f in fields))


def predicted_beads(
    state: RigState, points_mm: Float[np.ndarray, "bead 3"], v: int, p: int
) -> tuple[Float[np.ndarray, "bead 2"], Float[np.ndarray, "bead"]]:
    """Where one image should show the beads, px, and their depths, mm."""
    beads = np.arange(len(points_mm))
    pixels = projected(state, points_mm, sightings_of(v, p, beads, np.zeros((len(beads), 2))))
    world = points_mm @ state.R_position[p].T + state.t_position[p]
    depth = world @ state.R_view[v][2] + state.t_view[v, 2]
    return np.where(depth[:, None] > 0, pixels, -1e6 - beads[:, None]), depth


def expected_count(
    state: RigState, points_mm: Float[np.ndarray, "bead 3"], image: SpotImage, v: int, p: int
) -> int:
    """How many beads an image should show, each with a spot of its own."""
    pixels, depth = predicted_beads(state, points_mm, v, p)
    return int(expected(pixels, depth, image).sum())
