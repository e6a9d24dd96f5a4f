"""Histogram matching: the baseline beside the CycleGAN, without any training."""

import numpy as np
from jaxtyping import Float

from .pictures import Pictures

LEVELS = 65


def grey_quantiles(pictures: Pictures) -> Float[np.ndarray, "65"]:
    """Mean quantile function of the attenuation in the field, at 65 even shares."""
    shares = np.linspace(0, 1, LEVELS)
    rows = [
        np.quantile(attenuation[mask > 0.5], shares)
        for attenuation, mask in zip(pictures.attenuation, pictures.mask, strict=True)
        if (mask > 0.5).sum() >= LEVELS
    ]
    if not rows:
        raise ValueError("no picture has a field to take grey values from")
    return np.mean(rows, axis=0)


def histogram_matched(
    attenuation: Float[np.ndarray, "side side"],
    mask: Float[np.ndarray, "side side"],
    quantiles: Float[np.ndarray, "65"],
) -> Float[np.ndarray, "side side"]:
    """The picture with its grey values moved so that they are distributed as the quantiles say."""
    inside = mask > 0.5
    if inside.sum() < LEVELS:
        return attenuation
    own = np.quantile(attenuation[inside], np.linspace(0, 1, LEVELS))
    own = own + 1e-6 * np.arange(LEVELS)  # strictly rising, where many pixels are alike
    return (np.interp(attenuation, own, quantiles) * mask).astype(np.float32)
