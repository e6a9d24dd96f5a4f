"""From the grid of slopes to the detector, second loop of the shear-warp renderer (numba, float32).

A pixel's ray has slopes p, q (see `shearwarp`): one homography for all pixels. The grid is read
there by Catmull-Rom interpolation, whose derivatives give the image's own.
"""

from typing import no_type_check

import numpy as np

from .shearwarp import compiled

ONE, TWO, THREE, FIVE, HALF = (np.float32(x) for x in (1, 2, 3, 5, 0.5))  # kept from float64


@compiled
@no_type_check
def _catmull_rom(t):
    """Weights of the four neighbours at fraction t (float32)."""
    return (
        t * (t * (ONE - HALF * t) - HALF),
        ONE + t * t * (THREE * HALF * t - FIVE * HALF),
        t * (t * (TWO - THREE * HALF * t) + HALF),
        t * t * (HALF * t - HALF),
    )


@compiled
@no_type_check
def _catmull_rom_slope(t):
    """Derivatives of the four weights."""
    return (
        t * (TWO - THREE * HALF * t) - HALF,
        t * (THREE * THREE * HALF * t - FIVE),
        t * (TWO + TWO - THREE * THREE * HALF * t) + HALF,
        t * (THREE * HALF * t - ONE),
    )


@compiled
@no_type_check
def _along(image, row, column, w):
    """Four neighbours in a row, weighted."""
    left, right = np.uintp(column), np.uintp(column + 2)
    pair = w[0] * image[row, left] + w[1] * image[row, left + np.uintp(1)]
    return pair + w[2] * image[row, right] + w[3] * image[row, right + np.uintp(1)]


@compiled
@no_type_check
def _around(image, row, column, across, along):
    """Sixteen neighbours, weighted."""
    top, bottom = np.uintp(row), np.uintp(row + 2)
    value = across[0] * _along(image, top, column, along)
    value += across[1] * _along(image, top + np.uintp(1), column, along)
    value += across[2] * _along(image, bottom, column, along)
    return value + across[3] * _along(image, bottom + np.uintp(1), column, along)


@compiled
@no_type_check
def _value(image, x, y):
    """Catmull-Rom value at column x, row y."""
    column, row = int(x), int(y)
    along, across = _catmull_rom(np.float32(x - column)), _catmull_rom(np.float32(y - row))
    return _around(image, row - 1, column - 1, across, along)


@compiled
@no_type_check
def _slopes(image, x, y):
    """Derivatives of `_value` by x and y."""
    column, row = int(x), int(y)
    tx, ty = np.float32(x - column), np.float32(y - row)
    by_x = _around(image, row - 1, column - 1, _catmull_rom(ty), _catmull_rom_slope(tx))
    by_y = _around(image, row - 1, column - 1, _catmull_rom_slope(ty), _catmull_rom(tx))
    return by_x, by_y


@compiled
@no_type_check
def to_detector(total, direction_from_pixel, grid, metric, window, part, parts, image):
    """Carry the sums on the grid of slopes to the detector, times each ray's mm per slice.

    Args:
        direction_from_pixel: (3, 3), voxel direction (a, b, c) of pixel (u, v, 1).
        metric: (3, 3), squared mm length of a voxel step (a, b, c).
        window: (left, top, right, bottom) pixels to write, of them rows part, part + parts, ...
        image: (height, width).
    """
    n_q, n_p = total.shape
    p0, dp, q0, dq = grid
    H = direction_from_pixel
    left, top, right, bottom = window
    for v in range(top + part, bottom, parts):
        for u in range(left, right):
            depth = H[2, 0] * u + H[2, 1] * v + H[2, 2]
            p = (H[0, 0] * u + H[0, 1] * v + H[0, 2]) / depth
            q = (H[1, 0] * u + H[1, 1] * v + H[1, 2]) / depth
            x, y = (p - p0) / dp, (q - q0) / dq
            if not (1 <= x < n_p - 2 and 1 <= y < n_q - 2):
                image[v, u] = 0
                continue
            image[v, u] = _value(total, x, y) * np.sqrt(_squared_length(metric, p, q))


@compiled
@no_type_check
def _squared_length(metric, p, q):
    return (
        p * (metric[0, 0] * p + 2 * metric[0, 1] * q + 2 * metric[0, 2])
        + q * (metric[1, 1] * q + 2 * metric[1, 2])
        + metric[2, 2]
    )


@compiled
@no_type_check
def to_detector_with_jacobian(
    sums, voxel_from_cam, cam_from_pixel, grid, metric, window, part, parts, image, jacobian
):
    """Carry the sums to the detector as `to_detector` does, with the image's derivatives.

    A turn about the source moves only the ray: d ray = ray x w. A shift v of the volume moves the
    source by -v against it, and d(sum mu_k)/d source_a = d/dp sum mu_k / (k - source_c); along the
    ray itself nothing changes, which gives the derivative by source_c.

    Args:
        sums: the grids that `accumulate` made, total and by depth.
        voxel_from_cam: (3, 3) directions, rows in the order (a, b, c).
        cam_from_pixel: (3, 3), the inverse of K.
        jacobian: (6, height, width), by the twist (v mm, w rad) of exp(twist) @ cam_from_ct.
    """
    p0, dp, q0, dq = grid
    P, C = voxel_from_cam, cam_from_pixel
    total, by_depth = sums
    n_q, n_p = total.shape
    left, top, right, bottom = window
    for v in range(top + part, bottom, parts):
        for u in range(left, right):
            rx = C[0, 0] * u + C[0, 1] * v + C[0, 2]
            ry = C[1, 0] * u + C[1, 1] * v + C[1, 2]
            rz = C[2, 0] * u + C[2, 1] * v + C[2, 2]
            depth = P[2, 0] * rx + P[2, 1] * ry + P[2, 2] * rz
            p = (P[0, 0] * rx + P[0, 1] * ry + P[0, 2] * rz) / depth
            q = (P[1, 0] * rx + P[1, 1] * ry + P[1, 2] * rz) / depth
            x, y = (p - p0) / dp, (q - q0) / dq
            if not (1 <= x < n_p - 2 and 1 <= y < n_q - 2):
                image[v, u] = 0
                jacobian[:, v, u] = 0
                continue
            value = _value(total, x, y)
            by_x, by_y = _slopes(total, x, y)
            shift_x, shift_y = _slopes(by_depth, x, y)
            length = np.sqrt(_squared_length(metric, p, q))
            length_by_p = (metric[0, 0] * p + metric[0, 1] * q + metric[0, 2]) / length
            length_by_q = (metric[1, 0] * p + metric[1, 1] * q + metric[1, 2]) / length
            image[v, u] = value * length

            ga, gb = length * shift_x / dp, length * shift_y / dq
            gc = -(p * ga + q * gb)
            for m in range(3):
                jacobian[m, v, u] = -(P[0, m] * ga + P[1, m] * gb + P[2, m] * gc)
            ga = (length * by_x / dp + length_by_p * value) / depth
            gb = (length * by_y / dq + length_by_q * value) / depth
            gc = -(p * ga + q * gb)
            gx = P[0, 0] * ga + P[1, 0] * gb + P[2, 0] * gc
            gy = P[0, 1] * ga + P[1, 1] * gb + P[2, 1] * gc
            gz = P[0, 2] * ga + P[1, 2] * gb + P[2, 2] * gc
            jacobian[3, v, u] = gy * rz - gz * ry
            jacobian[4, v, u] = gz * rx - gx * rz
            jacobian[5, v, u] = gx * ry - gy * rx
