"""All images labelled together: which ways to label them agree on where the views stand.

Every image by itself leaves the object's symmetries open. Two views see one object, so the motion
from view to view must come out alike from every position; one position by itself, or an object
that was only shifted, may leave several answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from .pose_fit import LabelledImage, seen_at
from .rigid import Rigid

AGREE_RAD = 0.06
AGREE_SHARE = 0.05
"""Motions between two views agree within this turn, and this share of the distance."""
MOST_PAIRS = 3000
KEPT = 24

Images = Mapping[tuple[int, int], LabelledImage]
"""Labelled images by view and position."""


@dataclass(frozen=True, eq=False)
class JointLabelling:
    """One way to label all images, and the motions from the first view to the others."""

    view_from_first: Float[np.ndarray, "view 4 4"]
    images: Images
    log_odds: float


def turned_ways(
    ways: Sequence[LabelledImage], motions: Rigid, symmetry: Int[np.ndarray, "symmetry bead"]
) -> list[LabelledImage]:
    """The ways, each with every symmetry (object_from_object) of the object."""
    R, t = motions.R.numpy(), motions.t.numpy()
    return [
        replace(way, R=way.R @ R[g], t=way.R @ t[g] + way.t, spot=way.spot[symmetry[g]])
        for way in ways
        for g in range(len(R))
    ]


def that_fit(
    ways: Sequence[LabelledImage],
    references: Mapping[int, tuple[float, float]],
    points_mm: Float[np.ndarray, "bead 3"],
    near_px: float,
) -> list[LabelledImage]:
    """The ways that put every named bead (by index) where the user saw it."""
    beads = np.array(list(references), dtype=int)
    given = np.array(list(references.values()), dtype=float)
    return [
        way
        for way in ways
        if np.linalg.norm(seen_at(way, points_mm)[0][beads] - given, axis=1).max() <= near_px
    ]


def joint_labellings(
    ways: Sequence[Sequence[Sequence[LabelledImage]]],
) -> list[JointLabelling]:
    """The best ways to label all images, most likely first, each with another rig.

    `ways` are by view and position, and with all symmetries where they make a difference: in all
    views but the first, and everywhere where references tell beads apart.
    """
    alone = {(0, p): best(found) for p, found in enumerate(ways[0]) if found}
    odds = sum(way.log_odds for way in alone.values())
    beams = [JointLabelling(np.eye(4)[None], alone, odds)]
    for view in range(1, len(ways)):
        grown: list[JointLabelling] = []
        for beam in beams:
            first = [
                list(found) if view == 1 else [beam.images[0, p]] if (0, p) in beam.images else []
                for p, found in enumerate(ways[0])
            ]
            grown += _with_view(beam, view, first, ways[view])
        beams = sorted(grown, key=lambda beam: -beam.log_odds)[:KEPT]
    return beams


def best(ways: Sequence[LabelledImage]) -> LabelledImage:
    """The most likely of the ways."""
    return max(ways, key=lambda way: way.log_odds)


def _with_view(beam: JointLabelling, view: int, first, second) -> list[JointLabelling]:
    """The labelling with a further view, once for every motion that pairs of its images give."""
    pairs = [
        (p, a, b)
        for p in range(len(first))
        for a in first[p]
        for b in second[p]
    ]  # fmt: skip
    pairs = sorted(pairs, key=lambda pair: -pair[1].log_odds - pair[2].log_odds)[:MOST_PAIRS]
    if not pairs:
        return []
    position = np.array([p for p, _, _ in pairs])
    odds = np.array([a.log_odds + b.log_odds for _, a, b in pairs])
    R = np.stack([b.R @ a.R.T for _, a, b in pairs])
    t = np.stack([b.t - turn @ a.t for turn, (_, a, b) in zip(R, pairs, strict=True)])
    reach_mm = AGREE_SHARE * float(np.median([b.t[2] for _, _, b in pairs]))
    middle = np.stack([a.t for _, a, _ in pairs])
    alone = [
        max([way.log_odds for way in [*first[p], *second[p]]], default=0.0)
        for p in range(len(first))
    ]
    found: list[tuple[float, int, list[int]]] = []
    for seed in range(len(pairs)):
        agree = _agrees(R, t, seed, middle, reach_mm)
        chosen = [_best_of(agree & (position == p), odds) for p in range(len(first))]
        total = sum(alone[p] if i is None else odds[i] for p, i in enumerate(chosen))
        found.append((float(total), seed, [i for i in chosen if i is not None]))
    grown: list[JointLabelling] = []
    seeds: list[int] = []
    for total, seed, chosen in sorted(found, key=lambda entry: -entry[0]):
        if any(_agrees(R, t, known, middle, reach_mm)[seed] for known in seeds):
            continue
        seeds.append(seed)
        images = dict(beam.images)
        for i in chosen:
            p, a, b = pairs[i]
            images[0, p], images[view, p] = a, b
        for p in set(range(len(first))) - {pairs[i][0] for i in chosen}:
            odds_first = images[0, p].log_odds if (0, p) in images else -np.inf
            if second[p] and best(second[p]).log_odds > odds_first:
                images.pop((0, p), None)  # they disagree: the likelier is believed
                images[view, p] = best(second[p])
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = R[seed], t[seed]
        motions = np.concatenate([beam.view_from_first, motion[None]])
        before = sum(beam.images[0, p].log_odds for p in range(len(first)) if first[p])
        grown.append(JointLabelling(motions, images, beam.log_odds - before + total))
        if len(grown) == KEPT:
            break
    return grown


def _agrees(R, t, seed: int, middle, reach_mm: float) -> Bool[np.ndarray, "pair"]:
    """Which pairs give the seed's motion, by its turn and where it carries the object."""
    trace = np.einsum("nij,ij->n", R, R[seed])
    turned = np.arccos(np.clip((trace - 1) / 2, -1, 1)) < AGREE_RAD
    carried = np.einsum("nij,nj->ni", R - R[seed], middle) + t - t[seed]
    return turned & (np.linalg.norm(carried, axis=1) < reach_mm)


def _best_of(some: Bool[np.ndarray, "pair"], odds) -> int | None:
    """The most likely of some pairs."""
    return int(np.where(some, odds, -np.inf).argmax()) if some.any() else None
