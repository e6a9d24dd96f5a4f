"""Intrinsics to start from: the DLT of one image of a solid object, homographies of a flat one."""

import cv2
import numpy as np
from jaxtyping import Float


def dlt_matrix(
    points_mm: Float[np.ndarray, "n 3"], pixels: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "3 4"]:
    """P = K [R | t] of least algebraic error (Abdel-Aziz and Karara 1971), normalised as Hartley's.

    ValueError on fewer than six points; points in one plane give no P.
    """
    if len(points_mm) < 6:
        raise ValueError(f"a DLT needs six or more beads in an image, found {len(points_mm)}")
    X, from_points = _normalised(points_mm)
    x, from_pixels = _normalised(pixels)
    zero = np.zeros_like(X)
    rows = np.concatenate(
        [
            np.hstack([X, zero, -x[:, :1] * X]),
            np.hstack([zero, X, -x[:, 1:2] * X]),
        ]
    )
    P = np.linalg.svd(rows)[2][-1].reshape(3, 4)
    return np.linalg.inv(from_pixels) @ P @ from_points


def camera_of_dlt(
    P: Float[np.ndarray, "3 4"], points_mm: Float[np.ndarray, "n 3"]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """K (its skew dropped), R and t (mm) of P, with the points before the camera."""
    depth = (points_mm @ P[2, :3] + P[2, 3]).mean()
    P = P * np.sign(depth if depth else 1.0) / np.linalg.norm(P[2, :3])
    K, R = _upper_and_turn(P[:, :3])
    t = np.linalg.solve(K, P[:, 3])
    K[0, 1] = 0
    return K, R, t


def zhang_intrinsics(
    homographies: Float[np.ndarray, "position 3 3"], centre_px: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "3 3"] | None:
    """K from the homographies of a flat object (Zhang 2000, eq. 3 and 4), its skew taken as 0.

    With fewer than three, or where they fix no principal point, that is taken to be `centre_px`.
    None where they fix no focal length: the plane was never tilted, or always alike.
    """
    # The image of the absolute conic B = K^-T K^-1, in coordinates about the centre.
    scale = float(np.abs(centre_px).max()) or 1.0
    T = np.array([[1, 0, -centre_px[0]], [0, 1, -centre_px[1]], [0, 0, scale]]) / scale
    H = T @ homographies
    H = H / np.linalg.norm(H[:, :, :2], axis=(1, 2), keepdims=True)

    def row(i: int, j: int):
        a, b = H[:, :, i], H[:, :, j]
        cross = [a[:, 0] * b[:, 2] + a[:, 2] * b[:, 0], a[:, 1] * b[:, 2] + a[:, 2] * b[:, 1]]
        squares = [a[:, k] * b[:, k] for k in range(3)]
        return np.stack([squares[0], squares[1], *cross, squares[2]], axis=-1)

    rows = np.concatenate([row(0, 1), row(0, 0) - row(1, 1)])
    for known in ([], [2, 3]):  # the second time with the principal point at the centre
        keep = [k for k in range(5) if k not in known]
        if len(rows) < len(keep) + 1 and not known:
            continue
        b = np.zeros(5)
        b[keep] = np.linalg.svd(rows[:, keep])[2][-1]
        b = b * np.sign(b[0] if b[0] else 1.0)
        if b[0] <= 0 or b[1] <= 0:
            continue
        u, v = -b[2] / b[0], -b[3] / b[1]
        rest = b[4] - b[0] * u**2 - b[1] * v**2
        if rest <= 0 or max(abs(u), abs(v)) > 1.5:
            continue
        fx, fy = np.sqrt(rest / b[0]), np.sqrt(rest / b[1])
        K = np.array([[fx, 0, u], [0, fy, v], [0, 0, 1]])
        found = np.linalg.inv(T) @ K
        return found / found[2, 2]
    return None


def homography(
    plane_mm: Float[np.ndarray, "n 2"], pixels: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "3 3"] | None:
    """Pixels from the plane's mm; None where the points fix none."""
    if len(plane_mm) < 4:
        return None
    found, _ = cv2.findHomography(plane_mm, pixels)
    return found


def _normalised(values: Float[np.ndarray, "n d"]) -> tuple[np.ndarray, np.ndarray]:
    """Homogeneous values about their mean with a spread of 1, and the matrix that makes them so."""
    mean, d = values.mean(0), values.shape[1]
    spread = float(np.sqrt(((values - mean) ** 2).sum(1).mean() / d)) or 1.0
    matrix = np.eye(d + 1) / spread
    matrix[:d, d], matrix[d, d] = -mean / spread, 1
    return np.hstack([values, np.ones((len(values), 1))]) @ matrix.T, matrix


def _upper_and_turn(M: Float[np.ndarray, "3 3"]) -> tuple[np.ndarray, np.ndarray]:
    """M = K R with K upper triangular, positive on its diagonal and 1 in the corner; det R = 1."""
    flip = np.eye(3)[::-1]
    Q, U = np.linalg.qr((flip @ M).T)
    K, R = flip @ U.T @ flip, flip @ Q.T
    signs = np.diag(np.where(np.diag(K) < 0, -1.0, 1.0))
    K, R = K @ signs, signs @ R
    return K / K[2, 2], R
