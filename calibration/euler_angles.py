"""Three angles in degrees, as other programs' files hold rotations, and back.

The names say the product: `zyx` is Rz Ry Rx, `zxy` is Rz Rx Ry, for column vectors. Each second
angle is found after the first was undone, so that no digit is lost at the poles, where only the
sum or the difference of two angles is defined.
"""

import numpy as np
from jaxtyping import Float


def rotation_zyx(zyx_deg: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3 3"]:
    """Rz(z) Ry(y) Rx(x)."""
    z, y, x = np.moveaxis(zyx_deg, -1, 0)
    return _about(2, z) @ _about(1, y) @ _about(0, x)


def rotation_zxy(zxy_deg: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3 3"]:
    """Rz(z) Rx(x) Ry(y)."""
    z, x, y = np.moveaxis(zxy_deg, -1, 0)
    return _about(2, z) @ _about(0, x) @ _about(1, y)


def angles_zyx(R: Float[np.ndarray, "*n 3 3"]) -> Float[np.ndarray, "*n 3"]:
    """Degrees (z, y, x) with R = Rz Ry Rx; y is in [-90, 90]."""
    x = np.degrees(np.arctan2(R[..., 2, 1], R[..., 2, 2]))
    rest = R @ _about(0, -x)
    y = np.degrees(np.arctan2(-rest[..., 2, 0], rest[..., 2, 2]))
    z = np.degrees(np.arctan2(-rest[..., 0, 1], rest[..., 1, 1]))
    return np.stack([z, y, x], axis=-1)


def angles_zxy(R: Float[np.ndarray, "*n 3 3"]) -> Float[np.ndarray, "*n 3"]:
    """Degrees (z, x, y) with R = Rz Rx Ry; x is in [-90, 90]."""
    y = np.degrees(np.arctan2(-R[..., 2, 0], R[..., 2, 2]))
    rest = R @ _about(1, -y)
    x = np.degrees(np.arctan2(rest[..., 2, 1], rest[..., 2, 2]))
    z = np.degrees(np.arctan2(rest[..., 1, 0], rest[..., 0, 0]))
    return np.stack([z, x, y], axis=-1)


def _about(axis: int, angle_deg: np.ndarray | np.floating) -> np.ndarray:
    """The right-handed rotation about one axis."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    R = np.zeros((*np.shape(angle_deg), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    R[..., axis, axis] = 1.0
    R[..., i, i] = R[..., j, j] = c
    R[..., i, j], R[..., j, i] = -s, s
    return R
