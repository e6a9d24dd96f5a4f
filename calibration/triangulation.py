"""The world points that the pixels of several cameras fix."""

import torch
from jaxtyping import Float
from torch import Tensor

from .camera import Camera

Cameras = tuple[Camera, ...]


def triangulated(
    cameras: Cameras, pixels: Float[Tensor, "view n 2"], weights: Float[Tensor, "view n"]
) -> Float[Tensor, "n 3"]:
    """World points (mm) of least weighted squared reprojection error; NaN where they are not fixed.

    A NaN pixel or a weight of 0 is not seen. ValueError on a negative or infinite weight.
    """
    if ((weights < 0) | weights.isinf()).any():
        found = f"{weights.min():g} to {weights.max():g}"
        raise ValueError(f"weights must be finite and not negative, found {found}")
    seen = pixels.isfinite().all(-1) & (weights > 0)
    px, w = torch.where(seen[..., None], pixels, 0.0), torch.where(seen, weights, 0.0)
    start, known = _crossing_of_rays(cameras, px, w)
    known = known & (seen.sum(0) >= 2)
    points = torch.full_like(start, torch.nan)
    points[known] = _least_reprojection_error(cameras, px[:, known], w[:, known], start[known])
    return points


def _crossing_of_rays(cameras: Cameras, px: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted linear solution (n, 3), and whether the rays fix it at all (n,).

    Rows are x (r3 p + t3) = r1 p + t1, and so for y, with (x, y) the pixel on the plane at depth 1.
    """
    rows, targets = [], []
    for camera, view, weight in zip(cameras, px, w, strict=True):
        R, t, focal = camera.cam_from_world.R, camera.cam_from_world.t, camera.K.diagonal()[:2]
        xy = (view - camera.K[:2, 2]) / focal
        scale = weight[:, None].sqrt()
        rows.append(scale[..., None] * (xy[..., None] * R[2] - R[:2]))
        targets.append(scale * (t[:2] - xy * t[2]))
    A, b = torch.cat(rows, dim=1), torch.cat(targets, dim=1)
    normal = A.mT @ A
    spread = torch.linalg.eigvalsh(normal)
    known = spread[:, 0] > 1e-12 * spread[:, 2]  # rays less than about 1e-6 rad apart fix no depth
    normal = torch.where(known[:, None, None], normal, torch.eye(3, dtype=A.dtype, device=A.device))
    return torch.linalg.solve(normal, torch.einsum("nij,ni->nj", A, b)), known


def _least_reprojection_error(cameras: Cameras, px: Tensor, w: Tensor, start: Tensor) -> Tensor:
    """The points after Gauss-Newton steps, each kept only where it lowers the error."""
    points, (A, b) = start, _linearised(cameras, px, w, start)
    for _ in range(30):
        step = torch.linalg.lstsq(A, b[..., None]).solution[..., 0]
        moved = points + torch.where(step.isfinite(), step, 0.0)
        A_moved, b_moved = _linearised(cameras, px, w, moved)
        better = b_moved.square().sum(1) < b.square().sum(1)
        points = torch.where(better[:, None], moved, points)
        A = torch.where(better[:, None, None], A_moved, A)
        b = torch.where(better[:, None], b_moved, b)
        if not (better & (step.norm(dim=-1) > 1e-10)).any():
            break
    return points


def _linearised(cameras: Cameras, px: Tensor, w: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted Jacobian (n, 2 view, 3), px per mm, and residual (n, 2 view), px."""
    jacobians, residuals = [], []
    for camera, view, weight in zip(cameras, px, w, strict=True):
        R, focal, center = camera.cam_from_world.R, camera.K.diagonal()[:2], camera.K[:2, 2]
        x = camera.cam_from_world @ points
        xy, scale = x[:, :2] / x[:, 2:], weight.sqrt()[:, None]
        slope = focal[:, None] * (R[:2] - xy[..., None] * R[2]) / x[:, 2, None, None]
        # where, not only a weight of zero: a point beside a source that does not see it is infinite
        jacobians.append(torch.where(scale[..., None] > 0, scale[..., None] * slope, 0.0))
        residuals.append(torch.where(scale > 0, scale * (view - xy * focal - center), 0.0))
    return torch.cat(jacobians, dim=1), torch.cat(residuals, dim=1)
