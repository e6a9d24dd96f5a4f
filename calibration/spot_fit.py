"""Sub-pixel centres of round spots: a blurred disc on a sloping background, fitted to the image.

Each spot is fitted in its own round window: grey = base + slope . x + amplitude * disc(|x - c|),
disc(d) = 1 / (1 + exp((d - radius) / blur)). The disc is symmetric, so a shadow of another profile
(a ball's, that of a hole out of focus) has the same centre.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

CHUNK = 64  # spots fitted at once: what fits in a processor's cache
LARGE_PX = 6.0  # the radius of a spot that is fitted at half the size when it is twice this
STEPS = 15
SETTLED_PX = 2e-3  # a spot whose centre moves less is done
OUTLIER = 2.5  # a residual beyond so many deviations (a neighbour, an edge) loses weight
LEAST_DEVIATION = 0.05  # of the amplitude

# Parameters of a spot: u, v (from its window's middle), log radius, log blur, amplitude, base,
# slope along u, slope along v.
Parameters = Float[np.ndarray, "spot 8"]
Pixels = Float[np.ndarray, "spot pixel"]


@dataclass(frozen=True, eq=False)
class FittedSpots:
    """Blurred discs in an image; NaN where no disc fits.

    `amplitude` (the disc above its background), `base` and `noise` (root mean square residual) are
    grey values; `sd_px` is the deviation of the centre along one axis that the noise leaves.
    """

    uv_px: Float[np.ndarray, "spot 2"]
    radius_px: Float[np.ndarray, "spot"]
    blur_px: Float[np.ndarray, "spot"]
    amplitude: Float[np.ndarray, "spot"]
    base: Float[np.ndarray, "spot"]
    noise: Float[np.ndarray, "spot"]
    sd_px: Float[np.ndarray, "spot"]


def fit_spots(
    image: Float[np.ndarray, "height width"],
    uv_px: Float[np.ndarray, "spot 2"],
    radius_px: Float[np.ndarray, "spot"],
    reach_px: Float[np.ndarray, "spot"],
) -> FittedSpots:
    """Discs of least squares near the given centres; pixels farther than `reach_px` do not count.

    A disc that wanders by more than its first radius, or grows or shrinks threefold, is no fit.
    """
    found = np.full((len(uv_px), 8), np.nan)
    octave = np.maximum(np.floor(np.log2(radius_px / LARGE_PX)), 0).astype(int)
    for shrink in 2 ** np.unique(octave):
        members = np.flatnonzero(2**octave == shrink)
        # A large spot is fitted in a smaller image of block means: the same, and faster.
        height, width = (side // shrink * shrink for side in image.shape)
        blocks = image[:height, :width].reshape(height // shrink, shrink, width // shrink, shrink)
        small = blocks.mean(axis=(1, 3)) if shrink > 1 else image
        for start in range(0, len(members), CHUNK):
            some = members[start : start + CHUNK]
            uv = (uv_px[some] + 0.5) / shrink - 0.5
            rows = _fitted(small, uv, radius_px[some] / shrink, reach_px[some] / shrink)
            rows[:, :2] = (rows[:, :2] + 0.5) * shrink - 0.5
            rows[:, [2, 3, 7]] *= shrink
            found[some] = rows
    u, v, radius, blur, amplitude, base, noise, sd = found.T
    return FittedSpots(np.stack([u, v], axis=-1), radius, blur, amplitude, base, noise, sd)


def _fitted(image, uv_px, radius_px, reach_px) -> Float[np.ndarray, "spot 8"]:
    """The fields of `FittedSpots`, a row a spot."""
    half = int(np.ceil(reach_px.max())) + 1
    middle = np.round(uv_px).astype(int)
    start = uv_px - middle
    offset = np.arange(-half, half + 1)
    y, x = (axis.ravel().astype(float) for axis in np.meshgrid(offset, offset, indexing="ij"))
    y, x = y[x**2 + y**2 <= half**2], x[x**2 + y**2 <= half**2]
    grey, seen = _windows(image, middle, x.astype(int), y.astype(int))
    near = seen & _about(start, reach_px, x, y)
    p = np.zeros((len(uv_px), 8))
    p[:, :2], p[:, 2], p[:, 3] = start, np.log(radius_px), np.log(np.maximum(0.2 * radius_px, 0.4))
    p[:, 4:] = _step(_jacobian(p, x, y)[:, 4:], grey, near.astype(float))
    low = np.stack([np.log(radius_px / 3), np.full_like(radius_px, np.log(0.15))], axis=-1)
    high = np.stack([np.log(radius_px * 3), np.log(radius_px)], axis=-1)
    active = np.arange(len(p))
    for step in range(STEPS):
        J = _jacobian(p[active], x, y)
        residual = grey[active] - _model(p[active], J)
        weight = _weights(residual, near[active], p[active] if step > 1 else None)
        move = _step(J, residual, weight)
        limit = 0.35 * radius_px[active, None]
        p[active, :2] += np.clip(move[:, :2], -limit, limit)
        p[active, 2:4] += np.clip(move[:, 2:4], -0.3, 0.3)
        p[active, 2:4] = np.clip(p[active, 2:4], low[active], high[active])
        p[active, 4:] += move[:, 4:]
        if step == 3:  # a window that is not centred on its spot would pull it
            near = seen & _about(p[:, :2], reach_px, x, y)
        if step > 4:
            active = active[np.abs(move[:, :2]).max(axis=1) > SETTLED_PX]
        if not len(active):
            break
    J = _jacobian(p, x, y)
    residual = grey - _model(p, J)
    weight = _weights(residual, near, p)
    freedom = np.maximum(near.sum(axis=1) - 8, 1)
    noise = np.sqrt((near * residual**2).sum(axis=1) / freedom)
    inlier = np.sqrt((weight * residual**2).sum(axis=1) / np.maximum(weight.sum(axis=1) - 8, 1))
    sd_px = inlier * np.sqrt(_covariance(J, weight)[:, [0, 1], [0, 1]].mean(axis=1))
    moved = np.hypot(*(p[:, :2] - start).T)
    bounded = (p[:, 2] > low[:, 0]) & (p[:, 2] < high[:, 0])
    fine = bounded & (moved < radius_px) & (near.sum(axis=1) > 16) & np.isfinite(sd_px)
    rows = np.column_stack([p[:, :2] + middle, np.exp(p[:, 2:4]), p[:, 4], p[:, 5], noise, sd_px])
    return np.where(fine[:, None], rows, np.nan)


def _windows(image, middle, x, y) -> tuple[Pixels, Bool[np.ndarray, "spot pixel"]]:
    """Grey values of a window about each spot, and which of its pixels lie in the image."""
    height, width = image.shape
    rows, columns = middle[:, 1:] + y, middle[:, :1] + x
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    grey = image[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
    return grey.astype(np.float64), inside


def _about(center, reach_px, x, y) -> Bool[np.ndarray, "spot pixel"]:
    """Which pixels of its window each spot's round reach holds."""
    return (x - center[:, :1]) ** 2 + (y - center[:, 1:]) ** 2 <= reach_px[:, None] ** 2


