"""The two compiled loops of the shear-warp renderer (numba, float32, no Python lock held).

Voxel coordinates (a, b, c): c counts slices along the principal axis, b rows, a columns in a row.
A ray leaves the source and is named by its slopes p = da/dc, q = db/dc. It meets slice k at
a = source_a + (k - source_c) p, b = source_b + (k - source_c) q: a scaling and a shift per axis,
the same for all rays, so that every slice is resampled row by row onto one grid of slopes.
"""

from typing import no_type_check

import numba
import numpy as np

from .lanes import LANES, add_between, add_between_twice

ONE, TWO, THREE, FIVE, HALF = (np.float32(x) for x in (1, 2, 3, 5, 0.5))  # kept from float64
_compiled = numba.njit(nogil=True, fastmath=True, cache=True)  # each with `no_type_check`: the
# type checker's wrapper cannot be compiled
PAD = 2  # zeros kept before and after a row's content, so that interpolation needs no branch


@_compiled
@no_type_check
def content_bounds(mu):
    """First and one-past-last nonzero column of each row (c, b), and row of each slice (c)."""
    n_c, n_b, n_a = mu.shape
    columns = np.zeros((n_c, n_b, 2), np.int32)
    rows = np.zeros((n_c, 2), np.int32)
    for k in range(n_c):
        first, last = n_b, 0
        for j in range(n_b):
            row = mu[k, j]
            low, high = 0, n_a
            while low < n_a and row[low] == 0:
                low += 1
            while high > low and row[high - 1] == 0:
                high -= 1
            columns[k, j, 0], columns[k, j, 1] = low, high if high > low else 0
            if high > low:
                first, last = min(first, j), j + 1
        rows[k, 0], rows[k, 1] = min(first, last), last
    return columns, rows


@_compiled
@no_type_check
def accumulate(mu, columns, rows, slices, source, grid, part, parts, total, by_depth):
    """Add the slices' attenuation to the grid of slopes: total = sum mu_k.

    Args:
        slices: first and one-past-last slice to add.
        source: voxel coordinates (a, b, c).
        grid: (p0, dp, q0, dq); dp and dq have the sign of (k - source_c).
        part: every `parts`-th band of eight grid rows, from this one, is done by this call.
        by_depth: becomes sum mu_k / (k - source_c); left alone when it is empty.
    """
    n_q, n_p = total.shape
    p0, dp, q0, dq = grid
    blended = np.zeros((mu.shape[2] + 2 * PAD, LANES), np.float32)
    sums = np.zeros((n_p, LANES), np.float32)
    weighted = np.zeros((n_p if by_depth.size else 0, LANES), np.float32)
    for top in range(part * LANES, n_q, parts * LANES):
        sums[:] = 0
        weighted[:] = 0
        for k in range(slices[0], slices[1]):
            z = k - source[2]
            a0, da = source[0] + z * p0, z * dp
            b0, db = source[1] + z * (q0 + top * dq), z * dq
            low, high = _filled_columns(columns[k], rows[k], b0, b0 + (LANES - 1) * db)
            low = max(low, int(np.floor(a0)))
            high = min(high, int(np.floor(a0 + (n_p - 1) * da)) + 2)
            if high <= low:
                continue
            for lane in range(LANES):
                _blend_rows(mu[k], b0 + lane * db, low, high, blended, lane)
            first = max(0, int(np.ceil((low - 1 - a0) / da)))
            last = min(n_p - 1, int(np.floor((high - a0) / da)))
            start, step = np.float32(a0 + PAD), np.float32(da)
            nearness = np.float32(1 / z)
            for i in range(first, last + 1):
                a = start + np.float32(i) * step
                column = np.int32(a)
                weight = a - np.float32(column)
                if by_depth.size:
                    add_between_twice(sums, weighted, i, blended, column, weight, nearness)
                else:
                    add_between(sums, i, blended, column, weight)
        for lane in range(min(LANES, n_q - top)):
            for i in range(n_p):
                total[top + lane, i] = sums[i, lane]
            for i in range(len(weighted)):
                by_depth[top + lane, i] = weighted[i, lane]


