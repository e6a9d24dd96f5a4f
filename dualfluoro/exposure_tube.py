"""Whether an image was exposed at all: what a camera records between pulses has noise alone."""

import numpy as np
from jaxtyping import Float

DARK = 0.12  # of the file's grey range: no exposed image is as dark as this all over
BLOCK_PX = 16
FLAT = 0.1  # of the level, or
NOISE_SHARE = 4.0  # of what noise leaves in the means of blocks: less variation is no picture


def is_exposed(image: Float[np.ndarray, "height width"], transmission: bool) -> bool:
    """False for an image that is dark all over and shows nothing; grey values from 0 to 1."""
    signal = image if transmission else 1 - image
    if float(np.quantile(signal, 0.99)) > DARK:
        return True
    height, width = (n - n % BLOCK_PX for n in signal.shape)
    if min(height, width) < 2 * BLOCK_PX:
        return True
    blocks = signal[:height, :width].reshape(height // BLOCK_PX, BLOCK_PX, -1, BLOCK_PX)
    means = blocks.mean(axis=(1, 3), dtype=np.float64)
    noise = float(np.std(np.diff(signal, axis=1))) / np.sqrt(2) / BLOCK_PX
    low, high = np.quantile(means, [0.02, 0.98])
    return bool(high - low > max(NOISE_SHARE * noise, FLAT * float(np.median(means))))
