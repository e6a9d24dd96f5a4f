"""The pose of known 3D landmarks from their pixels in all views at once, and how sure it is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from calibration import Rig, Rigid

from .pose_starts import one_view_poses, triplet_poses
from .reprojection import Array, Reprojection, reprojection_of
from .twist import sd_of

GATE_SD = 3.5
"""A landmark further off than this many deviations is an outlier."""
MEDIAN_SQUARE = 1.386
"""The median of the squared length of a plane Gaussian of unit deviation, 2 ln 2."""


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


def solve_pose(
    rig: Rig,
    points_ct: Float[Array, "landmark 3"],
    pixels: Float[Array, "view landmark 2"],
    sd_px: Float[Array, "view landmark"],
    start: Rigid | None = None,
    *,
    error_correlation: float = 0.0,
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
    _refuse_undetermined(problem)
    candidates = [triplet_poses(problem, GATE_SD)]
    if len(candidates[0][0]) == 0 or problem.seen.all(0).sum() < 6:
        candidates.append(one_view_poses(problem, GATE_SD))
    if start is not None:
        candidates.append((start.R.numpy()[None], start.t.numpy()[None]))
    R, t = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
    if len(R) == 0:
        raise ValueError("no pose found: the landmarks of no view agree with the CT")
    tails = np.log1p(np.square(problem.deviations(R, t) / (2 * GATE_SD))).sum((-2, -1))
    best = np.argsort(tails, kind="stable")[:2]
    solved = [_graduated(problem, R[i], t[i]) for i in best]
    costs = [_geman_mcclure(problem.deviations(*motion)) for motion in solved]
    R_best, t_best = solved[int(np.argmin(costs))]
    return _least_squares(problem, R_best, t_best, error_correlation)


def _refuse_undetermined(problem: Reprojection) -> None:
    seen = problem.seen
    twice, most = int((seen.sum(0) >= 2).sum()), int(seen.sum(1).max(initial=0))
    if twice < 3 and most < 4:
        raise ValueError(
            f"a pose needs 3 landmarks seen in two views, or 4 in one; found {twice} and {most}"
        )
    points = problem.points_ct[seen.any(0)]
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    if spread[1] < 1e-3 * spread[0]:
        raise ValueError(
            f"the {len(points)} landmarks lie on a line: the turn about it stays unknown"
        )


def _geman_mcclure(deviations: np.ndarray, gate: float = GATE_SD) -> float:
    squared = np.square(deviations)
    return float((gate**2 * squared / (gate**2 + squared)).sum())


def _typical(problem: Reprojection, deviations: np.ndarray) -> float:
    """The deviation of the residuals in predicted ones by their median, 1 at least."""
    return max(1.0, float(np.sqrt(np.median(deviations[problem.seen] ** 2) / MEDIAN_SQUARE)))


def _graduated(problem: Reprojection, R: np.ndarray, t: np.ndarray) -> tuple:
    """Gauss-Newton under Geman-McClure weights, whose gate closes from wide to `GATE_SD`."""
    gate = np.inf
    for _ in range(25):
        off = problem.deviations(R, t)
        floor = GATE_SD * _typical(problem, off)
        gate = max(min(gate / 2, 4 * floor), floor)
        weights = np.where(problem.seen, (gate**2 / (gate**2 + off**2)) ** 2, 0.0)
        R, t, step = problem.gauss_newton(R, t, weights)
        if step < 0.02 and gate <= floor:
            break
    return R, t


def _least_squares(problem: Reprojection, R, t, error_correlation: float) -> PoseEstimate:
    """Plain least squares on the inliers, and the covariance from their normal matrix."""
    scale = _typical(problem, problem.deviations(R, t))
    used = np.zeros_like(problem.seen)
    for _ in range(4):
        before, used = used, problem.seen & (problem.deviations(R, t) <= GATE_SD * scale)
        if (before == used).all():
            break
        for _ in range(10):
            R, t, step = problem.gauss_newton(R, t, used.astype(np.float64))
            if step < 1e-7:
                break
        squares, freedom = (problem.deviations(R, t)[used] ** 2).sum(), 2 * int(used.sum()) - 6
        scale = max(1.0, float(np.sqrt(squares / freedom))) if freedom > 0 else 1.0
    normal, _, _ = problem.normal_equations(R, t, used.astype(np.float64))
    landmarks = used.sum() / max(int(used.any(1).sum()), 1)
    off, seen = problem.deviations(R, t), problem.seen
    likelihood = _geman_mcclure(off) / 2 + 2 * np.log(problem.sd_px[seen]).sum()
    return PoseEstimate(
        world_from_ct=Rigid(R, t),
        covariance=np.linalg.inv(normal) * scale**2 * (1 + (landmarks - 1) * error_correlation),
        centroid_ct=problem.points_ct.mean(0),
        residuals_px=np.where(seen, off * np.where(seen, problem.sd_px, 1.0), np.nan),
        used=used,
        scale=scale,
        cost=float(likelihood / seen.sum()),
    )
