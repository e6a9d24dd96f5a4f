import math

import numpy as np
import pytest

from calibration import Camera, Rig, Rigid
from exposure import COLUMNS, Field, Head, Lens, Skin, TubeOutput, expose
from exposure.view_exposure import VIEW_COLUMNS
from registration.twist import moved_rigid

POSE = moved_rigid(Rigid.identity(), np.array([4, -6, 3, 0.2, -0.1, 0.4]), np.zeros(3))
SKULL = moved_rigid(Rigid.identity(), np.array([1, 2, 3, 0.05, 0.02, -0.03]), np.zeros(3))
LENSES = {"left": Lens(np.array([-31.0, 76.0, 12.0])), "right": Lens(np.array([29.0, 75.0, 11.0]))}
COVARIANCE = np.diag([0.2, 0.1, 0.3, 1e-5, 2e-5, 3e-5])
OUTLINE = np.array([[180, 190], [420, 170], [450, 400], [200, 430.0]])
FIELDS = [Field(OUTLINE, "given"), Field(OUTLINE - [40, 10], "detected")]


def exposed(skin, rig, pose=POSE, skull=SKULL, fields=FIELDS, lenses=LENSES, **more):
    center_ct = more.pop("center_ct", np.zeros(3))
    head = Head(skin, skull, center_ct=center_ct, lenses=lenses)
    return expose(pose, rig, head, fields, 600.0, **({"covariance": COVARIANCE} | more))


def cells(exposure):
    return {name: getattr(exposure, name) for name in VIEW_COLUMNS}


def assert_same(found, expected, rel=1e-7, but=()):
    for name, value in cells(expected).items():
        if name in but:
            continue
        if isinstance(value, float):
            assert getattr(found, name) == pytest.approx(value, rel=rel, abs=1e-6), name
        else:
            assert getattr(found, name) == value, name


def moved_camera(camera, world_from_new):
    motion = camera.cam_from_world @ world_from_new
    return Camera(camera.K, motion, 600, 600, name=camera.name, pixel_spacing_mm=0.5)


def test_moving_the_whole_room_changes_nothing(egg, rig):
    room = moved_rigid(Rigid.identity(), np.array([300, -200, 900, 0.7, 1.1, -0.4]), np.zeros(3))
    there = Rig(tuple(moved_camera(camera, room.inverse()) for camera in rig))
    turn = np.kron(np.eye(2), room.R.numpy())
    moved = exposed(egg, there, room @ POSE, covariance=turn @ COVARIANCE @ turn.T)
    for found, expected in zip(moved, exposed(egg, rig), strict=True):
        assert_same(found, expected, but=("lens_left_probability", "lens_right_probability"))
        # The draws of the pose are the same only up to a rotation.
        assert found.lens_left_probability == pytest.approx(
            expected.lens_left_probability, abs=0.02
        )


def test_another_frame_of_the_ct_changes_nothing(egg, rig):
    shift = moved_rigid(Rigid.identity(), np.array([30, -20, 500, 0.2, 0.1, -0.4]), np.zeros(3))
    skin = Skin.from_mesh(np.asarray(shift @ egg.vertices_ct), egg.faces)
    lenses = {side: Lens(np.asarray(shift @ lens.center_ct)) for side, lens in LENSES.items()}
    back = shift.inverse()
    moved = exposed(
        skin,
        rig,
        POSE @ back,
        SKULL @ back,
        lenses=lenses,
        center_ct=np.asarray(shift @ np.zeros(3)),
    )
    for found, expected in zip(moved, exposed(egg, rig), strict=True):
        assert_same(found, expected)


def test_exchanging_the_views_exchanges_the_rows(egg, rig):
    first, second = exposed(egg, rig)
    swapped = exposed(egg, Rig(rig.cameras[::-1]), fields=FIELDS[::-1])
    assert [e.view for e in swapped] == ["B", "A"]
    assert_same(swapped[1], first)
    assert_same(swapped[0], second)
    assert first.overlap_area_mm2 == second.overlap_area_mm2


def test_the_overlap_is_the_same_number_in_both_rows(egg, rig):
    first, second = exposed(egg, rig, fields=None)
    assert first.overlap_area_mm2 == second.overlap_area_mm2
    assert 0 < first.overlap_area_mm2 < min(first.skin_area_mm2, second.skin_area_mm2)


