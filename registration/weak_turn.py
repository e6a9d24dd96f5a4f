"""A second look along the motion that radiographs tell least: a slender bone's turn about itself.

Its landscape has shallow hollows a degree apart. Refining again from both sides of a pose found,
and keeping the most similar end, leaves the deepest.
"""

import numpy as np
from jaxtyping import Float

from .head_model import HeadModel
from .radiograph import Radiograph
from .refine_pose import RefinedPose, refine_pose
from .twist import moved_rigid

TURNS_DEG = (8.0, 1.5)
FIRST_LEVELS = (-3, -2)
"""Of the model's pyramid for each turn, counted from its end."""


def looked_again(
    radiographs: tuple[Radiograph, ...], model: HeadModel, found: RefinedPose
) -> RefinedPose:
    """The most similar of a refined pose and of those reached from either side of it.

    Far sides first, then near sides of the best.
    """
    for turn_deg, from_end in zip(TURNS_DEG, FIRST_LEVELS, strict=True):
        weakest = weakest_motion(found, model.radius_mm)
        reach = np.linalg.norm(weakest[3:]) + np.linalg.norm(weakest[:3]) / model.radius_mm
        step = weakest / reach * np.radians(turn_deg)
        first_level = max(len(model.projectors) + from_end, 0)
        ends = [found]
        for side in (step, -step):
            start = moved_rigid(found.world_from_ct, side, model.centre_ct)
            ends.append(refine_pose(radiographs, model, start, first_level))
        found = max(ends, key=lambda end: end.similarity.mean())
    return found


def weakest_motion(found: RefinedPose, radius_mm: float) -> Float[np.ndarray, "6"]:
    """The twist that changes the images least, a turn counting as its path at the radius."""
    scale = np.repeat([1.0, 1 / radius_mm], 3)
    normal = np.sum([match.normal for match in found.views], axis=0)
    return scale * np.linalg.eigh(scale[:, None] * normal * scale)[1][:, 0]
