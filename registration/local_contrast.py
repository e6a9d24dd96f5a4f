"""Images made comparable across unknown gain, gamma and scatter: local mean 0, local deviation 1.

n = (I - mean) / sqrt(variance + floor^2), mean and variance over a square window inside the mask.
Two locally normalised images differ least where their local correlation is greatest.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Neighbourhood:
    """A square window about every pixel, of which only the pixels inside the mask count."""

    mask: Float[np.ndarray, "h w"]
    share: Float[np.ndarray, "h w"]
    radius_px: int

    @staticmethod
    def of(mask: Float[np.ndarray, "h w"], radius_px: int) -> "Neighbourhood":
        """The windows of this radius inside a mask."""
        total = _box(mask, radius_px)
        return Neighbourhood(mask, 1 / np.maximum(total, np.float32(1e-3)), radius_px)

    def mean(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The mean over each pixel's window, inside the mask."""
        return _box(image * self.mask, self.radius_px) * self.share


def _box(image: np.ndarray, radius_px: int) -> np.ndarray:
    side = 2 * radius_px + 1
    return cv2.boxFilter(image, -1, (side, side), borderType=cv2.BORDER_CONSTANT)


@dataclass(frozen=True)
class LocalContrast:
    """A locally normalised image, and what its derivative needs."""

    image: Float[np.ndarray, "h w"]
    mean: Float[np.ndarray, "h w"]
    variance: Float[np.ndarray, "h w"]
    around: Neighbourhood

    def normalised(self, floor: float) -> Float[np.ndarray, "h w"]:
        """The image with local mean 0 and local deviation 1; contrast below `floor` fades."""
        return (self.image - self.mean) / np.sqrt(self.variance + np.float32(floor**2))

    def derivatives(
        self, changes: Float[np.ndarray, "k h w"], floor: float
    ) -> Float[np.ndarray, "k h w"]:
        """How `normalised` changes where the image changes by each of `changes`."""
        square = self.variance + np.float32(floor**2)
        away, steep = (self.image - self.mean) / square, 1 / np.sqrt(square)
        inside = self.image * self.around.mask
        result = np.empty_like(changes)
        for change, found in zip(changes, result, strict=True):
            mean = self.around.mean(change)
            covariance = _box(inside * change, self.around.radius_px) * self.around.share
            covariance -= self.mean * mean
            found[:] = (change - mean - away * covariance) * steep
        return result

    def typical_deviation(self) -> float:
        """The median deviation inside the mask."""
        inside = self.around.mask > 0.5
        return float(np.sqrt(np.median(self.variance[inside]))) if inside.any() else 0.0


def local_contrast(image: Float[np.ndarray, "h w"], around: Neighbourhood) -> LocalContrast:
    """The image with the mean and variance of every neighbourhood."""
    total = max(float(around.mask.sum()), 1.0)
    image = image - np.float32((image * around.mask).sum() / total)  # keeps float32 exact enough
    mean = around.mean(image)
    variance = np.maximum(around.mean(image * image) - mean * mean, 0)
    return LocalContrast(image, mean, variance, around)
