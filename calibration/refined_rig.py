"""A rig corrected by what it filmed: views that see the same points must agree on them.

Points of a tracked trial (beads, landmarks that stay put in the image) tell nothing of scale or of
the world's axes, but a view that was nudged after its calibration leaves a distance between rays
that should meet. Only the poses of the views are corrected, and the result says by how much.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Num
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from .rig import Rig
from .rigid import Array, Rigid, float64
from .rotation import cross_matrix

LEAST_POINTS = 12
LIMIT_SDS = 4.5
PRECISION = {"xtol": 1e-10, "ftol": 1e-12, "max_nfev": 100}


@dataclass(frozen=True, eq=False)
class RefinedRig:
    """The corrected rig, and what was changed: to be shown to the user before it is used.

    `turned_deg` and `shifted_mm` are each view's change of direction, and of its source's place;
    `rms_px` are the root mean square distances from the points' projections, before and after;
    `used` tells which points took part.
    """

    rig: Rig
    turned_deg: Float[np.ndarray, "view"]
    shifted_mm: Float[np.ndarray, "view"]
    rms_before_px: float
    rms_after_px: float
    used: np.ndarray

    def __str__(self) -> str:
        """A line a view, and the residuals."""
        lines = [
            f"view {camera.name}: turned by {turn:.4f} deg, source moved by {shift:.3f} mm"
            for camera, turn, shift in zip(self.rig, self.turned_deg, self.shifted_mm, strict=True)
        ]
        lines.append(
            f"{self.used.sum()} of {len(self.used)} points: "
            f"{self.rms_before_px:.3f} px RMS before, {self.rms_after_px:.3f} px after"
        )
        return "\n".join(lines)


def refined_rig(
    rig: Rig,
    pixels: Num[Array, "view n 2"],
    *,
    noise_px: float = 0.5,
    prior_turn_deg: float = 0.5,
    prior_shift_mm: float = 2.0,
) -> RefinedRig:
    """The rig whose views agree best on points that two or more of them see.

    Args:
        rig: as calibrated; its first view stays where it is, for points fix no world.
        pixels: undistorted pixels of points, NaN where a view does not see one.
        noise_px: how exactly points are known in an image, along one axis.
        prior_turn_deg, prior_shift_mm: how much a view may have been moved since its calibration.
            The baseline's length, which points cannot tell, stays as calibrated.

    Raises:
        ValueError: fewer than 12 points in two views, or pixels of other views than the rig's.
    """
    px = float64(pixels).numpy()
    if len(px) != len(rig) or len(rig) < 2:
        raise ValueError(f"pixels are of {len(px)} views, the rig has {len(rig)}; two are needed")
    seen = np.isfinite(px).all(-1)
    shared = np.flatnonzero(seen.sum(0) >= 2)
    if len(shared) < LEAST_POINTS:
        raise ValueError(
            f"{len(shared)} points are seen by two views; a rig is corrected by {LEAST_POINTS} "
            "or more, spread over the images"
        )
    prior = np.tile([prior_shift_mm] * 3 + [np.radians(prior_turn_deg)] * 3, len(rig) - 1)

    def residuals(step: np.ndarray, points: np.ndarray) -> np.ndarray:
        return np.concatenate([_errors(_moved(rig, step), px[:, points]) / noise_px, step / prior])

    def jacobian(step: np.ndarray, points: np.ndarray) -> np.ndarray:
        slope = _error_slopes(rig, step, px[:, points]) / noise_px
        return np.concatenate([slope, np.diag(1 / prior)])

    used = shared
    start = np.zeros(len(prior))
    for loss in ("soft_l1", "linear"):
        found = least_squares(
            residuals,
            start,
            jac=jacobian,  # pyright: ignore[reportArgumentType]  # its types know the names alone
            args=(used,),
            x_scale=prior,
            loss=loss,
            **PRECISION,
        )
        start = found.x
        error = np.sqrt(_squared(_moved(rig, start), px[:, shared]))
        usual = 1.4826 * float(np.median(error)) + 1e-12
        used = shared[error <= LIMIT_SDS * max(usual, 0.1 * noise_px)] if loss != "linear" else used
    refined = _moved(rig, start)
    mask = np.zeros(px.shape[1], dtype=bool)
    mask[used] = True
    before, after = (np.sqrt(_squared(r, px[:, used]).mean()) for r in (rig, refined))
    turns, shifts = _changes(rig, refined)
    return RefinedRig(refined, turns, shifts, float(before), float(after), mask)


def _moved(rig: Rig, step: Float[np.ndarray, "parameter"]) -> Rig:
    """The rig with its views but the first moved about their optical axis' place of the world."""
    cameras = [rig.cameras[0]]
    baseline = rig.cameras[1].center_world - rig.cameras[0].center_world
    for camera, own in zip(rig.cameras[1:], step.reshape(-1, 6), strict=True):
        turn = torch.from_numpy(Rotation.from_rotvec(own[3:]).as_matrix())
        source = camera.center_world + torch.from_numpy(own[:3])
        if len(cameras) == 1:  # the baseline keeps its length, which no image can tell
            direction = source - rig.cameras[0].center_world
            source = rig.cameras[0].center_world + direction / direction.norm() * baseline.norm()
        R = turn @ camera.cam_from_world.R
        cameras.append(replace(camera, cam_from_world=Rigid(R, -R @ source)))
    return Rig(tuple(cameras))


