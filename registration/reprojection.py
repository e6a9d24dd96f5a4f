"""Landmarks, their pixels in every view, and how these move with the pose."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from calibration import Rig

from .twist import moved

Array = np.ndarray | Tensor
NEAREST_DEPTH_MM = 1.0
"""Points nearer to the source than this (or behind it) project as if they lay here."""


@dataclass(frozen=True)
class Views:
    """K, R and t of every camera, stacked: pixel ~ K (R x_world + t)."""

    K: Float[np.ndarray, "view 3 3"]
    R: Float[np.ndarray, "view 3 3"]
    t: Float[np.ndarray, "view 3"]

    @staticmethod
    def of(rig: Rig) -> "Views":
        """The stacked arrays of a rig's cameras, in its order."""
        motions = [camera.cam_from_world for camera in rig]
        return Views(
            K=np.stack([camera.K.numpy() for camera in rig]),
            R=np.stack([motion.R.numpy() for motion in motions]),
            t=np.stack([motion.t.numpy() for motion in motions]),
        )

    @property
    def sources(self) -> Float[np.ndarray, "view 3"]:
        """The x-ray sources in world, mm."""
        return -np.einsum("vji,vj->vi", self.R, self.t)

    def project(
        self, points_world: Float[np.ndarray, "*b n 3"]
    ) -> Float[np.ndarray, "*b view n 2"]:
        """Pixels of world points, in every view."""
        return self._pixels(self._in_camera(points_world))

    def project_with_jacobian(
        self, points_world: Float[np.ndarray, "n 3"], centre_world: Float[np.ndarray, "3"]
    ) -> tuple[Float[np.ndarray, "view n 2"], Float[np.ndarray, "view n 2 6"]]:
        """Pixels, and their derivative by a left twist (v mm, w rad) about `centre_world`."""
        x = self._in_camera(points_world)
        pixels = self._pixels(x)
        z = np.maximum(x[..., 2], NEAREST_DEPTH_MM)
        by_cam = np.zeros((*pixels.shape, 3))
        by_cam[..., 0, 0] = self.K[:, 0, 0, None] / z
        by_cam[..., 1, 1] = self.K[:, 1, 1, None] / z
        by_cam[..., 2] = (self.K[:, None, :2, 2] - pixels) / z[..., None]
        by_world = by_cam @ self.R[:, None]
        a = points_world - centre_world
        zero = np.zeros(len(a))
        cross = np.stack(
            [zero, -a[:, 2], a[:, 1], a[:, 2], zero, -a[:, 0], -a[:, 1], a[:, 0], zero]
        )
        by_turn = by_world @ -cross.T.reshape(-1, 3, 3)
        return pixels, np.concatenate([by_world, by_turn], axis=-1)

    def _in_camera(self, points_world: np.ndarray) -> np.ndarray:
        return points_world[..., None, :, :] @ self.R.mT + self.t[:, None]

    def _pixels(self, x: np.ndarray) -> np.ndarray:
        return (x @ self.K.mT)[..., :2] / np.maximum(x[..., 2:], NEAREST_DEPTH_MM)


@dataclass(frozen=True)
class Reprojection:
    """Landmarks of the CT and where the views see them; an infinite deviation where they do not."""

    views: Views
    points_ct: Float[np.ndarray, "landmark 3"]
    uv_px: Float[np.ndarray, "view landmark 2"]
    sd_px: Float[np.ndarray, "view landmark"]

    @property
    def seen(self) -> np.ndarray:
        """Which view sees which landmark, (view, landmark) bool."""
        return np.isfinite(self.sd_px)

    def deviations(
        self, R: Float[np.ndarray, "*b 3 3"], t: Float[np.ndarray, "*b 3"]
    ) -> Float[np.ndarray, "*b view landmark"]:
        """Distances in the image over their predicted deviations; 0 where unseen."""
        off = self.views.project(self.points_ct @ R.mT + t[..., None, :]) - self.uv_px
        return np.sqrt(np.square(off).sum(-1)) / self.sd_px

    def normal_equations(
        self,
        R: Float[np.ndarray, "3 3"],
        t: Float[np.ndarray, "3"],
        weights: Float[np.ndarray, "view landmark"],
    ) -> tuple[Float[np.ndarray, "6 6"], Float[np.ndarray, "6"], Float[np.ndarray, "3"]]:
        """Normal matrix and right side of a Gauss-Newton twist, and the centroid it is about."""
        points = self.points_ct @ R.T + t
        centre = points.mean(0)
        pixels, jacobian = self.views.project_with_jacobian(points, centre)
        off = self.uv_px - pixels
        scale = np.sqrt(weights)[..., None] / self.sd_px[..., None]
        A = (scale[..., None] * jacobian).reshape(-1, 6)
        return A.T @ A, A.T @ (scale * off).reshape(-1), centre

    def gauss_newton(
        self,
        R: Float[np.ndarray, "3 3"],
        t: Float[np.ndarray, "3"],
        weights: Float[np.ndarray, "view landmark"],
    ) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"], float]:
        """R and t after one step, and the step's largest component (mm or rad).

        Raises:
            ValueError: the weighted landmarks leave a direction of the pose undetermined.
        """
        normal, right, centre = self.normal_equations(R, t, weights)
        size = np.sqrt(np.diag(normal))
        if not (size > 0).all() or np.linalg.eigvalsh(normal / np.outer(size, size))[0] < 1e-11:
            raise ValueError(
                "the landmarks do not determine the pose: too few agree, or they lie on a line"
            )
        twist = np.linalg.solve(normal, right)
        return *moved(R, t, twist, centre), float(np.abs(twist).max())


def reprojection_of(
    rig: Rig,
    points_ct: Float[Array, "landmark 3"],
    pixels: Float[Array, "view landmark 2"],
    sd_px: Float[Array, "view landmark"],
) -> Reprojection:
    """The checked problem. ValueError: views that do not fit the rig, deviations not positive."""
    uv, sd = np.array(pixels, dtype=np.float64), np.array(sd_px, dtype=np.float64)
    if len(uv) != len(rig):
        raise ValueError(
            f"pixels of {len(uv)} views for a rig of {len(rig)}: {', '.join(rig.names)}"
        )
    unseen = ~np.isfinite(uv).all(-1) | ~np.isfinite(sd)
    if (sd[~unseen] <= 0).any():
        raise ValueError(
            f"deviations of landmarks must be positive px, found {sd[~unseen].min():g}"
        )
    uv[unseen], sd[unseen] = 0.0, np.inf
    return Reprojection(Views.of(rig), np.asarray(points_ct, dtype=np.float64), uv, sd)
