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

LEAST_POINTS = 12
LIMIT_SDS = 4.5


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

    used = shared
    start = np.zeros(len(prior))
    for loss in ("soft_l1", "linear"):
        found = least_squares(
            residuals, start, args=(used,), x_scale=prior, loss=loss, xtol=1e-12, ftol=1e-12
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