def test_a_mirrored_scene_exchanges_the_lenses_and_the_sign_of_the_primary_angle(egg, rig):
    mirror, flip = np.diag([-1.0, 1, 1]), np.diag([-1.0, 1, 1, 1])
    skin = Skin.from_mesh(egg.vertices_ct @ mirror, egg.faces)
    lenses = {"left": Lens(mirror @ LENSES["right"].center_ct)}
    lenses["right"] = Lens(mirror @ LENSES["left"].center_ct)

    def reflected(motion):
        return Rigid.from_matrix(flip @ np.asarray(motion) @ flip)

    def image(camera):  # the image is mirrored too, columns counted from the other side
        motion = reflected(camera.cam_from_world)
        return Camera(camera.K, motion, 600, 600, name=camera.name, pixel_spacing_mm=0.5)

    fields = [Field(f.outline_px * [-1, 1] + [599, 0], f.source) for f in FIELDS]
    there = Rig(tuple(image(camera) for camera in rig))
    axial = np.diag([-1.0, 1, 1, 1, -1, -1])
    mirrored = exposed(
        skin,
        there,
        reflected(POSE),
        reflected(SKULL),
        fields,
        lenses,
        covariance=axial @ COVARIANCE @ axial,
    )
    for found, expected in zip(mirrored, exposed(egg, rig), strict=True):
        assert found.primary_angle_deg == pytest.approx(-expected.primary_angle_deg)
        assert found.secondary_angle_deg == pytest.approx(expected.secondary_angle_deg)
        assert found.roll_deg == pytest.approx(-expected.roll_deg)
        assert found.source_x_mm == pytest.approx(-expected.source_x_mm)
        for name in ("ssd_mm", "path_length_mm", "incidence_deg", "skin_area_mm2", "k_isq"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-6), name
        for name in ("in_field", "margin_mm", "distance_mm", "depth_mm"):
            other = getattr(expected, f"lens_right_{name}")
            assert getattr(found, f"lens_left_{name}") == pytest.approx(other, rel=1e-9), name


def test_a_sphere_gives_the_distances_and_angles_it_must(fine_sphere, make_camera, cone):
    rig = Rig((make_camera(30.0, -20.0),))
    found = expose(Rigid.identity(), rig, Head(fine_sphere), [cone(5)], 600.0)[0]
    assert (found.sid_mm, found.sod_mm) == (pytest.approx(1100), pytest.approx(650))
    assert found.magnification == pytest.approx(1100 / 650)
    assert found.primary_angle_deg == pytest.approx(30)
    assert found.secondary_angle_deg == pytest.approx(-20)
    assert found.roll_deg == pytest.approx(0, abs=1e-9)
    assert found.ssd_mm == pytest.approx(560, abs=0.01)
    assert found.path_length_mm == pytest.approx(180, abs=0.02)
    assert found.k_isq == pytest.approx(1.14795918, rel=5e-5)
    beam = np.array([-0.469846310, 0.813797681, -0.342020143])
    assert [found.beam_x, found.beam_y, found.beam_z] == pytest.approx(beam, abs=1e-9)
    entry = [found.entry_x_mm, found.entry_y_mm, found.entry_z_mm]
    assert entry == pytest.approx(-90 * beam, abs=0.01)
    leaves = [found.exit_x_mm, found.exit_y_mm, found.exit_z_mm]
    assert leaves == pytest.approx(90 * beam, abs=0.01)
    cap = math.pi * (560 * math.tan(math.radians(5))) ** 2
    assert found.field_area_entrance_mm2 == pytest.approx(cap, rel=1e-4)
    assert found.field_area_reference_mm2 == pytest.approx(cap * (600 / 560) ** 2, rel=1e-4)
    assert found.entrance_kerma_mGy is None
    assert found.flags == ()


@pytest.mark.parametrize(("ssd_mm", "k_isq"), [(560, 1.14795918), (660, 0.82644628)])
def test_kerma_follows_the_inverse_square(fine_sphere, make_camera, cone, ssd_mm, k_isq):
    rig = Rig((make_camera(0.0, sod_mm=ssd_mm + 90.0),))
    found = expose(
        Rigid.identity(),
        rig,
        Head(fine_sphere),
        [cone(5)],
        reference_distance_mm=600.0,
        outputs={"A": TubeOutput(kerma_mGy=0.02)},
    )[0]
    assert found.k_isq == pytest.approx(k_isq, rel=1e-4)
    assert found.entrance_kerma_mGy == pytest.approx(0.02 * k_isq, rel=1e-4)


def test_a_ray_beside_the_head_leaves_the_skin_columns_empty(coarse_sphere, make_camera):
    rig = Rig((make_camera(0.0),))
    beside = Field(np.array([[10, 10], [60, 10], [60, 60], [10, 60.0]]), "given")
    found = exposed(coarse_sphere, rig, Rigid.identity(), Rigid.identity(), [beside])[0]
    assert found.flags == ("beam_misses_head",)
    for name in ("ssd_mm", "entry_x_mm", "exit_x_mm", "path_length_mm", "incidence_deg"):
        assert getattr(found, name) is None
    for name in ("field_area_entrance_mm2", "k_isq", "ssd_sd_mm", "entrance_kerma_mGy"):
        assert getattr(found, name) is None
    assert found.field_area_reference_mm2 > 0
    assert found.sod_mm == pytest.approx(650)
    assert found.lens_left_in_field == 0


