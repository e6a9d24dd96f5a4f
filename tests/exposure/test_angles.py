import math

import numpy as np
import pytest

from exposure.angles import primary_angle_deg, roll_deg, secondary_angle_deg

# exposure.md section 4: primary, secondary, beam in RAS
TABLE = [
    (0, 0, (0, 1, 0)),
    (90, 0, (-1, 0, 0)),
    (-90, 0, (1, 0, 0)),
    (180, 0, (0, -1, 0)),
    (30, -20, (-0.469846310, 0.813797681, -0.342020143)),
    (-105, 5, (0.962250187, -0.257834160, 0.087155743)),
]


@pytest.mark.parametrize(("primary", "secondary", "beam"), TABLE)
def test_the_angles_are_those_of_the_standard(primary, secondary, beam):
    beam = np.array(beam, dtype=float)
    assert primary_angle_deg(beam) == pytest.approx(primary, abs=1e-6)
    assert secondary_angle_deg(beam) == pytest.approx(secondary, abs=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_along_the_axis_of_the_head_only_the_latitude_is_defined(sign):
    beam = np.array([0.0, 0.0, float(sign)])
    assert primary_angle_deg(beam) is None
    assert secondary_angle_deg(beam) == 90 * sign
    assert roll_deg(beam, np.array([0.0, 1.0, 0.0])) is None


def test_just_off_the_axis_all_angles_are_defined():
    beam = np.array([1e-6, 0.0, 1.0])
    beam /= np.linalg.norm(beam)
    assert primary_angle_deg(beam) == pytest.approx(-90)
    assert secondary_angle_deg(beam) == pytest.approx(90, abs=1e-4)


@pytest.mark.parametrize("x", [0.0, -0.0])
def test_a_half_turn_is_plus_180_and_no_turn_is_plus_zero(x):
    assert primary_angle_deg(np.array([x, -1.0, 0.0])) == 180.0
    assert math.copysign(1, primary_angle_deg(np.array([x, 1.0, 0.0]))) == 1


def test_angles_make_the_beam_they_were_measured_on():
    for beam in np.random.default_rng(0).normal(size=(50, 3)):
        u = beam / np.linalg.norm(beam)
        a, b = np.radians([primary_angle_deg(u), secondary_angle_deg(u)])
        u_lps = [math.sin(a) * math.cos(b), -math.cos(a) * math.cos(b), math.sin(b)]
        assert [-u[0], -u[1], u[2]] == pytest.approx(u_lps, abs=1e-12)


@pytest.mark.parametrize(
    ("up", "roll"), [((0, 0, 1), 0), ((1, 0, 0), -90), ((-1, 0, 0), 90), ((0, 0, -1), 180)]
)
def test_roll_is_positive_where_the_vertex_leans_to_the_right_of_the_image(up, roll):
    # Beam to anterior, image up towards the head's right: image right is inferior, so the
    # vertex lies to the image's left.
    assert roll_deg(np.array([0.0, 1.0, 0.0]), np.array(up, dtype=float)) == pytest.approx(roll)
