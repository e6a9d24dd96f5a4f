"""How the uncertainty of the pose spreads to the numbers of a beam, to first order.

A covariance is that of the twists of `registration.twist`, about a point that is fixed to the head.
The skin counts as its tangent plane at the entry point, so a curvature below a millimetre of motion
is left out, and the incidence changes with the beam alone.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Rigid
from registration.twist import moved

from .lenses import margin_at_mm

STEP = 1e-4  # mm and rad, of the central differences


@dataclass(frozen=True, eq=False)
class PoseSpread:
    """The covariance of a pose about a point of the world (mm), and the 12 poses one step away."""

    covariance: Float[np.ndarray, "6 6"]
    center_world: Float[np.ndarray, "3"]
    ct_from_world: Float[np.ndarray, "12 4 4"]

    def deviations(self, values: Float[np.ndarray, "12 quantity"]) -> Float[np.ndarray, "quantity"]:
        """Standard deviations of quantities given at the 12 poses."""
        J = (values[:6] - values[6:]) / (2 * STEP)
        return np.sqrt(np.maximum(np.einsum("iq,ij,jq->q", J, self.covariance, J), 0.0))

    def of_point(
        self, point_cam: Float[np.ndarray, "3"], cam_from_world: Float[np.ndarray, "4 4"]
    ) -> Float[np.ndarray, "3 3"]:
        """Covariance (mm^2) in `cam` of a point that moves with the head."""
        turn = cam_from_world[:3, :3]
        x, y, z = turn.T @ (point_cam - cam_from_world[:3, 3]) - self.center_world
        J = turn @ np.hstack([np.eye(3), np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]])])
        return J @ self.covariance @ J.T


def pose_spread(
    world_from_ct: Rigid, covariance: Float[np.ndarray, "6 6"], center_ct: Float[np.ndarray, "3"]
) -> PoseSpread:
    """The spread of a pose; ValueError where the matrix is no covariance."""
    C = np.asarray(covariance, dtype=np.float64)
    if not np.isfinite(C).all() or np.linalg.eigvalsh((C + C.T) / 2)[0] < -1e-9 * np.trace(C):
        raise ValueError(f"not a covariance of a pose (finite, positive): {C.tolist()}")
    R, t = world_from_ct.R.numpy(), world_from_ct.t.numpy()
    center_world = R @ center_ct + t
    ct_from_world = np.tile(np.eye(4), (12, 1, 1))
    for k, twist in enumerate(np.concatenate([STEP * np.eye(6), -STEP * np.eye(6)])):
        R_k, t_k = moved(R, t, twist, center_world)
        ct_from_world[k, :3, :3], ct_from_world[k, :3, 3] = R_k.T, -R_k.T @ t_k
    return PoseSpread(C, center_world, ct_from_world)


def covariance_of_sd(sd_translation_mm: float, sd_rotation_deg: float) -> Float[np.ndarray, "6 6"]:
    """The covariance with these roots of traces that prefers no direction."""
    variances = np.repeat([sd_translation_mm**2 / 3, math.radians(sd_rotation_deg) ** 2 / 3], 3)
    return np.diag(variances)


@dataclass(frozen=True, eq=False)
class Tangent:
    """The skin's tangent plane at the entry point, in `skull`."""

    point: Float[np.ndarray, "3"]
    normal: Float[np.ndarray, "3"]


def beam_deviations(
    spread: PoseSpread,
    cam_from_world: Float[np.ndarray, "4 4"],
    skull_from_ct: Float[np.ndarray, "4 4"],
    axis_cam: Float[np.ndarray, "3"],
    tangent: Tangent | None,
) -> dict[str, float]:
    """Standard deviations of a beam's columns, by their names."""
    skull_from_cam = skull_from_ct @ spread.ct_from_world @ np.linalg.inv(cam_from_world)
    source, axis = skull_from_cam[:, :3, 3], skull_from_cam[:, :3, :3] @ axis_cam
    sod = -np.einsum("ki,ki->k", source, skull_from_cam[:, :3, 2])
    across = np.hypot(axis[:, 0], axis[:, 1])
    longitude = np.unwrap(np.arctan2(-axis[:, 0], axis[:, 1]))
    names = [*(f"source_{a}_mm" for a in "xyz"), *(f"beam_{a}" for a in "xyz"), "sod_mm"]
    columns = [*source.T, *axis.T, sod]
    names += ["primary_angle_deg", "secondary_angle_deg"]
    columns += [np.degrees(longitude), np.degrees(np.arctan2(axis[:, 2], across))]
    if tangent is not None:
        cosine = -axis @ tangent.normal
        ssd = (source - tangent.point) @ tangent.normal / cosine
        names += ["ssd_mm", *(f"entry_{a}_mm" for a in "xyz"), "incidence_deg"]
        columns += [ssd, *(source + ssd[:, None] * axis).T]
        columns += [np.degrees(np.arccos(np.clip(cosine, -1, 1)))]
    deviations = spread.deviations(np.stack(columns, axis=1))
    return dict(zip(names, deviations.tolist(), strict=True))


def margin_deviation_mm(
    outline: Float[np.ndarray, "corner 2"],
    point_cam: Float[np.ndarray, "3"],
    covariance_cam: Float[np.ndarray, "3 3"],
) -> float:
    """Standard deviation of a point's margin to the field's edge, from that of the point (mm^2)."""
    steps = STEP * np.eye(3)
    margins = [[margin_at_mm(outline, point_cam + s * e) for e in steps] for s in (1, -1)]
    gradient = (np.array(margins[0]) - np.array(margins[1])) / (2 * STEP)
    return math.sqrt(max(float(gradient @ covariance_cam @ gradient), 0.0))
