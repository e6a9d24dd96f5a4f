"""Frames without their distortion: each undistorted pixel takes its grey from the raw image."""

import cv2
import numpy as np
from jaxtyping import Float, Num

from .camera import Camera

Maps = tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]


def undistortion_maps(camera: Camera) -> Maps:
    """Raw u and raw v (float32) of every undistorted pixel; made once for all frames of a view.

    ValueError where the camera has no distortion map.
    """
    pixels = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    raw = camera.distorted(pixels.astype(np.float64)).numpy().astype(np.float32)
    return np.ascontiguousarray(raw[..., 0]), np.ascontiguousarray(raw[..., 1])


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
