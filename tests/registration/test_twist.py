"""Twists about the head's centre: round trips, and the points where they break."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from calibration import Rigid
from registration.twist import distance_between, moved_rigid, rotation, sd_of, twist_between

CENTRE = np.array([10.0, 220.0, 420.0])


@given(st.integers(0, 2**31), st.sampled_from([0.0, 1e-9, 1e-3, 1.0]))
def test_a_twist_is_the_way_to_where_it_moves(seed, scale):
    rng = np.random.default_rng(seed)
    start = Rigid.exp(rng.normal(size=6))
    twist = scale * rng.uniform(-1, 1, size=6)
    there = moved_rigid(start, twist, CENTRE)
    np.testing.assert_allclose(twist_between(start, there, CENTRE), twist, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-10, 1e-4, 1.0, np.pi])
def test_rotation_agrees_with_scipy(angle):
    w = angle * np.array([0.6, 0.0, -0.8])
    np.testing.assert_allclose(rotation(w), Rotation.from_rotvec(w).as_matrix(), atol=1e-15)


def test_half_a_turn_is_180_degrees_and_moves_the_centre_nowhere():
    start = Rigid.identity()
    there = moved_rigid(start, np.array([0, 0, 0, 0, np.pi, 0]), CENTRE)
    mm, deg = distance_between(start, there, CENTRE)
    assert mm < 1e-12 and deg == pytest.approx(180)


def test_deviations_are_roots_of_traces():
    mm, deg = sd_of(np.diag([1.0, 4.0, 4.0, 0, 0, np.radians(2.0) ** 2]))
    assert (mm, deg) == (pytest.approx(3), pytest.approx(2))
