"""Numbers beside the columns: signs and closed forms of each."""

import math

import numpy as np
import pytest

from calibration import Rig, Rigid
from drr.volume import Volume
from exposure import Field, Head, Lens, Matter, Structure, TubeOutput, estimated_lenses, expose
from exposure.crossings import Crossings
from exposure.entry_site import entry_site
from exposure.skull_frame import FRANKFORT_FRAME
from exposure.structures import ball_points

AT_REST = Rigid.identity()


def water_ball(radius_mm=91.0, spacing_mm=3.0, core_hu=None):
    """A ball of water in air, and in it a core of 20 mm radius where that is asked for."""
    count = 71
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -spacing_mm * (count - 1) / 2
    axis = affine[0, 3] + spacing_mm * np.arange(count)
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis**2)
    hu = np.where(radius < radius_mm, 0.0, -1000.0)
    if core_hu is not None:
        hu[radius < 20] = core_hu
    return Matter.of(Volume(hu.astype(np.int16), affine))


@pytest.fixture(scope="module")
def ball_head(fine_sphere):
    lens = Lens(np.array([-30.0, 75.0, 10.0]), radius_mm=4.5)
    middle = np.array([0.0, 0.0, -60.0])
    thyroid = Structure(middle + ball_points(5.0), middle, 524.0)
    return Head(
        fine_sphere,
        skull_frame=FRANKFORT_FRAME,
        lenses={"left": lens},
        structures={"thyroid": thyroid},
        matter=water_ball(core_hu=1000.0),
    )


def test_the_heads_origin_lies_right_up_and_ahead_as_the_image_shows_it(egg, make_camera, cone):
    camera = make_camera(25.0, 10.0)
    shift = Rigid(AT_REST.R, AT_REST.t.new_tensor([12.0, -7.0, 9.0]))
    more = expose(shift, Rig((camera,)), Head(egg), [cone(4)])[0].more
    x, y, z = np.asarray(camera.cam_from_world @ shift @ np.zeros(3))
    found = more["head_origin_in_beam_mm"]
    assert [found["right"], found["up"], found["along"]] == pytest.approx([x, -y, z], abs=1e-9)


def test_the_detector_stands_where_its_pixels_are_seen(egg, make_camera):
    camera = make_camera(25.0, 10.0)
    skull = Rigid.exp(np.array([5.0, 6, 7, 0.1, 0.2, 0.3]))
    pose = Rigid.exp(np.array([1.0, 2, 3, -0.1, 0.1, 0.0]))
    more = expose(pose, Rig((camera,)), Head(egg, skull))[0].more["detector"]
    point_skull = more["first_pixel_mm"] + 120 * more["step_right_mm"] + 44 * more["step_down_mm"]
    point_world = pose @ (skull.inverse() @ point_skull)
    assert np.asarray(camera.project(point_world)) == pytest.approx([120, 44], abs=1e-8)
    assert float(camera.depth(point_world)) == pytest.approx(1100)


def test_two_views_say_the_angle_between_them(egg, make_camera):
    rig = Rig((make_camera(20.0, name="A"), make_camera(80.0, name="B")))
    first, second = expose(AT_REST, rig, Head(egg))
    assert first.more["angle_to_views_deg"] == {"B": pytest.approx(60)}
    assert second.more["angle_to_views_deg"] == {"A": pytest.approx(60)}


def test_a_single_view_is_enough_and_has_no_overlap(egg, make_camera):
    found = expose(AT_REST, Rig((make_camera(0.0),)), Head(egg), covariance=np.eye(6) * 1e-4)[0]
    assert found.overlap_area_mm2 is None
    assert found.more["angle_to_views_deg"] == {}
    assert found.ssd_mm is not None and found.ssd_sd_mm is not None


def test_the_central_ray_counts_tissue_bone_and_water(ball_head, make_camera, cone):
    found = expose(AT_REST, Rig((make_camera(0.0),)), ball_head, [cone(3)])[0]
    ray = found.more["central_ray"]
    assert ray["tissue_mm"] == pytest.approx(180, abs=3)
    assert ray["bone_mm"] == pytest.approx(40, abs=3)
    assert ray["water_equivalent_mm"] == pytest.approx(220, abs=4)


def test_water_of_any_axes_has_its_own_length():
    for dtype in (np.int16, np.float32, np.float64):
        data = np.zeros((20, 30, 10), dtype)
        affine = np.array([[0, 0, -2.0, 9], [1.0, 0, 0, -10], [0, -1.5, 0, 20], [0, 0, 0, 1]])
        matter = Matter.of(Volume(data, affine))
        crossings = Crossings(np.array([90.0, 105.0]), np.array([0, 1]), np.array([True, False]))
        passed = matter.along(np.array([0.0, 0, 100.0]), np.array([0.0, 0, -1]), crossings)
        assert passed is not None and passed.water_equivalent_mm == pytest.approx(15.0)
        assert passed.tissue_mm == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("azimuth_deg", "side", "angle_deg"),
    [(180.0, "entrance", 0.0), (0.0, "exit", 180.0), (90.0, "lateral", 90.0)],
)
def test_a_lens_knows_from_where_it_is_met(ball_head, make_camera, azimuth_deg, side, angle_deg):
    camera = make_camera(azimuth_deg)
    found = expose(AT_REST, Rig((camera,)), ball_head, reference_distance_mm=600.0)[0]
    lens = found.more["lenses"]["left"]
    assert lens["side"] == side
    assert lens["angle_to_gaze_deg"] == pytest.approx(angle_deg, abs=9)
    assert lens["k_isq"] == pytest.approx((600 / found.lens_left_distance_mm) ** 2)
    pixel = np.asarray(camera.project(ball_head.lenses["left"].center_ct))
    assert lens["pixel"] == pytest.approx(pixel, abs=1e-9)
    assert lens["model"] == "sphere of radius 4.5 mm, marked"
    assert 0 < lens["depth_share"] < 1
    assert lens["water_equivalent_depth_mm"] == pytest.approx(found.lens_left_depth_mm, abs=45)


