"""The pose that makes radiographs of the CT agree with the frames of all views at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .descent import covariance_at, damped_step, descended, length_mm
from .head_model import HeadModel
from .image_match import ViewMatch, fixed_view
from .radiograph import Radiograph
from .twist import sd_of

SIGNIFICANT = 5.0
"""Chi-square over its degrees of freedom from which views disagree; right poses reach 2.5."""
MODEL_SD_MM, MODEL_SD_DEG = 0.05, 0.06
"""What CT, renderer and film leave beside the residuals: added to each covariance, as norms."""


@dataclass(frozen=True)
class RefinedPose:
    """A pose from radiographs.

    `covariance` is that of the twist in `twist.py` about `centre_ct`, from the residuals of the
    finest level (`descent.py`).
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
        steps = [damped_step((match,), 0.02) for match in self.views]
        return max((length_mm(a - b) for a in steps for b in steps), default=0.0)

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
        views = [(fixed_view(r, model, index, R, t), model) for r in radiographs]
        R, t, matches, count, converged = descended(views, model, index, R, t)
        evaluations += count
    return RefinedPose(
        world_from_ct=Rigid(R, t),
        covariance=covariance_at(matches, MODEL_SD_MM, MODEL_SD_DEG),
        centre_ct=model.centre_ct,
        similarity=np.array([match.similarity for match in matches]),
        views=matches,
        evaluations=evaluations,
        converged=converged,
    )
