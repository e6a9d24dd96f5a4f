"""The pose that makes radiographs of the CT agree with the frames of all views at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .head_model import HeadModel
from .image_match import FixedView, ViewMatch, compare, fixed_view
from .radiograph import Radiograph
from .twist import moved, sd_of

ARM_MM = 80.0
"""A turn of 1 rad counts as this many mm where the length of a step is asked."""
SIGNIFICANT = 5.0
"""Chi-square over its degrees of freedom from which views disagree; right poses reach 2.5."""
MODEL_SD_MM, MODEL_SD_DEG = 0.05, 0.06
"""What CT, renderer and film leave beside the residuals: added to each covariance, as norms."""


@dataclass(frozen=True)
class RefinedPose:
    """A pose from radiographs.

    `covariance` is that of the twist in `twist.py` about `centre_ct`, from the residuals of the
    finest level: (sum w J J^T)^-1 (sum over blocks g g^T) (sum w J J^T)^-1, g being the gradient
    of a block of pixels, so that errors may be correlated within a block and differ between them.
    `similarity` is each view's weighted correlation of the locally normalised images there.
    """

    world_from_ct: Rigid
    covariance: Float[np.ndarray, "6 6"]
    centre_ct: Float[np.ndarray, "3"]
    similarity: Float[np.ndarray, "view"]
    views: tuple[ViewMatch, ...]
    evaluations: int
    converged: bool

    @property
    def pull_mm(self) -> float:
        """How far the views pull the pose apart, each alone (mm; a rad counts as `ARM_MM`).

        Directions that a view hardly sees (its depth) are damped. It is 0 where the views' opposed
        gradients are explained by the scatter of their pixels: sum g^T S^-1 g, chi-square of 6
        degrees of freedom a view but one, below `SIGNIFICANT` times them.
        """
        opposed = 0.0
        for match in self.views:
            least = 1e-6 * np.trace(match.scatter) / 6 * np.eye(6) + 1e-12 * np.eye(6)
            opposed += float(match.right @ np.linalg.solve(match.scatter + least, match.right))
        if opposed < SIGNIFICANT * 6 * (len(self.views) - 1):
            return 0.0
        steps = [_damped_step((match,), 0.02) for match in self.views]
        return max((_length_mm(a - b) for a in steps for b in steps), default=0.0)

    @property
    def sd_translation_mm(self) -> float:
        """The deviation of the centre's position, root of the trace, mm."""
        return sd_of(self.covariance)[0]

    @property
    def sd_rotation_deg(self) -> float:
        """The deviation of the rotation, root of the trace, deg."""
        return sd_of(self.covariance)[1]


def refine_pose(
    radiographs: tuple[Radiograph, ...],
    model: HeadModel,
    start: Rigid,
    first_level: int = 0,
    stop_level: int | None = None,
) -> RefinedPose:
    """The pose of best local correlation near `start`: Levenberg-Marquardt, coarse to fine.

    Args:
        first_level: the level of the model's pyramid to begin at; a start near the end needs no
            coarse one.
        stop_level: the level before which to end, None for the last.
    """
    R, t = start.R.numpy(), start.t.numpy()
    evaluations, converged = 0, False
    matches: tuple[ViewMatch, ...] = ()
    for index in range(len(model.projectors))[first_level:stop_level]:
        views = [fixed_view(r, model, index, R, t) for r in radiographs]
        R, t, matches, count, converged = _descended(views, model, index, R, t)
        evaluations += count
    return RefinedPose(
        world_from_ct=Rigid(R, t),
        covariance=_covariance(matches),
        centre_ct=model.centre_ct,
        similarity=np.array([match.similarity for match in matches]),
        views=matches,
        evaluations=evaluations,
        converged=converged,
    )


def _descended(
    views: list[FixedView], model: HeadModel, index: int, R: np.ndarray, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[ViewMatch, ...], int, bool]:
    """The pose of least cost near (R, t) at one level, its match, how often it was rendered, and
    whether the steps had come to an end.
    """
    resolution = model.resolutions[index]
    short = 0.02 * resolution.spacing_mm
    matches = tuple(compare(view, model, index, R, t) for view in views)
    damping, count = 1e-3, 1
    for _ in range(resolution.steps):
        twist = _damped_step(matches, damping)
        R_new, t_new = moved(R, t, twist, R @ model.centre_ct + t)
        trial = tuple(compare(view, model, index, R_new, t_new) for view in views)
        count += 1
        before, after = (sum(match.cost for match in m) for m in (matches, trial))
        length = _length_mm(twist)
        if after < before:
            R, t, matches, damping = R_new, t_new, trial, damping / 5
        elif length < 5 * short:  # the cost is rough on this scale: the gradient is at its end
            return R, t, matches, count, True
        else:
            damping *= 10
        if length < short:
            return R, t, matches, count, True
    return R, t, matches, count, False


def _damped_step(matches: tuple[ViewMatch, ...], damping: float) -> np.ndarray:
    normal = np.sum([match.normal for match in matches], axis=0)
    right = np.sum([match.right for match in matches], axis=0)
    diagonal = np.diag(normal).copy()
    least = 1e-6 * max(diagonal.max(), 1e-12) * np.array([1, 1, 1, *[ARM_MM**2] * 3])
    return np.linalg.solve(normal + np.diag(damping * diagonal + least), right)


def _length_mm(twist: np.ndarray) -> float:
    return float(np.sqrt(np.square(twist[:3]).sum() + np.square(ARM_MM * twist[3:]).sum()))


def _covariance(matches: tuple[ViewMatch, ...]) -> np.ndarray:
    blocks = sum(match.blocks for match in matches)
    inverse = np.linalg.pinv(np.sum([match.normal for match in matches], axis=0))
    scatter = np.sum([match.scatter for match in matches], axis=0)
    model = np.repeat(np.square([MODEL_SD_MM, np.radians(MODEL_SD_DEG)]) / 3, 3)
    return inverse @ scatter @ inverse * blocks / max(blocks - 6, 1) + np.diag(model)
