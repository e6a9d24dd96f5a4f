"""Film: from line integrals to the image that a fluoroscope stores."""

from collections.abc import Iterable
from functools import lru_cache
from random import Random
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from .blur import blurred
from .fluoroscope import Fluoroscope
from .image_distortion import distorted
from .lag import with_lag
from .overlay import with_metal
from .scatter import scatter, with_glare
from .transmission import looked_up

Image = Float[np.ndarray, "height width"]
Mask = Float[np.ndarray, "..."] | Bool[np.ndarray, "..."]


class Exposure(NamedTuple):
    """The signal without noise, over the typical signal, and the field in the frame."""

    signal: Float[np.ndarray, "height width"]
    mask: Float[np.ndarray, "height width"]


def film(
    line_integrals: Float[np.ndarray | Tensor, "..."],
    fluoroscope: Fluoroscope,
    field_mask: Mask | None,
    rng: np.random.Generator,
) -> Image:
    """The stored image, float32 in [0, 1], transmission: brighter means more x-rays.

    Args:
        line_integrals: dimensionless, as `render` gives them with mu_water_per_mm = 0.02; either
            (height, width), all of it hardening the beam as water does, or (material, height,
            width), images of 1 to 4 of MATERIALS in their order, which add up to the former.
        field_mask: (height, width), share of the beam that passes the collimator; None is all.
        rng: the noise of this frame; fixed patterns come from the fluoroscope's own seed.

    Raises:
        ValueError: the shapes are not these, a line integral is not finite, or the fluoroscope's
            beam is none.
    """
    exposure = expose(line_integrals, fluoroscope, field_mask)
    return stored(read_out(exposure.signal, fluoroscope, rng), exposure.mask, fluoroscope)


def film_sequence(
    line_integrals: Iterable[Float[np.ndarray | Tensor, "..."]],
    fluoroscope: Fluoroscope,
    field_mask: Mask | None,
    rng: np.random.Generator,
) -> list[Image]:
    """The frames of a film, each with what the detector kept of those before; see `film`."""
    exposures = [expose(frame, fluoroscope, field_mask) for frame in line_integrals]
    read = (read_out(exposure.signal, fluoroscope, rng) for exposure in exposures)
    lagging = with_lag(read, fluoroscope)
    return [stored(s, e.mask, fluoroscope) for s, e in zip(lagging, exposures, strict=True)]


def expose(
    line_integrals: Float[np.ndarray | Tensor, "..."],
    fluoroscope: Fluoroscope,
    field_mask: Mask | None,
) -> Exposure:
    """What falls on the detector: primary, scatter, glare, distortion and the fixed gain."""
    f = fluoroscope
    images = _checked_images(np.asarray(line_integrals))
    height, width = images.shape[1:]
    mask = np.ones((height, width), np.float32) if field_mask is None else field_mask
    if mask.shape != (height, width):
        raise ValueError(
            f"field_mask is {mask.shape}, expected the line integrals' {(height, width)}"
        )
    mask = mask.astype(np.float32, copy=False)
    images = images * np.float32(f.attenuation_scale)
    attenuation = with_metal(looked_up(images, f.beam), images, f)
    primary = cv2.exp(-attenuation) * mask
    scattered = scatter(primary, attenuation, mask, f)
    signal = with_glare(blurred(primary, f.focal_blur_sd_px) + scattered, f)
    signal = distorted(signal, f)
    mask = distorted(mask, f)
    signal = signal * fixed_gain(f, width, height)
    return Exposure(signal / np.float32(typical_signal(signal, mask)), mask)


def read_out(signal: Image, fluoroscope: Fluoroscope, rng: np.random.Generator) -> Image:
    """The signal with its noise, both blurred by the screen."""
    return blurred(with_noise(signal, fluoroscope, rng), fluoroscope.detector_blur_sd_px)


def stored(signal: Image, mask: Image, fluoroscope: Fluoroscope) -> Image:
    """Grey values in [0, 1], in steps of as many bits as the fluoroscope has."""
    shown = displayed(signal, fluoroscope)
    if fluoroscope.blanked:
        shown *= mask
    steps = np.float32(2**fluoroscope.bits - 1)
    return np.rint(shown * steps) / steps


def typical_signal(signal: Image, mask: Image) -> float:
    """Geometric mean of the signal over the field: what brightness control holds constant."""
    weight = float(mask.sum())
    if weight < 1:
        return max(float(signal.mean()), 1e-6)
    return float(np.exp((cv2.log(np.maximum(signal, 1e-6)) * mask).sum() / weight))


def with_noise(signal: Image, fluoroscope: Fluoroscope, rng: np.random.Generator) -> Image:
    """The signal with quantum noise (variance signal / photons) and electronic noise."""
    f = fluoroscope
    variance = signal / np.float32(f.photons_per_px) + np.float32(f.electronic_sd**2)
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    return np.maximum(signal + cv2.sqrt(np.maximum(variance, 0)) * noise, 0)


def displayed(signal: Image, fluoroscope: Fluoroscope) -> Image:
    """Grey values in [0, 1] of a signal in units of the typical one; never inverts."""
    f = fluoroscope
    x = np.minimum(signal / np.float32(f.white_level), 1)
    if f.log_compression > 0:
        x = cv2.log(1 + np.float32(f.log_compression) * x) / np.float32(np.log1p(f.log_compression))
    x = cv2.pow(x, f.gamma)
    if f.film_curve > 0:
        x += np.float32(f.film_curve) * (x * x * (3 - 2 * x) - x)
    if f.clahe_clip > 0:
        tiles = cv2.createCLAHE(clipLimit=f.clahe_clip, tileGridSize=(4, 4))
        x = tiles.apply(np.rint(x * 255).astype(np.uint8)).astype(np.float32) / np.float32(255)
    if f.sharpening > 0:
        x += np.float32(f.sharpening) * (x - blurred(x, 0.015 * x.shape[1]))
    return np.clip(np.float32(f.black_level) + np.float32(1 - f.black_level) * x, 0, 1)


def fixed_gain(fluoroscope: Fluoroscope, width: int, height: int) -> Image:
    """Vignetting and shading: what multiplies the signal of every frame alike."""
    f = fluoroscope
    gain = 1 - np.float32(f.vignetting / 2) * _squared_radius(width, height)
    if f.shading > 0:
        draw = Random(int(f.pattern_seed))
        coarse = [1 + f.shading * draw.uniform(-1, 1) for _ in range(16)]
        coarse = np.array(coarse, np.float32).reshape(4, 4)
        gain *= cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return gain


@lru_cache(maxsize=8)
def _squared_radius(width: int, height: int) -> Image:
    """0 in the middle of the frame, 2 in its corners."""
    u = np.linspace(-1, 1, width, dtype=np.float32)
    v = np.linspace(-1, 1, height, dtype=np.float32)
    return u[None, :] ** 2 + v[:, None] ** 2


def _checked_images(line_integrals: np.ndarray) -> Float[np.ndarray, "material height width"]:
    if line_integrals.ndim not in (2, 3):
        raise ValueError(
            "line integrals are (height, width) or (material, height, width), found "
            f"{line_integrals.shape}"
        )
    images = line_integrals.astype(np.float32, copy=False)
    images = images if images.ndim == 3 else images[None]
    if not np.isfinite(images.sum()):
        raise ValueError("line integrals must be finite, found NaN or infinity")
    return images
