"""Lens distortion of a view: from the recorded image's pixels to the pinhole's, and back.

A camera's distortion is None or {"model": "opencv", "coefficients": [k1, k2, p1, p2, k3, ...]}.
"""

from math import isfinite

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

COUNTS = (4, 5, 8, 12, 14)  # the lengths that OpenCV knows
CONVERGED_PX = 1e-3


def checked_distortion(distortion: dict | None) -> dict | None:
    """A copy of the distortion; ValueError on an unknown model or unfit coefficients."""
    if distortion is None:
        return None
    if set(distortion) != {"model", "coefficients"} or distortion["model"] != "opencv":
        raise ValueError(
            f"distortion is {distortion}, must be None or "
            '{"model": "opencv", "coefficients": [k1, k2, p1, p2, ...]}'
        )
    coefficients = distortion["coefficients"]
    if not isinstance(coefficients, list | tuple) or len(coefficients) not in COUNTS:
        raise ValueError(
            f"distortion has coefficients {coefficients}, must be a list of {COUNTS} numbers"
        )
    if any(
        isinstance(c, bool) or not isinstance(c, int | float) or not isfinite(c)
        for c in coefficients
    ):
        raise ValueError(f"distortion has coefficients {coefficients}, must all be finite numbers")
    return {"model": "opencv", "coefficients": [float(c) for c in coefficients]}


def undistorted_pixels(
    pixels: Float[Tensor, "*n 2"], K: Float[Tensor, "3 3"], distortion: dict
) -> Float[Tensor, "*n 2"]:
    """Pinhole pixels of pixels seen in the recorded image; NaN where none is seen there."""
    flat = _numpy(pixels).reshape(-1, 1, 2)
    if not len(flat):
        return pixels
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-14)
    coefficients = np.array(distortion["coefficients"])
    found = cv2.undistortPoints(flat, _numpy(K), coefficients, P=_numpy(K), criteria=stop)
    straight = torch.from_numpy(found.reshape(pixels.shape)).to(pixels.device)
    error = (distorted_pixels(straight, K, distortion) - pixels).abs().amax(-1, keepdim=True)
    # Far outside the image the iteration need not converge.
    return torch.where(error < CONVERGED_PX, straight, torch.nan)


def distorted_pixels(
    pixels: Float[Tensor, "*n 2"], K: Float[Tensor, "3 3"], distortion: dict
) -> Float[Tensor, "*n 2"]:
    """Pixels in the recorded image of pinhole pixels; NaN stays NaN."""
    if not pixels.numel():
        return pixels
    xy = ((pixels - K[:2, 2]) / K.diagonal()[:2]).reshape(-1, 2)
    rays = _numpy(torch.nn.functional.pad(xy, (0, 1), value=1.0))
    coefficients = np.array(distortion["coefficients"])
    seen, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), _numpy(K), coefficients)
    return torch.from_numpy(seen.reshape(pixels.shape)).to(pixels.device)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()
