import math

import numpy as np
import pytest

from calibration import Camera
from exposure import Field
from exposure.beam import area_centroid, area_on_plane_mm2, beam_of, solid_angle_sr

CAMERA = Camera(np.array([[1100.0, 0, 0], [0, 1100.0, 0], [0, 0, 1]]), np.eye(4), 8, 8)
FORWARD = np.array([0.0, 0.0, 1.0])


def beam_of_outline(outline_mm):
    """The beam of an outline in mm on a detector at 1100 mm, in the camera's own frame."""
    return beam_of(CAMERA, Field(np.array(outline_mm, dtype=float), "given"), np.eye(4))


def rectangle(width_mm=200.0, height_mm=150.0, right_mm=0.0, down_mm=0.0):
    x, y = width_mm / 2, height_mm / 2
    corners = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    return corners + np.array([right_mm, down_mm])


def cone(half_angle_deg, corners=20_000):
    angle = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    radius_mm = 1100 * math.tan(math.radians(half_angle_deg))
    return radius_mm * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def tilted(degrees):
    return np.array([0.0, math.sin(math.radians(degrees)), math.cos(math.radians(degrees))])


def test_a_rectangle_shrinks_with_the_square_of_the_distance():
    beam = beam_of_outline(rectangle())
    assert area_on_plane_mm2(beam, 560 * FORWARD, FORWARD) == pytest.approx(7775.2066, abs=1e-4)
    assert area_on_plane_mm2(beam, 1100 * FORWARD, FORWARD) == pytest.approx(30_000, rel=1e-12)


def test_the_solid_angle_of_a_rectangle_is_exact():
    assert solid_angle_sr(beam_of_outline(rectangle())) == pytest.approx(
        0.0246345295707903, rel=1e-12
    )


def test_the_solid_angle_of_a_cone_is_that_of_its_cap():
    expected = 2 * math.pi * (1 - math.cos(math.radians(5)))
    assert solid_angle_sr(beam_of_outline(cone(5))) == pytest.approx(expected, rel=1e-6)


def test_a_tilted_plane_takes_more_than_one_over_the_cosine():
    # Tilted about the long side of the rectangle.
    area = area_on_plane_mm2(beam_of_outline(rectangle()), 560 * FORWARD, tilted(30))
    assert area == pytest.approx(9005.9246, abs=1e-3)
    assert area > 7775.2066 / math.cos(math.radians(30)) * 1.003


def test_a_cone_on_a_tilted_plane_is_an_ellipse():
    area = area_on_plane_mm2(beam_of_outline(cone(5)), 560 * FORWARD, tilted(30))
    assert area == pytest.approx(math.pi * 56.717707 * 49.056273, rel=1e-6)
    assert area == pytest.approx(8741.0396, rel=1e-6)


def test_areas_over_the_square_of_the_distance_are_constant_along_the_beam():
    beam = beam_of_outline(rectangle(120, 90, 60, -40))
    areas = [area_on_plane_mm2(beam, r * beam.axis, beam.axis) / r**2 for r in (1.0, 300.0, 990.0)]
    assert areas == pytest.approx([areas[0]] * 3, rel=1e-12)


def test_a_plane_that_the_field_never_leaves_has_no_area():
    assert area_on_plane_mm2(beam_of_outline(rectangle()), 560 * FORWARD, tilted(87)) is None


def test_an_off_centre_field_has_its_own_central_ray():
    beam = beam_of_outline(rectangle(right_mm=110.0, down_mm=-55.0))
    assert beam.axis == pytest.approx(np.array([110, -55, 1100]) / math.hypot(110, 55, 1100))
    assert beam.principal == pytest.approx(FORWARD)
    assert beam.up == pytest.approx([0, -1, 0])


def test_the_centre_of_an_area_is_not_the_mean_of_its_corners():
    ell = np.array([[0, 0], [4, 0], [4, 1], [1, 1], [1, 3], [0, 3.0]]) + 1000
    whole = (4 * np.array([2, 0.5]) + 2 * np.array([0.5, 2])) / 6
    assert area_centroid(ell) == pytest.approx(whole + 1000, rel=1e-14)
    assert area_centroid(ell[::-1]) == pytest.approx(whole + 1000, rel=1e-14)


def test_corners_on_a_side_change_nothing():
    plain = beam_of_outline(rectangle())
    more = beam_of_outline(
        np.concatenate([rectangle()[:1], [[0, -75], [50, -75]], rectangle()[1:]])
    )
    assert more.axis == pytest.approx(plain.axis, abs=1e-15)
    assert solid_angle_sr(more) == pytest.approx(solid_angle_sr(plain), rel=1e-12)


def test_a_round_field_has_the_area_of_its_circle():
    field = Field.circle(np.array([255.5, 240.0]), 200.0, "detected")
    beam = beam_of(CAMERA, field, np.eye(4))
    area = area_on_plane_mm2(beam, 1100 * FORWARD, FORWARD)
    assert area == pytest.approx(math.pi * 200**2, rel=1e-12)
    off_px = np.linalg.norm(field.outline_px - [255.5, 240.0], axis=1) - 200
    assert np.abs(off_px).max() < 0.05


def test_a_closed_outline_is_the_same_as_an_open_one():
    corners = rectangle()
    closed = Field(np.concatenate([corners, corners[:1]]), "given")
    assert np.array_equal(closed.outline_px, corners)


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ([[0, 0], [1, 1]], "3 or more"),
        ([[0, 0], [1, 1], [2, float("nan")]], "3 or more finite"),
        ([[0, 0], [1, 1], [2, 2]], "enclose an area"),
        ([[0, 0], [4, 4], [4, 0], [0, 4]], "without crossing itself"),
    ],
)
def test_an_outline_that_encloses_nothing_is_refused(outline, message):
    with pytest.raises(ValueError, match=message):
        Field(np.array(outline, dtype=float), "given")


def test_a_field_from_nowhere_is_refused():
    with pytest.raises(ValueError, match="source is one of detected, header, given, assumed"):
        Field(rectangle(), "guessed")
