"""What poses of real film are worth: the same fit with an error made on purpose.

A figure that does not fall under an error says nothing about it. Each fit starts from the pose
found without the error, and from turns of it about the bone's long axis; the most similar counts.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import real_film_wrist as wrist

from calibration import Camera, Rig, Rigid
from registration.bone_model import bone_model
from registration.refine_pose import RefinedPose, refine_pose
from registration.twist import moved_rigid

TURNS_DEG = (-20.0, 0.0, 20.0)
"""About the bone's long axis: an error may move the best pose."""


def fits_with_errors(
    bone: str, frame: str, pose: Rigid
) -> Iterator[tuple[str, RefinedPose, float]]:
    """What is wrong, the best fit with it, and its worst view's similarity."""
    rig = wrist.wrist_rig()
    for name, volume, wrong_rig, images in errors(bone, rig):
        shots = wrist.wrist_radiographs(frame, wrong_rig)
        if images:
            shots = tuple(
                replace(shot, image=other.image, usable=other.usable)
                for shot, other in zip(shots, shots[::-1], strict=True)
            )
        model = bone_model(volume)
        best = None
        for turn_deg in TURNS_DEG:
            axis = pose.R.numpy()[:, 2] * np.radians(turn_deg)
            start = moved_rigid(pose, np.array([0, 0, 0, *axis]), model.centre_ct)
            found = refine_pose(shots, model, start, 0)
            if best is None or found.similarity.mean() > best.similarity.mean():
                best = found
        if best is not None:
            yield name, best, float(best.similarity.min())


def errors(bone: str, rig: Rig) -> Iterator[tuple]:
    """Name, volume, rig, and whether the images of the cameras are swapped."""
    volume, (first, second) = wrist.bone_volume(bone), tuple(rig)
    yield "none", volume, rig, False
    yield "spacing 2 % too small", wrist.bone_volume(bone, scale=0.98), rig, False
    yield "spacing 2 % too large", wrist.bone_volume(bone, scale=1.02), rig, False
    yield "spacing 5 % too large", wrist.bone_volume(bone, scale=1.05), rig, False
    yield "mirrored", wrist.bone_volume(bone, mirrored=True), rig, False
    yield "camera 1 turned 1 deg", volume, Rig((_turned(first, 1.0), second)), False
    yield "camera 1 read with y up", volume, Rig((_y_up(first), second)), False
    yield "images of the cameras swapped", volume, rig, True


def _turned(camera: Camera, deg: float) -> Camera:
    """The source moved about the vertical axis of the world's origin."""
    turn = Rigid.exp(np.array([0, 0, 0, 0, np.radians(deg), 0]))
    return replace_motion(camera, camera.cam_from_world @ turn)


def _y_up(camera: Camera) -> Camera:
    """The principal point counted from the lower edge, as some programs write it."""
    K = camera.K.numpy().copy()
    K[1, 2] = camera.height - 1 - K[1, 2]
    return Camera(K, camera.cam_from_world, camera.width, camera.height, camera.name)


def replace_motion(camera: Camera, cam_from_world: Rigid) -> Camera:
    """The camera in another place."""
    return Camera(camera.K, cam_from_world, camera.width, camera.height, camera.name)
