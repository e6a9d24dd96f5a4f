"""The rotation of a motion: its check, its quaternion, the series that keep exp and log smooth."""

from math import factorial

import torch
from jaxtyping import Float
from torch import Tensor

TOLERANCE = 1e-4  # of R^T R against the identity, and of det R against 1


def checked_rotation(R: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """The rotations nearest to R; NaN passes, ValueError on a mirror or a skewed matrix."""
    eye = torch.eye(3, dtype=R.dtype, device=R.device)
    fixed = R.detach()
    error = (fixed.mT @ fixed - eye).abs().amax((-2, -1))
    det = torch.linalg.det(fixed)
    mirror = (det + 1).abs() <= TOLERANCE
    if mirror.any():
        raise ValueError(
            "not a rigid motion: det(R) is -1, a mirror image, must be +1; R is "
            f"{fixed[mirror][0].tolist()}. Flip one axis of the image instead of the pose"
        )
    skewed = (error > TOLERANCE) | ((det - 1).abs() > TOLERANCE) | fixed.isinf().any(-1).any(-1)
    if skewed.any():
        raise ValueError(
            "not a rigid motion: R is not orthonormal, R^T R differs from the identity by "
            f"{error[skewed][0]:.3g} (at most {TOLERANCE:g}), det(R) is {det[skewed][0]:.6g}; "
            f"R is {fixed[skewed][0].tolist()}"
        )
    if (exact := error < 1e-12).all():
        return R
    rounded = R
    for _ in range(3):  # Newton-Schulz: the error squares at each step, and gradients stay finite
        rounded = rounded @ (3 * eye - rounded.mT @ rounded) / 2
    return torch.where(exact[..., None, None], R, rounded)


def cross_matrix(w: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The matrix W with W x = w cross x."""
    x, y, z = w.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*w.shape, 3)


def rotation_from_quaternion(q: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation of a unit quaternion (w, x, y, z)."""
    V = cross_matrix(q[..., 1:])
    eye = torch.eye(3, dtype=q.dtype, device=q.device)
    return eye + 2 * (q[..., :1, None] * V + V @ V)


def quaternion_from_rotation(R: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 4"]:
    """The unit quaternion (w, x, y, z) with w >= 0, accurate at every angle."""
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in R.unbind(-2))
    # 4 q q^T is linear in R; its row with the largest diagonal is a safe multiple of q.
    four_qq = torch.stack(
        [
            *(1 + a + e + i, h - f, c - g, d - b),
            *(h - f, 1 + a - e - i, b + d, c + g),
            *(c - g, b + d, 1 - a + e - i, f + h),
            *(d - b, c + g, f + h, 1 - a - e + i),
        ],
        dim=-1,
    ).reshape(*R.shape[:-2], 4, 4)
    best = four_qq.detach().diagonal(dim1=-2, dim2=-1).argmax(-1)
    q = torch.take_along_dim(four_qq, best[..., None, None], dim=-2)[..., 0, :]
    q = q / q.norm(dim=-1, keepdim=True)
    return torch.where(q[..., :1] < 0, -q, q)


def vector_from_quaternion(q: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3"]:
    """The rotation vector (rad) of a unit quaternion with w >= 0; smooth at the identity."""
    w, n2 = q[..., 0], q[..., 1:].square().sum(-1)
    small = n2 < 1e-6
    n = torch.where(small, 1.0, n2).sqrt()
    safe_w = torch.where(small, w, 1.0)
    x2 = n2 / safe_w.square()
    # angle = 2 atan(n / w); atan(x) / x = 1 - x^2 / 3 + x^4 / 5 - x^6 / 7
    series = 2 / safe_w * (1 - x2 * (1 / 3 - x2 * (1 / 5 - x2 / 7)))
    return torch.where(small, series, 2 * torch.atan2(n, w) / n)[..., None] * q[..., 1:]


def sine_series(angle2: Float[Tensor, "*b"]) -> Float[Tensor, "*b 3"]:
    """sin(a)/a, (1 - cos(a))/a^2 and (a - sin(a))/a^3 of a = sqrt(angle2), smooth at zero."""
    small = angle2 < 0.25
    x = torch.where(small, angle2, 0.0)[..., None]
    near = torch.zeros_like(x)
    for k in range(6, -1, -1):  # sum_k (-a^2)^k / (2k + n)!, the next below 1e-17 of it
        near = x.new_tensor([1 / factorial(2 * k + n) for n in (1, 2, 3)]) - x * near
    a2 = torch.where(small, 1.0, angle2)
    a = a2.sqrt()
    far = [a.sin() / a, 2 * (a / 2).sin().square() / a2, (a - a.sin()) / (a2 * a)]
    return torch.where(small[..., None], near, torch.stack(far, dim=-1))


def half_angle_cotangent(angle2: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """(1 - (a/2) cot(a/2)) / a^2 for an angle a of at most pi, smooth at zero, where it is 1/12."""
    small = angle2 < 0.25
    x, near = torch.where(small, angle2, 0.0), torch.zeros_like(angle2)
    # sum_k |B_2k| a^(2k - 2) / (2k)! with the Bernoulli numbers B, highest first
    bernoulli = (7 / 6, 691 / 2730, 5 / 66, 1 / 30, 1 / 42, 1 / 30, 1 / 6)
    for k, number in zip(range(14, 0, -2), bernoulli, strict=True):
        near = number / factorial(k) + x * near
    a2 = torch.where(small, 1.0, angle2)
    half = a2.sqrt() / 2
    return torch.where(small, near, (1 - half * half.cos() / half.sin()) / a2)
