"""Round spots in a radiograph: shadows of beads (dark), holes of a plate (bright).

Candidates are extrema of the scaled determinant of the Hessian (Lindeberg 1998), which is zero on
edges and ramps; a blurred disc fitted to each gives the sub-pixel centre.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Num
from scipy.spatial import KDTree

from .spot_fit import fit_spots

POLARITIES = ("bright", "dark", "auto")
RATIO = 2**0.25  # between the sizes looked for
MOST = 10_000  # candidates, the strongest
TRIED = 200  # candidates of each polarity that decide between the two
DARK = 0.02  # of the bright parts: contrast is not taken over less
DISC_RESPONSE = np.exp(-1)  # of a disc of amplitude 1 at the scale radius / sqrt(2)
Candidates = Float[np.ndarray, "candidate 3"]  # u, v, radius


@dataclass(frozen=True, eq=False)
class Spots:
    """Round spots, the strongest contrast first; pixels are those of the image given.

    `contrast` is the disc's grey over its background, minus one: positive where bright. `misfit` is
    the root mean square residual over the disc's amplitude: noise and a shape that is not round.
    `sd_px` is the deviation of a centre along one axis that the noise leaves.
    """

    uv_px: Float[np.ndarray, "spot 2"]
    radius_px: Float[np.ndarray, "spot"]
    contrast: Float[np.ndarray, "spot"]
    misfit: Float[np.ndarray, "spot"]
    sd_px: Float[np.ndarray, "spot"]
    polarity: str

    def __len__(self) -> int:
        """The number of spots."""
        return len(self.radius_px)

    def __getitem__(self, chosen: np.ndarray | slice) -> "Spots":
        """The spots of a mask, an index array or a slice."""
        fields = (self.uv_px, self.radius_px, self.contrast, self.misfit, self.sd_px)
        return Spots(*(field[chosen] for field in fields), polarity=self.polarity)


@dataclass(frozen=True)
class Limits:
    """What counts as a spot."""

    low_px: float
    high_px: float
    least_contrast: float
    most_misfit: float


def find_spots(
    image: Num[np.ndarray, "height width"],
    polarity: str = "auto",
    radius_px: tuple[float | int, float | int] | None = None,
    least_contrast: float = 0.02,
    most_misfit: float = 0.5,
) -> Spots:
    """Bright or dark round spots with a radius in the given range, to a small part of a pixel.

    Args:
        image: grey values, any scale with black at 0.
        polarity: "bright", "dark", or "auto": whichever stands out more.
        radius_px: the smallest and largest radius; None is 1.5 px to a 20th of the shorter side.
        least_contrast: spots that differ less from their background (as a share of it) are left.
        most_misfit: spots whose root mean square residual is a larger share of their amplitude
            are left: corners, crossings, noise.

    Raises:
        ValueError: an image that is no image, an unknown polarity, a range that is none.
    """
    grey, low, high = _checked(image, polarity, radius_px)
    limits = Limits(low, high, least_contrast, most_misfit)
    if polarity != "auto":
        return _spots(grey, polarity, _candidates(grey, polarity, limits), limits)
    both = {p: _candidates(grey, p, limits) for p in ("bright", "dark")}
    trials = {p: _spots(grey, p, both[p][:TRIED], limits) for p in both}
    better = max(both, key=lambda p: prominence(trials[p]).sum())
    return _spots(grey, better, both[better], limits)


def prominence(spots: Spots) -> Float[np.ndarray, "spot"]:
    """How much each spot stands out: contrast squared by radius, so that specks count little."""
    sound = np.clip(1 - spots.misfit, 0, 1) ** 2
    return np.minimum(np.abs(spots.contrast), 1) ** 2 * spots.radius_px * sound


def _checked(image, polarity, radius_px) -> tuple[np.ndarray, float, float]:
    """The image as float32 and the smallest and largest radius; ValueError on hostile input."""
    if image.ndim != 2 or min(image.shape) < 16 or max(image.shape) > 2**15:
        raise ValueError(
            f"an image of shape {image.shape} has no spots to find; it must be grey, "
            "16 to 32768 pixels a side"
        )
    grey = np.ascontiguousarray(image, dtype=np.float32)
    if not np.isfinite(grey).all():
        raise ValueError("the image holds NaN or infinite grey values; replace them by numbers")
    if polarity not in POLARITIES:
        raise ValueError(f"polarity is {polarity!r}, must be one of {', '.join(POLARITIES)}")
    low, high = (1.5, max(min(image.shape) / 20, 3.0)) if radius_px is None else radius_px
    if not 0.5 <= low <= high <= min(image.shape) / 2:
        raise ValueError(
            f"radius_px is ({low}, {high}); must rise from 0.5 px to half the image, "
            f"{min(image.shape) / 2:g} px, at most"
        )
    return grey, float(low), float(high)


def _spots(grey, polarity: str, candidates: Candidates, limits: Limits) -> Spots:
    """The candidates that a disc fits, one for each place."""
    uv, radius = candidates[:, :2], candidates[:, 2]
    fit = fit_spots(grey, uv, radius, _reach(uv, radius))
    floor = max(DARK * float(np.percentile(grey, 99)), 1e-12)
    contrast = fit.amplitude / np.maximum(fit.base, floor)
    misfit = fit.noise / np.maximum(np.abs(fit.amplitude), 1e-12)
    sign = 1.0 if polarity == "bright" else -1.0
    with np.errstate(invalid="ignore"):
        keep = (sign * contrast >= limits.least_contrast) & (misfit <= limits.most_misfit)
        keep &= (fit.radius_px >= limits.low_px / RATIO) & (fit.radius_px <= limits.high_px * RATIO)
        keep &= (fit.sd_px < 0.25 * fit.radius_px) & (np.abs(fit.amplitude) < 2 * np.ptp(grey))
    keep[keep] = _best_of_each(fit.uv_px[keep], fit.radius_px[keep], misfit[keep])
    order = np.flatnonzero(keep)[np.argsort(-np.abs(contrast[keep]), kind="stable")]
    fields = (fit.uv_px, fit.radius_px, contrast, misfit, fit.sd_px)
    return Spots(*(field[order] for field in fields), polarity=polarity)


def _candidates(grey, polarity: str, limits: Limits) -> Candidates:
    """Centres and radii of the extrema over place and size, the strongest first."""
    steps = int(np.ceil(np.log(limits.high_px / limits.low_px) / np.log(RATIO)))
    radii = limits.low_px * RATIO ** np.arange(-1, steps + 2)
    layers, shrinks = _layers(grey, 1.0 if polarity == "bright" else -1.0, radii)
    peaks = [cv2.dilate(layer, np.ones((3, 3), np.uint8)) for layer in layers]
    found = [np.zeros((0, 4))]
    for i in range(1, len(layers) - 1):
        at = np.argwhere((layers[i] >= peaks[i]) & (layers[i] > 0))
        response = layers[i][tuple(at.T)].astype(np.float64)
        highest = np.ones(len(at), dtype=bool)
        for j in (i - 1, i + 1):
            there = np.round((at + 0.5) * shrinks[i] / shrinks[j] - 0.5).astype(int)
            there = np.clip(there, 0, np.array(peaks[j].shape) - 1)
            highest &= response >= peaks[j][tuple(there.T)]
        uv = (at[:, ::-1] + 0.5) * shrinks[i] - 0.5
        found.append(np.column_stack([uv, np.full(len(at), radii[i]), response])[highest])
    table = np.concatenate(found)
    contrast = table[:, 3] / (DISC_RESPONSE * _level(grey, table[:, :2]))
    table = table[np.argsort(-contrast, kind="stable")]
    count = min(int((contrast > 0.3 * limits.least_contrast).sum()), MOST)
    return table[:count, :3]


def _layers(grey, sign: float, radii) -> tuple[list[np.ndarray], list[int]]:
    """The response at each size, and by how much its image is reduced: halved as blur grows."""
    blurred, variance, shrink = grey, 0.0, 1
    layers, shrinks = [], []
    for sigma in radii / np.sqrt(2):
        step = float(np.sqrt(sigma**2 - variance)) / shrink
        blurred, variance = cv2.GaussianBlur(blurred, (0, 0), step), sigma**2
        layers.append(_roundness(blurred, sign) * np.float32((sigma / shrink) ** 2))
        shrinks.append(shrink)
        if sigma / shrink > 6 and min(blurred.shape) > 32:
            rows, columns = (side // 2 * 2 for side in blurred.shape)
            blurred = cv2.resize(
                blurred[:rows, :columns], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA
            )
            shrink *= 2
    return layers, shrinks


def _roundness(blurred: np.ndarray, sign: float) -> np.ndarray:
    """Root of the determinant of the Hessian where the image bulges that way, 0 elsewhere."""
    kernel = np.array([[1.0, -2.0, 1.0]], np.float32)
    xx = cv2.filter2D(blurred, -1, kernel)
    yy = cv2.filter2D(blurred, -1, kernel.T)
    cross = np.array([[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]], np.float32)
    determinant = xx * yy - cv2.filter2D(blurred, -1, cross) ** 2
    return np.sqrt(np.where(sign * (xx + yy) < 0, np.maximum(determinant, 0), 0))


def _level(grey, uv) -> Float[np.ndarray, "spot"]:
    """Grey value about each candidate, at least a small share of the image's bright parts."""
    mean = cv2.GaussianBlur(grey, (0, 0), min(grey.shape) / 64)
    last = np.array(grey.shape[::-1]) - 1
    columns, rows = np.clip(np.round(uv), 0, last).astype(int).T
    floor = max(DARK * float(np.percentile(grey, 99)), 1e-12)
    return np.maximum(mean[rows, columns], floor).astype(np.float64)


def _reach(uv, radius) -> Float[np.ndarray, "spot"]:
    """How far the window of each spot goes: over some background, but into no neighbour."""
    if len(uv) < 2:
        return 2 * radius + 3
    distance, other = (np.asarray(x) for x in KDTree(uv).query(uv, k=2))
    free = distance[:, 1] - 0.9 * radius[other[:, 1]]
    return np.clip(free, 1.4 * radius + 1.5, 2 * radius + 3)


def _best_of_each(uv, radius, misfit) -> Bool[np.ndarray, "spot"]:
    """Of fits that share a place, only the one of least misfit."""
    stays = np.ones(len(uv), dtype=bool)
    if not len(uv):
        return stays
    pairs = KDTree(uv).query_pairs(0.7 * radius.max(), output_type="ndarray")
    larger = np.maximum(radius[pairs[:, 0]], radius[pairs[:, 1]])
    pairs = pairs[np.hypot(*(uv[pairs[:, 0]] - uv[pairs[:, 1]]).T) < 0.7 * larger]
    worse = np.where(misfit[pairs[:, 0]] > misfit[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    stays[worse] = False
    return stays
