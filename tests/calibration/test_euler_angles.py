import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.euler_angles import angles_zxy, angles_zyx, rotation_zxy, rotation_zyx

RANDOM = Rotation.random(200, random_state=0).as_matrix()
PAIRS = {"ZYX": (rotation_zyx, angles_zyx), "ZXY": (rotation_zxy, angles_zxy)}


@pytest.mark.parametrize("order", PAIRS)
def test_rotations_are_scipys_intrinsic_ones(order):
    angles = np.random.default_rng(1).uniform(-180, 180, (50, 3))
    expected = Rotation.from_euler(order, angles, degrees=True).as_matrix()
    np.testing.assert_allclose(PAIRS[order][0](angles), expected, atol=1e-14)


@pytest.mark.parametrize("order", PAIRS)
def test_angles_give_the_rotation_back(order):
    rotation, angles = PAIRS[order]
    np.testing.assert_allclose(rotation(angles(RANDOM)), RANDOM, atol=1e-14)
    assert np.abs(angles(RANDOM)[:, 1]).max() <= 90


@pytest.mark.parametrize("order", PAIRS)
@pytest.mark.parametrize("off_deg", [0, 1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("pole", [90, -90])
def test_no_digit_is_lost_at_the_poles(order, off_deg, pole):
    rotation, angles = PAIRS[order]
    R = rotation(np.array([[30.0, pole - off_deg, 50.0], [170.0, pole + off_deg, -120.0]]))
    np.testing.assert_allclose(rotation(angles(R)), R, atol=1e-14)


def test_no_rotation_has_no_angles():
    np.testing.assert_array_equal(angles_zyx(np.eye(3)), np.zeros(3))
    np.testing.assert_array_equal(angles_zxy(np.eye(3)), np.zeros(3))
    np.testing.assert_allclose(
        rotation_zyx(np.array([90.0, 0, 0])) @ [1, 0, 0], [0, 1, 0], atol=1e-15
    )
    turned, _ = cv2.Rodrigues(np.array([0.5, 0, 0]))
    np.testing.assert_allclose(angles_zxy(turned), [0, np.degrees(0.5), 0], atol=1e-13)
