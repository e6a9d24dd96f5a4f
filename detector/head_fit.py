"""The 3D landmarks of an unknown head from their places in one radiograph: pose and shape at once.

Maximum a posteriori: x_i = R (m_i + sum_k b_k M_ki) + t + d_i with normally distributed b and d,
seen at f x / z. The own deviations d_i are integrated out: they widen the pixels' deviations, and
are put back at the end. One camera sees size and distance as one: only perspective and the usual
size of heads tell them apart, so that the distance is the least certain of all.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from drr.head_orientation import CAM_FROM_UPRIGHT

from .head_shapes import ShapeModel

HUBER = 2.0
"""Residuals beyond so many deviations count linearly."""
NEAREST_MM = 150.0
USUAL_DEPTH_MM = (760.0, 160.0)
"""Distance of heads from the source along the axis, and its deviation, where nothing better is
known."""


class HeadFit(NamedTuple):
    """A head laid into the rays of its landmarks; mm, in the camera's frame."""

    xyz_cam: Float[np.ndarray, "landmark 3"]
    covariance_mm2: Float[np.ndarray, "landmark 3 3"]
    cam_from_head: Float[np.ndarray, "4 4"]
    """Pose of the shape model's frame, RAS axes, origin amid the cranium's landmarks."""
    shape: Float[np.ndarray, "mode"]
    surprise: float
    """Root mean square of the pixels' residuals over their deviations."""
    cost: float
    """Half the sum of all squares, prior included: less the log of the posterior."""


def fit_head(
    model: ShapeModel,
    K: Float[np.ndarray, "3 3"],
    uv_px: Float[np.ndarray, "landmark 2"],
    sd_px: Float[np.ndarray, "landmark"],
    depth_mm: tuple[float, float] = USUAL_DEPTH_MM,
) -> HeadFit:
    """Pose and shape of the head that explain the landmarks best.

    Args:
        uv_px, sd_px: undistorted pixels, deviation per axis.
        depth_mm: the head's usual distance from the source along the axis, and its deviation.
    """
    f = float(np.sqrt(K[0, 0] * K[1, 1]))
    best = None
    for R0, t0 in _starts(model, K, uv_px, depth_mm[0]):
        found = _solved(model, K, uv_px, sd_px, depth_mm, R0, t0)
        if best is None or found[0].cost < best[0].cost:
            best = found
    assert best is not None
    solution, R, t, widened = best
    shape = solution.x[6:]
    placed = (model.mean_mm + np.tensordot(shape, model.modes_mm, 1)) @ R.T
    xyz = placed + t
    residual = uv_px - projected(K, xyz)
    normal = solution.jac.T @ solution.jac
    covariance = np.linalg.inv(normal)
    moves = moves_of(model, R, placed)  # (landmark, 3, 6 + modes)
    cov = moves @ covariance @ moves.transpose(0, 2, 1)
    own = model.residual_sd_mm**2
    lateral_sd_mm = sd_px * xyz[:, 2] / f
    gain = own / (own + lateral_sd_mm**2)
    xyz[:, :2] += gain[:, None] * residual * xyz[:, 2:] / [K[0, 0], K[1, 1]]
    lateral, along = own * (1 - gain), own
    cov[:, [0, 1], [0, 1]] += lateral[:, None]
    cov[:, 2, 2] += along
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = R, t
    surprise = float(np.sqrt(np.mean((residual / widened[:, None]) ** 2)))
    return HeadFit(xyz, cov, pose, shape, surprise, float(solution.cost))