@_compiled
@no_type_check
def _filled_columns(columns, rows, b_first, b_last):
    """First and one-past-last nonzero column of the rows around b_first..b_last of a slice."""
    low, high = 2**30, 0
    for j in range(max(int(np.floor(b_first)), rows[0]), min(int(np.floor(b_last)) + 2, rows[1])):
        if columns[j, 1] > 0:
            low, high = min(low, columns[j, 0]), max(high, columns[j, 1])
    return low, high


@_compiled
@no_type_check
def _blend_rows(slice_mu, b, low, high, blended, lane):
    """Write row b, between two rows of a slice, to a lane; zeros where the slice has no row."""
    n_b = slice_mu.shape[0]
    j = int(np.floor(b))
    weight = np.float32(b - j)
    upper_weight = np.float32(1) - weight if 0 <= j < n_b else np.float32(0)
    lower_weight = weight if 0 <= j + 1 < n_b else np.float32(0)
    # Views that start at zero: with an offset in the index, numba does not vectorise the loop.
    upper = slice_mu[min(max(j, 0), n_b - 1), low:high]
    lower = slice_mu[min(max(j + 1, 0), n_b - 1), low:high]
    target = blended[low : high + 2 * PAD, lane]
    target[:PAD] = 0
    middle = target[PAD:]
    for i in range(high - low):
        middle[i] = upper_weight * upper[i] + lower_weight * lower[i]
    target[high - low + PAD :] = 0


@_compiled
@no_type_check
def _catmull_rom(t):
    """Weights of the four neighbours at fraction t (float32)."""
    return (
        t * (t * (ONE - HALF * t) - HALF),
        ONE + t * t * (THREE * HALF * t - FIVE * HALF),
        t * (t * (TWO - THREE * HALF * t) + HALF),
        t * t * (HALF * t - HALF),
    )


@_compiled
@no_type_check
def _catmull_rom_slope(t):
    """Derivatives of the four weights."""
    return (
        t * (TWO - THREE * HALF * t) - HALF,
        t * (THREE * THREE * HALF * t - FIVE),
        t * (TWO + TWO - THREE * THREE * HALF * t) + HALF,
        t * (THREE * HALF * t - ONE),
    )


@_compiled
@no_type_check
def _along(image, row, column, w):
    """Four neighbours in a row, weighted."""
    left, right = np.uintp(column), np.uintp(column + 2)
    pair = w[0] * image[row, left] + w[1] * image[row, left + np.uintp(1)]
    return pair + w[2] * image[row, right] + w[3] * image[row, right + np.uintp(1)]


@_compiled
@no_type_check
def _around(image, row, column, across, along):
    """Sixteen neighbours, weighted."""
    top, bottom = np.uintp(row), np.uintp(row + 2)
    value = across[0] * _along(image, top, column, along)
    value += across[1] * _along(image, top + np.uintp(1), column, along)
    value += across[2] * _along(image, bottom, column, along)
    return value + across[3] * _along(image, bottom + np.uintp(1), column, along)


@_compiled
@no_type_check
def _value(image, x, y):
    """Catmull-Rom value at column x, row y."""
    column, row = int(x), int(y)
    along, across = _catmull_rom(np.float32(x - column)), _catmull_rom(np.float32(y - row))
    return _around(image, row - 1, column - 1, across, along)


@_compiled
@no_type_check
def _slopes(image, x, y):
    """Derivatives of `_value` by x and y."""
    column, row = int(x), int(y)
    tx, ty = np.float32(x - column), np.float32(y - row)
    by_x = _around(image, row - 1, column - 1, _catmull_rom(ty), _catmull_rom_slope(tx))
    by_y = _around(image, row - 1, column - 1, _catmull_rom_slope(ty), _catmull_rom(tx))
    return by_x, by_y


@_compiled
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


@_compiled
@no_type_check
def _squared_length(metric, p, q):
    return (
        p * (metric[0, 0] * p + 2 * metric[0, 1] * q + 2 * metric[0, 2])
        + q * (metric[1, 1] * q + 2 * metric[1, 2])
        + metric[2, 2]
    )


@_compiled
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
