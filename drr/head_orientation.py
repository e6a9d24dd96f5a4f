"""How heads are turned before a fluoroscope: any azimuth, tilts and rolls as people have them."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

CAM_FROM_UPRIGHT = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
"""Rows: camera x, y, z in RAS axes for a head that looks at the source."""


def draw_orientation(
    rng: np.random.Generator,
    azimuth_deg: float = 180.0,
    tilt_sd_deg: float = 17.0,
    roll_sd_deg: float = 15.0,
    steepest_deg: float = 45.0,
) -> Float[np.ndarray, "3 3"]:
    """The rotation cam_from_ct of an upright head.

    Args:
        azimuth_deg: largest turn about the head's long axis, either way.
        steepest_deg: bound of tilt and roll.
    """
    tilt, roll = (
        np.clip(sd * rng.standard_normal(), -steepest_deg, steepest_deg)
        for sd in (tilt_sd_deg, roll_sd_deg)
    )
    azimuth = rng.uniform(-azimuth_deg, azimuth_deg)
    turn = Rotation.from_euler("xz", [tilt, azimuth], degrees=True).as_matrix()
    return Rotation.from_euler("z", roll, degrees=True).as_matrix() @ CAM_FROM_UPRIGHT @ turn
