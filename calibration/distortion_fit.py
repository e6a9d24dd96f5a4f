"""Displacement fields of least squares, and how well each kind foretells points left out."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int

from .distortion_terms import bending, monomials, spline_weights

FOLDS = 5
INTERVALS = 16  # of the thin plate's knots along the grid's longer side
SMOOTHNESS = 10.0 ** np.arange(-7, 0)  # weights of the bending energy that are tried
Points = Float[np.ndarray, "point 2"]
Weights = Float[np.ndarray, "point"]
Fold = Int[np.ndarray, "point"]


def polynomial(xy: Points, target: Points, weight: Weights, degree: int):
    """Coefficients (2, term) of the polynomial of weighted least squares."""
    root = np.sqrt(weight)[:, None]
    q, r = np.linalg.qr(root * monomials(xy, degree)[0])
    return np.linalg.solve(r, q.T @ (root * target)).T


def polynomial_left_out(
    xy: Points, target: Points, weight: Weights, degree: int, fold: Fold
) -> Points:
    """What each point misses by when its fold took no part in the fit."""
    terms = monomials(xy, degree)[0]
    miss = np.full_like(target, np.nan)
    for k in np.unique(fold):
        out = fold == k
        fit = polynomial(xy[~out], target[~out], weight[~out], degree)
        miss[out] = target[out] - terms[out] @ fit.T
    return miss


def knots_over(xy: Points, spacing: float):
    """Even knots, (start, step, count) along x and y, that cover points about `spacing` apart."""
    low, extent = xy.min(axis=0), np.ptp(xy, axis=0)
    step = float(max(extent.max() / INTERVALS, 1.5 * spacing))
    counts = np.maximum(np.ceil(extent / step - 1e-9), 1).astype(int) + 3
    x, y = (
        (round(float(a), 6) - 1e-6, round(step + 1e-6, 6), int(n))
        for a, n in zip(low, counts, strict=True)
    )
    return x, y


def thin_plate(xy: Points, target: Points, weight: Weights, knots, smoothness: float):
    """Coefficients (2, term) of least weighted squares plus smoothness times bending energy."""
    normal, right = _normal(spline_terms(xy, knots), target, weight)
    return np.linalg.solve(normal + smoothness * _penalty(normal, knots), right).T


def thin_plate_left_out(
    xy: Points, target: Points, weight: Weights, knots, fold: Fold
) -> tuple[Points, float]:
    """What each point misses by when its fold took no part, at the smoothness that is best."""
    terms = spline_terms(xy, knots)
    parts = [fold == k for k in np.unique(fold)]
    sums = [_normal(terms[out], target[out], weight[out]) for out in parts]
    normal, right = (sum(each) for each in zip(*sums, strict=True))
    penalty = _penalty(normal, knots)
    misses = []
    for smoothness in SMOOTHNESS:
        miss = np.empty_like(target)
        for out, (own, own_right) in zip(parts, sums, strict=True):
            fit = np.linalg.solve(normal - own + smoothness * penalty, right - own_right)
            miss[out] = target[out] - terms[out] @ fit
        misses.append(miss)
    best = int(np.argmin([weight @ (miss**2).sum(axis=1) for miss in misses]))
    return misses[best], float(SMOOTHNESS[best])


def spline_terms(xy: Points, knots) -> Float[np.ndarray, "point term"]:
    """Products of B-splines at points, those along y fastest."""
    rows = []
    for axis, (start, step, count) in enumerate(knots):
        where, values, _ = spline_weights((xy[:, axis] - start) / step, count)
        row = np.zeros((len(xy), count))
        np.put_along_axis(row, where, values, axis=1)
        rows.append(row)
    return np.einsum("pi,pj->pij", *rows).reshape(len(xy), -1)


def _penalty(normal, knots) -> Float[np.ndarray, "term term"]:
    """Bending energy (the thin plate's, over the knots' area) in the scale of the normal matrix."""
    (v_x, s_x, c_x), (v_y, s_y, c_y) = (bending(count) for _, _, count in knots)
    energy = np.kron(c_x, v_y) + 2 * np.kron(s_x, s_y) + np.kron(v_x, c_y)
    return energy * np.trace(normal) / np.trace(energy)


def _normal(terms, target, weight):
    """Normal matrix and right side of weighted least squares."""
    weighted = (terms * weight[:, None]).T
    return weighted @ terms, weighted @ target


def root_mean_square(miss: Iterable) -> float:
    """Over points, of the distance."""
    return float(np.sqrt((np.asarray(miss) ** 2).sum(axis=-1).mean()))
