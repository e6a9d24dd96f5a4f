"""A frame of one view, and the square windows of it that are matched with the CT."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from calibration import Camera

SATURATED_SHARE = 2e-3
"""The brightest grey value is saturation where more than this share of the field has it."""
DARKEST_SHARE = 0.1
"""Added to the signal (1: the field's bright end) before its logarithm: what scatter leaves."""


@dataclass(frozen=True)
class Radiograph:
    """An undistorted image, and which of its pixels show the head's shadow (float, 0 or 1)."""

    camera: Camera
    image: Float[np.ndarray, "h w"]
    usable: Float[np.ndarray, "h w"]
    transmission: bool


def radiograph(
    camera: Camera,
    image: Float[np.ndarray, "h w"],
    field_px: Float[np.ndarray, "n 2"] | None = None,
    transmission: bool = True,
) -> Radiograph:
    """A frame with its usable pixels: inside the field's polygon, and not saturated.

    Raises:
        ValueError: an image whose size is not the camera's.
    """
    if image.shape != (camera.height, camera.width):
        raise ValueError(
            f"view {camera.name!r}: image of {image.shape[1]} x {image.shape[0]} px, "
            f"the rig says {camera.width} x {camera.height}"
        )
    image = image.astype(np.float32, copy=False)
    usable = np.ones(image.shape, np.uint8)
    if field_px is not None:
        usable[:] = 0
        cv2.fillPoly(usable, [np.round(field_px).astype(np.int32)], 1)
    values = image[usable > 0]
    bright = values.max() if transmission else values.min() if values.size else 0
    if values.size and np.mean(values == bright) > SATURATED_SHARE:
        usable &= image != bright
    return Radiograph(camera, image, usable.astype(np.float32), transmission)


@dataclass(frozen=True)
class Level:
    """A square window at one resolution: attenuation-like image, its mask, and its camera."""

    camera: Camera
    attenuation: Float[np.ndarray, "h w"]
    mask: Float[np.ndarray, "h w"]


Window = tuple[int, int, int]
"""left, top and side (px) of a square; it may reach beyond the image."""


def head_window(
    radiograph: Radiograph, centre_cam: Float[np.ndarray, "3"], radius_mm: float
) -> Window:
    """The square about what the usable pixels show of a sphere about the head's centre."""
    K = radiograph.camera.K.numpy()
    depth = max(float(centre_cam[2]), 2 * radius_mm)
    middle = (K[:2, :2] @ centre_cam[:2]) / depth + K[:2, 2]
    reach = K[0, 0] * radius_mm / np.sqrt(depth**2 - radius_mm**2)
    spans = [np.flatnonzero(radiograph.usable.any(axis=axis)) for axis in (0, 1)]
    field = np.array([[s[0], s[-1]] if len(s) else [0, 1] for s in spans], dtype=np.float64).T
    low, high = np.maximum(middle - reach, field[0]), np.minimum(middle + reach, field[1])
    if (high - low < 16).any():
        low, high = field
    side = int(np.ceil((high - low).max())) + 1
    left, top = np.round((low + high) / 2 - (side - 1) / 2).astype(int)
    return int(left), int(top), side


def level_of(radiograph: Radiograph, window: Window, size_px: int, margin_px: float) -> Level:
    """The window on `size_px` a side, area averaged; the mask ends `margin_px` inside the field."""
    left, top, side = window
    camera = radiograph.camera.cropped(left, top, side, side).resized(size_px / side)
    usable = _cut(radiograph.usable, window)
    share = cv2.resize(usable, (size_px, size_px), interpolation=cv2.INTER_AREA)
    image = _cut(radiograph.image, window) * usable
    image = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA)
    image = image / np.maximum(share, np.float32(1e-3))
    whole = np.pad((share > 0.99).astype(np.uint8), 1)
    depth = cv2.distanceTransform(whole, cv2.DIST_L2, 5)[1:-1, 1:-1]
    mask = np.clip(depth - np.float32(margin_px), 0, 1)
    return Level(camera, _attenuation(image, mask, radiograph.transmission), mask)


def _cut(image: np.ndarray, window: Window) -> np.ndarray:
    left, top, side = window
    height, width = image.shape
    inner = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    before = max(-top, 0), max(-left, 0)
    after = max(top + side - height, 0), max(left + side - width, 0)
    if not any((*before, *after)):
        return inner
    return np.pad(inner, tuple(zip(before, after, strict=True)))


def _attenuation(image: np.ndarray, mask: np.ndarray, transmission: bool) -> np.ndarray:
    """An image that grows about linearly with the line integral: the logarithm of the signal."""
    values = image[mask > 0]
    if not values.size:
        return np.zeros_like(image)
    low, high = np.quantile(values, [0.001, 0.999])
    shown = (image - np.float32(low)) / np.float32(max(high - low, 1e-6))
    if not transmission:
        return np.clip(shown, -0.2, 1.2)
    return -np.log(np.clip(shown, 0, 1.2) + np.float32(DARKEST_SHARE))
