"""Steps of a pose over landmarks in all views, compiled: deviations, robust and plain steps.

P (view, 3, 4) is K [R | t] of each camera; `weight` (view, landmark) is 1 / sd_px^2, or 0 where
unseen. A step is a left twist (v mm, w rad) about the landmarks' centroid, see `twist.py`.
"""

import math
from typing import no_type_check

import numba
import numpy as np

compiled = numba.njit(cache=True, nogil=True)  # each with `no_type_check`: the type checker's
# wrapper cannot be compiled
NEAREST_DEPTH_MM = 1.0
"""Points nearer to the source than this (or behind it) project as if they lay here."""
TYPICAL_SHARE = 0.3
"""The scale of residuals is read off this quantile: up to two thirds may be outliers."""
TYPICAL_SQUARE = -2 * math.log(1 - TYPICAL_SHARE)
"""That quantile of the squared length of a plane Gaussian of unit deviation."""
SINGULAR = 1e-10
"""A smaller pivot of the scaled normal matrix is a direction that the landmarks leave open."""


@compiled
@no_type_check
def pixel(P, x, y, z):
    """The pixel of a world point in one view, and one over its depth."""
    inverse = 1 / max(P[2, 0] * x + P[2, 1] * y + P[2, 2] * z + P[2, 3], NEAREST_DEPTH_MM)
    u = (P[0, 0] * x + P[0, 1] * y + P[0, 2] * z + P[0, 3]) * inverse
    v = (P[1, 0] * x + P[1, 1] * y + P[1, 2] * z + P[1, 3]) * inverse
    return u, v, inverse


@compiled
@no_type_check
def placed(R, t, points_ct, n):
    """A landmark in the world."""
    a, b, c = points_ct[n, 0], points_ct[n, 1], points_ct[n, 2]
    x = R[0, 0] * a + R[0, 1] * b + R[0, 2] * c + t[0]
    y = R[1, 0] * a + R[1, 1] * b + R[1, 2] * c + t[1]
    z = R[2, 0] * a + R[2, 1] * b + R[2, 2] * c + t[2]
    return x, y, z


@compiled
@no_type_check
def squared_deviations(P, points_ct, uv_px, weight, R, t):
    """Squared distances in the image over the predicted variances, (view, landmark)."""
    squared = np.zeros(weight.shape)
    for n in range(len(points_ct)):
        x, y, z = placed(R, t, points_ct, n)
        for view in range(len(P)):
            if weight[view, n] > 0:
                u, v, _ = pixel(P[view], x, y, z)
                off_u, off_v = u - uv_px[view, n, 0], v - uv_px[view, n, 1]
                squared[view, n] = (off_u * off_u + off_v * off_v) * weight[view, n]
    return squared


@compiled
@no_type_check
def tails(P, points_ct, uv_px, weight, R, t, scale):
    """Of many poses (m, 3, 3), (m, 3): the sum of log(1 + squared deviation / scale^2)."""
    found = np.zeros(len(R))
    for m in range(len(R)):
        product, factors = 1.0, 0
        for n in range(len(points_ct)):
            x, y, z = placed(R[m], t[m], points_ct, n)
            for view in range(len(P)):
                if weight[view, n] > 0:
                    u, v, _ = pixel(P[view], x, y, z)
                    off_u, off_v = u - uv_px[view, n, 0], v - uv_px[view, n, 1]
                    square = (off_u * off_u + off_v * off_v) * weight[view, n]
                    product *= 1 + min(square / scale**2, 1e30)
                    factors += 1
                    if factors % 8 == 0:  # one logarithm for eight factors
                        found[m] += math.log(product)
                        product = 1.0
        found[m] += math.log(product)
    return found


@compiled
@no_type_check
def robust_cost(P, points_ct, uv_px, weight, R, t, gate_sd):
    """Geman-McClure's loss and log sd_px^2, the mean over landmarks in views; and the share of
    them within the gate."""
    squared = squared_deviations(P, points_ct, uv_px, weight, R, t)
    square = gate_sd * gate_sd
    cost, seen = 0.0, 0
    for view in range(weight.shape[0]):
        for n in range(weight.shape[1]):
            if weight[view, n] > 0:
                seen += 1
                loss = square * squared[view, n] / (square + squared[view, n]) / 2
                cost += loss - math.log(weight[view, n])
    if seen == 0:
        return math.inf, 0.0
    return cost / seen, _below(squared, weight, square) / seen


@compiled
@no_type_check
def typical(squared, weight):
    """The deviation of the residuals in predicted ones, 1 at least; outliers hardly raise it."""
    seen = 0
    for view in range(weight.shape[0]):
        for n in range(weight.shape[1]):
            seen += weight[view, n] > 0
    if seen == 0:
        return 1.0
    place, low, high = TYPICAL_SHARE * seen, TYPICAL_SQUARE, TYPICAL_SQUARE
    if _below(squared, weight, low) > place:
        return 1.0
    while _below(squared, weight, high) <= place and high < 1e30:
        low, high = high, 4 * high
    for _ in range(20):  # the quantile, by bisection
        middle = math.sqrt(low * high)
        if _below(squared, weight, middle) > place:
            high = middle
        else:
            low = middle
    return math.sqrt(high / TYPICAL_SQUARE)


@compiled
@no_type_check
def _below(squared, weight, limit):
    count = 0
    for view in range(weight.shape[0]):
        for n in range(weight.shape[1]):
            count += weight[view, n] > 0 and squared[view, n] <= limit
    return count


