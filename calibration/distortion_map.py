"""Distortion maps from grids: raw pixel = undistorted pixel + a smooth displacement.

The displacement is a polynomial in the undistorted pixel (whose odd terms hold the pincushion and
the S shape that a magnetic field gives), or a thin plate: cubic B-splines on even knots. Outside
the outline of the grid the map goes on along straight lines.

Functions take a weighted sum of maps, `parts`: the one map, or two of them between two times.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .distortion_terms import monomials, spline_weights
from .outline import nearest_inside, within

CONVERGED_PX = 1e-3
AT_ONCE = 50_000  # points: bounds the memory
Points = Float[np.ndarray, "n 2"]
Knots = tuple[float, float, int]  # start, step, count
STEPS, SETTLED_PX = 50, 1e-10


@dataclass(frozen=True, eq=False)
class GridMap:
    """A displacement field; places and displacements in units of `scale_px`, from `center_px`.

    Exactly one of `degree` (of `monomials`) and `knots` (of B-splines along x and y, the terms
    with y fastest; spline k peaks at start + (k - 1) step) is not None. `outline` is convex.
    """

    center_px: Float[np.ndarray, "2"]
    scale_px: float
    degree: int | None
    knots: tuple[Knots, Knots] | None
    coefficients: Float[np.ndarray, "2 term"]
    outline: Float[np.ndarray, "corner 2"]


Parts = tuple[tuple[float, GridMap], ...]


def raw_from_undistorted(parts: Parts, pixels: Points) -> Points:
    """Where in the raw image undistorted pixels are seen; NaN stays NaN."""
    seen = np.full_like(pixels, np.nan)
    finite = np.isfinite(pixels).all(axis=1)
    seen[finite] = pixels[finite] + _displacement_px(parts, pixels[finite])[0]
    return seen


def undistorted_from_raw(parts: Parts, pixels: Points) -> Points:
    """The undistorted pixels that raw ones show, by Newton's method; NaN where none is found."""
    found, miss = pixels.copy(), np.full_like(pixels, np.nan)
    longest_step = 0.5 * max((grid_map.scale_px for _, grid_map in parts), default=1.0)
    todo = np.flatnonzero(np.isfinite(pixels).all(axis=1))
    for _ in range(STEPS):
        shift, slope = _displacement_px(parts, found[todo])
        miss[todo] = found[todo] + shift - pixels[todo]
        far = np.abs(miss[todo]).max(axis=1) > SETTLED_PX
        todo, slope = todo[far], slope[far] + np.eye(2)
        if not len(todo):
            break
        slope[np.abs(np.linalg.det(slope)) < 1e-6] = np.eye(2)
        step = np.linalg.solve(slope, miss[todo, :, None])[..., 0]
        found[todo] -= np.clip(step, -longest_step, longest_step)
    converged = np.abs(miss).max(axis=1) < CONVERGED_PX
    return np.where(converged[:, None], found, np.nan)


def inside_grids(parts: Parts, pixels: Points) -> Bool[np.ndarray, "n"]:
    """Which undistorted pixels every grid covered; elsewhere the map is extrapolated."""
    inside = np.asarray(np.isfinite(pixels).all(axis=1))
    for _, grid_map in parts:
        inside &= within(grid_map.outline, (pixels - grid_map.center_px) / grid_map.scale_px)
    return inside


def _displacement_px(parts: Parts, pixels: Points) -> tuple[Points, Float[np.ndarray, "n 2 2"]]:
    """Displacement and its slope, (component, along), straight on beyond the outlines."""
    value, slope = np.zeros_like(pixels), np.zeros((*pixels.shape, 2))
    for weight, grid_map in parts:
        for start in range(0, len(pixels), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            xy = (pixels[some] - grid_map.center_px) / grid_map.scale_px
            at = nearest_inside(grid_map.outline, xy)
            there, along = displacement_terms(grid_map, at)
            there += np.einsum("nij,nj->ni", along, xy - at)
            value[some] += weight * grid_map.scale_px * there
            slope[some] += weight * along
    return value, slope


def displacement_terms(grid_map: GridMap, xy: Points) -> tuple[Points, Float[np.ndarray, "n 2 2"]]:
    """The sum of the terms and its slope, wherever it is asked for."""
    if grid_map.degree is not None:
        terms, slopes = monomials(xy, grid_map.degree)
        return terms @ grid_map.coefficients.T, np.einsum(
            "nkd,ck->ncd", slopes, grid_map.coefficients
        )
    assert grid_map.knots is not None
    (x0, x_step, x_count), (y0, y_step, y_count) = grid_map.knots
    columns, x, dx = spline_weights((xy[:, 0] - x0) / x_step, x_count)
    rows, y, dy = spline_weights((xy[:, 1] - y0) / y_step, y_count)
    table = grid_map.coefficients.reshape(2, x_count, y_count)
    local = table[:, columns[:, :, None], rows[:, None, :]]
    value = np.einsum("cnij,ni,nj->nc", local, x, y)
    slope_x = np.einsum("cnij,ni,nj->nc", local, dx / x_step, y)
    slope_y = np.einsum("cnij,ni,nj->nc", local, x, dy / y_step)
    return value, np.stack([slope_x, slope_y], axis=-1)