def _errors(rig: Rig, px: Float[np.ndarray, "view n 2"]) -> Float[np.ndarray, "residual"]:
    """Differences between seen and projected pixels of triangulated points, 0 where not seen."""
    points = rig.triangulate(px)
    projected = torch.stack([camera.project(points) for camera in rig]).numpy()
    return np.nan_to_num(projected - px).ravel()


def _error_slopes(
    rig: Rig, step: Float[np.ndarray, "parameter"], px: Float[np.ndarray, "view n 2"]
) -> Float[np.ndarray, "residual parameter"]:
    """Derivatives of `_errors` of the moved rig, the points moving to where they fit best.

    The points' own slopes are projected out (variable projection with Kaufman's approximation,
    BIT 15:49, 1975), which is exact where the residuals vanish.
    """
    moved = _moved(rig, step)
    points = moved.triangulate(px).numpy()
    of_points = np.zeros((*px.shape, 3))
    of_step = np.zeros((*px.shape, len(step)))
    for v, camera in enumerate(moved):
        R, focal = camera.cam_from_world.R.numpy(), camera.K.diagonal()[:2].numpy()
        x = (camera.cam_from_world @ points).numpy()
        xy = x[:, :2] / x[:, 2:]
        of_x = np.concatenate([np.tile(np.eye(2), (len(x), 1, 1)), -xy[..., None]], axis=-1)
        of_x *= focal[:, None] / x[:, 2, None, None]
        of_points[v] = of_x @ R
        if v > 0:
            own = slice(6 * (v - 1), 6 * v)
            of_step[v, ..., own] = of_x @ _place_slopes(rig, v, step[own], R, x)
    seen = np.isfinite(px).all(-1) & np.isfinite(points).all(-1)
    of_points[~seen], of_step[~seen] = 0, 0
    A = np.moveaxis(of_points, 0, 1).reshape(len(points), -1, 3)
    D = np.moveaxis(of_step, 0, 1).reshape(len(points), -1, len(step))
    slopes = (D - A @ (np.linalg.pinv(A) @ D)).reshape(len(points), len(px), 2, -1)
    return np.moveaxis(slopes, 1, 0).reshape(-1, len(step))


def _place_slopes(
    rig: Rig,
    view: int,
    own: Float[np.ndarray, "6"],
    R: Float[np.ndarray, "3 3"],
    x: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n 3 6"]:
    """Derivatives of points in a view's camera frame by its shift (mm) and its turn (rad)."""
    slide = np.eye(3)
    if view == 1:  # on a sphere about the first source
        first, second = (camera.center_world.numpy() for camera in rig.cameras[:2])
        way = second - first + own[:3]
        along = way / np.linalg.norm(way)
        length = np.linalg.norm(second - first) / np.linalg.norm(way)
        slide = length * (np.eye(3) - np.outer(along, along))
    # exp((v, w)) shifts by V v, and V dw is the turn by which exp((0, w + dw)) is ahead
    V = Rigid.exp(np.hstack([np.eye(3), np.tile(own[3:], (3, 1))])).t.numpy().T
    by_turn = -cross_matrix(torch.from_numpy(x)).numpy() @ V
    return np.concatenate([np.tile(-R @ slide, (len(x), 1, 1)), by_turn], axis=-1)


def _squared(rig: Rig, px: Float[np.ndarray, "view n 2"]) -> Float[np.ndarray, "n"]:
    """Mean squared distance of each point over the views that see it, px^2."""
    error = _errors(rig, px).reshape(px.shape)
    return (error**2).sum((0, 2)) / np.isfinite(px).all(-1).sum(0)


def _changes(before: Rig, after: Rig) -> tuple[np.ndarray, np.ndarray]:
    turns, shifts = [], []
    for a, b in zip(before, after, strict=True):
        turn = Rotation.from_matrix((b.cam_from_world.R @ a.cam_from_world.R.mT).numpy())
        turns.append(np.degrees(turn.magnitude()))
        shifts.append(float((b.center_world - a.center_world).norm()))
    return np.array(turns), np.array(shifts)
