"""The pose of known 3D landmarks from their pixels in all views at once, and how sure it is."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from calibration import Rig, Rigid

from .pose_starts import one_view_poses, starts
from .reprojection import Array, Reprojection, reprojection_of
from .robust_steps import (
    graduated,
    least_squares,
    normal_equations,
    robust_cost,
    squared_deviations,
    tails,
    typical,
)
from .twist import sd_of

Proposals = tuple[np.ndarray, np.ndarray, np.ndarray]
"""R (m, 3, 3), t (m, 3) and the misfits (m,) of poses to try."""
GATE_SD = 3.5
"""A landmark further off than this many deviations is an outlier."""
WIDEN = 4.0
"""The gate opens so many times wider at first, and pulls in what lies between."""
ROBUST_STEPS = 25
"""Gauss-Newton steps under robust weights, at most; those that lead somewhere take about 6."""
FEW_AGREE = 0.6
"""Where a smaller share of the readings agrees with a pose, each view is tried alone as well."""
MANY = 8
"""Starts that are followed then, under a gate that is closed at once: each to its own end."""
APART_DEG, APART_MM = 5.0, 10.0
"""Nearer solutions count as one: refinement finds its way from either to the same end."""


@dataclass(frozen=True)
class PoseEstimate:
    """A pose with its uncertainty.

    `covariance` is that of a left twist (v mm, w rad) about the landmarks' centroid, see
    `twist.py`. `scale` is the deviation of the residuals in units of the predicted ones; the
    covariance holds its square where it is above 1. `cost` is the robust negative
    log-likelihood of a landmark in a view, less its constants: by it two solutions compare.
    """

    world_from_ct: Rigid
    covariance: Float[np.ndarray, "6 6"]
    centroid_ct: Float[np.ndarray, "3"]
    residuals_px: Float[np.ndarray, "view landmark"]
    used: Bool[np.ndarray, "view landmark"]
    scale: float
    cost: float

    @property
    def sd_translation_mm(self) -> float:
        """The deviation of the centroid's position, root of the trace, mm."""
        return sd_of(self.covariance)[0]

    @property
    def sd_rotation_deg(self) -> float:
        """The deviation of the rotation, root of the trace, deg."""
        return sd_of(self.covariance)[1]


@dataclass(frozen=True)
class Optimum:
    """Where the robust likelihood of some readings is greatest nearby: its cost as that of
    `PoseEstimate`, and the share of the readings that agrees."""

    R: Float[np.ndarray, "3 3"]
    t: Float[np.ndarray, "3"]
    cost: float
    agreeing: float


def solve_pose(
    rig: Rig,
    points_ct: Float[Array, "landmark 3"],
    pixels: Float[Array, "view landmark 2"],
    sd_px: Float[Array, "view landmark"],
    start: Rigid | None = None,
    *,
    error_correlation: float | int = 0.0,
) -> PoseEstimate:
    """The pose of greatest robust likelihood, given undistorted pixels and their deviations.

    A landmark that a view does not see has NaN pixels, or a deviation that is not finite. With
    one view alone the pose comes from that view, with its long depth interval.

    Args:
        start: a pose to try beside those that the landmarks propose.
        error_correlation: correlation of the errors of two landmarks in one view. The covariance
            grows by 1 + (n - 1) times it, n landmarks a view: exact for a shift common to all
            landmarks, an upper bound for every other direction.

    Raises:
        ValueError: shapes that do not fit, a deviation not positive, too few landmarks, or
            landmarks on a line.
    """
    problem = reprojection_of(rig, points_ct, pixels, sd_px)
    refuse_undetermined(problem)
    found = optima(problem, start)
    if not found or found[0].agreeing < FEW_AGREE:
        found = more_optima(problem, found)
    return estimate_at(problem, found[0], error_correlation)


def refuse_undetermined(problem: Reprojection) -> None:
    """ValueError: landmarks too few, or on a line."""
    seen = problem.seen
    twice, most = int((seen.sum(0) >= 2).sum()), int(seen.sum(1).max(initial=0))
    if twice < 3 and most < 4:
        raise ValueError(
            f"a pose needs 3 landmarks seen in two views, or 4 in one; found {twice} and {most}"
        )
    points = problem.points_ct[seen.any(0)]
    away = points - points.sum(0) / len(points)
    scatter = away.T @ away
    across = (scatter.trace() ** 2 - (scatter * scatter).sum()) / 2  # of eigenvalues, in pairs
    if not across > 1e-6 * scatter.trace() ** 2:
        raise ValueError(
            f"the {len(points)} landmarks lie on a line: the turn about it stays unknown"
        )


def optima(problem: Reprojection, start: Rigid | None) -> list[Optimum]:
    """The distinct solutions that the best proposals lead to, likeliest first.

    Proposals are triplets of landmarks, the start, and where few landmarks are seen in all views,
    the poses of each view alone.
    """
    poses = starts(problem, GATE_SD)
    one_view = len(poses[0]) == 0 or int(problem.seen.all(0).sum()) < 6
    if one_view:
        poses = _with_poses(problem, poses, *one_view_poses(problem, GATE_SD))
    if start is not None:
        given = start.R.numpy()[None], start.t.numpy()[None]
        poses = _with_poses(problem, poses, *given)
    return _distinct(_descended(problem, poses, 4 if one_view else 1), problem.centroid_ct)


