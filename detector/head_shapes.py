"""How the 55 landmarks of heads vary: their mean place and modes, from the digital family.

Principal components of landmarks that were laid over each other by the cranium (Cootes et al. 1995,
doi:10.1006/cviu.1995.1004), sizes kept. The jaw's opening is among the modes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from drr.digital_head import head_parts
from drr.head_landmark_names import LANDMARK_NAMES, MANDIBLE_LANDMARKS
from drr.head_landmarks import landmarks_of
from drr.head_shape import drawn_shape

CRANIAL = np.array([name not in MANDIBLE_LANDMARKS for name in LANDMARK_NAMES])
WIDENED = 1.5
"""Real heads vary more than the family, by a guess: the modes' deviations are so much larger."""


class ShapeModel(NamedTuple):
    """Heads: mean + sum of b_k modes_k with b of unit variance, and an own deviation each."""

    mean_mm: Float[np.ndarray, "landmark 3"]
    modes_mm: Float[np.ndarray, "mode landmark 3"]
    residual_sd_mm: Float[np.ndarray, "landmark"]
    """Per axis: what the modes leave."""


def family_landmarks(seeds: range) -> Float[np.ndarray, "head landmark 3"]:
    """The landmarks of heads of the digital family, ct mm."""
    shapes = (drawn_shape(seed) for seed in seeds)
    found = (landmarks_of(shape, head_parts(shape)) for shape in shapes)
    return np.array([[points[name] for name in LANDMARK_NAMES] for points in found], np.float64)


def shape_model(
    heads: Float[np.ndarray, "head landmark 3"], modes: int = 24, floor_mm: float = 2.0
) -> ShapeModel:
    """The model of heads, laid over their mean by turns and shifts of the cranium.

    Args:
        floor_mm: least own deviation of a landmark, per axis; real landmarks are placed by hand.

    Raises:
        ValueError: fewer than two heads more than modes.
    """
    if len(heads) < modes + 2:
        raise ValueError(f"{modes} modes take {modes + 2} heads or more, found {len(heads)}")
    mean = heads[0] - heads[0][CRANIAL].mean(0)
    for _ in range(5):
        laid = np.stack([_laid_over(head, mean) for head in heads])
        mean = laid.mean(0)
    flat = (laid - mean).reshape(len(heads), -1)
    _, sizes, directions = np.linalg.svd(flat, full_matrices=False)
    scale = WIDENED * sizes[:modes, None] / np.sqrt(len(heads) - 1)
    left = flat - flat @ directions[:modes].T @ directions[:modes]
    residual = np.sqrt((left.reshape(laid.shape) ** 2).mean((0, 2)))
    return ShapeModel(
        mean,
        (scale * directions[:modes]).reshape(modes, *mean.shape),
        np.maximum(residual, floor_mm),
    )


def _laid_over(
    head: Float[np.ndarray, "landmark 3"], mean: Float[np.ndarray, "landmark 3"]
) -> Float[np.ndarray, "landmark 3"]:
    middle, target = head[CRANIAL].mean(0), mean[CRANIAL].mean(0)
    turn = Rotation.align_vectors(mean[CRANIAL] - target, head[CRANIAL] - middle)[0]
    return turn.apply(head - middle) + target
