"""From a frame to what the network sees: the same steps in training and in use.

The network looks at a square window around the field, 128 x 128 pixels, in four planes: attenuation
(bright bone, standardised), the same with its local mean and contrast taken out (which survives
gamma, scatter and shading), the field, and which way the head is supposed to face.
"""

import cv2
import numpy as np
from jaxtyping import Float

from drr.field_window import NETWORK_PX
from drr.standardised import standardised

INPUT_PX = NETWORK_PX
PLANES = 4
LOCAL_SD_PX = 6.0


def planes_of(
    transmission: Float[np.ndarray, "128 128"], mask: Float[np.ndarray, "128 128"]
) -> Float[np.ndarray, "3 128 128"]:
    """Standardised attenuation, the same with local contrast taken out, and the field."""
    return planes_of_attenuation(standardised(transmission, mask), mask)


def planes_of_attenuation(
    plain: Float[np.ndarray, "128 128"], mask: Float[np.ndarray, "128 128"]
) -> Float[np.ndarray, "3 128 128"]:
    """The planes of an attenuation that is standardised already, as a translator gives it."""
    weight = _blurred(mask) + 1e-3
    detail = (plain - _blurred(plain) / weight) * mask
    contrast = np.sqrt(_blurred(detail * detail) / weight)
    detail = np.clip(detail / (contrast + 0.02), -3, 3)
    return np.stack([plain, detail, mask])


def with_facing(
    planes: Float[np.ndarray, "3 128 128"], facing: float
) -> Float[np.ndarray, "4 128 128"]:
    """The planes and a constant one: +1 where the face looks at the source, -1 where away."""
    return np.concatenate([planes, np.full_like(planes[:1], facing)])


def _blurred(plane: Float[np.ndarray, "128 128"]) -> Float[np.ndarray, "128 128"]:
    return cv2.GaussianBlur(plane, (0, 0), LOCAL_SD_PX)
