"""Which spot is which bead: the few ways to label one image that its spots leave open.

Poses are proposed from three spots at a time (`pose_hypotheses`) and verified against all of them.
A symmetric object, or one of which little is seen, leaves several ways; `joint_labelling` decides
between them with the other views and positions, and with references.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from .pose_fit import (
    Intrinsics,
    LabelledImage,
    SpotImage,
    fitted_image,
    matched,
    pixels_at,
)
from .pose_hypotheses import poses_from_three, spot_map_of
from .rigid import Rigid

TRIPLES, AT_ONCE = 9, 3
"""Sets of three spots that are tried before an image is given up, so many at a time."""
ALIKE_RAD = 0.2
"""Poses with the same labels that are turned by less than this are one."""
LEAST_HITS = 0.65
"""Poses that hit less than this share of what the best hits are not looked into."""
NEAR_SHARE = 0.01
"""A bead is near a spot within this share of the image's longer side, when poses are proposed."""
VERIFIED = 16
OPEN_ODDS = 30.0
"""Ways to label an image that are this much less likely than the best are forgotten (nats)."""
MOST_WAYS = 8
MOST_BEADS_TRIED = 150


def labellings(
    image: SpotImage,
    points_mm: Float[np.ndarray, "bead 3"],
    symmetry: tuple[Rigid, Int[np.ndarray, "symmetry bead"]],
    start: Intrinsics,
    bead_diameter_mm: float | None = None,
) -> list[LabelledImage]:
    """The likely ways to label an image, best first, one of each set that symmetry makes alike.

    `symmetry` is the object's (`symmetries`). `bead_diameter_mm` bounds the magnification by the
    spots' size; without it, by the object's.
    """
    if len(image) < 4:
        return []
    near = NEAR_SHARE * max(image.width, image.height)
    xy = image.uv_px - start.centre_px
    half = float(max(image.width, image.height)) * 0.75
    spot_map = spot_map_of(xy, near, half)
    scales = _scale_range(image, points_mm, bead_diameter_mm)
    tried = points_mm[_tried_beads(points_mm)]
    motions, goes_to = symmetry
    alike = (goes_to, motions.R.numpy())
    ways: list[LabelledImage] = []
    triples = list(_wide_triples(image, TRIPLES))
    for start_at in range(0, TRIPLES, AT_ONCE):
        found = [
            poses_from_three(xy[three], start.focal_px, tried, scales, spot_map, VERIFIED)
            for three in triples[start_at : start_at + AT_ONCE]
        ]
        poses, hits = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(-hits, kind="stable")[:VERIFIED]
        for pose in poses[order][hits[order] >= LEAST_HITS * hits.max(initial=0)]:
            if not _is_known(pose, ways, points_mm, image, alike, start, near):
                reach = (near, near, near / 2, 3.0, 3.0)
                way = fitted_image(pose, points_mm, image, start, reach)
                ways = ways if way is None else _with(ways, way, alike)
        if ways and explains(ways[0], len(image)):
            break
    return ways


def _is_known(pose, ways, points_mm, image: SpotImage, symmetry, start: Intrinsics, near) -> bool:
    """Whether a pose would only lead to one of the ways."""
    if not ways:
        return False
    pixels, depth = pixels_at(pose[:, :3], pose[:, 3], start.focal_px, start.centre_px, points_mm)
    spot = matched(pixels, depth > 0, KDTree(image.uv_px), near)
    quick = replace(ways[0], spot=spot, R=pose[:, :3])
    return any(_alike(known, quick, *symmetry) for known in ways)


def explains(way: LabelledImage, spots: int) -> bool:
    """Whether most of what could be explained is."""
    return way.count >= max(6, 0.75 * min(spots, len(way.spot)))


def _with(ways: list[LabelledImage], way: LabelledImage, symmetry) -> list[LabelledImage]:
    """The ways with a further one, best first; of those that symmetry makes alike the best."""
    for index, known in enumerate(ways):
        if _alike(known, way, *symmetry):
            if way.log_odds > known.log_odds:
                ways = [*ways[:index], *ways[index + 1 :]]
                break
            return ways
    ways = sorted([*ways, way], key=lambda w: -w.log_odds)[:MOST_WAYS]
    return [w for w in ways if w.log_odds > ways[0].log_odds - OPEN_ODDS]


def _alike(
    first: LabelledImage, second: LabelledImage, symmetry, turns: Float[np.ndarray, "symmetry 3 3"]
) -> bool:
    """Whether two ways are one up to a symmetry: the labels, but for a few beads, and the pose.

    A plate seen from afar may be tilted to either side with the same labels.
    """
    moved = second.spot[symmetry]  # of bead b the spot that its image under each symmetry has
    both = (moved >= 0) & (first.spot >= 0)
    same = ((moved == first.spot) & both).sum(1) >= 0.8 * max(min(first.count, second.count), 1)
    trace = np.einsum("ij,gij->g", first.R, second.R @ turns)
    return bool((same & (trace > 1 + 2 * np.cos(ALIKE_RAD))).any())


def _scale_range(
    image: SpotImage, points_mm: np.ndarray, bead_diameter_mm: float | None
) -> tuple[float, float]:
    """Least and largest px per mm at the object."""
    if bead_diameter_mm is not None:
        scale = 2 * float(np.median(image.radius_px)) / bead_diameter_mm
        return 0.55 * scale, 1.8 * scale
    across_px = float(np.linalg.norm(np.ptp(image.uv_px, axis=0)))
    across_mm = float(np.linalg.norm(np.ptp(points_mm, axis=0)))
    return 0.4 * across_px / across_mm, 4 * across_px / across_mm


def _tried_beads(points_mm: np.ndarray) -> Int[np.ndarray, "tried"]:
    """All beads, or so many drawn from them that their triples can be counted."""
    order = np.random.default_rng(0).permutation(len(points_mm))
    return np.sort(order[:MOST_BEADS_TRIED])


def _wide_triples(image: SpotImage, count: int) -> Iterator[Int[np.ndarray, "3"]]:
    """Sets of three spots that span large triangles, each with spots that were used little."""
    random = np.random.default_rng(0)
    used = np.zeros(len(image))
    for _ in range(count):
        drawn = np.stack([random.permutation(len(image))[:3] for _ in range(60)])
        a, b, c = (image.uv_px[drawn[:, k]] for k in range(3))
        first, second = b - a, c - a
        area = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
        best = drawn[int((area / (1 + 2 * used[drawn].sum(1))).argmax())]
        used[best] += 1
        yield best
