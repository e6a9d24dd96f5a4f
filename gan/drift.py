"""How far a translator moves what it shows: patches looked for again after the translation.

Around a place the gradients of the picture are matched with those of its translation, to a part of
a pixel; the shift is the drift there. Lengths are in pixels of a picture of 256 x 256.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from .pictures import Pictures

REFERENCE_PX = 256
PATCH, REACH = 0.13, 0.032
"""Half widths of the patch and of the search around it, shares of the picture's side."""
SHADING = 0.04
"""Deviation of the blur that is taken off, a share of the side: shading may change."""
CERTAIN = 0.6
"""Correlation of the gradients below which a place is not found again, and counts as lost."""
CORNER = 0.05
"""Least strength of a corner, of the strongest in the picture."""
CORNERS = 24
"""Places sought in a picture."""


@dataclass(frozen=True)
class Drift:
    """Shifts of the places found again, pixels at 256 x 256, and the share of those lost."""

    median_px: float
    p95_px: float
    lost: float
    bias_px: tuple[float, float]
    """Mean shift (u, v): a translator that moves everything one way."""
    places: int


def drift_between(before: Pictures, after: Float[np.ndarray, "picture side side"]) -> Drift:
    """Drift at the corners of the pictures: what has edges in two directions can be found again."""
    shifts, count = [], 0
    for number in range(len(before)):
        first, mask = before.attenuation[number], before.mask[number]
        places = _corners(first, mask)
        count += len(places)
        shifts += [s for p in places if (s := _shift(first, after[number], p)) is not None]
    if not shifts:
        return Drift(np.inf, np.inf, 1.0, (np.nan, np.nan), count)
    shift = np.array(shifts) * (REFERENCE_PX / before.attenuation.shape[-1])
    size = np.linalg.norm(shift, axis=1)
    return Drift(
        float(np.median(size)),
        float(np.quantile(size, 0.95)),
        1 - len(shifts) / count,
        (float(shift[:, 0].mean()), float(shift[:, 1].mean())),
        count,
    )


def _shift(first: np.ndarray, second: np.ndarray, place: np.ndarray) -> np.ndarray | None:
    """Shift (u, v), pixels of the pictures; None where the place is not found again."""
    side = first.shape[0]
    half, reach = round(PATCH * side), round(REACH * side)
    u, v = np.rint(place).astype(int)
    edge = half + reach
    if not (edge <= u < side - edge and edge <= v < side - edge):
        return None
    patch = _edges(first[v - edge : v + edge + 1, u - edge : u + edge + 1], side)[
        reach : reach + 2 * half + 1, reach : reach + 2 * half + 1
    ]
    around = _edges(second[v - edge : v + edge + 1, u - edge : u + edge + 1], side)
    fits = [
        cv2.matchTemplate(around[..., k], np.ascontiguousarray(patch[..., k]), cv2.TM_CCORR_NORMED)
        for k in (0, 1)
    ]
    fit = np.mean(fits, axis=0)
    row, column = np.unravel_index(int(fit.argmax()), fit.shape)
    if fit[row, column] < CERTAIN:
        return None
    if not (0 < row < 2 * reach and 0 < column < 2 * reach):
        return np.array([column - reach, row - reach], float)
    du = _vertex(fit[row, column - 1 : column + 2])
    dv = _vertex(fit[row - 1 : row + 2, column])
    return np.array([column - reach + du, row - reach + dv])


def _edges(patch: np.ndarray, side: int) -> np.ndarray:
    """Gradients (u, v) of what is finer than shading, smoothed against noise."""
    smooth = cv2.GaussianBlur(patch, (0, 0), 1.0) - cv2.GaussianBlur(patch, (0, 0), SHADING * side)
    return np.stack([cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)], -1)


def _vertex(values: np.ndarray) -> float:
    """Of the parabola through three values, from the middle one."""
    left, middle, right = values.tolist()
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else min(max(0.5 * (left - right) / bend, -0.5), 0.5)


def _corners(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Places that a patch can be matched at, away from the field's edge."""
    smooth, apart_px = cv2.GaussianBlur(picture, (0, 0), 1.5), mask.shape[0] * PATCH / 2
    found = cv2.goodFeaturesToTrack(smooth, CORNERS, CORNER, apart_px, mask=_clear_of_edge(mask))
    return np.zeros((0, 2)) if found is None else found[:, 0].astype(float)


def _clear_of_edge(mask: np.ndarray) -> np.ndarray:
    """1 where all of a patch lies in the field, whose edge stays and would tell nothing."""
    kernel = np.ones((2 * round(PATCH * mask.shape[0]) + 1,) * 2, np.uint8)
    return cv2.erode((mask > 0.5).astype(np.uint8), kernel, borderValue=0)
