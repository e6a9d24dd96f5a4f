"""Film: from line integrals to the image that a fluoroscope stores."""

import cv2
import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from .fluoroscope import Fluoroscope

METAL_PER_PX = 1.5  # line integral of an overlaid wire or bead, for each px of its thickness


def film(
    line_integrals: Float[np.ndarray | Tensor, "..."],
    fluoroscope: Fluoroscope,
    field_mask: Float[np.ndarray, "..."] | Bool[np.ndarray, "..."] | None,
    rng: np.random.Generator,
) -> Float[np.ndarray, "height width"]:
    """The stored image, float32 in [0, 1], transmission: brighter means more x-rays.

    Args:
        line_integrals: (height, width), dimensionless, as `render` gives them.
        field_mask: (height, width), share of the beam that passes the collimator; None is all.
        rng: the noise of this frame; fixed patterns come from the fluoroscope's own seed.
    """
    f = fluoroscope
    thickness = np.asarray(line_integrals, dtype=np.float32)
    height, width = thickness.shape
    mask = np.ones_like(thickness) if field_mask is None else field_mask.astype(np.float32)
    if mask.shape != (height, width):
        raise ValueError(
            f"field_mask is {mask.shape}, expected the line integrals' {(height, width)}"
        )
    primary = transmission(thickness + metal(f, width, height), f) * mask
    primary = _blurred(primary, f.focal_blur_sd_px)
    signal = with_glare(with_scatter(primary, mask, f), f)
    signal *= fixed_gain(f, width, height)
    signal /= typical_signal(signal, mask)
    signal = _blurred(with_noise(signal, f, rng), f.detector_blur_sd_px)
    shown = displayed(signal, f)
    if f.blanked:
        shown *= mask
    steps = np.float32(2**f.bits - 1)
    return np.rint(shown * steps) / steps


def transmission(
    line_integrals: Float[np.ndarray, "height width"], fluoroscope: Fluoroscope
) -> Float[np.ndarray, "height width"]:
    """Share of the primary beam left behind the head: Beer-Lambert with a hardening beam."""
    effective = line_integrals * np.float32(fluoroscope.attenuation_scale)
    effective /= 1 + np.float32(fluoroscope.hardening) * effective
    return cv2.exp(-effective)


def with_scatter(
    primary: Float[np.ndarray, "height width"],
    mask: Float[np.ndarray, "height width"],
    fluoroscope: Fluoroscope,
) -> Float[np.ndarray, "height width"]:
    """Primary plus a wide blur of it, so that mean scatter over mean primary is as asked."""
    f = fluoroscope
    if f.scatter_to_primary == 0:
        return primary
    scatter = _widely_blurred(primary, f.scatter_sd_share * primary.shape[1])
    ratio = f.scatter_to_primary * (primary * mask).sum() / max((scatter * mask).sum(), 1e-12)
    return primary + np.float32(ratio) * scatter


def with_glare(
    signal: Float[np.ndarray, "height width"], fluoroscope: Fluoroscope
) -> Float[np.ndarray, "height width"]:
    """The signal with a share of it spread over the whole tube (low-frequency drop)."""
    g = np.float32(fluoroscope.glare)
    if g == 0:
        return signal
    return (1 - g) * signal + g * _widely_blurred(signal, 0.25 * signal.shape[1])


def typical_signal(
    signal: Float[np.ndarray, "height width"], mask: Float[np.ndarray, "height width"]
) -> float:
    """Geometric mean of the signal over the field: what brightness control holds constant."""
    weight = float(mask.sum())
    if weight < 1:
        return max(float(signal.mean()), 1e-6)
    return float(np.exp((cv2.log(np.maximum(signal, 1e-6)) * mask).sum() / weight))


def with_noise(
    signal: Float[np.ndarray, "height width"], fluoroscope: Fluoroscope, rng: np.random.Generator
) -> Float[np.ndarray, "height width"]:
    """The signal with quantum noise (variance signal / photons) and electronic noise."""
    f = fluoroscope
    variance = signal / np.float32(f.photons_per_px) + np.float32(f.electronic_sd**2)
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    return np.maximum(signal + cv2.sqrt(np.maximum(variance, 0)) * noise, 0)


