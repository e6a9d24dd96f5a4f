"""Views that are not exposed at once share one motion: each camera is moved against the head.

A view that is exposed d seconds after the pose's time sees the head moved by D = exp(d twist)
about its centre. To see that with the pose itself, its camera is given cam_from_world @ D.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from calibration import Rig, Rigid

from .frame_pose import Moment
from .twist import rotation


def rig_in_motion(
    rig: Rig,
    time_offsets_s: Sequence[float],
    velocity: Float[np.ndarray, "6"],
    centre_world: Float[np.ndarray, "3"],
) -> Rig:
    """The rig as it stands to a head that rests at the pose's time.

    Args:
        time_offsets_s: of each view, how much later than the pose it is exposed.
        velocity: of the head, the twist (mm / s, rad / s) about `centre_world` (mm).
    """
    cameras = []
    for camera, offset_s in zip(rig, time_offsets_s, strict=True):
        turn = rotation(offset_s * velocity[3:])
        shift = centre_world + offset_s * velocity[:3] - turn @ centre_world
        moved_head = Rigid(turn, shift)
        cameras.append(replace(camera, cam_from_world=camera.cam_from_world @ moved_head))
    return Rig(tuple(cameras))


def moment_of(moment: Moment, rig: Rig) -> Moment:
    """The moment seen by the cameras of another rig."""
    pairs = zip(moment.radiographs, rig, strict=True)
    return replace(
        moment, radiographs=tuple(replace(image, camera=camera) for image, camera in pairs)
    )
