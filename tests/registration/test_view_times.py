import numpy as np

from calibration import Rigid
from registration.twist import moved_rigid
from registration.view_times import rig_in_motion


def test_a_moved_rig_sees_a_resting_head_as_the_rig_sees_the_moved_one(rig, skull_points):
    centre_ct = skull_points.mean(0)
    pose = moved_rigid(Rigid.identity(), np.array([5, 2, 9, 0.3, -1.1, 0.4]), centre_ct)
    velocity = np.array([120.0, -40, 60, 1.0, -2.0, 0.5])
    moved = rig_in_motion(rig, (0.0, 0.017), velocity, (pose @ centre_ct).numpy())
    for camera, still, offset_s in zip(rig, moved, (0.0, 0.017), strict=True):
        later = moved_rigid(pose, offset_s * velocity, centre_ct)
        expected = camera.project(later @ skull_points)
        np.testing.assert_allclose(still.project(pose @ skull_points), expected, atol=1e-9)
        assert still.name == camera.name
