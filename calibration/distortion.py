"""Distortion of a view: from the recorded image's pixels to the pinhole's, and back.

A camera's distortion is None or one of
    {"model": "opencv", "coefficients": [k1, k2, p1, p2, k3, ...]}
    {"model": "polynomial-1", ...}, {"model": "thin-plate-1", ...}: see `distortion_json`
    {"model": "blend-1", "before": map, "after": map, "fraction": f}: (1 - f) before + f after
where the maps of a blend are of a grid, or None.
"""

from math import isfinite

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .distortion_json import POLYNOMIAL, THIN_PLATE, from_json, to_json
from .distortion_map import (
    CONVERGED_PX,
    Parts,
    inside_grids,
    raw_from_undistorted,
    undistorted_from_raw,
)

OPENCV, BLEND = "opencv", "blend-1"
COUNTS = (4, 5, 8, 12, 14)  # the lengths that OpenCV knows


def checked_distortion(distortion: dict | None) -> dict | None:
    """A copy of the distortion; ValueError on an unknown model or unfit numbers."""
    if distortion is None:
        return None
    model = distortion.get("model")
    if model in (POLYNOMIAL, THIN_PLATE):
        return to_json(from_json(distortion))
    if model == BLEND:
        return _checked_blend(distortion)
    if set(distortion) != {"model", "coefficients"} or model != OPENCV:
        raise ValueError(
            f"distortion is {_short(distortion)}, must be None or "
            '{"model": "opencv", "coefficients": [k1, k2, p1, p2, ...]}, or a map that '
            f"`dualfluoro calibrate` wrote: {POLYNOMIAL}, {THIN_PLATE} or {BLEND}"
        )
    coefficients = distortion["coefficients"]
    if not isinstance(coefficients, list | tuple) or len(coefficients) not in COUNTS:
        raise ValueError(
            f"distortion has coefficients {_short(coefficients)}, must be a list of {COUNTS} "
            "numbers"
        )
    if not all(_is_finite_number(c) for c in coefficients):
        raise ValueError(f"distortion has coefficients {coefficients}, must all be finite numbers")
    return {"model": OPENCV, "coefficients": [float(c) for c in coefficients]}


def blended(before: dict | None, after: dict | None, fraction: float | int) -> dict | None:
    """The distortion at a time between two grids: 0 is the first's time, 1 is the second's."""
    if before is None and after is None:
        return None
    blend = {"model": BLEND, "before": before, "after": after, "fraction": fraction}
    return checked_distortion(blend)


def at_fraction(distortion: dict | None, fraction: float | int) -> dict | None:
    """A blend at another time; a distortion that does not change is returned as it is."""
    if distortion is None or distortion["model"] != BLEND:
        return distortion
    return blended(distortion["before"], distortion["after"], fraction)


def on_other_pixels(distortion: dict | None, scale: float, shift_px: tuple) -> dict | None:
    """The distortion of an image whose pixels are pixel * scale + shift."""
    if distortion is None or distortion["model"] == OPENCV:  # its numbers are in focal lengths
        return distortion
    if distortion["model"] == BLEND:
        moved = {k: on_other_pixels(distortion[k], scale, shift_px) for k in ("before", "after")}
        return distortion | moved
    center = [c * scale + s for c, s in zip(distortion["center_px"], shift_px, strict=True)]
    return distortion | {"center_px": center, "scale_px": distortion["scale_px"] * scale}


def inside_grid(pixels: Float[Tensor, "*n 2"], distortion: dict | None) -> Bool[Tensor, "*n"]:
    """Which undistorted pixels the grid covered; elsewhere the map is extrapolated.

    Without a grid (None, "opencv") that is everywhere. NaN is nowhere.
    """
    parts = () if distortion is None or distortion["model"] == OPENCV else _parts(distortion)
    inside = inside_grids(parts, _numpy(pixels).reshape(-1, 2))
    return torch.from_numpy(inside.reshape(pixels.shape[:-1])).to(pixels.device)


def undistorted_pixels(
    pixels: Float[Tensor, "*n 2"], K: Float[Tensor, "3 3"], distortion: dict
) -> Float[Tensor, "*n 2"]:
    """Pinhole pixels of pixels seen in the recorded image; NaN where none is seen there."""
    flat = _numpy(pixels).reshape(-1, 2)
    if not len(flat):
        return pixels
    if distortion["model"] != OPENCV:
        found = undistorted_from_raw(_parts(distortion), flat)
        return torch.from_numpy(found.reshape(pixels.shape)).to(pixels.device)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-14)
    terms = np.array(distortion["coefficients"])
    found = cv2.undistortPoints(flat[:, None], _numpy(K), terms, P=_numpy(K), criteria=stop)
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
    if distortion["model"] != OPENCV:
        seen = raw_from_undistorted(_parts(distortion), _numpy(pixels).reshape(-1, 2))
        return torch.from_numpy(seen.reshape(pixels.shape)).to(pixels.device)
    xy = ((pixels - K[:2, 2]) / K.diagonal()[:2]).reshape(-1, 2)
    rays = _numpy(torch.nn.functional.pad(xy, (0, 1), value=1.0))
    coefficients = np.array(distortion["coefficients"])
    seen, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), _numpy(K), coefficients)
    return torch.from_numpy(seen.reshape(pixels.shape)).to(pixels.device)


def _parts(distortion: dict | None) -> Parts:
    """The maps of a distortion and their weights."""
    if distortion is None:
        return ()
    if distortion["model"] != BLEND:
        return ((1.0, from_json(distortion)),)
    fraction, pair = distortion["fraction"], (distortion["before"], distortion["after"])
    weighted = zip((1.0 - fraction, fraction), pair, strict=True)
    return tuple((weight, from_json(each)) for weight, each in weighted if each is not None)


def _checked_blend(blend: dict) -> dict:
    """A copy of a blend; ValueError where its maps or its fraction are none."""
    if set(blend) != {"model", "before", "after", "fraction"}:
        raise ValueError(
            f"distortion of model {BLEND!r} must have the keys model, before, after, fraction; "
            f"found {', '.join(map(str, blend))}"
        )
    if not _is_finite_number(blend["fraction"]) or not 0 <= blend["fraction"] <= 1:
        raise ValueError(
            f"distortion has fraction {_short(blend['fraction'])}, must be a number from 0 to 1"
        )
    maps = {}
    for key in ("before", "after"):
        each = blend[key]
        if each is not None and (
            not isinstance(each, dict) or each.get("model") not in (POLYNOMIAL, THIN_PLATE)
        ):
            raise ValueError(
                f"distortion has {key} {_short(each)}, must be null or a map of model "
                f"{POLYNOMIAL} or {THIN_PLATE}"
            )
        maps[key] = checked_distortion(each)
    return {"model": BLEND, **maps, "fraction": float(blend["fraction"])}


def _is_finite_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 if isinstance(value, int) else isfinite(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()
