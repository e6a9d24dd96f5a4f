"""Gaussian blurs of an image, narrow and wide; the signal goes on unchanged beyond the frame."""

import cv2
import numpy as np
from jaxtyping import Float

Image = Float[np.ndarray, "height width"]


def blurred(image: Image, sd_px: float | int) -> Image:
    """Gaussian blur; nothing below a tenth of a pixel."""
    if sd_px < 0.1:
        return image
    return cv2.GaussianBlur(image, (0, 0), sd_px, borderType=cv2.BORDER_REFLECT_101)


def widely_blurred(image: Image, sd_px: float | int) -> Image:
    """Gaussian blur of many pixels, made on a reduced copy."""
    height, width = image.shape
    step = max(1, int(sd_px / 2))
    size = (max(1, width // step), max(1, height // step))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sd_px / step, borderType=cv2.BORDER_REFLECT_101)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
