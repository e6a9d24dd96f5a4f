"""Levenberg-Marquardt from one level's start to its end, and how sure that end is."""

import numpy as np
from jaxtyping import Float

from .head_model import HeadModel
from .image_match import FixedView, ViewMatch, compare
from .twist import moved

ARM_MM = 80.0
"""A turn of 1 rad counts as this many mm where the length of a step is asked."""
INFLATION = 2.4
"""Of the variance that the residuals show: with it 95 % intervals covered 95 % of the errors on
trials kept for this (docs/accuracy.md); scatter and looks err alike over many blocks."""
LEAST_CURVATURE = 0.1
"""Of the normal matrix, where outliers outweigh what agrees."""

View = tuple[FixedView, HeadModel]
"""A window of one view, and the model that is rendered in it."""
Descent = tuple[np.ndarray, np.ndarray, tuple[ViewMatch, ...], int, bool]
"""R, t, the match there, how often it was rendered, and whether the steps had come to an end."""


def descended(
    views: list[View], body: HeadModel, index: int, R: np.ndarray, t: np.ndarray
) -> Descent:
    """The pose of least cost near (R, t) at one level."""
    resolution = body.resolutions[index]
    short = 0.02 * resolution.spacing_mm
    matches = _matched(views, index, R, t)
    damping, count = 1e-3, 1
    for _ in range(resolution.steps):
        twist = damped_step(matches, damping)
        R_new, t_new = moved(R, t, twist, R @ body.centre_ct + t)
        trial = _matched(views, index, R_new, t_new)
        count += 1
        length = length_mm(twist)
        if sum(match.cost for match in trial) < sum(match.cost for match in matches):
            R, t, matches, damping = R_new, t_new, trial, damping / 5
        elif length < 5 * short:  # the cost is rough on this scale: the gradient is at its end
            return R, t, matches, count, True
        else:
            damping *= 10
        if length < short:
            return R, t, matches, count, True
    return R, t, matches, count, False


def _matched(views: list[View], index: int, R: np.ndarray, t: np.ndarray) -> tuple[ViewMatch, ...]:
    return tuple(compare(view, model, index, R, t) for view, model in views)


def damped_step(matches: tuple[ViewMatch, ...], damping: float) -> Float[np.ndarray, "6"]:
    """The twist that lowers the cost, shortened by the damping."""
    normal = np.sum([match.normal for match in matches], axis=0)
    right = np.sum([match.right for match in matches], axis=0)
    diagonal = np.diag(normal).copy()
    least = 1e-6 * max(diagonal.max(), 1e-12) * np.array([1, 1, 1, *[ARM_MM**2] * 3])
    return np.linalg.solve(normal + np.diag(damping * diagonal + least), right)


def length_mm(twist: Float[np.ndarray, "6"]) -> float:
    """The length of a step, turns counted at `ARM_MM`."""
    return float(np.sqrt(np.square(twist[:3]).sum() + np.square(ARM_MM * twist[3:]).sum()))


def covariance_at(
    matches: tuple[ViewMatch, ...], model_sd_mm: float, model_sd_deg: float
) -> Float[np.ndarray, "6 6"]:
    """`INFLATION` H^-1 (sum over blocks g g^T) H^-1, and the model's own deviations beside it.

    g is the gradient of a block of pixels, so that errors may be correlated within a block and
    differ between them, and H the curvature of the robust cost (Huber 1981, Robust Statistics,
    section 6.3: the covariance of an M-estimator).
    """
    blocks = sum(match.blocks for match in matches)
    normal = np.sum([match.normal for match in matches], axis=0)
    curvature = np.sum([match.curvature for match in matches], axis=0)
    size = np.sqrt(np.maximum(np.diag(normal), 1e-12))
    scale = np.outer(size, size)
    values, vectors = np.linalg.eigh(curvature / scale)
    least = LEAST_CURVATURE * max(float(np.linalg.eigvalsh(normal / scale)[0]), 1e-9)
    inverse = (vectors / np.maximum(values, least)) @ vectors.T / scale
    scatter = np.sum([match.scatter for match in matches], axis=0)
    model = np.repeat(np.square([model_sd_mm, np.radians(model_sd_deg)]) / 3, 3)
    shown = inverse @ scatter @ inverse * blocks / max(blocks - 6, 1)
    return INFLATION * shown + np.diag(model)
