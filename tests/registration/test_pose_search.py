"""A head that nobody knows anything of is found, whichever way it faces."""

import numpy as np
import pytest

from calibration import Rigid
from drr.head_orientation import CAM_FROM_UPRIGHT
from registration.frame_pose import Moment, Subject, TrackingConfig, locate
from registration.head_model import Resolution, head_model
from registration.pose_search import searched_pose
from registration.radiograph import radiograph
from registration.twist import distance_between

CENTRE = np.array([10.0, 220.0, 420.0])
LEVELS = (Resolution(8.0, 5.6, 12, 1.2, 15), Resolution(5.0, 3.2, 8, 0.8, 12))


@pytest.fixture(scope="module")
def model(blob_head):
    return head_model(blob_head, None, LEVELS)


def upright(rig, azimuth_deg):
    """The head before the first camera, turned, tilted by 10 deg, some mm off the middle."""
    turn = Rigid.exp(np.array([0, 0, 0, 0, 0, np.radians(azimuth_deg)]))
    tilt = Rigid.exp(np.array([0, 0, 0, np.radians(10), np.radians(-6), 0]))
    R = rig[0].cam_from_world.R.numpy().T @ CAM_FROM_UPRIGHT @ (tilt @ turn).R.numpy()
    return Rigid(R, np.array([6.0, -9.0, 4.0]) - R @ CENTRE)


def filmed_moment(blob_head, small_rig, filmed, pose):
    images = filmed(blob_head, small_rig, pose)
    return Moment(tuple(radiograph(c, im) for c, im in zip(small_rig, images, strict=True)))


@pytest.mark.parametrize("azimuth_deg", [8.0, 250.0])
def test_every_azimuth_is_found(blob_head, small_rig, filmed, model, azimuth_deg):
    pose = upright(list(small_rig), azimuth_deg)
    moment = filmed_moment(blob_head, small_rig, filmed, pose)
    found = searched_pose(moment.radiographs, model)
    mm, deg = distance_between(found.world_from_ct, pose, CENTRE)
    assert mm < 1 and deg < 1  # on 72 px: a pixel is 2.8 mm wide at the head


def test_without_landmarks_or_neighbours_a_frame_is_searched(blob_head, small_rig, filmed, model):
    pose = upright(list(small_rig), 131.0)
    moment = filmed_moment(blob_head, small_rig, filmed, pose)
    found = locate(small_rig, moment, Subject(model, None), (), TrackingConfig())
    assert set(found.flags) <= {"sd_large"}  # 72 px are not sure to half a mm
    mm, deg = distance_between(found.world_from_ct, pose, CENTRE)
    assert mm < 1 and deg < 1
