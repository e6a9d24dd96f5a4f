"""Ambiguous detections: each view offers several readings, the calibrated views decide."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from calibration import Rig, Rigid

from .pose_solve import GATE_SD, PoseEstimate, solve_pose
from .pose_starts import triangulated
from .reprojection import Array, Reprojection, reprojection_of

SOLVED_IN_FULL = 4
"""Combinations that are solved, of those whose rays meet best."""


@dataclass(frozen=True)
class ChosenPose:
    """The likeliest reading: its pose, which hypothesis of each view it takes, and its lead.

    `margin` is the cost of the second reading less that of the first (a landmark and view):
    infinite where there is no second.
    """

    estimate: PoseEstimate
    chosen: tuple[int, ...]
    margin: float


def solve_ambiguous_pose(
    rig: Rig,
    points_ct: Float[Array, "landmark 3"],
    pixels: Float[Array, "view hypothesis landmark 2"],
    sd_px: Float[Array, "view hypothesis landmark"],
    start: Rigid | None = None,
    *,
    error_correlation: float = 0.0,
) -> ChosenPose:
    """The pose of lowest cost over the combinations of one hypothesis a view.

    Raises:
        ValueError: as `solve_pose`, where no combination has a pose.
    """
    uv, sd = np.asarray(pixels), np.asarray(sd_px)
    combinations = list(product(range(uv.shape[1]), repeat=len(uv)))
    problems = [
        reprojection_of(rig, points_ct, _of(uv, chosen), _of(sd, chosen)) for chosen in combinations
    ]
    order = np.argsort([_misfit(problem) for problem in problems], kind="stable")
    solved, refusal = [], None
    for index in order[:SOLVED_IN_FULL]:
        chosen = combinations[index]
        try:
            estimate = solve_pose(
                rig,
                points_ct,
                _of(uv, chosen),
                _of(sd, chosen),
                start,
                error_correlation=error_correlation,
            )
        except ValueError as error:
            refusal = error
            continue
        solved.append((estimate.cost, chosen, estimate))
    if not solved:
        raise ValueError(f"no combination of the views' detections has a pose: {refusal}")
    solved.sort(key=lambda entry: entry[0])
    margin = solved[1][0] - solved[0][0] if len(solved) > 1 else np.inf
    return ChosenPose(solved[0][2], solved[0][1], float(margin))


def _of(values: np.ndarray, chosen: tuple[int, ...]) -> np.ndarray:
    return np.stack([view[hypothesis] for view, hypothesis in zip(values, chosen, strict=True)])


def _misfit(problem: Reprojection) -> float:
    """How badly the rays of a combination miss each other and the distances in the CT."""
    world = triangulated(problem.views, problem.uv_px, problem.sd_px)
    usable = np.isfinite(world).all(-1)
    if usable.sum() < 3:
        return (
            2 * float(np.log(problem.sd_px[problem.seen]).mean()) if problem.seen.any() else np.inf
        )
    sd = problem.sd_px[:, usable]
    miss = problem.views.project(world[usable]) - problem.uv_px[:, usable]
    squared = np.square(miss).sum(-1) / sd**2
    likelihood = GATE_SD**2 * squared / (GATE_SD**2 + squared) / 2 + 2 * np.log(sd)
    return float(likelihood[np.isfinite(sd)].mean())
