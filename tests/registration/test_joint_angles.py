import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from calibration import Rigid
from registration.joint_angles import grood_suntay_deg, helical_axes, relative_motion


def about(axis, angle_deg):
    return Rotation.from_rotvec(np.radians(angle_deg) * np.eye(3)[axis]).as_matrix()


def rigid(R, t=(0.0, 0, 0)):
    return Rigid(R, np.broadcast_to(np.asarray(t, float), (*R.shape[:-2], 3)))


@pytest.mark.parametrize("axis", range(3))
def test_a_turn_about_one_axis_is_one_angle(axis):
    for angle in (-80.0, -1e-4, 0.0, 33.0, 80.0):
        expected = angle * np.eye(3)[axis]
        np.testing.assert_allclose(grood_suntay_deg(rigid(about(axis, angle))), expected, atol=1e-9)


def test_the_sequence_is_flexion_floating_rotation():
    rng = np.random.default_rng(0)
    for angles in rng.uniform(-85, 85, (30, 3)):
        R = about(0, angles[0]) @ about(1, angles[1]) @ about(2, angles[2])
        np.testing.assert_allclose(grood_suntay_deg(rigid(R)), angles, atol=1e-8)
        scipy = Rotation.from_matrix(R).as_euler("XYZ", degrees=True)
        np.testing.assert_allclose(scipy, angles, atol=1e-8)


def test_signs_are_those_of_a_person():
    chin_up, ear_up, to_the_left = about(0, 20), about(1, 20), about(2, 20)
    assert (chin_up @ [0, 1, 0])[2] > 0  # the nose rises
    assert (ear_up @ [-1, 0, 0])[2] > 0  # the left ear rises
    assert (to_the_left @ [0, 1, 0])[0] < 0  # the nose goes to the left


def test_a_locked_bending_has_no_angles():
    R = about(0, 30) @ about(1, 89.9) @ about(2, 10)
    assert np.isnan(grood_suntay_deg(rigid(R))).all()
    assert np.isfinite(grood_suntay_deg(rigid(about(1, 89.0)))).all()


def test_a_helical_axis_is_found_from_the_motion_made_with_it():
    rng = np.random.default_rng(1)
    for _ in range(30):
        n = rng.normal(size=3)
        n /= np.linalg.norm(n)
        point = rng.normal(size=3) * 80
        point -= n * (n @ point)
        angle, shift = rng.uniform(0.2, 179.0), rng.normal() * 5
        R = Rotation.from_rotvec(np.radians(angle) * n).as_matrix()
        axes = helical_axes(Rigid(R, point + shift * n - R @ point))
        assert axes.turn_deg == pytest.approx(angle)
        np.testing.assert_allclose(axes.direction, n, atol=1e-7)
        np.testing.assert_allclose(axes.point_mm, point, atol=1e-4)
        assert axes.shift_mm == pytest.approx(shift, abs=1e-6)


def test_without_a_turn_there_is_no_axis():
    axes = helical_axes(Rigid(np.eye(3), np.array([1.0, 2, 3])))
    assert axes.turn_deg == 0 and np.isnan(axes.point_mm).all() and np.isnan(axes.shift_mm)


def test_motion_is_told_from_a_frame_or_from_another_body():
    rng = np.random.default_rng(2)
    head = Rigid.exp(torch.from_numpy(rng.normal(size=(6, 6))))
    first = relative_motion(head, 0)
    np.testing.assert_allclose(first[0].matrix(), np.eye(4), atol=1e-12)
    neck = Rigid.exp(torch.from_numpy(rng.normal(size=(6, 6))))
    neck_from_head = relative_motion(head, neck)
    np.testing.assert_allclose((neck @ neck_from_head).matrix(), head.matrix(), atol=1e-12)
