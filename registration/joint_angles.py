"""The head's motion in the words of people: rotations about named axes, and helical axes.

Angles are those of Grood and Suntay 1983 (doi 10.1115/1.3138397, eqs. 5-9) with the axes of the
frame `skull`: the first, x to the right, is fixed to the reference; the third, z up, to the head;
the second floats, square to both. So R = Rx(flexion) Ry(bending) Rz(rotation), reference from head:

    flexion    about x: chin up is positive (extension)
    bending    about the floating axis: left ear up, right ear down is positive
    rotation   about z: the face to the left is positive
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calibration import Rigid

SEQUENCE = "x (flexion), floating y (bending), z (axial rotation)"
LOCKED_DEG = 0.5
"""So near to a bending of 90 deg, flexion and rotation cannot be told apart."""
STILL_DEG = 0.05


class HelicalAxes(NamedTuple):
    """Finite helical axes: a turn about a line, and a shift along it; NaN where hardly turned."""

    turn_deg: Float[np.ndarray, "*b"]
    direction: Float[np.ndarray, "*b 3"]
    point_mm: Float[np.ndarray, "*b 3"]
    """Of the axis, nearest to the origin."""
    shift_mm: Float[np.ndarray, "*b"]


def grood_suntay_deg(reference_from_head: Rigid) -> Float[np.ndarray, "*b 3"]:
    """Flexion, bending and rotation (deg); NaN within LOCKED_DEG of the locked bending."""
    R = reference_from_head.R.numpy()
    bending = np.arcsin(np.clip(R[..., 0, 2], -1, 1))
    flexion = np.arctan2(-R[..., 1, 2], R[..., 2, 2])
    rotation = np.arctan2(-R[..., 0, 1], R[..., 0, 0])
    angles = np.degrees(np.stack([flexion, bending, rotation], axis=-1))
    locked = np.abs(angles[..., 1]) > 90 - LOCKED_DEG
    return np.where(locked[..., None], np.nan, angles)


def relative_motion(reference_from_body: Rigid, reference: int | Rigid) -> Rigid:
    """Motions from a first one: of a frame of the same body, or of another body frame by frame."""
    first = reference_from_body[reference] if isinstance(reference, int) else reference
    return first.inverse() @ reference_from_body


def helical_axes(motion: Rigid) -> HelicalAxes:
    """The axis of each motion, in the frame that it maps to and from.

    Spoor and Veldpaus 1980 (doi 10.1016/0021-9290(80)90020-2): with the part a of the translation
    across the axis n, the axis passes (a + n x a / tan(turn / 2)) / 2.
    """
    w = Rigid(motion.R, motion.t * 0).log()[..., 3:].numpy()
    t = motion.t.numpy()
    angle = np.linalg.norm(w, axis=-1)
    turned = np.where(np.degrees(angle) > STILL_DEG, angle, np.nan)
    n = w / turned[..., None]
    shift = np.einsum("...i,...i->...", n, t)
    across = t - shift[..., None] * n
    half = np.tan(turned / 2)[..., None]
    point = (across + np.cross(n, across) / half) / 2
    return HelicalAxes(np.degrees(angle), n, point, shift)