def test_half_of_a_lens_on_the_fields_edge_is_in_the_field(ball_head, make_camera):
    camera = make_camera(180.0)
    u, _ = np.asarray(camera.project(ball_head.lenses["left"].center_ct))
    edge = Field(np.array([[u, -0.5], [599.5, -0.5], [599.5, 599.5], [u, 599.5]]), "given")
    found = expose(AT_REST, Rig((camera,)), ball_head, [edge])[0]
    assert found.lens_left_margin_mm == pytest.approx(0, abs=1e-6)
    assert found.more["lenses"]["left"]["share_in_field"] == pytest.approx(0.5, abs=0.02)


def test_a_named_structure_is_counted_by_its_share(ball_head, make_camera):
    camera = make_camera(0.0)
    _, v = np.asarray(camera.project(ball_head.structures["thyroid"].center_ct))
    above = Field(np.array([[-0.5, -0.5], [599.5, -0.5], [599.5, v], [-0.5, v]]), "given")
    thyroid = expose(AT_REST, Rig((camera,)), ball_head, [above])[0].more["structures"]["thyroid"]
    assert thyroid["share_in_field"] == pytest.approx(0.5, abs=0.03)
    assert thyroid["center_margin_mm"] == pytest.approx(0, abs=1e-6)
    # The ray to it crosses the ball of radius 90 before it, at a height of 60 mm.
    ahead = math.hypot(650, 60)
    assert thyroid["center_distance_mm"] == pytest.approx(ahead)
    b = 650 * 60 / ahead
    assert thyroid["center_depth_mm"] == pytest.approx(
        math.sqrt(90**2 - b**2) + ahead - math.sqrt(650**2 - b**2), abs=0.05
    )


def test_points_of_a_ball_fill_it_evenly():
    points = ball_points(10.0, 4096)
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() <= 10
    assert (radius < 5).mean() == pytest.approx(1 / 8, abs=0.01)
    assert np.abs(points.mean(axis=0)).max() < 0.1


@pytest.mark.parametrize(
    ("point", "region", "longitude"),
    [
        ((0, 90, 30), "frontal", 0),
        ((0, 90, -30), "face", 0),
        ((-80, 0, 30), "temporoparietal left", 90),
        ((80, 0, -30), "cheek and jaw right", -90),
        ((0, -90, 30), "occipital", 180),
        ((0, -90, -30), "neck", 180),
        ((5, 5, 120), "vertex", 45),
    ],
)
def test_the_entry_has_a_place_in_words(point, region, longitude):
    site = entry_site(np.array(point, dtype=float), True)
    assert site.region == region
    assert abs(abs(site.longitude_deg) - abs(longitude)) < 91 if region == "vertex" else True
    if region != "vertex":
        assert abs(site.longitude_deg) == pytest.approx(abs(longitude))
    assert entry_site(np.array(point, dtype=float), False).region is None


def test_a_tube_that_is_off_exposes_nothing_and_says_so(ball_head, rig, cone):
    outputs = {"A": TubeOutput(kerma_mGy=0.02), "B": TubeOutput(on=False, kerma_mGy=0.02)}
    lit, dark = expose(AT_REST, rig, ball_head, [cone(4)] * 2, 600.0, outputs=outputs)
    assert lit.entrance_kerma_mGy > 0 and "tube_off" not in lit.flags
    assert dark.entrance_kerma_mGy is None and "tube_off" in dark.flags
    assert dark.ssd_mm is not None and dark.more["tube_on"] is False
    assert (lit.overlap_area_mm2, dark.overlap_area_mm2) == (None, None)
    unexposed = Field(cone(4).outline_px, "detected", exposed=False)
    assert "tube_off" in expose(AT_REST, rig, ball_head, [unexposed, None])[0].flags


def test_lenses_are_estimated_from_the_orbits_rim():
    from drr.digital_head import head_parts
    from drr.head_landmarks import landmarks_of
    from drr.head_shape import drawn_shape
    from exposure import skull_from_ct

    shape = drawn_shape(5)
    landmarks = landmarks_of(shape, head_parts(shape))
    motion, how = skull_from_ct(landmarks, np.zeros(3))
    assert how == FRANKFORT_FRAME
    found = estimated_lenses(landmarks, motion)
    for side in ("left", "right"):
        assert np.linalg.norm(found[side].center_ct - landmarks[f"lens_{side}"]) < 2
        assert found[side].estimated and found[side].sd_mm == 3.0
    del landmarks["orbitale_right"]
    assert set(estimated_lenses(landmarks, motion)) == {"left"}
    assert estimated_lenses(None, motion) == {}
