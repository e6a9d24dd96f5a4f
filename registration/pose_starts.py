"""Poses without iteration: the rigid fit of triangulated points, and one view's PnP."""

import math
from functools import lru_cache
from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Float

from .reprojection import Reprojection
from .robust_steps import compiled, squared_deviations, tails

EYE, ORIGIN = np.eye(3), np.zeros(3)
TRIPLETS = 96
"""Random triplets of triangulated landmarks that compete for the start."""


def starts(
    problem: Reprojection, gate_sd: float | int
) -> tuple[Float[np.ndarray, "m 3 3"], Float[np.ndarray, "m 3"], Float[np.ndarray, "m"]]:
    """World poses of random triplets of landmarks whose rays meet, and of all landmarks together.

    The last result says how badly each fits all readings: its sum of log(1 + (d / 2 gate)^2).
    None with fewer than three triangulated landmarks. The draw is always the same.
    """
    world, miss = _crossings(problem)
    crossing = np.isfinite(miss)
    if np.count_nonzero(crossing) < 3:
        return np.zeros((0, 3, 3)), np.zeros((0, 3)), np.zeros(0)
    points_ct = problem.points_ct
    meets = np.where(crossing, 1 / (1 + miss / gate_sd**2) ** 2, -1.0)
    R, t = triangle_fits(points_ct, world, _draws(len(world)), meets)
    sd = problem.sd_px[:, crossing]
    weights = meets[crossing] / np.where(np.isfinite(sd), sd, 0).max(0) ** 2
    R_all, t_all = fit_rigid(points_ct[crossing], world[crossing], weights)
    R, t = np.concatenate([R, R_all[None]]), np.concatenate([t, t_all[None]])
    return R, t, tails(*problem.readings(), R, t, 2 * gate_sd)


def least_cost(problem: Reprojection, gate_sd: float | int) -> float:
    """A bound that no pose's cost can be below: that of the rays missing each other.

    Geman-McClure's loss of a landmark's views is at least that of their squares' sum.
    """
    seen = problem.seen
    if not seen.any():
        return math.inf
    _, miss = _crossings(problem)
    miss = miss[np.isfinite(miss)]
    loss = (gate_sd**2 * miss / (gate_sd**2 + miss)).sum() / 2
    return float((loss - np.log(problem.weight[seen]).sum()) / np.count_nonzero(seen))


def _crossings(problem: Reprojection) -> tuple[np.ndarray, np.ndarray]:
    """Where each landmark's rays meet (n, 3) in world, and the sum of its squared deviations from
    there, over all views; NaN with fewer than two rays."""
    matrices, _, uv_px, weight = problem.readings()
    views = problem.views
    world = crossings(views.K, views.R, problem.sources, uv_px, weight)
    miss = squared_deviations(matrices, world, uv_px, weight, EYE, ORIGIN).sum(0)
    miss[np.isnan(world[:, 0])] = np.nan
    return world, miss


def fit_rigid(
    source: Float[np.ndarray, "*b n 3"],
    target: Float[np.ndarray, "*b n 3"],
    weights: Float[np.ndarray, "*b n"],
) -> tuple[Float[np.ndarray, "*b 3 3"], Float[np.ndarray, "*b 3"]]:
    """R, t with the least weighted sum of |R source + t - target|^2; never a mirror.

    Umeyama 1991, doi 10.1109/34.88573, eq. 40 with scale 1.
    """
    w = (weights / weights.sum(-1, keepdims=True))[..., None]
    source_mean, target_mean = (w * source).sum(-2), (w * target).sum(-2)
    U, _, Vt = np.linalg.svd((w * (target - target_mean[..., None, :])).mT @ source)
    U[..., :, 2] *= np.sign(np.linalg.det(U @ Vt))[..., None]
    R = U @ Vt
    return R, target_mean - (R @ source_mean[..., None])[..., 0]


@lru_cache(maxsize=16)
def _draws(landmarks: int) -> np.ndarray:
    """Keys (triplet, landmark) whose three smallest, each over its weight, are a triplet."""
    keys = np.random.default_rng(0).exponential(size=(TRIPLETS, landmarks))
    keys.flags.writeable = False
    return keys


