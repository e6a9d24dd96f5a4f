"""The motion of one body as seen from another's anatomical frame, and how sure it is.

Of poses world_from_ct of a reference a and a body b, with constant motions into their frames,

    reference_from_body = reference_from_ct_a @ world_from_ct_a^-1 @ world_from_ct_b
                          @ ct_b_from_body.

Errors of the poses are left twists of the world about the bodies' centres (`twist.py`). At the
origin p of the body's frame they add up, to first order, to the twist (v, w) with

    v = v_b + w_b x (p - c_b) - v_a - w_a x (p - c_a),    w = w_b - w_a,

turned into the reference's axes: the adjoint of each error at p (Barfoot 2017, State Estimation
for Robotics, doi 10.1017/9781316671528, eqs. 7.45 and 7.50). The errors of the bodies are taken
as independent.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .joint_angles import HelicalAxes, grood_suntay_deg, helical_axes


@dataclass(frozen=True, eq=False)
class MovingFrame:
    """A body frame by frame: NaN where it has no pose, or where its covariance is unknown."""

    world_from_ct: Rigid
    covariance: Float[np.ndarray, "frame 6 6"]
    """Of the twist about `centre_ct`, as in a track."""
    centre_ct: Float[np.ndarray, "3"]
    frame_from_ct: Rigid
    """Into the body's anatomical frame, constant."""


@dataclass(frozen=True, eq=False)
class RelativeMotion:
    """A body's frame in another's; `covariance` is of the left twist (mm, rad) about its origin.

    The twist is in the reference's axes: its first three entries are errors of `position_mm`.
    """

    reference_from_body: Rigid
    covariance: Float[np.ndarray, "frame 6 6"]

    @property
    def position_mm(self) -> Float[np.ndarray, "frame 3"]:
        """Of the origin of the body's frame."""
        return self.reference_from_body.t.numpy()

    @property
    def position_sd_mm(self) -> Float[np.ndarray, "frame 3"]:
        """Along each axis of the reference."""
        return _deviations(self.covariance[:, :3, :3])

    @property
    def angles_deg(self) -> Float[np.ndarray, "frame 3"]:
        """Flexion, bending, axial rotation: see `joint_angles.py`."""
        return grood_suntay_deg(self.reference_from_body)

    @property
    def angles_sd_deg(self) -> Float[np.ndarray, "frame 3"]:
        """Of each angle; NaN where they are locked."""
        by_turn = _angles_by_turn(np.radians(self.angles_deg))
        spread = by_turn @ self.covariance[:, 3:, 3:] @ np.swapaxes(by_turn, -1, -2)
        return np.degrees(_deviations(spread))

    def since(self, first: int) -> "Since":
        """The motion since one of the frames."""
        motion = self.reference_from_body @ self.reference_from_body[first].inverse()
        axes = helical_axes(motion)
        both = self.covariance[:, 3:, 3:].copy()
        turned = motion.R.numpy() @ self.covariance[first, 3:, 3:] @ motion.R.mT.numpy()
        both += turned
        both[first] = 0
        spread = np.einsum("fi,fij,fj->f", axes.direction, both, axes.direction)
        return Since(axes, np.degrees(np.sqrt(np.maximum(spread, 0))))


@dataclass(frozen=True, eq=False)
class Since:
    """Helical axes, in the reference's frame, of the motion since a first frame."""

    axes: HelicalAxes
    turn_sd_deg: Float[np.ndarray, "frame"]


def motion_in(reference: MovingFrame, body: MovingFrame) -> RelativeMotion:
    """The body's motion in the frame of the reference, frame by frame."""
    world_from_reference = reference.world_from_ct @ reference.frame_from_ct.inverse()
    world_from_body = body.world_from_ct @ body.frame_from_ct.inverse()
    origin = world_from_body.t.numpy()
    axes = world_from_reference.R.mT.numpy()
    covariance = _at(body, origin, axes) + _at(reference, origin, axes)
    return RelativeMotion(world_from_reference.inverse() @ world_from_body, covariance)


def motion_since(body: MovingFrame, first: int) -> RelativeMotion:
    """The body's motion in its own frame as that stood in one of the frames of the world."""
    at = np.full(len(body.covariance), first)
    still = MovingFrame(
        _repeated(body.world_from_ct, at),
        body.covariance[at],
        body.centre_ct,
        body.frame_from_ct,
    )
    motion = motion_in(still, body)
    motion.covariance[first] = 0  # a pose against itself
    return motion


def fixed(count: int) -> MovingFrame:
    """The world as a reference: it stands still and is known exactly."""
    identity = _repeated(Rigid(np.eye(3)[None], np.zeros((1, 3))), np.zeros(count, dtype=np.int64))
    return MovingFrame(identity, np.zeros((count, 6, 6)), np.zeros(3), Rigid.identity())


def _repeated(motion: Rigid, at: np.ndarray) -> Rigid:
    return Rigid(motion.R[at], motion.t[at])


def _at(moving: MovingFrame, point_world: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The covariance (frame, 6, 6) about points of the world, in other axes."""
    arm = point_world - (moving.world_from_ct @ moving.centre_ct).numpy()
    adjoint = np.zeros((len(arm), 6, 6))
    adjoint[:, :3, :3] = adjoint[:, 3:, 3:] = axes
    adjoint[:, :3, 3:] = -axes @ _cross(arm)  # w x arm = -arm x w
    return adjoint @ moving.covariance @ np.swapaxes(adjoint, -1, -2)


def _cross(v: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3 3"]:
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    o = np.zeros_like(x)
    return np.stack([o, -z, y, z, o, -x, -y, x, o], axis=-1).reshape(*v.shape, 3)


def _angles_by_turn(angles: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3 3"]:
    """Derivatives of the angles of R = Rx(f) Ry(b) Rz(r) by a left turn w.

    A change of the angles turns by w = f' x + b' Rx y + r' Rx Ry z.
    """
    f, b = angles[..., 0], angles[..., 1]
    o, one = np.zeros_like(f), np.ones_like(f)
    x = np.stack([one, o, o], axis=-1)
    y = np.stack([o, np.cos(f), np.sin(f)], axis=-1)
    z = np.stack([np.sin(b), -np.sin(f) * np.cos(b), np.cos(f) * np.cos(b)], axis=-1)
    turn_by_angles = np.stack([x, y, z], axis=-1)
    known = np.isfinite(turn_by_angles).all((-1, -2))
    inverse = np.full_like(turn_by_angles, np.nan)
    inverse[known] = np.linalg.inv(turn_by_angles[known])
    return inverse


def _deviations(spread: Float[np.ndarray, "frame 3 3"]) -> Float[np.ndarray, "frame 3"]:
    return np.sqrt(np.maximum(np.diagonal(spread, axis1=1, axis2=2), 0))
