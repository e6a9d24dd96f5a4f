"""Landmarks, their pixels in every view, and how these move with the pose."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from calibration import Rig

from .robust_steps import NEAREST_DEPTH_MM

Array = np.ndarray | Tensor


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

    @property
    def matrices(self) -> Float[np.ndarray, "view 3 4"]:
        """The projection matrices P = K [R | t]."""
        return np.concatenate([self.K @ self.R, self.K @ self.t[..., None]], axis=-1)

    def project(
        self, points_world: Float[np.ndarray, "*b n 3"]
    ) -> Float[np.ndarray, "*b view n 2"]:
        """Pixels of world points, in every view."""
        return self._pixels(self.in_cameras(points_world))

    def project_with_jacobian(
        self, points_world: Float[np.ndarray, "n 3"], centre_world: Float[np.ndarray, "3"]
    ) -> tuple[Float[np.ndarray, "view n 2"], Float[np.ndarray, "view n 2 6"]]:
        """Pixels, and their derivative by a left twist (v mm, w rad) about `centre_world`."""
        x = self.in_cameras(points_world)
        pixels = self._pixels(x)
        z = np.maximum(x[..., 2], NEAREST_DEPTH_MM)
        by_cam = np.zeros((*pixels.shape, 3))
        by_cam[..., 0, 0] = self.K[:, 0, 0, None] / z
        by_cam[..., 1, 1] = self.K[:, 1, 1, None] / z
        by_cam[..., 2] = (self.K[:, None, :2, 2] - pixels) / z[..., None]
        by_world = by_cam @ self.R[:, None]
        by_turn = np.cross((points_world - centre_world)[None, :, None], by_world)
        return pixels, np.concatenate([by_world, by_turn], axis=-1)

    def in_cameras(
        self, points_world: Float[np.ndarray, "*b n 3"]
    ) -> Float[np.ndarray, "*b view n 3"]:
        """World points in the frame of every camera, mm."""
        return points_world[..., None, :, :] @ self.R.mT + self.t[:, None]

    def _pixels(self, x: np.ndarray) -> np.ndarray:
        return (x @ self.K.mT)[..., :2] / np.maximum(x[..., 2:], NEAREST_DEPTH_MM)


@dataclass(frozen=True)
class Reprojection:
    """Landmarks of the CT and where the views see them; an infinite deviation where they do not.

    `matrices` are the cameras' K [R | t], `sources` their places in world, mm; `weight` is
    1 / sd_px^2, and 0 where unseen.
    """

    views: Views
    matrices: Float[np.ndarray, "view 3 4"]
    sources: Float[np.ndarray, "view 3"]
    points_ct: Float[np.ndarray, "landmark 3"]
    centroid_ct: Float[np.ndarray, "3"]
    uv_px: Float[np.ndarray, "view landmark 2"]
    sd_px: Float[np.ndarray, "view landmark"]
    weight: Float[np.ndarray, "view landmark"]

    @property
    def seen(self) -> Bool[np.ndarray, "view landmark"]:
        """Which view sees which landmark."""
        return self.weight > 0

    def readings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the compiled steps take first: matrices, points, pixels and weights."""
        return self.matrices, self.points_ct, self.uv_px, self.weight

    def with_readings(
        self, uv_px: Float[np.ndarray, "view landmark 2"], sd_px: Float[np.ndarray, "view landmark"]
    ) -> "Reprojection":
        """The same landmarks read elsewhere: pixels and deviations that were `checked` already."""
        return replace(self, uv_px=uv_px, sd_px=sd_px, weight=1 / sd_px**2)


def reprojection_of(
    rig: Rig,
    points_ct: Float[Array, "landmark 3"],
    pixels: Float[Array, "view landmark 2"],
    sd_px: Float[Array, "view landmark"],
) -> Reprojection:
    """The checked problem.

    Raises:
        ValueError: views that do not fit the rig, deviations not positive, landmarks not finite.
    """
    views, points = Views.of(rig), np.array(points_ct, dtype=np.float64, order="C")
    if not np.isfinite(points).all():
        raise ValueError(
            f"landmark {int(np.argmin(np.isfinite(points).all(1)))} of the CT is not finite"
        )
    uv, sd = checked(rig, pixels, sd_px)
    return Reprojection(
        views, views.matrices, views.sources, points, points.mean(0), uv, sd, 1 / sd**2
    )


def checked(
    rig: Rig,
    pixels: Float[Array, "view *hypothesis landmark 2"],
    sd_px: Float[Array, "view *hypothesis landmark"],
) -> tuple[
    Float[np.ndarray, "view *hypothesis landmark 2"], Float[np.ndarray, "view *hypothesis landmark"]
]:
    """Pixels and deviations, 0 and infinite where unseen; ValueError as `reprojection_of`."""
    uv = np.array(pixels, dtype=np.float64, order="C")
    sd = np.array(sd_px, dtype=np.float64, order="C")
    if len(uv) != len(rig):
        raise ValueError(
            f"pixels of {len(uv)} views for a rig of {len(rig)}: {', '.join(rig.names)}"
        )
    unseen = ~np.isfinite(uv).all(-1) | ~np.isfinite(sd)
    uv[unseen], sd[unseen] = 0.0, np.inf
    if not (sd > 0).all():
        raise ValueError(f"deviations of landmarks must be positive px, found {sd.min():g}")
    return uv, sd
