"""Starts for a head that nothing else finds: every azimuth is tried on small images."""

from itertools import product

import numpy as np
from jaxtyping import Float

from calibration import Rigid
from drr.head_orientation import CAM_FROM_UPRIGHT

from .head_model import HeadModel
from .radiograph import Radiograph
from .refine_pose import RefinedPose, refine_pose

AZIMUTHS_DEG = np.arange(0, 360, 20)
TILTS_DEG = (-15, 15)
KEPT = 4
"""Of the coarse poses, those that are refined to the end."""


def searched_pose(radiographs: tuple[Radiograph, ...], model: HeadModel) -> RefinedPose:
    """The most similar pose over all azimuths of a head that is upright in the first view's image.

    The head is put where the middles of the views' fields meet; its tilt and roll may be some 30
    deg off.
    """
    middle_world = _meeting_point(radiographs)
    coarse = [
        refine_pose(radiographs, model, start, 0, 1)
        for start in _starts(radiographs[0], middle_world, model.centre_ct)
    ]
    coarse.sort(key=lambda found: -found.similarity.mean())
    ends = [refine_pose(radiographs, model, found.world_from_ct, 0) for found in coarse[:KEPT]]
    return max(ends, key=lambda found: found.similarity.mean())


def _meeting_point(radiographs: tuple[Radiograph, ...]) -> Float[np.ndarray, "3"]:
    """The point nearest to the rays through the middles of the fields; world, mm."""
    normal, right = np.zeros((3, 3)), np.zeros(3)
    for radiograph in radiographs:
        v, u = np.nonzero(radiograph.usable)
        middle = np.array([u.mean(), v.mean()]) if len(u) else np.array(radiograph.usable.shape) / 2
        camera = radiograph.camera
        direction = camera.rays(middle).numpy()
        across = np.eye(3) - np.outer(direction, direction)
        normal += across
        right += across @ camera.center_world.numpy()
    return np.linalg.lstsq(normal, right, rcond=None)[0]


def _starts(
    radiograph: Radiograph,
    middle_world: Float[np.ndarray, "3"],
    centre_ct: Float[np.ndarray, "3"],
) -> list[Rigid]:
    """Poses of the head about the middle, upright in the image, at all azimuths."""
    world_from_cam = radiograph.camera.cam_from_world.R.numpy().T
    starts = []
    for azimuth_deg, tilt_deg in product(AZIMUTHS_DEG, TILTS_DEG):
        turn = Rigid.exp(np.array([0, 0, 0, 0, 0, np.radians(azimuth_deg)])).R.numpy()
        tilt = Rigid.exp(np.array([0, 0, 0, np.radians(tilt_deg), 0, 0])).R.numpy()
        R = world_from_cam @ CAM_FROM_UPRIGHT @ tilt @ turn
        starts.append(Rigid(R, middle_world - R @ centre_ct))
    return starts
