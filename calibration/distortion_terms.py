"""The terms that distortion maps are sums of: monomials, and cubic B-splines on even knots."""

import numpy as np
from jaxtyping import Float, Int


def exponents(degree: int) -> Int[np.ndarray, "term 2"]:
    """Powers of x and y of every monomial up to a total degree, by degree, then by power of y."""
    return np.array([(n - j, j) for n in range(degree + 1) for j in range(n + 1)])


def monomials(
    xy: Float[np.ndarray, "n 2"], degree: int
) -> tuple[Float[np.ndarray, "n term"], Float[np.ndarray, "n term 2"]]:
    """The monomials of `exponents` at points, and their slopes along x and y."""
    powers = xy[:, :, None] ** np.arange(degree + 1)
    i, j = exponents(degree).T
    x, y = powers[:, 0][:, i], powers[:, 1][:, j]
    x_slope = i * powers[:, 0][:, np.maximum(i - 1, 0)]
    y_slope = j * powers[:, 1][:, np.maximum(j - 1, 0)]
    return x * y, np.stack([x_slope * y, x * y_slope], axis=-1)


def spline_weights(
    t: Float[np.ndarray, "n"], count: int
) -> tuple[Int[np.ndarray, "n 4"], Float[np.ndarray, "n 4"], Float[np.ndarray, "n 4"]]:
    """Which 4 of `count` uniform cubic B-splines reach t, their values there, and their slopes.

    Spline k peaks at t = k - 1; the splines sum to 1 for t in 0 to count - 3.
    """
    first = np.clip(np.floor(t).astype(int), 0, count - 4)
    f = t - first
    g = 1 - f
    values = np.stack([g**3, 4 - 6 * f**2 + 3 * f**3, 4 - 6 * g**2 + 3 * g**3, f**3], axis=-1) / 6
    slopes = np.stack([-(g**2), 3 * f**2 - 4 * f, 4 * g - 3 * g**2, f**2], axis=-1) / 2
    return first[:, None] + np.arange(4), values, slopes


def bending(count: int) -> tuple[Float[np.ndarray, "count count"], ...]:
    """Integrals of B_i B_j, B_i' B_j' and B_i'' B_j'' over t in 0 to count - 3."""
    nodes, weights = np.polynomial.legendre.leggauss(4)  # exact to degree 7, the products have 6
    t = (np.arange(count - 3)[:, None] + (nodes + 1) / 2).ravel()
    w = np.tile(weights / 2, count - 3)
    where, values, slopes = spline_weights(t, count)
    f = t - where[:, 0]
    curvatures = np.stack([1 - f, 3 * f - 2, 1 - 3 * f, f], axis=-1)
    grams = []
    for piece in (values, slopes, curvatures):
        rows = np.zeros((len(t), count))
        np.put_along_axis(rows, where, piece, axis=1)
        grams.append(rows.T @ (w[:, None] * rows))
    return tuple(grams)
