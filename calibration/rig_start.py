"""From the spots of all images to the few rigs they could have come from, ready to be adjusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from .bead_object import BeadObject
from .bundle_projection import RigState
from .joint_labelling import JointLabelling, joint_labellings, that_fit, turned_ways
from .labelling import explains, labellings
from .pose_fit import Intrinsics, LabelledImage, SpotImage, fitted_image
from .start_intrinsics import camera_of_dlt, dlt_matrix, homography, zhang_intrinsics
from .symmetry import symmetries

FOCAL_GUESSES = (3.2, 1.9, 5.5)
"""Focal lengths to try, in image widths, where no start value is given."""
GIVEN_SHARE_SD, GUESS_SHARE_SD, CENTRE_SHARE_SD = 0.15, 0.35, 0.08
REFERENCE_SHARE = 0.015
"""How far a user's click may be from the bead it names, as a share of the image's longer side."""
LEAST_BEADS = 4
LEAST_SHARE, CLEARLY = 0.6, 10
"""Of the spots, or of the beads if they are fewer, that some image of a view must explain."""

References = Mapping[int, tuple[float, float]]
"""Where a user saw beads (by index), px."""


@dataclass(frozen=True, eq=False)
class CalibrationView:
    """One view's images of the object, one a position; pixels are undistorted ones."""

    name: str
    images: tuple[SpotImage, ...]
    files: tuple[str, ...]
    focal_px: float | None = None
    references: tuple[References, ...] = ()

    def referenced(self, position: int) -> References:
        """The references in one image; most have none."""
        return self.references[position] if position < len(self.references) else {}


def rig_starts(
    views: Sequence[CalibrationView], bead_object: BeadObject, bead_diameter_mm: float | None
) -> list[tuple[RigState, JointLabelling]]:
    """The rigs that the images leave open, most likely first, with their labels.

    Raises:
        ValueError: an image with too few spots, or that no pose of the object explains; no pose
            that agrees with the references; views that have no position in common.
    """
    points = bead_object.points_mm
    motions, symmetry = symmetries(points)
    ways: list[list[list[LabelledImage]]] = []
    for view in views:
        found = [
            _ways_of(view, p, points, (motions, symmetry), bead_diameter_mm)
            for p in range(len(view.images))
        ]
        _check_explained(view, found, bead_object)
        ways.append(_with_one_focal(view, found, bead_object))
    for p in range(len(views[0].images)):
        if not any(found[p] for found in ways):
            raise ValueError(_unexplained(views, p))
        named = any(view.referenced(p) for view in views)
        for v, view in enumerate(views):
            if named or v > 0:
                ways[v][p] = turned_ways(ways[v][p], motions, symmetry)
            if ways[v][p] and view.referenced(p):
                near = REFERENCE_SHARE * max(view.images[p].width, view.images[p].height)
                ways[v][p] = that_fit(ways[v][p], view.referenced(p), points, near)
                if not ways[v][p]:
                    raise ValueError(
                        f"{view.files[p]}: no pose of the object puts all references of view "
                        f"{view.name!r} within {near:.0f} px of where they were seen; are the "
                        "names right, and u, v in pixels from the top left?"
                    )
    joint = joint_labellings(ways)
    if not joint:
        raise ValueError(
            "no position of the object could be labelled in two views at once, so the views "
            f"{', '.join(view.name for view in views)} cannot be related; name at least four "
            "beads in an image of each (references)"
        )
    return [(_state(views, labelling), labelling) for labelling in joint]


def _ways_of(view: CalibrationView, p: int, points, symmetry, diameter) -> list[LabelledImage]:
    """The ways to label one image, under the start values or under guesses."""
    image, references = view.images[p], view.referenced(p)
    if len(image) < LEAST_BEADS:
        raise ValueError(
            f"{view.files[p]}: only {len(image)} beads were found, at least {LEAST_BEADS} are "
            "needed; is bead_diameter_mm right, and intensity (beads dark in transmission)?"
        )
    starts = [_intrinsics(image, view.focal_px, GIVEN_SHARE_SD)] if view.focal_px else []
    starts += [_intrinsics(image, share * image.width, GUESS_SHARE_SD) for share in FOCAL_GUESSES]
    ways: list[LabelledImage] = []
    named = None
    for start in starts:
        if len(references) >= 4:
            named = named or _from_references(image, references, points, start)
            if named is not None and explains(named, len(image)):
                return [named]
        ways = max(ways, labellings(image, points, symmetry, start, diameter), key=_odds)
        if ways and explains(ways[0], len(image)):
            break
    return ways if named is None else [*ways, named]


def _odds(ways: list[LabelledImage]) -> float:
    return ways[0].log_odds if ways else -np.inf


def _intrinsics(image: SpotImage, focal_px: float, share_sd: float) -> Intrinsics:
    size = np.array([image.width, image.height], dtype=np.float64)
    return Intrinsics(focal_px, (size - 1) / 2, share_sd, CENTRE_SHARE_SD * float(size.max()))


