"""Angles of a beam about the head: DICOM's positioner angles, of the head and not of the table."""

import math

import numpy as np
from jaxtyping import Float

ALONG_AXIS = 1e-9  # sine of the angle to the skull's z axis below which longitude means nothing


def primary_angle_deg(axis_skull: Float[np.ndarray, "3"]) -> float | None:
    """Longitude of the detector in (-180, 180], 90 on the left side; None along the z axis.

    DICOM PS3.3 C.8.7.5.1.2: atan2(u_L, -u_P), u in LPS axes.
    """
    x, y, _ = axis_skull
    if math.hypot(x, y) < ALONG_AXIS:
        return None
    angle = math.degrees(math.atan2(-x, y))
    return 180.0 if angle == -180.0 else angle + 0.0


def secondary_angle_deg(axis_skull: Float[np.ndarray, "3"]) -> float:
    """Latitude of the detector in [-90, 90], positive towards the vertex."""
    x, y, z = axis_skull
    return math.degrees(math.atan2(z, math.hypot(x, y)))


def roll_deg(axis_skull: Float[np.ndarray, "3"], up_skull: Float[np.ndarray, "3"]) -> float | None:
    """Right-handed angle about the beam from the image's upper edge to the skull's z axis.

    Both are seen along the beam; so it is positive where the vertex leans to the image's right.
    None where the z axis lies along the beam.
    """
    superior = np.array([0.0, 0.0, 1.0])
    superior = superior - (superior @ axis_skull) * axis_skull
    upward = up_skull - (up_skull @ axis_skull) * axis_skull
    if np.linalg.norm(superior) < ALONG_AXIS:
        return None
    turn = math.atan2(float(np.cross(upward, superior) @ axis_skull), float(upward @ superior))
    angle = math.degrees(turn)
    return 180.0 if angle == -180.0 else angle + 0.0
