"""Small motions of the head: the twists that steps and uncertainties are written in.

A twist xi = (v mm, w rad) about a point c of the world that is fixed to the head (the landmarks'
centroid, moved by the pose) carries p to c + v + exp(w) (p - c). Every 6x6 covariance of this
package is that of such a left twist: the upper left block is the covariance of the centroid's
position in world, mm^2, the lower right block that of the rotation vector in world, rad^2.
`sd_translation_mm` and `sd_rotation_deg` are the roots of the traces of these blocks.
"""

import math

import numpy as np
from jaxtyping import Float

from calibration import Rigid


def rotation(w: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation matrix of a rotation vector (rad), by Rodrigues' formula."""
    angle = math.sqrt(float(w @ w))
    W = np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])
    if angle < 1e-8:
        return np.eye(3) + W + W @ W / 2
    half = math.sin(angle / 2) / (angle / 2)
    return np.eye(3) + math.sin(angle) / angle * W + half**2 / 2 * (W @ W)


def moved(
    R: Float[np.ndarray, "3 3"],
    t: Float[np.ndarray, "3"],
    twist: Float[np.ndarray, "6"],
    centre_world: Float[np.ndarray, "3"],
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """R and t (mm) after a left twist about a point of the world."""
    turn = rotation(twist[3:])
    return turn @ R, centre_world + twist[:3] + turn @ (t - centre_world)


def moved_rigid(
    world_from_ct: Rigid, twist: Float[np.ndarray, "6"], centre_ct: Float[np.ndarray, "3"]
) -> Rigid:
    """The motion after a left twist about a point that is fixed to the head."""
    R, t = world_from_ct.R.numpy(), world_from_ct.t.numpy()
    return Rigid(*moved(R, t, twist, R @ centre_ct + t))


def twist_between(
    first: Rigid, second: Rigid, centre_ct: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "*b 6"]:
    """The twist (v mm, w rad) about the moved centre that carries the first to the second."""
    v = (second @ centre_ct) - (first @ centre_ct)
    turn = Rigid(second.R @ first.R.mT, v.new_zeros(3))
    return np.concatenate([v.numpy(), turn.log()[..., 3:].numpy()], axis=-1)


def distance_between(
    first: Rigid, second: Rigid, centre_ct: Float[np.ndarray, "3"]
) -> tuple[float, float]:
    """How far the second motion is from the first: mm at the centre, and deg."""
    twist = twist_between(first, second, centre_ct)
    v, w = np.linalg.norm(twist[:3]), np.linalg.norm(twist[3:])
    return float(v), math.degrees(float(w))


def sd_of(covariance: Float[np.ndarray, "6 6"]) -> tuple[float, float]:
    """sd_translation_mm and sd_rotation_deg: the roots of the traces of the two blocks."""
    translation = math.sqrt(max(float(np.trace(covariance[:3, :3])), 0.0))
    turn = math.sqrt(max(float(np.trace(covariance[3:, 3:])), 0.0))
    return translation, math.degrees(turn)