def _from_references(
    image: SpotImage, references: References, points, start: Intrinsics
) -> LabelledImage | None:
    """The labels that follow from four or more named beads."""
    seen = np.array(list(references.values()), dtype=np.float64)
    K = np.diag([start.focal_px, start.focal_px, 1.0])
    K[:2, 2] = start.centre_px
    beads = points[list(references)]
    try:
        ok, turn, t = cv2.solvePnP(beads, seen, K, np.zeros(4), flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:
        return None
    if not ok:
        return None
    near = REFERENCE_SHARE * max(image.width, image.height)
    pose = np.column_stack([cv2.Rodrigues(turn)[0], t])
    return fitted_image(pose, points, image, start, (2 * near, near, near / 2, 3.0, 3.0))


def _with_one_focal(
    view: CalibrationView, ways: list[list[LabelledImage]], bead_object: BeadObject
) -> list[list[LabelledImage]]:
    """The ways refitted under the intrinsics, one for all images, that explain them best."""
    best = [found[0] for found in ways if found]
    if not best:
        return ways
    refits = []
    for focal, centre in _intrinsics_starts(view, ways, bead_object):
        start = Intrinsics(focal, centre, 0.02, 0.01 * view.images[0].width)
        refit = [
            [_refitted(way, bead_object.points_mm, view.images[p], start) for way in found]
            for p, found in enumerate(ways)
        ]
        kept = [[way for way in found if way is not None] for found in refit]
        refits.append([sorted(found, key=lambda w: -w.log_odds) for found in kept])
    return max(refits, key=lambda kept: sum(found[0].log_odds for found in kept if found))


def _refitted(way: LabelledImage, points, image: SpotImage, start: Intrinsics):
    """A way under other intrinsics: the same size in the image, hence another distance."""
    t = way.t * np.array([1, 1, start.focal_px / way.focal_px])
    shift = (way.centre_px - start.centre_px) / start.focal_px * t[2]
    t[:2] += shift
    return fitted_image(np.column_stack([way.R, t]), points, image, start, (12.0, 6.0, 3.0, 3.0))


def _intrinsics_starts(view: CalibrationView, ways, bead_object: BeadObject):
    """Focal lengths and principal points: by the fits of the images, and by DLT or homographies."""
    labelled = [(p, found[0]) for p, found in enumerate(ways) if found]
    weight = np.array([way.count for _, way in labelled], dtype=float)
    log_f = np.log([way.focal_px for _, way in labelled])
    centre = np.average([way.centre_px for _, way in labelled], axis=0, weights=weight)
    yield float(np.exp(np.average(log_f, weights=weight))), centre
    image = view.images[0]
    middle = np.array([image.width - 1, image.height - 1]) / 2
    points = bead_object.points_mm
    K = None
    if bead_object.flat:
        axes = np.linalg.svd(points - points.mean(0))[2]
        plane = (points - points.mean(0)) @ axes[:2].T
        found = [
            homography(plane[way.spot >= 0], view.images[p].uv_px[way.spot[way.spot >= 0]])
            for p, way in labelled
        ]
        H = [h for h in found if h is not None]
        K = zhang_intrinsics(np.array(H), middle) if len(H) > 1 else None
    else:
        p, way = max(labelled, key=lambda entry: entry[1].count)
        on = way.spot >= 0
        if on.sum() >= 8:
            P = dlt_matrix(points[on], view.images[p].uv_px[way.spot[on]])
            K = camera_of_dlt(P, points[on])[0]
    if K is not None and np.isfinite(K).all() and 0.3 < K[0, 0] / image.width < 50:
        if (np.abs(K[:2, 2] - middle) < 0.5 * image.width).all():
            yield float((K[0, 0] + K[1, 1]) / 2), K[:2, 2]


def _state(views: Sequence[CalibrationView], labelling: JointLabelling) -> RigState:
    """The rig of a labelling; the world is the object in the first position."""
    images, motion = labelling.images, labelling.view_from_first

    def first_from_object(p: int) -> Float[np.ndarray, "4 4"]:
        view = min(v for v in range(len(views)) if (v, p) in images)
        way = images[view, p]
        cam_from_object = np.eye(4)
        cam_from_object[:3, :3], cam_from_object[:3, 3] = way.R, way.t
        return np.linalg.inv(motion[view]) @ cam_from_object

    positions = [first_from_object(p) for p in range(len(views[0].images))]
    world_from_first = np.linalg.inv(positions[0])
    cams = motion @ positions[0]
    moves = np.stack([world_from_first @ m for m in positions])
    own = [[way for (v, _), way in images.items() if v == view] for view in range(len(views))]
    focal = np.array([np.median([way.focal_px for way in mine]) for mine in own])
    centre = np.array([np.median([way.centre_px for way in mine], axis=0) for mine in own])
    return RigState(
        np.stack([focal, focal], axis=-1), centre, np.zeros((len(views), 5)),
        cams[:, :3, :3], cams[:, :3, 3], moves[:, :3, :3], moves[:, :3, 3],
    )  # fmt: skip


def _check_explained(
    view: CalibrationView, ways: list[list[LabelledImage]], bead_object: BeadObject
) -> None:
    """ValueError where no image of a view shows the object."""
    shares = [
        found[0].count / max(min(len(bead_object), len(image)), min(len(bead_object), CLEARLY))
        if found
        else 0.0
        for found, image in zip(ways, view.images, strict=True)
    ]
    if max(shares) < LEAST_SHARE:
        p = int(np.argmax(shares))
        raise ValueError(
            f"{view.files[p]}: no pose of the object's {len(bead_object)} beads explains most of "
            f"the {len(view.images[p])} spots, nor in another image of view {view.name!r}; check "
            "bead_diameter_mm, the points and their unit, and intensity; calibrate distortion with "
            "a grid; or name at least four beads in each image (references)"
        )


def _unexplained(views: Sequence[CalibrationView], p: int) -> str:
    return (
        f"position {p + 1}: no pose of the object explains the spots of "
        f"{' or '.join(view.files[p] for view in views)}; name at least four beads in these images "
        "(references), or leave the position out"
    )