def _starts(model: ShapeModel, K, uv_px, depth_mm: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Poses to begin from: of the mean head by its points, and where that fails an upright one."""
    starts, pixels = [], np.ascontiguousarray(uv_px)
    try:
        done, turn, t = cv2.solvePnP(model.mean_mm, pixels, K, None, flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:  # all in one place
        done, turn, t = False, np.zeros((3, 1)), np.zeros((3, 1))
    if done and np.isfinite(turn).all() and t[2, 0] > NEAREST_MM:
        starts.append((Rotation.from_rotvec(turn[:, 0]).as_matrix(), t[:, 0]))
    if not starts:
        ray = np.append((uv_px.mean(0) - K[:2, 2]) / [K[0, 0], K[1, 1]], 1.0)
        turns = Rotation.from_euler("z", np.arange(0, 360, 45)[:, None], degrees=True).as_matrix()
        starts = [(CAM_FROM_UPRIGHT @ turn, ray * depth_mm) for turn in turns]
    return starts


def _solved(model, K, uv_px, sd_px, depth_mm, R0, t0):
    """Least squares from a start; the turn is counted from where the last round ended."""
    f = float(np.sqrt(K[0, 0] * K[1, 1]))
    R, x = R0, np.concatenate([np.zeros(3), t0, np.zeros(len(model.modes_mm))])
    x[5] = max(x[5], 2 * NEAREST_MM)
    lowest = np.full(len(x), -np.inf)
    lowest[5] = NEAREST_MM
    for _ in range(3):
        widened = np.hypot(sd_px, model.residual_sd_mm * f / x[5])
        problem = _Problem(model, K, uv_px, widened, depth_mm, R)
        solution = least_squares(
            problem.residuals,
            x,
            problem.jacobian,  # type: ignore[arg-type]
            bounds=(lowest, np.inf),
            max_nfev=30,
        )
        R = Rotation.from_rotvec(solution.x[:3]).as_matrix() @ R
        x = np.concatenate([np.zeros(3), solution.x[3:]])
    return solution, R, x[3:6], widened


class _Problem(NamedTuple):
    """Residuals over their deviations, by (turn from R, shift, shape)."""

    model: ShapeModel
    K: np.ndarray
    uv_px: np.ndarray
    widened_px: np.ndarray
    depth_mm: tuple[float, float]
    R: np.ndarray

    def residuals(self, x: np.ndarray) -> np.ndarray:
        """Of the pixels, the distance and the shape."""
        _, placed = self._placed(x)
        prior = [(x[5] - self.depth_mm[0]) / self.depth_mm[1]]
        return np.concatenate([huber(self._seen(placed + x[3:6])).ravel(), prior, x[6:]])

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Exact where the turn is small."""
        turn, placed = self._placed(x)
        xyz = placed + x[3:6]
        steepness = huber_slope(self._seen(xyz)) / self.widened_px[:, None]
        top = steepness[..., None] * (
            pixels_by_xyz(self.K, xyz) @ moves_of(self.model, turn, placed)
        )
        prior = np.zeros((1 + len(x) - 6, len(x)))
        prior[0, 5] = 1 / self.depth_mm[1]
        prior[1:, 6:] = np.eye(len(x) - 6)
        return np.concatenate([top.reshape(-1, len(x)), prior])

    def _placed(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turn = Rotation.from_rotvec(x[:3]).as_matrix() @ self.R
        shaped = self.model.mean_mm + np.tensordot(x[6:], self.model.modes_mm, 1)
        return turn, shaped @ turn.T

    def _seen(self, xyz: np.ndarray) -> np.ndarray:
        return (projected(self.K, xyz) - self.uv_px) / self.widened_px[:, None]


def moves_of(model: ShapeModel, R, placed) -> Float[np.ndarray, "landmark 3 unknown"]:
    """Derivatives of the points by a turn about the camera's axes, the shift and the shape."""
    moves = np.zeros((len(placed), 3, 6 + len(model.modes_mm)))
    a, b, c = placed.T
    moves[:, 1, 0], moves[:, 2, 0] = -c, b
    moves[:, 0, 1], moves[:, 2, 1] = c, -a
    moves[:, 0, 2], moves[:, 1, 2] = -b, a
    moves[:, [0, 1, 2], [3, 4, 5]] = 1
    moves[:, :, 6:] = (model.modes_mm @ R.T).transpose(1, 2, 0)
    return moves


def projected(
    K: Float[np.ndarray, "3 3"], xyz_cam: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 2"]:
    """Pixels of points in the camera's frame."""
    return xyz_cam[:, :2] / xyz_cam[:, 2:] * [K[0, 0], K[1, 1]] + K[:2, 2]


def pixels_by_xyz(
    K: Float[np.ndarray, "3 3"], xyz_cam: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 2 3"]:
    """Derivatives of `projected` by the points, px / mm."""
    z = xyz_cam[:, 2]
    by_xyz = np.zeros((len(z), 2, 3))
    by_xyz[:, 0, 0], by_xyz[:, 1, 1] = K[0, 0] / z, K[1, 1] / z
    by_xyz[:, :, 2] = -xyz_cam[:, :2] * [K[0, 0], K[1, 1]] / z[:, None] ** 2
    return by_xyz


def huber(seen):
    """The root of Huber's loss, so that its square is the loss."""
    size = np.abs(seen)
    outer = np.sign(seen) * np.sqrt(np.maximum(2 * HUBER * size - HUBER**2, 0))
    return np.where(size <= HUBER, seen, outer)


def huber_slope(seen):
    """The derivative of `huber`."""
    size = np.abs(seen)
    outer = HUBER / np.sqrt(np.maximum(2 * HUBER * size - HUBER**2, 1e-12))
    return np.where(size <= HUBER, 1.0, outer)