def test_an_unknown_field_is_the_whole_image_and_says_so(egg, rig):
    found, known = expose(POSE, rig, Head(egg, SKULL), [None, FIELDS[1]])
    assert found.field_source == "assumed"
    assert "field=assumed" in found.flags
    assert "field=assumed" not in known.flags
    assert found.field_outline_px.tolist() == [
        [-0.5, -0.5], [599.5, -0.5], [599.5, 599.5], [-0.5, 599.5],
    ]  # fmt: skip
    for name in ("k_isq", "field_area_reference_mm2", "ssd_sd_mm", "lens_left_in_field"):
        assert getattr(found, name) is None


def test_the_entry_on_a_cut_plane_is_flagged_as_false_skin(coarse_sphere, make_camera, cone):
    middle = coarse_sphere.vertices_ct[coarse_sphere.faces].mean(axis=1)
    cut = Skin.from_mesh(coarse_sphere.vertices_ct, coarse_sphere.faces, middle[:, 1] < -60)
    for azimuth, flags in (
        (0.0, ("field_truncated_by_mesh", "patch_meets_cut_plane")),
        (180.0, ("exit_on_cut_plane",)),
        (90.0, ()),
    ):
        rig = Rig((make_camera(azimuth),))
        assert expose(Rigid.identity(), rig, Head(cut), [cone(2)])[0].flags == flags


def test_a_source_inside_the_head_is_flagged_and_has_no_path(egg, make_camera, cone):
    rig = Rig((make_camera(0.0, sod_mm=1.0),))
    found = expose(Rigid.identity(), rig, Head(egg), [cone(2)])[0]
    assert "odd_crossings" in found.flags
    assert found.path_length_mm is None
    assert found.exit_x_mm is None


def test_a_beam_from_below_has_no_longitude_and_says_so(fine_sphere, make_camera, cone):
    rig = Rig((make_camera(0.0, 90.0),))
    found = expose(Rigid.identity(), rig, Head(fine_sphere), [cone(2)])[0]
    assert (found.primary_angle_deg, found.roll_deg) == (None, None)
    assert found.secondary_angle_deg == pytest.approx(90)
    assert found.flags == ("axis_undefined",)


def test_without_a_pixel_spacing_the_distance_to_the_image_is_unknown(egg, rig):
    plain = Rig(tuple(Camera(c.K, c.cam_from_world, 600, 600, name=c.name) for c in rig))
    found = exposed(egg, plain)[0]
    assert (found.sid_mm, found.magnification) == (None, None)
    assert_same(found, exposed(egg, rig)[0], but=("sid_mm", "magnification"))


def test_an_estimated_lens_is_flagged(egg, rig):
    found = exposed(egg, rig, lenses={"left": Lens(np.array([-30.0, 76, 12]), 2.0, True)})[0]
    assert "lens_model=estimated" in found.flags
    assert found.lens_right_margin_mm is None


def test_the_patch_outline_lies_on_the_skin(fine_sphere, make_camera, cone):
    rig = Rig((make_camera(20.0),))
    found = expose(Rigid.identity(), rig, Head(fine_sphere, SKULL), [cone(5)])[0]
    points_ct = np.asarray(SKULL.inverse() @ found.patch_outline_skull)
    assert np.linalg.norm(points_ct, axis=1) == pytest.approx(90, abs=0.01)


def test_the_columns_are_those_of_the_contract():
    text = (
        "frame,time_s,view,status,source_x_mm,source_y_mm,source_z_mm,beam_x,beam_y,beam_z,"
        "primary_angle_deg,secondary_angle_deg,roll_deg,sid_mm,sod_mm,ssd_mm,magnification,"
        "entry_x_mm,entry_y_mm,entry_z_mm,exit_x_mm,exit_y_mm,exit_z_mm,path_length_mm,"
        "incidence_deg,field_area_entrance_mm2,field_area_reference_mm2,skin_area_mm2,"
        "miss_fraction,k_isq,lens_left_in_field,lens_left_margin_mm,lens_left_distance_mm,"
        "lens_left_depth_mm,lens_left_probability,lens_right_in_field,lens_right_margin_mm,"
        "lens_right_distance_mm,lens_right_depth_mm,lens_right_probability,overlap_area_mm2,"
        "ssd_sd_mm,entrance_kerma_mGy,field_source,flags"
    )
    assert ",".join(COLUMNS) == text


def test_a_pose_that_is_not_finite_is_refused(egg, rig):
    lost = Rigid.from_matrix(
        np.array([[1, 0, 0, np.nan], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    )
    with pytest.raises(ValueError, match="a lost frame has no exposure"):
        expose(lost, rig, Head(egg, SKULL))


def test_a_field_too_few_and_a_third_eye_are_refused(egg, rig):
    with pytest.raises(ValueError, match="1 fields for 2 views"):
        expose(POSE, rig, Head(egg, SKULL), FIELDS[:1])
    with pytest.raises(ValueError, match="'left' or 'right', found 'third'"):
        Head(egg, SKULL, lenses={"third": Lens(np.zeros(3))})