def more_optima(problem: Reprojection, known: list[Optimum]) -> list[Optimum]:
    """The known solutions and those of many more proposals: for readings of which many are wrong.

    ValueError where there is none.
    """
    alone = np.zeros((0, 3, 3)), np.zeros((0, 3)), np.zeros(0)
    alone = _with_poses(problem, alone, *one_view_poses(problem, GATE_SD))
    found = _descended(problem, starts(problem, GATE_SD), MANY, 1.0)
    found += _descended(problem, alone, MANY, 1.0)
    found = _distinct([*known, *found], problem.centroid_ct)
    if not found:
        raise ValueError(
            "no pose found: too few landmarks agree with the CT, or they are on a line"
        )
    return found


def _with_poses(problem: Reprojection, poses: Proposals, R_more, t_more) -> Proposals:
    """The proposals and further ones, with their misfits."""
    (R, t, misfit), more = poses, tails(*problem.readings(), R_more, t_more, 2 * GATE_SD)
    return np.concatenate([R, R_more]), np.concatenate([t, t_more]), np.concatenate([misfit, more])


def _descended(
    problem: Reprojection, poses: Proposals, most: int, widen: float = WIDEN
) -> list[Optimum]:
    """Where the best proposals lead, at most so many of them, that are not near each other."""
    (R, t, misfit), centroid = poses, problem.centroid_ct
    found, left = [], np.isfinite(misfit)
    for _ in range(most):
        if not left.any():
            break
        k = int(np.where(left, misfit, np.inf).argmin())
        left[k] = False
        if most > 1:
            left &= ~_near(R[k], t[k], R, t, centroid)
        readings = problem.readings()
        R_end, t_end, known = graduated(
            *readings, R[k], t[k], centroid, GATE_SD, widen, ROBUST_STEPS
        )
        if known:
            cost, agreeing = robust_cost(*readings, R_end, t_end, GATE_SD)
            found.append(Optimum(R_end, t_end, cost, agreeing))
    return found


def _near(R_one, t_one, R, t, centroid_ct: np.ndarray):
    """Whether poses (..., 3, 3), (..., 3) are one solution with a first, to all that follows."""
    cosine = ((R * R_one).sum((-2, -1)) - 1) / 2
    away = (R - R_one) @ centroid_ct + t - t_one
    return (cosine > math.cos(math.radians(APART_DEG))) & ((away**2).sum(-1) < APART_MM**2)


def are_near(one: Optimum, other: Optimum, centroid_ct: Float[np.ndarray, "3"]) -> bool:
    """Whether both are one solution."""
    return bool(_near(one.R, one.t, other.R, other.t, centroid_ct))


def _distinct(found: list[Optimum], centroid_ct: np.ndarray) -> list[Optimum]:
    kept: list[Optimum] = []
    for optimum in sorted(found, key=lambda optimum: optimum.cost):
        if not any(are_near(optimum, other, centroid_ct) for other in kept):
            kept.append(optimum)
    return kept


def estimate_at(
    problem: Reprojection, optimum: Optimum, error_correlation: float | int
) -> PoseEstimate:
    """Plain least squares on the inliers, and the covariance from their normal matrix."""
    R, t, readings = optimum.R, optimum.t, problem.readings()
    matrices, points_ct, uv_px, weight = readings
    seen, used, inliers = weight > 0, np.zeros(weight.shape, dtype=bool), weight
    squared = squared_deviations(*readings, R, t)
    scale = typical(squared, weight)
    for _ in range(4):
        before, used = used, seen & (squared <= (GATE_SD * scale) ** 2)
        if (before == used).all():
            break
        inliers = np.where(used, weight, 0.0)
        R, t, known = least_squares(
            matrices, points_ct, uv_px, inliers, R, t, problem.centroid_ct, 10
        )
        if not known:
            raise ValueError(
                "the landmarks do not determine the pose: too few agree, or they lie on a line"
            )
        squared = squared_deviations(*readings, R, t)
        freedom = 2 * int(used.sum()) - 6
        scale = max(1.0, math.sqrt(squared[used].sum() / freedom)) if freedom > 0 else 1.0
    centre = R @ problem.centroid_ct + t
    normal, _ = normal_equations(matrices, points_ct, uv_px, inliers, R, t, centre)
    landmarks = used.sum() / max(int(used.any(1).sum()), 1)
    off_px = np.sqrt(squared[seen] / weight[seen])
    residuals = np.full(weight.shape, np.nan)
    residuals[seen] = off_px
    return PoseEstimate(
        world_from_ct=Rigid(R, t),
        covariance=np.linalg.inv(normal) * scale**2 * (1 + (landmarks - 1) * error_correlation),
        centroid_ct=problem.centroid_ct,
        residuals_px=residuals,
        used=used,
        scale=scale,
        cost=robust_cost(*readings, R, t, GATE_SD)[0],
    )
