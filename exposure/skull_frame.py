"""The frame `skull`: the Frankfort plane, or the CT's axes at the bone where it is unknown."""

import numpy as np
import torch
from jaxtyping import Num

from calibration import Rigid

FRANKFORT = ("porion_left", "porion_right", "orbitale_left")
FRANKFORT_FRAME = f"Frankfort plane: {', '.join(FRANKFORT)}"
LEAST_MM = 5.0  # landmarks closer than this do not fix an axis


def skull_from_ct(
    landmarks_ct: dict[str, np.ndarray] | None, bone_centroid_ct: Num[np.ndarray, "3"]
) -> tuple[Rigid, str]:
    """The constant motion into the frame `skull`, and in words how it was found.

    Raises ValueError where the landmarks lie on one line or have left and right exchanged.
    """
    missing = [name for name in FRANKFORT if name not in (landmarks_ct or {})]
    if landmarks_ct is None or missing:
        reason = f"no landmark {', '.join(missing)}"
        center = np.asarray(bone_centroid_ct, dtype=np.float64)
        how = f"axes of the CT, origin at the centroid of the bone ({reason})"
        return Rigid(torch.eye(3, dtype=torch.float64), torch.from_numpy(-center)), how
    left, right, orbit = (np.asarray(landmarks_ct[name], dtype=np.float64) for name in FRANKFORT)
    return _frankfort(left, right, orbit), FRANKFORT_FRAME


def _frankfort(left: np.ndarray, right: np.ndarray, orbit: np.ndarray) -> Rigid:
    """Origin midway between the porions, x to the right, z = 0 through the three points."""
    origin = (left + right) / 2
    across, upward = right - left, np.cross(right - left, orbit - origin)
    if np.linalg.norm(across) < LEAST_MM or np.linalg.norm(upward) < LEAST_MM**2:
        raise ValueError(
            f"landmarks {', '.join(FRANKFORT)} lie on one line and fix no frame: "
            f"{left.tolist()}, {right.tolist()}, {orbit.tolist()} (ct, mm)"
        )
    x = across / np.linalg.norm(across)
    z = upward / np.linalg.norm(upward)
    if x[0] < 0:
        raise ValueError(
            "porion_right lies to the left of porion_left in the CT "
            f"(x {right[0]:g} and {left[0]:g} mm, RAS): "
            "exchange the two names, or correct the CT's orientation"
        )
    R = np.stack([x, np.cross(z, x), z])
    return Rigid(torch.from_numpy(R), torch.from_numpy(-R @ origin))
