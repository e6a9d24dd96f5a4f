"""Rigid motions between named frames.

Name a motion `target_from_source`; adjacent names cancel when composed:

    cam_from_skull = cam_from_world @ world_from_skull
    points_cam = cam_from_skull @ points_skull

Everything is float64 torch; NumPy arrays are taken at the door. A motion may carry leading batch
axes. They broadcast with the leading axes of what it moves: `motions[:, None] @ points` moves n
points by each of b motions.
"""

from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor

from .rotation import (
    checked_rotation,
    cross_matrix,
    half_angle_cotangent,
    quaternion_from_rotation,
    rotation_from_quaternion,
    sine_series,
    vector_from_quaternion,
)

Array = Tensor | np.ndarray


def float64(values: Array) -> Tensor:
    """The values as a float64 tensor that shares no memory with a NumPy input."""
    if isinstance(values, np.ndarray):
        return torch.from_numpy(np.array(values, dtype=np.float64))
    return values.to(torch.float64)


@dataclass(frozen=True, init=False, eq=False)
class Rigid:
    """A proper rigid motion, x_target = R x_source + t, in mm. NaN where it is not known."""

    R: Float[Tensor, "*b 3 3"]
    t: Float[Tensor, "*b 3"]

    def __init__(self, R: Num[Array, "*r 3 3"], t: Num[Array, "*t 3"]):
        """R is rounded to the nearest rotation; ValueError where it is off by more than 1e-4."""
        R, t = checked_rotation(float64(R)), float64(t)
        # torch's broadcast_shapes loads sympy, half a second of every command
        batch = np.broadcast_shapes(R.shape[:-2], t.shape[:-1])
        object.__setattr__(self, "R", R.expand(*batch, 3, 3))
        object.__setattr__(self, "t", t.expand(*batch, 3))

    @overload
    def __matmul__(self, other: "Rigid") -> "Rigid": ...
    @overload
    def __matmul__(self, other: Array) -> Tensor: ...
    def __matmul__(self, other):
        """Compose with another motion, or move points of shape (..., 3)."""
        if isinstance(other, Rigid):
            return _composed(self.R @ other.R, self @ other.t)
        return torch.einsum("...ij,...j->...i", self.R, float64(other)) + self.t

    def __getitem__(self, index) -> "Rigid":
        """The motions at an index into the leading batch axes."""
        return _composed(self.R[index], self.t[index])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """The homogeneous matrix, for `numpy.asarray`."""
        return self.matrix().detach().cpu().numpy().astype(dtype or np.float64)

    @staticmethod
    def identity() -> "Rigid":
        """The motion that moves nothing."""
        return _composed(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))

    def inverse(self) -> "Rigid":
        """The motion source_from_target."""
        Rt = self.R.mT
        return _composed(Rt, -torch.einsum("...ij,...j->...i", Rt, self.t))

    def matrix(self) -> Float[Tensor, "*b 4 4"]:
        """The homogeneous matrix, acting on column vectors."""
        top = torch.cat([self.R, self.t[..., None]], dim=-1)
        bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 4)
        return torch.cat([top, bottom], dim=-2)

    @staticmethod
    def from_matrix(matrix: Num[Array, "*b 4 4"]) -> "Rigid":
        """Read a homogeneous matrix; ValueError on a mirror image, a scale, a transpose."""
        m = float64(matrix)
        last = m.detach()[..., 3, :]
        wrong = (last - last.new_tensor([0.0, 0.0, 0.0, 1.0])).abs().amax(-1) > 1e-4
        if wrong.any():
            raise ValueError(
                f"not a rigid motion: the last row is {last[wrong][0].tolist()}, must be "
                "[0, 0, 0, 1]; a matrix made for row vectors must be transposed first"
            )
        return Rigid(m[..., :3, :3], m[..., :3, 3])

    @staticmethod
    def from_quaternion(q_wxyz: Num[Array, "*q 4"], t: Num[Array, "*t 3"]) -> "Rigid":
        """The motion of a quaternion and a translation (mm); ValueError where |q| is not 1."""
        q = float64(q_wxyz)
        norm = q.norm(dim=-1, keepdim=True)
        wrong = (norm.detach()[..., 0] - 1).abs() > 1e-3
        if wrong.any():
            found = q.detach()[wrong][0].tolist()
            raise ValueError(
                f"not a unit quaternion (w, x, y, z): found {found}; divide it by its norm"
            )
        return Rigid(rotation_from_quaternion(q / norm), t)

    def quaternion(self) -> Float[Tensor, "*b 4"]:
        """The unit quaternion (w, x, y, z) with w >= 0."""
        return quaternion_from_rotation(self.R)

    @staticmethod
    def exp(twist: Num[Array, "*b 6"]) -> "Rigid":
        """The motion of a twist (vx, vy, vz in mm, wx, wy, wz in rad); smooth at zero."""
        v, w = float64(twist).split(3, dim=-1)
        W = cross_matrix(w)
        W2 = W @ W
        a, b, c = sine_series(w.square().sum(-1))[..., None, None].unbind(-3)
        eye = torch.eye(3, dtype=W.dtype, device=W.device)
        # Rodrigues' formula, and its integral over the way from 0 to w for the translation.
        V = eye + b * W + c * W2
        return _composed(eye + a * W + b * W2, torch.einsum("...ij,...j->...i", V, v))

    def log(self) -> Float[Tensor, "*b 6"]:
        """The twist (v mm, w rad) with exp(twist) = self and |w| <= pi; smooth at the identity."""
        w = vector_from_quaternion(self.quaternion())
        d = half_angle_cotangent(w.square().sum(-1))[..., None]
        w_t = torch.linalg.cross(w, self.t)
        v = self.t - w_t / 2 + d * torch.linalg.cross(w, w_t)
        return torch.cat([v, w], dim=-1)

    def interpolate(self, other: "Rigid", fraction: float | Float[Tensor, "*f"]) -> "Rigid":
        """The motion on the geodesic (one screw) from self at fraction 0 to other at 1."""
        step = (self.inverse() @ other).log()
        share = torch.as_tensor(fraction, dtype=step.dtype, device=step.device)
        return self @ Rigid.exp(share[..., None] * step)


def _composed(R: Tensor, t: Tensor) -> Rigid:
    """The motion of an R that is a rotation by construction, without the constructor's check."""
    motion = object.__new__(Rigid)
    object.__setattr__(motion, "R", R)
    object.__setattr__(motion, "t", t.expand(*R.shape[:-1]))
    return motion