@compiled
@no_type_check
def normal_equations(P, points_ct, uv_px, weight, R, t, centre):
    """Normal matrix and right side of a twist about `centre` (world)."""
    normal, right = np.zeros((6, 6)), np.zeros(6)
    row = np.empty((2, 6))
    for n in range(len(points_ct)):
        x, y, z = placed(R, t, points_ct, n)
        arm_x, arm_y, arm_z = x - centre[0], y - centre[1], z - centre[2]
        for view in range(len(P)):
            w = weight[view, n]
            if not w > 0:
                continue
            Q = P[view]
            u, v, inverse = pixel(Q, x, y, z)
            off_u, off_v = uv_px[view, n, 0] - u, uv_px[view, n, 1] - v
            for axis in range(3):
                row[0, axis] = (Q[0, axis] - u * Q[2, axis]) * inverse
                row[1, axis] = (Q[1, axis] - v * Q[2, axis]) * inverse
            for k in range(2):  # by w: d (w x arm) = w . (arm x row)
                row[k, 3] = arm_y * row[k, 2] - arm_z * row[k, 1]
                row[k, 4] = arm_z * row[k, 0] - arm_x * row[k, 2]
                row[k, 5] = arm_x * row[k, 1] - arm_y * row[k, 0]
            for i in range(6):
                first, second = w * row[0, i], w * row[1, i]
                right[i] += first * off_u + second * off_v
                for j in range(i, 6):
                    normal[i, j] += first * row[0, j] + second * row[1, j]
    for i in range(6):
        for j in range(i):
            normal[i, j] = normal[j, i]
    return normal, right


@compiled
@no_type_check
def solved(normal, right):
    """The twist of the normal equations by Cholesky, and whether all its directions are fixed."""
    twist, size, L = np.zeros(6), np.zeros(6), np.zeros((6, 6))
    for i in range(6):
        if not normal[i, i] > 0:
            return twist, False
        size[i] = math.sqrt(normal[i, i])
    for i in range(6):
        for j in range(i + 1):
            value = normal[i, j] / (size[i] * size[j])
            for k in range(j):
                value -= L[i, k] * L[j, k]
            if i > j:
                L[i, j] = value / L[j, j]
            elif value > SINGULAR:
                L[i, i] = math.sqrt(value)
            else:
                return twist, False
    for i in range(6):
        value = right[i] / size[i]
        for k in range(i):
            value -= L[i, k] * twist[k]
        twist[i] = value / L[i, i]
    for i in range(5, -1, -1):
        value = twist[i]
        for k in range(i + 1, 6):
            value -= L[k, i] * twist[k]
        twist[i] = value / L[i, i]
    for i in range(6):
        twist[i] /= size[i]
    return twist, True


@compiled
@no_type_check
def turned(R, w):
    """exp(w) R, by Rodrigues' formula."""
    angle = math.sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    sine = math.sin(angle) / angle if angle > 1e-8 else 1.0
    half = math.sin(angle / 2) / (angle / 2) if angle > 1e-8 else 1.0
    found = np.empty((3, 3))
    for k in range(3):
        x, y, z = R[0, k], R[1, k], R[2, k]
        cross_x, cross_y, cross_z = w[1] * z - w[2] * y, w[2] * x - w[0] * z, w[0] * y - w[1] * x
        c = half * half / 2
        found[0, k] = x + sine * cross_x + c * (w[1] * cross_z - w[2] * cross_y)
        found[1, k] = y + sine * cross_y + c * (w[2] * cross_x - w[0] * cross_z)
        found[2, k] = z + sine * cross_z + c * (w[0] * cross_y - w[1] * cross_x)
    return found


@compiled
@no_type_check
def stepped(P, points_ct, uv_px, weight, R, t, centroid_ct):
    """R and t after one Gauss-Newton step, its largest component (mm or rad), and whether it was
    determined."""
    centre, ends = np.empty(3), np.zeros(3)
    for i in range(3):
        centre[i] = t[i]
        for j in range(3):
            centre[i] += R[i, j] * centroid_ct[j]
    normal, right = normal_equations(P, points_ct, uv_px, weight, R, t, centre)
    twist, known = solved(normal, right)
    if not known:
        return R, t, math.inf, False
    R_new, longest = turned(R, twist[3:]), 0.0
    for i in range(3):
        ends[i] = centre[i] + twist[i]
        for j in range(3):
            ends[i] -= R_new[i, j] * centroid_ct[j]
        longest = max(longest, abs(twist[i]), abs(twist[i + 3]))
    return R_new, ends, longest, True


@compiled
@no_type_check
def graduated(P, points_ct, uv_px, weight, R, t, centroid_ct, gate_sd, widen, most_steps):
    """Gauss-Newton under Geman-McClure weights, whose gate closes from `widen` x `gate_sd` to it.

    Black and Rangarajan 1996, doi 10.1007/BF00131148. The last result is false where too few
    landmarks agree to fix the pose.
    """
    gate, robust = math.inf, np.zeros(weight.shape)
    for _ in range(most_steps):
        squared = squared_deviations(P, points_ct, uv_px, weight, R, t)
        floor = gate_sd * typical(squared, weight)
        gate = max(min(gate / 2, widen * floor), floor)
        for view in range(weight.shape[0]):
            for n in range(weight.shape[1]):
                share = gate * gate / (gate * gate + squared[view, n])
                robust[view, n] = weight[view, n] * share * share
        R, t, step, known = stepped(P, points_ct, uv_px, robust, R, t, centroid_ct)
        if not known:
            return R, t, False
        if step < 0.02 and gate <= floor:
            break
    return R, t, True


@compiled
@no_type_check
def least_squares(P, points_ct, uv_px, weight, R, t, centroid_ct, most_steps):
    """Gauss-Newton to the end under fixed weights; false where they do not fix the pose."""
    for _ in range(most_steps):
        R, t, step, known = stepped(P, points_ct, uv_px, weight, R, t, centroid_ct)
        if not known:
            return R, t, False
        if step < 1e-9:
            break
    return R, t, True
