"""Attenuation in a range that gain, offset and gamma of the machine leave nearly the same."""

import cv2
import numpy as np
from jaxtyping import Float

DARKEST = 0.02
"""Added to the transmission before the logarithm: what is darker carries no more contrast."""
SMALLEST_FIELD_PX = 64


def standardised(
    transmission: Float[np.ndarray, "height width"], mask: Float[np.ndarray, "height width"]
) -> Float[np.ndarray, "height width"]:
    """Attenuation in the field, bright bone: -1 at its 2nd percentile, 1 at its 98th.

    Clipped to [-2, 2]; 0 outside of the mask, and everywhere in a field of a few pixels.
    """
    inside = mask > 0.5
    if inside.sum() < SMALLEST_FIELD_PX:
        return np.zeros_like(mask)
    low, high = np.percentile(transmission[inside], [0.5, 99.5])
    relative = np.clip((transmission - low) / max(high - low, 1e-6), 0, 1.2)
    attenuation = -np.log(relative + DARKEST).astype(np.float32)
    return restandardised(attenuation, mask)


def restandardised(
    attenuation: Float[np.ndarray, "height width"], mask: Float[np.ndarray, "height width"]
) -> Float[np.ndarray, "height width"]:
    """Attenuation of any offset and gain in the same range."""
    inside = mask > 0.5
    if inside.sum() < SMALLEST_FIELD_PX:
        return np.zeros_like(mask)
    dark, bright = np.percentile(attenuation[inside], [2, 98])
    plain = (attenuation - (dark + bright) / 2) * (2 / max(bright - dark, 1e-3))
    return np.clip(plain, -2, 2).astype(np.float32) * mask


def without_rim(
    mask: Float[np.ndarray, "side side"], share: float = 0.016
) -> Float[np.ndarray, "side side"]:
    """The field without a rim of so much of the side: the signal's fall there is no attenuation."""
    reach = max(1, round(share * mask.shape[0]))
    return cv2.erode(mask, np.ones((2 * reach + 1,) * 2, np.uint8), borderValue=0)
