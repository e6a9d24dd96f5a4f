"""Ambiguous detections: each view offers several readings, the calibrated views decide."""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from calibration import Rig, Rigid

from .pose_solve import (
    FEW_AGREE,
    GATE_SD,
    Optimum,
    PoseEstimate,
    are_near,
    estimate_at,
    more_optima,
    optima,
    refuse_undetermined,
)
from .pose_starts import least_cost
from .reprojection import Array, Reprojection, checked, reprojection_of

SOLVED_IN_FULL = 4
"""Combinations that are solved from many starts where the landmarks of none agree well."""
RIVAL_COST = 0.5
"""A pose whose cost is above the best one's by more is no rival."""
MOST_RUNNERS_UP = 3


@dataclass(frozen=True)
class ChosenPose:
    """The likeliest reading: its pose, which hypothesis of each view it takes, and its lead.

    `margin` is the cost (of a landmark in a view) of the likeliest pose that differs, less that of
    this one: infinite where there is none, and at least that much where the rays of the other
    readings miss each other by so much that these were not solved. `runners_up` are the poses
    that differ from it and from each other, likeliest first, whose cost is near: what the
    radiographs must decide.
    """

    estimate: PoseEstimate
    chosen: tuple[int, ...]
    margin: float
    runners_up: tuple[PoseEstimate, ...] = ()


@dataclass(frozen=True, eq=False)
class Reading:
    """One hypothesis a view, and a cost that none of its poses can be below."""

    chosen: tuple[int, ...]
    problem: Reprojection
    least_cost: float


def solve_ambiguous_pose(
    rig: Rig,
    points_ct: Float[Array, "landmark 3"],
    pixels: Float[Array, "view hypothesis landmark 2"],
    sd_px: Float[Array, "view hypothesis landmark"],
    start: Rigid | None = None,
    *,
    error_correlation: float | int = 0.0,
) -> ChosenPose:
    """The pose of lowest cost over the combinations of one hypothesis a view.

    Raises:
        ValueError: as `solve_pose`, where no combination has a pose.
    """
    uv, sd = checked(rig, pixels, sd_px)
    first = reprojection_of(rig, points_ct, uv[:, 0], sd[:, 0])
    views, readings = np.arange(len(uv)), []
    for chosen in product(*(_seeing(view) for view in sd)):
        problem = first.with_readings(uv[views, chosen], sd[views, chosen])
        readings.append(Reading(chosen, problem, least_cost(problem, GATE_SD)))
    readings.sort(key=lambda reading: reading.least_cost)
    found, left = _solved(readings, start)
    best = found[0][0]
    rivals: list[tuple[Optimum, Reading]] = []
    for optimum, reading in found[1:]:
        known = [best, *(rival for rival, _ in rivals)]
        if not any(are_near(optimum, other, first.centroid_ct) for other in known):
            rivals.append((optimum, reading))
    costs = [rival.cost for rival, _ in rivals] + [reading.least_cost for reading in left]
    runners_up = [
        estimate_at(reading.problem, rival, error_correlation)
        for rival, reading in rivals[:MOST_RUNNERS_UP]
        if rival.cost - best.cost < RIVAL_COST
    ]
    estimate = estimate_at(found[0][1].problem, best, error_correlation)
    margin = min(costs, default=math.inf) - best.cost
    return ChosenPose(estimate, found[0][1].chosen, margin, tuple(runners_up))


def with_sides_swapped(
    pixels: Float[Array, "view hypothesis landmark 2"],
    sd_px: Float[Array, "view hypothesis landmark"],
    other_side: Int[np.ndarray, "landmark"],
) -> tuple[
    Float[np.ndarray, "view hypotheses landmark 2"], Float[np.ndarray, "view hypotheses landmark"]
]:
    """The hypotheses, and after them the same with left taken for right.

    Args:
        other_side: each landmark's mirror image by its index, its own on the midline.

    Raises:
        ValueError: a landmark that is not the mirror image of its mirror image.
    """
    uv, sd = np.asarray(pixels, dtype=np.float64), np.asarray(sd_px, dtype=np.float64)
    count = np.arange(sd.shape[-1])
    valid = (other_side >= 0) & (other_side < len(count))
    if not valid.all() or (wrong := other_side[other_side] != count).any():
        first = int(np.argmin(valid) if not valid.all() else np.argmax(wrong))
        raise ValueError(
            f"landmark {first} has {other_side[first]} on the other side, which does not have it"
        )
    return (
        np.concatenate([uv, uv[:, :, other_side]], axis=1),
        np.concatenate([sd, sd[:, :, other_side]], axis=1),
    )


def _seeing(sd_px: np.ndarray) -> list[int]:
    """The hypotheses of a view (hypothesis, landmark) that see anything, the first if none does."""
    return np.flatnonzero(np.isfinite(sd_px).any(1)).tolist() or [0]


def _solved(
    readings: list[Reading], start: Rigid | None
) -> tuple[list[tuple[Optimum, Reading]], list[Reading]]:
    """The solutions of all readings, likeliest first, and the readings that cannot be rivals."""
    found: list[tuple[Optimum, Reading]] = []
    left, refusal = [], None
    for reading in readings:
        if reading.least_cost > min((o.cost for o, _ in found), default=math.inf) + RIVAL_COST:
            left.append(reading)
            continue
        try:
            refuse_undetermined(reading.problem)
        except ValueError as error:
            refusal = error
            continue
        found += [(optimum, reading) for optimum in optima(reading.problem, start)]
    found.sort(key=lambda entry: entry[0].cost)
    if not found or found[0][0].agreeing < FEW_AGREE:
        for reading in [reading for reading in readings if reading not in left][:SOLVED_IN_FULL]:
            known = [optimum for optimum, other in found if other is reading]
            found = [entry for entry in found if entry[1] is not reading]
            try:
                refuse_undetermined(reading.problem)
                more = more_optima(reading.problem, known)
            except ValueError as error:
                refusal = error
                continue
            found += [(optimum, reading) for optimum in more]
        found.sort(key=lambda entry: entry[0].cost)
    if not found:
        raise ValueError(f"no combination of the views' detections has a pose: {refusal}")
    return found, left
