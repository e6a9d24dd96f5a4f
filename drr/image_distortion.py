"""Pincushion and S distortion of an image intensifier: an exact map, there and back.

About the middle of the frame, in units of half its width, a point at radius r goes to

    radius r (1 + pincushion r^2), turned by s_turn_rad r^2

The input screen of the tube is curved (pincushion, the radial distortion), and the earth's field
turns the electrons on their way (S, the sigmoidal one; Gronenschild 1997, Med. Phys. 24, corrects
both). The lowest even power of r that each can have is kept. The middle stays as it is to first
order, as a rig's distortion leaves it. Points are raw pixels, those of the frame as it is stored,
or undistorted ones, those of the pinhole camera. A barrel (negative) folds back beyond the radius
1 / sqrt(-3 pincushion).
"""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float

from .fluoroscope import Fluoroscope

Points = Float[np.ndarray, "*n 2"]


def raw_from_undistorted(
    points: Points, fluoroscope: Fluoroscope, width: int, height: int
) -> Points:
    """Where the frame shows undistorted pixels (u, v)."""
    z = _complex(points, width, height)
    squared = np.abs(z) ** 2
    z = z * (1 + fluoroscope.pincushion * squared) * np.exp(1j * fluoroscope.s_turn_rad * squared)
    return _pixels(z, width, height)


def undistorted_from_raw(
    points: Points, fluoroscope: Fluoroscope, width: int, height: int
) -> Points:
    """The undistorted pixels of raw ones; NaN where a barrel shows nothing."""
    z = _complex(points, width, height)
    radius = np.abs(z)
    straight = _radius_before(radius, fluoroscope.pincushion)
    ratio = np.divide(straight, radius, out=np.ones_like(radius), where=radius > 0)
    z = z * ratio * np.exp(-1j * fluoroscope.s_turn_rad * straight**2)
    return _pixels(z, width, height)


def distorted(
    image: Float[np.ndarray, "height width"], fluoroscope: Fluoroscope
) -> Float[np.ndarray, "height width"]:
    """The image as the tube shows it, bilinear; zero where it lies outside of the given one."""
    f = fluoroscope
    if f.pincushion == 0 and f.s_turn_rad == 0:
        return image
    height, width = image.shape
    u, v = _maps(f.pincushion, f.s_turn_rad, width, height)
    return cv2.remap(image, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


@lru_cache(maxsize=8)
def _maps(pincushion: float, s_turn_rad: float, width: int, height: int) -> tuple:
    """For each raw pixel the undistorted u and v, float32; outside of the image for none."""
    tube = Fluoroscope(pincushion=pincushion, s_turn_rad=s_turn_rad)
    v, u = np.mgrid[:height, :width].astype(np.float64)
    points = undistorted_from_raw(np.stack([u, v], axis=-1), tube, width, height)
    points = np.nan_to_num(points, nan=-2.0).astype(np.float32)
    return np.ascontiguousarray(points[..., 0]), np.ascontiguousarray(points[..., 1])


def _radius_before(radius: np.ndarray, pincushion: float) -> np.ndarray:
    """The r with r + pincushion r^3 = radius: Cardano's formula, in its hyperbolic form."""
    if pincushion == 0:
        return radius
    scale = np.sqrt(abs(pincushion) * 27 / 4) * radius
    if pincushion > 0:
        return 2 / np.sqrt(3 * pincushion) * np.sinh(np.arcsinh(scale) / 3)
    with np.errstate(invalid="ignore"):  # beyond the barrel's rim: NaN
        return 2 / np.sqrt(-3 * pincushion) * np.sin(np.arcsin(scale) / 3)


def _complex(points: Points, width: int, height: int) -> np.ndarray:
    """Points about the middle of the frame, in half widths, u + i v."""
    u = points[..., 0] - (width - 1) / 2
    v = points[..., 1] - (height - 1) / 2
    return (u + 1j * v) / (width / 2)


def _pixels(z: np.ndarray, width: int, height: int) -> Points:
    z = z * (width / 2)
    return np.stack([np.real(z) + (width - 1) / 2, np.imag(z) + (height - 1) / 2], axis=-1)
