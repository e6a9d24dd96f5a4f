"""How a plate's lattice lies in the undistorted image, apart from the distortion.

An undistorted picture of a flat lattice is a homography of it. Its affine part is a convention:
undistorted and raw pixels agree to first order at the image centre. Its perspective, from a tilt of
the plate, must not go into the distortion, and both have terms of second order. With z = x + i y
from the image centre these are a z^2 + b |z|^2 + c conj(z)^2. A tilt p gives a = -conj(p) / 2 and
b = -p / 2. A tube's pincushion and S shape, k |z|^2 z about an axis at z0, give a = -k conj(z0) and
b = -2 k z0; a magnetic field across the tube gives some b. Which of them it was is told by what is
likely: plates lie flat, tubes are centred, and a field is there or is not.
"""

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

from .distortion_terms import exponents, monomials

# Believed beforehand: deviations of tilt and axis (half lattice widths; a tilt of 10 deg seen from
# 3 image widths is 0.03), and the px at the lattice's edge from which on a field is not unlikely.
TILT_SD, AXIS_SD, FIELD_PX = 0.03, 0.06, 0.2
NOISE_PX = 0.05
GAIN, GAIN_PX = 0.2, 0.02  # an odd distortion may miss so much more than any, in quadrature
Points = Float[np.ndarray, "point 2"]
Weights = Float[np.ndarray, "point"]
Homography = Float[np.ndarray, "3 3"]


def mapped(homography: Homography, points: Points) -> Points:
    """The points under a homography."""
    seen = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return seen[:, :2] / seen[:, 2:]


def untilted(
    center_px: Float[np.ndarray, "2"], plate: Points, raw_px: Points, weight: Weights, degree: int
) -> Homography:
    """The homography from lattice points (pitches) to w: the plate untilted, within about -1 to 1.

    The distortion has terms up to `degree`; 1 is no distortion.
    """
    reach = max(float(np.ptp(plate, axis=0).max()) / 2, 1e-9)
    to_pixels = agreeing_at(center_px, plate / reach, raw_px, weight, min(degree, 3))
    middle = np.linalg.solve(to_pixels, [*center_px, 1])[:2] * reach
    unit, root = (plate - middle) / reach, np.sqrt(weight)[:, None]
    odd = np.array([sum(powers) % 2 == 1 or sum(powers) == 0 for powers in exponents(degree)])

    def missed(p):
        """px that a tilt p[:2] and odd terms about an axis p[2:] leave, and what is believed."""
        w = unit / (1 + unit @ p[:2])[:, None]
        miss = _left(root * monomials(w - p[2:], degree)[0][:, odd], root * raw_px)
        return np.concatenate([miss, NOISE_PX * p / [TILT_SD, TILT_SD, AXIS_SD, AXIS_SD]])

    fit = least_squares(missed, np.zeros(4), x_scale=[0.01, 0.01, 0.1, 0.1])
    p = fit.x
    if degree >= 3:
        other, doubt = _likely_tilt(center_px, unit, raw_px, weight, degree)
        miss, least = (
            float(np.sqrt((each**2).sum() / weight.sum()))
            for each in (fit.fun[:-4], _left(root * monomials(unit, degree)[0], root * raw_px))
        )
        odd_will_do = miss < np.hypot(least, max(GAIN * least, GAIN_PX))
        if not odd_will_do or doubt < (p[:2] @ p[:2]) / TILT_SD**2 + (p[2:] @ p[2:]) / AXIS_SD**2:
            p = other
    unit_from_plate = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, reach]])
    return np.array([[1, 0, 0], [0, 1, 0], [p[0], p[1], 1]]) @ unit_from_plate


def agreeing_at(
    center_px: Float[np.ndarray, "2"], w: Points, raw_px: Points, weight: Weights, degree: int
) -> Homography:
    """The affine map from w to undistorted pixels that agree to first order with raw at a centre.

    A polynomial from w to raw pixels is followed to where it meets the centre, and its slope there.
    """
    root = np.sqrt(weight)[:, None]
    terms = root * monomials(w, degree)[0]
    coefficients = np.linalg.lstsq(terms, root * raw_px, rcond=None)[0]
    at = w[np.argmin(((raw_px - center_px) ** 2).sum(axis=1))]
    for _ in range(20):
        value, slopes = monomials(at[None], degree)
        slope = np.einsum("tc,td->cd", coefficients, slopes[0])
        at = at + np.linalg.solve(slope, center_px - value[0] @ coefficients)
    affine = np.eye(3)
    affine[:2, :2], affine[:2, 2] = slope, center_px - slope @ at
    return affine


def _likely_tilt(
    center_px, unit: Points, raw_px: Points, weight: Weights, degree: int
) -> tuple[Float[np.ndarray, "2"], float]:
    """The likeliest tilt where a field may act on the tube, and how unlikely all of it is."""
    affine = agreeing_at(center_px, unit, raw_px, weight, degree)
    scale = float(np.sqrt(np.linalg.det(affine[:2, :2])))
    u, seen = ((px - center_px) / scale for px in (mapped(affine, unit), raw_px))
    root = np.sqrt(weight)[:, None]
    fit = np.linalg.lstsq(root * monomials(u, degree)[0], root * seen, rcond=None)[0] @ [1, 1j]
    xx, xy, yy, xxx, xxy, xyy, yyy = fit[3:10]
    a, b = (xx - yy) / 4 - 1j * xy / 4, (xx + yy) / 2
    k = (3 * xxx + xyy - 1j * (xxy + 3 * yyy)) / 8
    axis = np.linspace(-5 * AXIS_SD, 5 * AXIS_SD, 201)
    z0 = axis[:, None] + 1j * axis
    tilt = -2 * np.conj(a + k * np.conj(z0))
    field_px = scale * np.abs(b + tilt / 2 + 2 * k * z0)
    doubt = np.abs(tilt / TILT_SD) ** 2 + np.abs(z0 / AXIS_SD) ** 2
    doubt = doubt + 2 * np.log1p((field_px / FIELD_PX) ** 2)
    best = np.unravel_index(np.argmin(doubt), doubt.shape)
    p = np.array([tilt[best].real, tilt[best].imag])
    return affine[:2, :2].T @ p / scale, float(doubt[best])


def _left(terms, target) -> Float[np.ndarray, "residual"]:
    """What the terms leave of the target."""
    q, _ = np.linalg.qr(terms)
    return (target - q @ (q.T @ target)).ravel()
