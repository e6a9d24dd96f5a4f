"""The numbers of closed forms to 1e-6, on meshes whose vertices lie where the ray must pass."""

import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from calibration import Camera, Rig, Rigid
from exposure import Field, Head, Skin, TubeOutput, expose
from exposure.central_ray import central_ray
from exposure.view import view_of

RADIUS_MM, SOURCE_MM = 90.0, 650.0

# impact parameter, SSD, path, incidence of a ray that passes a sphere's centre at that distance
TABLE = [
    (0.0, 560.0, 180.0, 0.0),
    (30.0, 564.454510, 169.705627, 19.471221),
    (60.0, 580.142806, 134.164079, 41.810315),
    (89.0, 630.499006, 26.758176, 81.450921),
]


def frame_about(z):
    """Right-handed unit axes, columns, the third of which is z."""
    x = np.cross([0.3, 0.5, 0.8], z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def aimed_camera(source, direction):
    motion = np.eye(4)
    motion[:3, :3] = frame_about(direction).T
    motion[:3, 3] = -motion[:3, :3] @ source
    K = np.array([[2200.0, 0, 0], [0, 2200.0, 0], [0, 0, 1]])
    return Camera(K, motion, 8, 8, name="A", pixel_spacing_mm=0.5)


def ray_at_impact(b):
    """A source and a unit ray that passes the origin at a distance b, in no special direction."""
    turn = frame_about(np.array([0.36, -0.48, 0.8]))
    sine = b / SOURCE_MM
    local = np.array([sine, 0.0, -math.sqrt(1 - sine**2)])
    return turn @ [0.0, 0.0, SOURCE_MM], turn @ local


def sphere_about(entry, leaves):
    """A mesh of the sphere with rings around the entry point, and the exit point a vertex."""
    axes = frame_about(entry / RADIUS_MM)
    height, turn = np.meshgrid(
        np.radians(np.linspace(0.5, 179.5, 120)), np.radians(np.arange(0, 360, 10))
    )
    rings = np.stack(
        [np.sin(height) * np.cos(turn), np.sin(height) * np.sin(turn), np.cos(height)], axis=-1
    )
    points = [entry, leaves, *(RADIUS_MM * rings.reshape(-1, 3) @ axes.T)]
    hull = ConvexHull(np.array(points))
    faces = hull.simplices.copy()
    a, b, c = (hull.points[faces[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a + b + c) < 0
    faces[inward] = faces[inward][:, ::-1]
    return Skin.from_mesh(hull.points, faces)


@pytest.mark.parametrize(("b", "ssd_mm", "path_mm", "incidence_deg"), TABLE)
def test_a_ray_through_a_sphere(b, ssd_mm, path_mm, incidence_deg):
    source, ray = ray_at_impact(b)
    along = math.sqrt(SOURCE_MM**2 - b**2)
    half = math.sqrt(RADIUS_MM**2 - b**2)
    skin = sphere_about(source + (along - half) * ray, source + (along + half) * ray)
    field = Field.circle(np.zeros(2), 1.0, "given")
    camera = aimed_camera(source, ray)
    found = expose(Rigid.identity(), Rig((camera,)), Head(skin), [field], 600.0)[0]
    assert found.ssd_mm == pytest.approx(ssd_mm, rel=1e-8)
    assert found.path_length_mm == pytest.approx(path_mm, rel=1e-7)
    assert found.incidence_deg == pytest.approx(incidence_deg, rel=1e-6, abs=1e-5)
    entry = [found.entry_x_mm, found.entry_y_mm, found.entry_z_mm]
    assert entry == pytest.approx(source + (along - half) * ray, abs=1e-6)
    assert found.k_isq == pytest.approx((600 / ssd_mm) ** 2, rel=1e-7)


def box(front_mm, half_mm=200.0):
    """A closed box whose front lies at a depth, its sides across the z axis."""
    z = (front_mm, front_mm + 100.0)
    corners = np.array(
        [[x, y, d] for x in (-half_mm, half_mm) for y in (-half_mm, half_mm) for d in z]
    )
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return Skin.from_mesh(corners, np.array(faces))


def at_box(ssd_mm, reference_mm, half_px=(200.0, 150.0), **more):
    x, y = half_px
    outline = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    camera = aimed_camera(np.zeros(3), np.array([0.0, 0.0, 1.0]))
    rig, fields = Rig((camera,)), [Field(outline, "given")]
    return expose(Rigid.identity(), rig, Head(box(ssd_mm)), fields, reference_mm, **more)[0]


@pytest.mark.parametrize(
    ("ssd_mm", "reference_mm", "k_isq"),
    [
        (560.0, 600.0, 1.14795918),
        (660.0, 600.0, 0.82644628),
        (100.0, 100.0, 1.0),
        (50.0, 100.0, 4.0),
        (200.0, 100.0, 0.25),
    ],
)
def test_the_inverse_square(ssd_mm, reference_mm, k_isq):
    found = at_box(ssd_mm, reference_mm, outputs={"A": TubeOutput(kerma_mGy=0.02)})
    assert found.k_isq == pytest.approx(k_isq, rel=1e-8)
    assert found.entrance_kerma_mGy == pytest.approx(0.02 * k_isq, rel=1e-8)


def test_a_millimetre_at_560_is_0_357_percent():
    near, far = at_box(559.9995, 600.0).k_isq, at_box(560.0005, 600.0).k_isq
    assert (near - far) / 1e-3 / at_box(560.0, 600.0).k_isq == pytest.approx(2 / 560, rel=1e-6)


def test_a_rectangle_of_200_by_150_mm_at_1100_is_carried_to_560():
    found = at_box(560.0, 1100.0)
    assert found.sid_mm == pytest.approx(1100.0, rel=1e-12)
    assert np.ptp(found.field_outline_mm, axis=0) == pytest.approx([200.0, 150.0], rel=1e-12)
    assert found.field_area_reference_mm2 == pytest.approx(30_000.0, rel=1e-9)
    assert found.field_area_entrance_mm2 == pytest.approx(7775.2066, rel=1e-8)
    assert found.more["solid_angle_sr"] == pytest.approx(0.0246345295707903, rel=1e-12)


@pytest.mark.parametrize(
    ("primary_deg", "secondary_deg", "source_lps_mm"),
    [
        (30.0, 0.0, (-392.5, 679.83, 0.0)),
        (30.0, 20.0, (-368.83, 638.83, -268.49)),
        (-45.0, -15.0, (536.16, 536.16, 203.17)),
    ],
)
def test_the_source_lies_where_the_standards_formula_has_it(
    make_camera, fine_sphere, primary_deg, secondary_deg, source_lps_mm
):
    """DICOM PS3.3 C.8.7.5.1.2 at 785 mm; another program has the opposite cranio-caudal sign."""
    camera = make_camera(primary_deg, secondary_deg, sod_mm=785.0)
    view = view_of(camera, Field.whole_image(camera), Rigid.identity(), Rigid.identity())
    source_lps = view.beam_skull.source * [-1, -1, 1]
    assert source_lps == pytest.approx(np.array(source_lps_mm), abs=6e-3)
    assert central_ray(view.beam_ct, fine_sphere) is not None
