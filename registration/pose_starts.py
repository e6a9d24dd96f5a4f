"""Poses without iteration: the rigid fit of triangulated points, and one view's PnP."""

import cv2
import numpy as np
from jaxtyping import Float

from .reprojection import Reprojection, Views

TRIPLETS = 96
"""Random triplets of triangulated landmarks that compete for the start."""


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


def triangulated(
    views: Views, uv_px: Float[np.ndarray, "view n 2"], sd_px: Float[np.ndarray, "view n"]
) -> Float[np.ndarray, "n 3"]:
    """The world points nearest to the weighted rays, NaN with fewer than two of them."""
    rays = np.concatenate([uv_px, np.ones((*sd_px.shape, 1))], axis=-1)
    rays = rays @ np.linalg.inv(views.K).mT @ views.R
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    across = np.eye(3) - rays[..., :, None] * rays[..., None, :]
    weights = (views.K[:, 0, 0, None] / sd_px) ** 2
    normal = np.einsum("vn,vnij->nij", weights, across)
    right = np.einsum("vn,vnij,vj->ni", weights, across, views.sources)
    seen = np.isfinite(sd_px).sum(0) >= 2
    points = np.full((sd_px.shape[1], 3), np.nan)
    points[seen] = np.linalg.solve(normal[seen], right[seen][..., None])[..., 0]
    return points


def triplet_poses(
    problem: Reprojection, gate_sd: float
) -> tuple[Float[np.ndarray, "m 3 3"], Float[np.ndarray, "m 3"]]:
    """World poses of random triplets of landmarks whose rays meet, and of all landmarks together.

    None with fewer than three triangulated landmarks. The draw is always the same.
    """
    world = triangulated(problem.views, problem.uv_px, problem.sd_px)
    usable = np.flatnonzero(np.isfinite(world).all(-1))
    if len(usable) < 3:
        return np.zeros((0, 3, 3)), np.zeros((0, 3))
    sd = problem.sd_px[:, usable]
    miss = problem.views.project(world[usable]) - problem.uv_px[:, usable]
    meets = 1 / (1 + (np.square(miss).sum(-1) / sd**2).sum(0) / gate_sd**2) ** 2
    weights = meets / np.where(np.isfinite(sd), sd, 0).max(0) ** 2
    keys = np.random.default_rng(0).exponential(size=(TRIPLETS, len(usable))) / (meets + 1e-12)
    picks = np.argsort(keys, axis=1)[:, :3]
    source, target = problem.points_ct[usable], world[usable]
    R, t = fit_rigid(source[picks], target[picks], np.ones(picks.shape))
    R_all, t_all = fit_rigid(source, target, weights)
    return np.concatenate([R, R_all[None]]), np.concatenate([t, t_all[None]])


def one_view_poses(
    problem: Reprojection, gate_sd: float
) -> tuple[Float[np.ndarray, "m 3 3"], Float[np.ndarray, "m 3"]]:
    """World poses from each view alone that sees four landmarks: SQPNP, and its consensus."""
    R_found, t_found = [np.zeros((0, 3, 3))], [np.zeros((0, 3))]
    views = problem.views
    for K, R, t, uv, sd in zip(
        views.K, views.R, views.t, problem.uv_px, problem.sd_px, strict=True
    ):
        seen = np.flatnonzero(np.isfinite(sd))
        if len(seen) < 4:
            continue
        for R_cam, t_cam in _pnp(
            problem.points_ct[seen], uv[seen], K, gate_sd * np.median(sd[seen])
        ):
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