@compiled
@no_type_check
def crossings(K, R, sources, uv_px, weight):
    """The world points (n, 3) nearest to the weighted rays, NaN with fewer than two of them."""
    views, landmarks = weight.shape
    found = np.full((landmarks, 3), np.nan)
    for n in range(landmarks):
        xx, xy, xz, yy, yz, zz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        right_x, right_y, right_z, rays = 0.0, 0.0, 0.0, 0
        for v in range(views):
            if not weight[v, n] > 0:
                continue
            rays += 1
            a = (uv_px[v, n, 0] - K[v, 0, 2]) / K[v, 0, 0]
            b = (uv_px[v, n, 1] - K[v, 1, 2]) / K[v, 1, 1]
            size = 1 / math.sqrt(a * a + b * b + 1)
            x = size * (R[v, 0, 0] * a + R[v, 1, 0] * b + R[v, 2, 0])
            y = size * (R[v, 0, 1] * a + R[v, 1, 1] * b + R[v, 2, 1])
            z = size * (R[v, 0, 2] * a + R[v, 1, 2] * b + R[v, 2, 2])
            along = x * sources[v, 0] + y * sources[v, 1] + z * sources[v, 2]
            w = weight[v, n] * K[v, 0, 0] ** 2
            xx, yy, zz = xx + w * (1 - x * x), yy + w * (1 - y * y), zz + w * (1 - z * z)
            xy, xz, yz = xy - w * x * y, xz - w * x * z, yz - w * y * z
            right_x += w * (sources[v, 0] - x * along)
            right_y += w * (sources[v, 1] - y * along)
            right_z += w * (sources[v, 2] - z * along)
        # Cramer's rule: the adjugate of a symmetric matrix
        a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        whole = xx * a + xy * b + xz * c
        if rays >= 2 and whole > 1e-15 * (xx + yy + zz) ** 3:
            d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
            found[n, 0] = (a * right_x + b * right_y + c * right_z) / whole
            found[n, 1] = (b * right_x + d * right_y + e * right_z) / whole
            found[n, 2] = (c * right_x + e * right_y + f * right_z) / whole
    return found


@compiled
@no_type_check
def triangle_fits(source, target, keys, meets):
    """R, t that carry each triangle of `source` to that of `target`; flat triangles are left out.

    A row of `keys` names a triangle by the three smallest, each over how well its rays meet.
    The best rotation of a triangle takes plane to plane and turns within it: Horn 1987,
    doi 10.1364/JOSAA.4.000629, section 5.
    """
    R, t, count = np.empty((len(keys), 3, 3)), np.empty((len(keys), 3)), 0
    before, after, smallest = np.empty((3, 3)), np.empty((3, 3)), np.empty(3)
    corners, middle = np.zeros(3, dtype=np.int64), np.zeros((2, 3))
    axes, axes_after, a, b = np.empty((3, 3)), np.empty((3, 3)), np.empty(3), np.empty(3)
    for row in range(len(keys)):
        smallest[:] = math.inf
        for n in range(len(meets)):
            key = keys[row, n] / (meets[n] + 1e-12) if meets[n] >= 0 else math.inf
            for k in range(2, -1, -1):  # insertion into the three smallest
                if not key < smallest[k]:
                    break
                if k < 2:
                    smallest[k + 1], corners[k + 1] = smallest[k], corners[k]
                smallest[k], corners[k] = key, n
        for i in range(3):
            for k in range(3):
                before[k, i], after[k, i] = source[corners[k], i], target[corners[k], i]
            middle[0, i] = (before[0, i] + before[1, i] + before[2, i]) / 3
            middle[1, i] = (after[0, i] + after[1, i] + after[2, i]) / 3
        if not (_axes_of(before, axes) and _axes_of(after, axes_after)):
            continue
        sine, cosine = 0.0, 0.0
        for k in range(3):
            for j in range(2):
                a[j], b[j] = 0.0, 0.0
                for i in range(3):
                    a[j] += (before[k, i] - middle[0, i]) * axes[i, j]
                    b[j] += (after[k, i] - middle[1, i]) * axes_after[i, j]
            cosine += a[0] * b[0] + a[1] * b[1]
            sine += a[0] * b[1] - a[1] * b[0]
        size = max(math.sqrt(sine * sine + cosine * cosine), 1e-30)
        s, c = sine / size, cosine / size
        for i in range(3):
            along, across = (
                c * axes_after[i, 0] + s * axes_after[i, 1],
                c * axes_after[i, 1] - s * axes_after[i, 0],
            )
            t[count, i] = middle[1, i]
            for j in range(3):
                R[count, i, j] = (
                    along * axes[j, 0] + across * axes[j, 1] + axes_after[i, 2] * axes[j, 2]
                )
                t[count, i] -= R[count, i, j] * middle[0, j]
        count += 1
    return R[:count], t[:count]


