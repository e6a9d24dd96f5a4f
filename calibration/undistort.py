"""Frames without their distortion: each undistorted pixel takes its grey from the raw image."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Num

from .camera import Camera
from .distortion import at_fraction

Maps = tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]


def undistortion_maps(camera: Camera) -> Maps:
    """Raw u and raw v (float32) of every undistorted pixel; made once for all frames of a view.

    ValueError where the camera has no distortion map.
    """
    pixels = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    raw = camera.distorted(pixels.astype(np.float64)).numpy().astype(np.float32)
    return np.ascontiguousarray(raw[..., 0]), np.ascontiguousarray(raw[..., 1])


class TrialMaps(NamedTuple):
    """The maps of a trial's first and last frame; one and the same without a second grid."""

    first: Maps
    last: Maps

    def at(self, fraction: float) -> Maps:
        """The maps of a frame so far through the trial, 0 to 1: they move evenly."""
        if self.first is self.last:
            return self.first
        u, v = (
            (1 - np.float32(fraction)) * a + np.float32(fraction) * b
            for a, b in zip(self.first, self.last, strict=True)
        )
        return u, v


def trial_maps(camera: Camera) -> TrialMaps:
    """The maps at the two grids of a camera, filmed before and after the trial.

    ValueError where the camera has no distortion map.
    """
    before, after = (
        replace(camera, distortion=at_fraction(camera.distortion, fraction)) for fraction in (0, 1)
    )
    first = undistortion_maps(before)
    same = before.distortion == after.distortion
    return TrialMaps(first, first if same else undistortion_maps(after))


def undistorted_image(
    image: Num[np.ndarray, "height width"], maps: Maps
) -> Num[np.ndarray, "height width"]:
    """The image at the places of `undistortion_maps`, in its own type and range; 0 beyond its edge.

    Lanczos over 8 x 8 pixels, whose overshoot beside an edge is cut to the range of the image.
    """
    if image.shape != maps[0].shape:
        height, width = maps[0].shape
        raise ValueError(
            f"the image is {image.shape[1]} x {image.shape[0]} pixels, but the camera has "
            f"{width} x {height}"
        )
    seen = cv2.remap(image, *maps, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_CONSTANT)
    return np.clip(seen, min(image.min(), 0), image.max())
