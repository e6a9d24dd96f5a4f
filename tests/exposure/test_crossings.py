import math

import numpy as np
import pytest

from exposure import Skin
from exposure.crossings import FACES_PER_CELL

SOURCE = np.array([0.0, 0.0, 650.0])


def aimed_at_impact(b):
    """The unit ray from SOURCE that passes the origin at a distance b."""
    sine = b / 650.0
    return np.array([sine, 0.0, -math.sqrt(1 - sine**2)])


# exposure.md section 4: impact parameter, SSD, path, incidence
TABLE = [
    (0.0, 560.0, 180.0, 0.0),
    (30.0, 564.454510, 169.705627, 19.471221),
    (60.0, 580.142806, 134.164079, 41.810315),
    (89.0, 630.499006, 26.758176, 81.450921),
]


@pytest.mark.parametrize(("b", "ssd_mm", "path_mm", "incidence_deg"), TABLE)
def test_a_fine_sphere_gives_the_distances_of_a_sphere(
    fine_sphere, b, ssd_mm, path_mm, incidence_deg
):
    ray = aimed_at_impact(b)
    found = fine_sphere.crossings(SOURCE, ray)
    # A chord of a facet lies inside the sphere; at b = 89 mm the ray all but grazes.
    slack = 0.008 if b < 89 else 0.03
    assert found.distance_mm[0] == pytest.approx(ssd_mm, abs=slack)
    assert found.length_inside_mm() == pytest.approx(path_mm, abs=0.014 if b < 89 else 0.06)
    entry = SOURCE + found.distance_mm[0] * ray
    normal = fine_sphere.normal_ct(entry, int(found.face[0]))
    assert math.degrees(math.acos(-ray @ normal)) == pytest.approx(incidence_deg, abs=0.05)


@pytest.mark.parametrize("b", [0.0, 30.0, 60.0])
def test_a_coarse_sphere_stays_within_a_tenth(coarse_sphere, b):
    found = coarse_sphere.crossings(SOURCE, aimed_at_impact(b))
    expected = math.sqrt(650**2 - b**2) - math.sqrt(90**2 - b**2)
    # A facet's middle lies 0.091 mm inside the sphere; along an oblique ray that is 0.091 / cos.
    assert found.distance_mm[0] == pytest.approx(expected, abs=0.091 / math.sqrt(1 - (b / 90) ** 2))
    assert found.length_inside_mm() == pytest.approx(2 * math.sqrt(90**2 - b**2), abs=0.22)


def test_refining_the_mesh_converges_with_the_square_of_its_edges(make_sphere):
    rays = [aimed_at_impact(b) for b in np.linspace(1, 70, 40)]
    chords = [2 * math.sqrt(90**2 - b**2) for b in np.linspace(1, 70, 40)]

    def worst(subdivisions):
        skin = make_sphere(subdivisions)
        lengths = [skin.crossings(SOURCE, ray).length_inside_mm() for ray in rays]
        return np.abs(np.array(lengths) - chords).max()

    errors = [worst(n) for n in (3, 4, 5)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


def test_rays_through_vertices_and_edge_midpoints_enter_once_and_leave_once(coarse_sphere):
    vertices, faces = coarse_sphere.vertices_ct, coarse_sphere.faces
    source = np.array([123.0, -400.0, 512.0])
    targets = [*vertices[:300], *vertices[faces[:300, :2]].mean(axis=1)]
    for target in targets:
        ray = (target - source) / np.linalg.norm(target - source)
        found = coarse_sphere.crossings(source, ray)
        at_rim = np.linalg.norm(np.cross(source, ray)) > 89.5  # the mesh is inside the sphere
        assert found.paired
        assert len(found.face) == 2 or at_rim


def test_rays_along_the_mesh_of_a_cube_count_each_side_once():
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    cube = Skin.from_mesh(corners, np.array(faces))
    down = np.array([0.0, 0.0, -1.0])
    for x, y in [(0.5, 0.5), (0.25, 0.25), (0.25, 0.75)]:  # on and off the diagonals
        found = cube.crossings(np.array([x, y, 3.0]), down)
        assert found.distance_mm.tolist() == [2.0, 3.0]
        assert found.entering.tolist() == [True, False]
    grazing = cube.crossings(np.array([0.0, 0.5, 3.0]), down)  # within a side of the cube
    assert grazing.paired
    assert grazing.length_inside_mm() in (0.0, 1.0)


def test_a_ray_that_starts_inside_has_an_odd_count(fine_sphere):
    found = fine_sphere.crossings(np.array([1.0, 2.0, 3.0]), np.array([0.6, 0.0, 0.8]))
    assert len(found.face) == 1
    assert not found.paired


def test_a_ray_away_from_the_mesh_meets_nothing(fine_sphere):
    found = fine_sphere.crossings(SOURCE, np.array([0.0, 0.0, 1.0]))
    assert len(found.face) == 0
    assert found.paired
    assert found.length_inside_mm() == 0.0


def test_a_hole_in_the_mesh_is_told_and_not_repaired(coarse_sphere):
    middle = coarse_sphere.vertices_ct[coarse_sphere.faces].mean(axis=1)
    open_skin = Skin.from_mesh(coarse_sphere.vertices_ct, coarse_sphere.faces[middle[:, 2] < 85])
    assert not open_skin.crossings(SOURCE, np.array([0.0, 0.0, -1.0])).paired


def test_two_separate_bodies_add_their_lengths(make_sphere):
    near, far = make_sphere(4, 20.0, (0.0, 0.0, 100.0)), make_sphere(4, 20.0, (0.0, 0.0, 0.0))
    both = Skin.from_mesh(
        np.concatenate([near.vertices_ct, far.vertices_ct]),
        np.concatenate([near.faces, far.faces + len(near.vertices_ct)]),
    )
    found = both.crossings(SOURCE, np.array([0.0, 0.0, -1.0]))
    assert found.entering.tolist() == [True, False, True, False]
    assert found.length_inside_mm() == pytest.approx(80.0, abs=0.1)
    assert found.length_inside_mm(650.0) == pytest.approx(60.0, abs=0.1)


def test_the_search_by_cells_finds_what_a_search_of_all_faces_finds(egg):
    rng = np.random.default_rng(3)
    corners = egg.vertices_ct[egg.faces]
    assert len(egg.cells.radius_mm) > len(egg.faces) / FACES_PER_CELL / 2
    for _ in range(100):
        origin = rng.normal(size=3)
        origin *= 500 / np.linalg.norm(origin)
        ray = rng.normal(0, 40, 3) - origin
        ray /= np.linalg.norm(ray)
        a, b, c = (corners[:, k] - origin for k in range(3))
        signs = np.stack([np.cross(p, q) @ ray for p, q in ((a, b), (b, c), (c, a))])
        expected = np.flatnonzero((signs > 0).all(axis=0) | (signs < 0).all(axis=0))
        assert sorted(egg.crossings(origin, ray).face) == expected.tolist()
