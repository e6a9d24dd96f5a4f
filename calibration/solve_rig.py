"""The rig from the beads of all images: labels, one bundle adjustment, and a check that no other
rig explains the images as well."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .bead_object import BeadObject
from .bundle import Bundle, adjusted
from .bundle_projection import RigState, Sightings
from .gauge import best_turns, turned_state
from .pose_fit import GAIN, MISS
from .relabelling import REACH_PX, expected_count, first_sightings, relabelled
from .rig_start import CalibrationView, rig_starts
from .symmetry import symmetries

TURNING, LEAST_LEAD = 8, 0.01
"""Rounds of turning positions to the symmetry that fits better by so much (nats)."""
EXACT = 1e-5
"""A symmetry is exact where it misses by less than this share of the object's size."""
MARGIN = 10.0
"""A rig that is less likely than the best by less than this (nats) leaves the answer open."""
OPEN_ODDS = 60.0
"""Starts that are less likely than the best by more (nats) are not adjusted."""
LEAST_SHARE = 0.4
"""Of the beads that an image should show, at least so many must be found."""
WORST_RMS_PX = 3.0


@dataclass(frozen=True, eq=False)
class SolvedRig:
    """A calibrated rig with the sightings it rests on; `notes` are what a user must know."""

    bead_object: BeadObject
    views: tuple[CalibrationView, ...]
    seen: Sightings
    bundle: Bundle
    notes: tuple[str, ...]


def solved_rig(
    views: Sequence[CalibrationView],
    bead_object: BeadObject,
    bead_diameter_mm: float | None = None,
    lens_terms: int = 0,
) -> SolvedRig:
    """The rig that the spots of calibration images fix; nothing needs to be labelled.

    Raises:
        ValueError: what is missing or open, with the image or view, and what would decide it.
    """
    _check_flat(views, bead_object)
    points = bead_object.points_mm
    motions, symmetry = symmetries(points)
    starts = rig_starts(views, bead_object, bead_diameter_mm)
    close = [e for e in starts if e[1].log_odds > starts[0][1].log_odds - OPEN_ODDS]
    if len(symmetries(points, EXACT * bead_object.extents_mm[0])[1]) == len(symmetry):
        close = close[:2]  # turned by an exact symmetry, all further ones are as good
    tried = []
    for state, joint in close:
        seen = first_sightings(joint.images, views)
        seen, bundle = _settled(adjusted(state, points, seen, 0), seen, views, points, lens_terms)
        seen, bundle, lead = _turned_right(seen, bundle, views, points, motions, symmetry)
        tried.append((_log_odds(bundle, seen, views, points), seen, bundle, lead))
    tried.sort(key=lambda entry: -entry[0])
    odds, seen, bundle, lead = tried[0]
    open_world = lead <= MARGIN and not any(view.referenced(0) for view in views)
    notes = (_open_world(len(symmetry)),) if open_world else ()
    solved = SolvedRig(bead_object, tuple(views), seen, bundle, notes)
    _check_images(solved)
    rivals = [e for e in tried[1:] if e[0] > odds - MARGIN and _differs(e[2].state, bundle.state)]
    if rivals:
        raise ValueError(_open_answer(views, len(symmetry)))
    if bundle.rms_px > WORST_RMS_PX:
        raise ValueError(
            f"the best rig leaves {bundle.rms_px:.1f} px between seen and projected beads; check "
            "the object's points and its unit, and calibrate distortion with a grid"
        )
    return solved


def _turned_right(seen: Sightings, bundle: Bundle, views, points, motions, symmetry):
    """The rig with each position's object turned as fits best, and by how much the first's does."""
    if len(symmetry) == 1:
        return seen, bundle, np.inf
    named = np.array([any(view.referenced(p) for view in views) for p in _positions(views)])
    for _ in range(TURNING):
        best, lead = best_turns(bundle, points, seen, motions, symmetry)
        best = np.where((lead > LEAST_LEAD) & ~named, best, 0)
        if not best.any():
            break
        start = replace(bundle, state=turned_state(bundle.state, motions, best))
        seen, bundle = _settled(start, seen, views, points, bundle.lens_terms)
    return seen, bundle, float(lead[0])