@compiled
@no_type_check
def _axes_of(corners, axes):
    """Write a triangle's axes (columns), the third its normal; false where it is flat."""
    x, y, z = (
        corners[1, 0] - corners[0, 0],
        corners[1, 1] - corners[0, 1],
        corners[1, 2] - corners[0, 2],
    )
    a, b, c = (
        corners[2, 0] - corners[0, 0],
        corners[2, 1] - corners[0, 1],
        corners[2, 2] - corners[0, 2],
    )
    p, q, r = y * c - z * b, z * a - x * c, x * b - y * a
    length, size = math.sqrt(x * x + y * y + z * z), math.sqrt(p * p + q * q + r * r)
    if not size > 1e-6 * (length * length + a * a + b * b + c * c):
        return False
    x, y, z, p, q, r = x / length, y / length, z / length, p / size, q / size, r / size
    axes[0, 0], axes[1, 0], axes[2, 0] = x, y, z
    axes[0, 1], axes[1, 1], axes[2, 1] = q * z - r * y, r * x - p * z, p * y - q * x
    axes[0, 2], axes[1, 2], axes[2, 2] = p, q, r
    return True


def one_view_poses(
    problem: Reprojection, gate_sd: float | int
) -> tuple[Float[np.ndarray, "m 3 3"], Float[np.ndarray, "m 3"]]:
    """World poses from each view alone that sees four landmarks: SQPNP, its consensus, and their
    mirrors in depth, which flat landmarks cannot tell from them.
    """
    R_found, t_found = [np.zeros((0, 3, 3))], [np.zeros((0, 3))]
    views = problem.views
    for K, R, t, uv, sd in zip(
        views.K, views.R, views.t, problem.uv_px, problem.sd_px, strict=True
    ):
        seen = np.flatnonzero(np.isfinite(sd))
        if len(seen) < 4:
            continue
        points = problem.points_ct[seen]
        poses = list(_pnp(points, uv[seen], K, gate_sd * np.median(sd[seen])))
        poses += [_other_way_round(R_cam, t_cam, points) for R_cam, t_cam in poses]
        for R_cam, t_cam in poses:
            R_found.append((R.T @ R_cam)[None])
            t_found.append((R.T @ (t_cam - t))[None])
    return np.concatenate(R_found), np.concatenate(t_found)


def _pnp(points: np.ndarray, pixels: np.ndarray, K: np.ndarray, gate_px: float):
    """cam_from_ct of all landmarks together, and of the largest set that agrees on one."""
    flags = cv2.SOLVEPNP_SQPNP
    done, rvec, tvec = cv2.solvePnP(points, pixels, K, None, flags=flags)
    if done:
        yield cv2.Rodrigues(rvec)[0], tvec[:, 0]
    if len(points) < 6:
        return
    cv2.setRNGSeed(0)
    done, rvec, tvec, inliers = cv2.solvePnPRansac(
        points, pixels, K, None, iterationsCount=200, reprojectionError=float(gate_px), flags=flags
    )
    if done and inliers is not None:
        yield cv2.Rodrigues(rvec)[0], tvec[:, 0]


def _other_way_round(R_cam, t_cam, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """cam_from_ct of the landmarks mirrored in depth, as far as they lie in one plane."""
    middle = points.mean(0)
    normal = np.linalg.svd(points - middle, full_matrices=False)[2][2]
    centre = R_cam @ middle + t_cam
    sight = centre / np.linalg.norm(centre)
    R = (np.eye(3) - 2 * np.outer(sight, sight)) @ R_cam
    R = R @ (np.eye(3) - 2 * np.outer(normal, normal))
    return R, centre - R @ middle
