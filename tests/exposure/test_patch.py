import math

import numpy as np
import pytest

from calibration import Rigid
from exposure import Field, Skin
from exposure.patch import overlap_mm2, patch_of
from exposure.view import view_of

AT_REST = Rigid.identity()


def patch_at(skin, camera, field):
    view = view_of(camera, field, AT_REST, AT_REST)
    return patch_of(skin, view.beam_ct.outline, view.cam_from_ct)


def joined(*skins, on_cut=None):
    offsets = np.cumsum([0, *(len(s.vertices_ct) for s in skins[:-1])])
    faces = np.concatenate([s.faces + n for s, n in zip(skins, offsets, strict=True)])
    return Skin.from_mesh(np.concatenate([s.vertices_ct for s in skins]), faces, on_cut)


def test_a_narrow_cone_irradiates_a_spherical_cap(fine_sphere, make_camera, cone):
    patch = patch_at(fine_sphere, make_camera(37.0, 21.0), cone(5))
    assert patch.area_mm2 == pytest.approx(8705.9733, rel=1e-3)
    assert patch.miss_fraction == 0.0
    assert patch.nearest_mm == pytest.approx(560.0, abs=0.05)


def test_a_beam_wider_than_the_head_irradiates_what_it_can_see(fine_sphere, make_camera, cone):
    patch = patch_at(fine_sphere, make_camera(-70.0, size=900), cone(10, 900))
    assert patch.area_mm2 == pytest.approx(43846.9670, rel=1e-3)
    tangent, half = math.radians(7.958832), math.radians(10)
    expected = 1 - (1 - math.cos(tangent)) / (1 - math.cos(half))
    assert patch.miss_fraction == pytest.approx(expected, abs=1e-3)


def test_refining_the_mesh_brings_the_patch_to_the_cap(make_sphere, make_camera, cone):
    errors = [
        abs(patch_at(make_sphere(n), make_camera(37.0, 21.0), cone(5)).area_mm2 / 8705.9733 - 1)
        for n in (3, 5)
    ]
    assert errors[1] < errors[0] / 4


def test_a_half_covered_field_counts_the_faces_on_its_edge_in_part(coarse_sphere, make_camera):
    camera = make_camera(10.0)
    whole = Field.whole_image(camera)
    left = Field(np.array([[-0.5, -0.5], [299.5, -0.5], [299.5, 599.5], [-0.5, 599.5]]), "given")
    both = patch_at(coarse_sphere, camera, whole).area_mm2
    assert patch_at(coarse_sphere, camera, left).area_mm2 == pytest.approx(both / 2, rel=5e-3)


def test_what_stands_in_front_takes_the_beam_of_what_stands_behind(make_sphere, make_camera, cone):
    # Source at (0, -650, 0): a small sphere before a large one.
    large, small = make_sphere(5), make_sphere(4, 20.0, (0.0, -200.0, 0.0))
    camera = make_camera(0.0)
    patch = patch_at(joined(large, small), camera, cone(7))
    alone = patch_at(large, camera, cone(7)).area_mm2
    tangent_deg = math.degrees(math.asin(20 / 450))
    shadow = patch_at(large, camera, cone(tangent_deg)).area_mm2
    front = 2 * math.pi * 20**2 * (1 - 20 / 450)
    assert patch.area_mm2 == pytest.approx(alone - shadow + front, rel=5e-3)
    assert patch.nearest_mm == pytest.approx(430.0, abs=0.1)


def test_the_far_side_of_the_head_is_never_in_the_patch(coarse_sphere, make_camera, cone):
    patch = patch_at(coarse_sphere, make_camera(0.0), cone(7))
    toward_source = coarse_sphere.face_vectors[patch.face] @ [0.0, -1.0, 0.0]
    assert (toward_source > 0).all()


def test_a_cut_plane_is_met_but_is_no_skin(make_sphere, make_camera, cone):
    sphere = make_sphere(4)
    middle = sphere.vertices_ct[sphere.faces].mean(axis=1)
    cut = Skin.from_mesh(sphere.vertices_ct, sphere.faces, middle[:, 1] < 0)
    patch = patch_at(cut, make_camera(0.0), cone(5))
    assert patch.area_mm2 == 0.0
    assert patch.cut_fraction == pytest.approx(1.0, abs=1e-6)
    assert patch.miss_fraction == 0.0


def test_a_field_beside_the_head_misses_all_of_it(coarse_sphere, make_camera):
    corner = Field(np.array([[0, 0], [40, 0], [40, 40], [0, 40]]), "given")
    patch = patch_at(coarse_sphere, make_camera(0.0, size=1200), corner)
    assert (patch.area_mm2, patch.miss_fraction, patch.nearest_mm) == (0.0, 1.0, None)


def test_a_head_behind_the_source_is_not_irradiated(make_sphere, make_camera, cone):
    patch = patch_at(make_sphere(3, 50.0, (0.0, -900.0, 0.0)), make_camera(0.0), cone(5))
    assert (patch.area_mm2, patch.miss_fraction) == (0.0, 1.0)


def test_two_equal_beams_overlap_in_all_of_their_patch(coarse_sphere, make_camera, cone):
    patch = patch_at(coarse_sphere, make_camera(0.0), cone(5))
    assert overlap_mm2(coarse_sphere, [patch, patch]) == pytest.approx(patch.area_mm2, rel=1e-6)
    assert overlap_mm2(coarse_sphere, [patch]) is None


def test_opposite_beams_do_not_overlap(coarse_sphere, make_camera, cone):
    front, back = (patch_at(coarse_sphere, make_camera(a), cone(5)) for a in (0.0, 180.0))
    assert overlap_mm2(coarse_sphere, [front, back]) == 0.0


def test_a_third_view_adds_the_skin_that_any_two_share(coarse_sphere, make_camera, cone):
    one, two, other = (patch_at(coarse_sphere, make_camera(a), cone(5)) for a in (0.0, 20.0, 180.0))
    two_views = overlap_mm2(coarse_sphere, [one, two])
    assert 0 < two_views < one.area_mm2
    assert overlap_mm2(coarse_sphere, [one, other, two]) == pytest.approx(two_views)


def test_a_field_with_a_notch_leaves_the_notch_out(fine_sphere, make_camera):
    camera = make_camera(0.0)
    square = np.array([[200, 200], [400, 200], [400, 400], [200, 400.0]])
    notched = np.insert(square, 2, [[400, 280], [300, 280], [300, 320], [400, 320]], axis=0)
    notch = np.array([[300, 280], [400, 280], [400, 320], [300, 320.0]])
    areas = [
        patch_at(fine_sphere, camera, Field(p, "given")).area_mm2 for p in (square, notched, notch)
    ]
    assert areas[1] + areas[2] == pytest.approx(areas[0], rel=2e-3)
