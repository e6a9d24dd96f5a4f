"""The pinhole model of one fluoroscope, in the convention of OpenCV and XMALab.

Camera frame: origin at the x-ray source, x right, y down, z towards the detector, mm.
Pixels: (u, v) = (column, row), undistorted; (0, 0) is the *centre* of the top-left pixel.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor

from .distortion import (
    checked_distortion,
    distorted_pixels,
    inside_grid,
    on_other_pixels,
    undistorted_pixels,
)
from .rigid import Array, Rigid, float64


@dataclass(frozen=True, init=False, eq=False)
class Camera:
    """One calibrated view: undistorted pixel ~ K (cam_from_world @ point)."""

    K: Float[Tensor, "3 3"]
    cam_from_world: Rigid
    width: int
    height: int
    name: str
    pixel_spacing_mm: float | None
    distortion: dict | None

    def __init__(
        self,
        K: Num[Array, "3 3"],
        cam_from_world: Rigid | Num[Array, "4 4"],
        width: int,
        height: int,
        name: str = "",
        pixel_spacing_mm: float | None = None,
        distortion: dict | None = None,
    ):
        """K and size in pixels, the pose in mm; ValueError on what no fluoroscope can have."""
        if not isinstance(cam_from_world, Rigid):
            cam_from_world = Rigid.from_matrix(cam_from_world)
        fields = {
            "K": _checked_intrinsics(float64(K)),
            "cam_from_world": _checked_pose(cam_from_world),
            "width": _checked_size("width", width),
            "height": _checked_size("height", height),
            "name": name,
            "pixel_spacing_mm": pixel_spacing_mm,
            "distortion": checked_distortion(distortion),
        }
        if pixel_spacing_mm is not None and not 0 < pixel_spacing_mm < float("inf"):
            raise ValueError(
                f"pixel_spacing_mm is {pixel_spacing_mm}, must be a positive length in mm, or None"
            )
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @property
    def center_world(self) -> Float[Tensor, "3"]:
        """The x-ray source in the world, mm."""
        return self.cam_from_world.inverse().t

    def project(
        self, points_world: Num[Array, "*n 3"], distorted: bool = False
    ) -> Float[Tensor, "*n 2"]:
        """Pixels of world points (mm); a shadow is cast only where `depth` is positive.

        With `distorted`, the recorded image's; ValueError without a distortion map.
        """
        x = torch.einsum("ij,...j->...i", self.K, self.cam_from_world @ points_world)
        pixels = x[..., :2] / x[..., 2:]
        return self.distorted(pixels) if distorted else pixels

    def depth(self, points_world: Num[Array, "*n 3"]) -> Float[Tensor, "*n"]:
        """Distance (mm) of world points from the source along the optical axis."""
        return (self.cam_from_world @ points_world)[..., 2]

    def rays(self, pixels: Num[Array, "*n 2"]) -> Float[Tensor, "*n 3"]:
        """Unit directions in the world, from the source through the pixels."""
        K = self.K
        xy = (float64(pixels) - K[:2, 2]) / torch.stack([K[0, 0], K[1, 1]])
        rays_cam = torch.cat([xy, torch.ones_like(xy[..., :1])], dim=-1)
        rays_cam = rays_cam / rays_cam.norm(dim=-1, keepdim=True)
        return torch.einsum("ji,...j->...i", self.cam_from_world.R, rays_cam)

    def undistorted(self, pixels: Num[Array, "*n 2"]) -> Float[Tensor, "*n 2"]:
        """Pinhole pixels of the recorded image's pixels; ValueError without a distortion map."""
        return undistorted_pixels(float64(pixels), self.K, self._distortion_map())

    def distorted(self, pixels: Num[Array, "*n 2"]) -> Float[Tensor, "*n 2"]:
        """The recorded image's pixels of pinhole pixels; ValueError without a distortion map."""
        return distorted_pixels(float64(pixels), self.K, self._distortion_map())

    def inside_grid(self, pixels: Num[Array, "*n 2"]) -> Bool[Tensor, "*n"]:
        """Which pinhole pixels the distortion's grid covered; elsewhere it is extrapolated."""
        return inside_grid(float64(pixels), self.distortion)

    def _distortion_map(self) -> dict:
        if self.distortion is None:
            raise ValueError(
                f"camera {self.name!r} has no distortion map; calibrate it with a grid, "
                "or give undistorted pixels (distorted = false)"
            )
        return self.distortion

    def resized(self, scale: float) -> "Camera":
        """The same view on an image resized by `scale`: x' = (x + 0.5) scale - 0.5."""
        if not 0 < scale < float("inf"):
            raise ValueError(f"an image cannot be resized by {scale}; the scale must be positive")
        shift = (scale - 1) / 2
        S = self.K.new_tensor([[scale, 0, shift], [0, scale, shift], [0, 0, 1]])
        return replace(
            self,
            K=S @ self.K,
            width=round(self.width * scale),
            height=round(self.height * scale),
            pixel_spacing_mm=None
            if self.pixel_spacing_mm is None
            else self.pixel_spacing_mm / scale,
            distortion=on_other_pixels(self.distortion, scale, (shift, shift)),
        )

    def cropped(self, left: int, top: int, width: int, height: int) -> "Camera":
        """The view on image[top : top + height, left : left + width]; a negative start pads."""
        shift = self.K.new_tensor([[0, 0, left], [0, 0, top], [0, 0, 0]])
        distortion = on_other_pixels(self.distortion, 1.0, (-left, -top))
        return replace(self, K=self.K - shift, width=width, height=height, distortion=distortion)


def _checked_size(what: str, pixels: int) -> int:
    """The number of pixels, if it is a positive whole number."""
    if isinstance(pixels, bool) or int(pixels) != pixels or pixels < 1:
        raise ValueError(f"{what} is {pixels}, must be a positive whole number of pixels")
    return int(pixels)


def _checked_pose(cam_from_world: Rigid) -> Rigid:
    """The motion, if it is a single and finite one."""
    if cam_from_world.t.shape != (3,):
        raise ValueError(
            "a camera has one pose; cam_from_world has batch shape "
            f"{tuple(cam_from_world.t.shape[:-1])}"
        )
    if not cam_from_world.matrix().isfinite().all():
        raise ValueError(f"cam_from_world is not finite: {cam_from_world.matrix().tolist()}")
    return cam_from_world


def _checked_intrinsics(K: Tensor) -> Tensor:
    """K, if it is finite with fx, fy > 0, no skew and the last row 0 0 1."""
    found = K.detach()
    if not found.isfinite().all():
        raise ValueError(f"K is not finite: {found.tolist()}")
    if found[0, 0] <= 0 or found[1, 1] <= 0:
        raise ValueError(
            f"K has fx = {found[0, 0]:g} and fy = {found[1, 1]:g}, both must be positive; "
            "a negative one means a flipped image: flip the image, not the camera"
        )
    if max(abs(found[0, 1]), abs(found[1, 0])) > 1e-9 * found[0, 0]:
        raise ValueError(
            f"K has skew {found[0, 1]:g} and K[1][0] = {found[1, 0]:g}, both must be 0; "
            f"found {found.tolist()}"
        )
    if not torch.equal(found[2], found.new_tensor([0.0, 0.0, 1.0])):
        raise ValueError(
            f"the last row of K is {found[2].tolist()}, must be [0, 0, 1]; is K transposed?"
        )
    return K