def _positions(views: Sequence[CalibrationView]) -> range:
    return range(len(views[0].images))


def _settled(
    bundle: Bundle, seen: Sightings, views, points, lens_terms: int
) -> tuple[Sightings, Bundle]:
    """The adjusted rig whose labels are those that it finds itself."""
    for reach in (3 * REACH_PX, REACH_PX, REACH_PX, REACH_PX):
        before = seen
        seen = relabelled(bundle.state, views, points, reach)
        bundle = adjusted(bundle.state, points, seen, lens_terms)
        same = len(seen) == len(before) and (seen.pixels == before.pixels).all()
        if same and bundle.lens_terms == lens_terms:
            break
    return seen, bundle


def _log_odds(bundle: Bundle, seen: Sightings, views, points) -> float:
    """How much likelier the rig makes the spots than chance does."""
    sd = max(bundle.sd_px, 0.1)
    error2 = (bundle.residual_px**2).sum(1)
    odds = float(np.maximum(GAIN - error2 / (2 * sd**2), -MISS).sum())
    for v, view in enumerate(views):
        for p, image in enumerate(view.images):
            found = int(((seen.view == v) & (seen.position == p)).sum())
            odds -= MISS * max(expected_count(bundle.state, points, image, v, p) - found, 0)
    return odds - 2 * len(seen) * float(np.log(sd / 0.1))


def _differs(first: RigState, second: RigState) -> bool:
    """Whether two rigs have their views stand differently to each other."""
    for v in range(1, len(first.t_view)):
        a, b = (s.R_view[v] @ s.R_view[0].T for s in (first, second))
        if np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1)) > 0.02:
            return True
        a, b = (s.t_view[v] - s.R_view[v] @ s.R_view[0].T @ s.t_view[0] for s in (first, second))
        if np.linalg.norm(a - b) > 0.02 * np.linalg.norm(b):
            return True
    return False


def _check_flat(views: Sequence[CalibrationView], bead_object: BeadObject) -> None:
    positions = len(views[0].images)
    if bead_object.flat and positions < 2:
        raise ValueError(
            "all beads of the object lie in one plane, and one position of a plane fixes no focal "
            "length; take images of it in three or more positions, tilted differently"
        )


def _check_images(solved: SolvedRig) -> None:
    """ValueError where the rig does not explain an image."""
    points, seen = solved.bead_object.points_mm, solved.seen
    for v, view in enumerate(solved.views):
        for p, image in enumerate(view.images):
            mine = (seen.view == v) & (seen.position == p)
            found = int((mine & solved.bundle.inlier).sum())
            should = expected_count(solved.bundle.state, points, image, v, p)
            if found < max(4, LEAST_SHARE * should):
                raise ValueError(
                    f"{view.files[p]}: the rig explains {found} beads, {should} should be seen; "
                    "the image does not fit the others: was anything moved between the views, or "
                    "is it of another position? Name four beads in it (references), or leave the "
                    "position out"
                )


def _open_answer(views: Sequence[CalibrationView], order: int) -> str:
    names = " and ".join(view.name for view in views)
    why = f"the object has {order} symmetries" if order > 1 else "too few beads tell them apart"
    return (
        f"views {names}: several rigs explain the images equally well, because {why}; name at "
        "least four beads in an image of each view in the same position (references, a csv with "
        "image,name,u,v), or add positions of the object that are turned about other axes"
    )


def _open_world(order: int) -> str:
    return (
        f"the object looks alike in {order} ways, so that the names of its beads, and with them "
        "the axes of the world, are one choice of so many; references in an image of the first "
        "position decide"
    )
