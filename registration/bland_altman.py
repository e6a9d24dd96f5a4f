"""Bias and limits of agreement, axis by axis.

The limits are the mean difference and 1.96 standard deviations (n - 1) on either side: they hold
95 % of normal differences (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8). All frames
count alike, though those of one trial are not independent.
"""

import numpy as np
from jaxtyping import Float

LIMIT_SD = 1.96
AXES = ("x_mm", "y_mm", "z_mm", "rotation_x_deg", "rotation_y_deg", "rotation_z_deg")


def agreement(twist_ct: Float[np.ndarray, "frame 6"]) -> dict[str, dict | None]:
    """Bias, deviation and limits of each component of the errors, in the axes of the CT.

    None where there is no frame; of a single one the deviation and the limits are None.

    Args:
        twist_ct: track minus truth, (v mm, w rad), as in `frame_errors`.
    """
    components = np.concatenate([twist_ct[:, :3], np.degrees(twist_ct[:, 3:])], axis=1).T
    return {name: _limits(values) for name, values in zip(AXES, components, strict=True)}


def _limits(differences: Float[np.ndarray, "frame"]) -> dict[str, float | None] | None:
    if len(differences) == 0:
        return None
    bias = float(differences.mean())
    if len(differences) == 1:
        return {"bias": bias, "sd": None, "lower": None, "upper": None}
    sd = float(differences.std(ddof=1))
    return {"bias": bias, "sd": sd, "lower": bias - LIMIT_SD * sd, "upper": bias + LIMIT_SD * sd}