def displayed(
    signal: Float[np.ndarray, "height width"], fluoroscope: Fluoroscope
) -> Float[np.ndarray, "height width"]:
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
        x += np.float32(f.sharpening) * (x - _blurred(x, 0.015 * x.shape[1]))
    return np.clip(np.float32(f.black_level) + np.float32(1 - f.black_level) * x, 0, 1)


def fixed_gain(
    fluoroscope: Fluoroscope, width: int, height: int
) -> Float[np.ndarray, "height width"]:
    """Vignetting and shading: what multiplies the signal of every frame alike."""
    f = fluoroscope
    u = np.linspace(-1, 1, width, dtype=np.float32)
    v = np.linspace(-1, 1, height, dtype=np.float32)
    gain = 1 - np.float32(f.vignetting / 2) * (u[None, :] ** 2 + v[:, None] ** 2)
    if f.shading > 0:
        coarse = _pattern(f, 0).uniform(-1, 1, size=(4, 4)).astype(np.float32)
        gain *= 1 + np.float32(f.shading) * cv2.resize(
            coarse, (width, height), interpolation=cv2.INTER_CUBIC
        )
    return gain


def metal(fluoroscope: Fluoroscope, width: int, height: int) -> Float[np.ndarray, "height width"]:
    """Line integrals of the wires, beads and plates that hang in the beam of every frame."""
    f = fluoroscope
    drawn = np.zeros((height, width), dtype=np.uint8)  # OpenCV antialiases bytes only
    rng = _pattern(f, 1)
    px = max(width / 128, 1.0)
    for _ in range(f.wires):
        points = rng.uniform(-0.1, 1.1, size=(3, 2)) * (width, height)
        t = np.linspace(0, 1, 16)[:, None]
        bend = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
        thick = max(1, round(px * rng.uniform(0.5, 2.5)))
        path = [np.rint(bend * 16).astype(np.int32)]
        cv2.polylines(drawn, path, False, int(rng.integers(30, 255)), thick, cv2.LINE_AA, 4)
    for _ in range(f.beads):
        u, v = (rng.uniform(0, 1, size=2) * (width, height) * 16).astype(int)
        radius = int(px * rng.uniform(0.7, 3.0) * 16)
        cv2.circle(drawn, (int(u), int(v)), radius, 255, -1, cv2.LINE_AA, 4)
    for _ in range(f.blocks):
        u, v = rng.uniform(0, 16, size=2) * (width, height)
        across, along = rng.uniform(0.05, 0.25, size=2) * width * 16
        corners = cv2.boxPoints(((u, v), (across, along), rng.uniform(0, 90)))
        path = [np.rint(corners).astype(np.int32)]
        cv2.fillPoly(drawn, path, int(rng.integers(80, 255)), cv2.LINE_AA, 4)
    return drawn * np.float32(METAL_PER_PX * 2 / 255)


def _pattern(fluoroscope: Fluoroscope, which: int) -> np.random.Generator:
    return np.random.default_rng((fluoroscope.pattern_seed, which))


def _blurred(
    image: Float[np.ndarray, "height width"], sd_px: float
) -> Float[np.ndarray, "height width"]:
    """Gaussian blur; nothing below a tenth of a pixel."""
    if sd_px < 0.1:
        return image
    return cv2.GaussianBlur(image, (0, 0), sd_px, borderType=cv2.BORDER_REFLECT_101)


def _widely_blurred(
    image: Float[np.ndarray, "height width"], sd_px: float
) -> Float[np.ndarray, "height width"]:
    """Gaussian blur of many pixels, made on a reduced copy."""
    height, width = image.shape
    step = max(1, int(sd_px / 2))
    size = (max(1, width // step), max(1, height // step))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sd_px / step, borderType=cv2.BORDER_REFLECT_101)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
