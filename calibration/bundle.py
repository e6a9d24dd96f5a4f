"""Bundle adjustment: one least squares over all views, positions and intrinsics together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .bundle_projection import RigState, Sightings, jacobian, projected

LEAST_LIMIT_PX = 0.3
"""No sighting nearer than this is an outlier, however small the others' residuals are."""
MOST_STEPS, SETTLED = 100, 1e-13
"""Steps, and the share of the cost below which a further one gains nothing."""
LIMIT_SDS = 4.5
"""Of a normal residual in two dimensions, 1 in 25 000 lies beyond."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """An adjusted rig; outliers took no part. `sd_px` is the residuals' deviation along one axis,
    `J` holds their derivatives (`jacobian`) of the inliers."""

    state: RigState
    residual_px: Float[np.ndarray, "sighting 2"]
    inlier: Bool[np.ndarray, "sighting"]
    sd_px: float
    lens_terms: int

    @property
    def rms_px(self) -> float:
        """Root mean square distance between seen and projected beads, outliers left out."""
        kept = self.residual_px[self.inlier]
        return float(np.sqrt((kept**2).sum(1).mean())) if len(kept) else 0.0


def adjusted(
    start: RigState,
    points_mm: Float[np.ndarray, "bead 3"],
    seen: Sightings,
    lens_terms: int = 0,
    rough_px: float = 1.0,
) -> Bundle:
    """The rig of least squared reprojection error, without the outliers.

    A robust loss (soft L1 at `rough_px`) leads near it; then sightings beyond 4.5 deviations are
    set aside, and the rest is fitted by plain least squares, until the choice stays.
    """
    state = _fitted(start, points_mm, seen, lens_terms, rough_px)
    inlier = np.ones(len(seen), dtype=bool)
    for _ in range(6):
        residual = seen.pixels - projected(state, points_mm, seen)
        sd = _deviation(residual[inlier])
        chosen = np.linalg.norm(residual, axis=1) <= max(LIMIT_SDS * sd, LEAST_LIMIT_PX)
        same = (chosen == inlier).all()
        inlier = chosen
        if same and _ > 0:
            break
        state = _fitted(state, points_mm, seen[inlier], lens_terms)
    residual = seen.pixels - projected(state, points_mm, seen)
    parameters = (10 + lens_terms) * len(state.t_view) + 6 * (len(state.t_position) - 1)
    freedom = max(2 * int(inlier.sum()) - parameters, 1)
    sd_px = float(np.sqrt((residual[inlier] ** 2).sum() / freedom))
    return Bundle(state, residual, inlier, sd_px, lens_terms)


def _fitted(
    state: RigState, points_mm, seen: Sightings, lens_terms: int, rough_px: float = np.inf
) -> RigState:
    """The state of least error, by Levenberg and Marquardt; robust beyond `rough_px`."""
    cost, weight, residual = _cost(state, points_mm, seen, rough_px)
    damping = 1e-4
    for _ in range(MOST_STEPS):
        J = jacobian(state, points_mm, seen, lens_terms)
        weighted = J.multiply(np.repeat(weight, 2)[:, None]).tocsr()
        normal = (weighted.T @ J).toarray()
        size = np.sqrt(np.maximum(np.diag(normal), 1e-30))
        normal /= np.outer(size, size)
        gradient = (weighted.T @ residual.ravel()) / size
        while damping < 1e6:
            move = np.linalg.solve(normal + damping * np.eye(len(size)), gradient)
            moved = state.moved(move / size, lens_terms)
            tried = _cost(moved, points_mm, seen, rough_px)
            if tried[0] <= cost:
                break
            damping *= 10
        else:
            return state
        gained = cost - tried[0]
        state, (cost, weight, residual) = moved, tried
        damping = max(damping / 10, 1e-10)
        if gained <= SETTLED * cost or cost < 1e-20 * len(seen):
            break
    return state


def _cost(
    state: RigState, points_mm, seen: Sightings, rough_px: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Soft L1 cost, the weight of each sighting, and the residuals; px."""
    residual = seen.pixels - projected(state, points_mm, seen)
    error2 = (residual**2).sum(1)
    if not np.isfinite(error2).all():
        return np.inf, np.ones(len(seen)), residual
    if rough_px == np.inf:
        return float(error2.sum()), np.ones(len(seen)), residual
    root = np.sqrt(1 + error2 / rough_px**2)
    return float(2 * rough_px**2 * (root - 1).sum()), 1 / root, residual


def _deviation(residual: Float[np.ndarray, "n 2"]) -> float:
    """Deviation along one axis, from the median: half of all may be outliers."""
    return float(1.4826 * np.median(np.abs(residual))) if len(residual) else 0.0