def _model(p: Parameters, J: Float[np.ndarray, "spot 8 pixel"]) -> Pixels:
    """Grey values of the spots; the model is linear in its last four parameters."""
    return (p[:, None, 4:] @ J[:, 4:])[:, 0]


def _jacobian(p: Parameters, x, y) -> Float[np.ndarray, "spot 8 pixel"]:
    """Grey value by parameter."""
    u, v, log_radius, log_blur, amplitude = (p[:, i, None] for i in range(5))
    radius, blur = np.exp(log_radius), np.exp(log_blur)
    dx, dy = x - u, y - v
    distance = np.sqrt(dx**2 + dy**2 + 1e-12)
    edge = (distance - radius) / blur
    disc = 1 / (1 + np.exp(np.minimum(edge, 500)))
    slope = amplitude * disc * (1 - disc)
    radial = slope / (distance * blur)
    J = np.empty((len(p), 8, len(x)))
    J[:, 0], J[:, 1] = radial * dx, radial * dy
    J[:, 2], J[:, 3] = slope * (radius / blur), slope * edge
    J[:, 4], J[:, 5] = disc, 1.0
    J[:, 6], J[:, 7] = x, y
    return J


def _weights(
    residual: Pixels, near: Bool[np.ndarray, "spot pixel"], p: Parameters | None
) -> Pixels:
    """1 for a pixel of the window, 0 outside; given a fit, less where it is an outlier.

    Tukey's biweight; what a disc cannot model of a noiseless spot is no outlier.
    """
    if p is None:
        return near.astype(float)
    sizes = np.sort(np.where(near, np.abs(residual), np.inf), axis=1)
    median = np.take_along_axis(sizes, near.sum(axis=1, keepdims=True) // 2, axis=1)
    deviation = np.maximum(1.4826 * median, LEAST_DEVIATION * np.abs(p[:, 4:5]))
    ratio = residual / np.clip(2 * OUTLIER * deviation, 1e-12, 1e300)
    return near * np.clip(1 - ratio**2, 0, None) ** 2


def _step(
    J: Float[np.ndarray, "spot parameter pixel"], residual: Pixels, weight: Pixels
) -> Float[np.ndarray, "spot parameter"]:
    """Weighted least squares, slightly damped."""
    JW = J * weight[:, None]
    right = JW @ residual[..., None]
    return np.linalg.solve(_damped(JW @ J.mT, 1e-4), right)[..., 0]


def _covariance(J: Float[np.ndarray, "spot 8 pixel"], weight: Pixels):
    """Inverse of the normal matrix, (spot, 8, 8)."""
    return np.linalg.inv(_damped((J * weight[:, None]) @ J.mT, 1e-9))


def _damped(normal: Float[np.ndarray, "spot n n"], share: float) -> Float[np.ndarray, "spot n n"]:
    """The normal matrix kept regular by a diagonal in the scale of each parameter."""
    diagonal = np.einsum("sii->si", normal)
    largest = diagonal.max(axis=1, keepdims=True)
    extra = share * diagonal + 1e-14 * largest + 1e-30
    return normal + np.eye(normal.shape[-1]) * extra[:, None]
