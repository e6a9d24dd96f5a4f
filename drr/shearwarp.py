"""The sum over the slices, first loop of the shear-warp renderer (numba, no Python lock held).

Voxel coordinates (a, b, c): c counts slices along the principal axis, b rows, a columns in a row.
A ray leaves the source and is named by its slopes p = da/dc, q = db/dc. It meets slice k at
a = source_a + (k - source_c) p, b = source_b + (k - source_c) q: a scaling and a shift per axis,
the same for all rays, so that every slice is resampled row by row onto one grid of slopes.
"""

from typing import no_type_check

import numba
import numpy as np

from .lanes import LANES, add_between, add_between_twice, blend_rows, fetch_ahead

compiled = numba.njit(nogil=True, fastmath=True, cache=True)  # each with `no_type_check`: the
# type checker's wrapper cannot be compiled. Kept on disk: compiling takes 10 s of every process.
# numba does not see changes in `lanes`: whoever makes some deletes drr/__pycache__.
CACHE_LINE = 32  # of uint16
PAD = 2  # zeros kept before and after a row's content, so that interpolation needs no branch


@compiled
@no_type_check
def content_bounds(steps):
    """First and one-past-last nonzero column of each row (c, b), and row of each slice (c)."""
    n_c, n_b, n_a = steps.shape
    columns = np.zeros((n_c, n_b, 2), np.int32)
    rows = np.zeros((n_c, 2), np.int32)
    for k in range(n_c):
        first, last = n_b, 0
        for j in range(n_b):
            row = steps[k, j]
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


@compiled
@no_type_check
def accumulate(
    steps, mu_per_step, columns, rows, slices, source, grid, part, parts, total, by_depth
):
    """Add the slices' attenuation to the grid of slopes: total = sum mu_k.

    Args:
        steps: (c, b, a + LANES) uint16, attenuation in units of mu_per_step, zeros at the end.
        slices: first and one-past-last slice to add.
        source: voxel coordinates (a, b, c).
        grid: (p0, dp, q0, dq); dp and dq have the sign of (k - source_c).
        part: every `parts`-th band of eight grid rows, from this one, is done by this call.
        by_depth: becomes sum mu_k / (k - source_c); left alone when it is empty.
    """
    n_q, n_p = total.shape
    p0, dp, q0, dq = grid
    blended = np.zeros((steps.shape[2] + LANES + 2 * PAD, LANES), np.float32)
    sums = np.zeros((n_p, LANES), np.float32)
    weighted = np.zeros((n_p if by_depth.size else 0, LANES), np.float32)
    row_pairs, row_weights = np.zeros(2 * LANES, np.intp), np.zeros(2 * LANES, np.float32)
    where, weights = np.zeros(n_p, np.int32), np.zeros(n_p, np.float32)
    scale = np.float32(mu_per_step)
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
                _row_pair(steps.shape[1], b0 + lane * db, lane, row_pairs, row_weights)
            if k + 1 < slices[1]:
                _fetch_rows(steps[k + 1], row_pairs, low, high)
            blended[low : low + PAD] = 0
            blend_rows(blended, low + PAD, steps[k], row_pairs, row_weights, low, high)
            end = low + (high - low + LANES - 1) // LANES * LANES
            blended[end + PAD : end + 2 * PAD] = 0
            first = max(0, int(np.ceil((low - 1 - a0) / da)))
            last = min(n_p - 1, int(np.floor((high - a0) / da)))
            _columns_between(np.float32(a0 + PAD), np.float32(da), first, last, where, weights)
            if by_depth.size:
                nearness = np.float32(1 / z)
                add_between_twice(
                    sums, blended, where, weights, first, last + 1, weighted, nearness
                )
            else:
                add_between(sums, blended, where, weights, first, last + 1)
        for lane in range(min(LANES, n_q - top)):
            for i in range(n_p):
                total[top + lane, i] = sums[i, lane] * scale
            for i in range(len(weighted)):
                by_depth[top + lane, i] = weighted[i, lane] * scale


@compiled
@no_type_check
def _columns_between(start, step, first, last, where, weights):
    """The column left of each grid sample, and the share of the one right of it."""
    for i in range(np.int32(first), np.int32(last + 1)):
        a = start + np.float32(np.int32(i)) * step
        column = np.int32(a)
        where[i] = column
        weights[i] = a - np.float32(column)


@compiled
@no_type_check
def _fetch_rows(slice_steps, row_pairs, low, high):
    """Ask for the rows of the next slice, which are much the same, while this one is summed."""
    for j in range(row_pairs.min(), row_pairs.max() + 1):
        for i in range(low, high, CACHE_LINE):
            fetch_ahead(slice_steps, j, i)


@compiled
@no_type_check
def _row_pair(n_b, b, lane, rows, weights):
    """The rows above and below row b of a slice, and their shares: none where there is no row."""
    j = int(np.floor(b))
    weight = np.float32(b - j)
    weights[lane] = np.float32(1) - weight if 0 <= j < n_b else np.float32(0)
    weights[LANES + lane] = weight if 0 <= j + 1 < n_b else np.float32(0)
    rows[lane], rows[LANES + lane] = min(max(j, 0), n_b - 1), min(max(j + 1, 0), n_b - 1)


@compiled
@no_type_check
def _filled_columns(columns, rows, b_first, b_last):
    """First and one-past-last nonzero column of the rows around b_first..b_last of a slice."""
    low, high = 2**30, 0
    for j in range(max(int(np.floor(b_first)), rows[0]), min(int(np.floor(b_last)) + 2, rows[1])):
        if columns[j, 1] > 0:
            low, high = min(low, columns[j, 0]), max(high, columns[j, 1])
    return low, high
