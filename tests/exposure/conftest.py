"""Skins and cameras whose exposure has a closed form; made once, never changed."""

import math

import numpy as np
import pytest
import pyvista as pv

from calibration import Camera, Rig
from exposure import Field, Skin

RADIUS_MM, SOD_MM, SID_MM, SPACING_MM = 90.0, 650.0, 1100.0, 0.5


def icosphere(subdivisions, radius_mm=RADIUS_MM, center=(0.0, 0.0, 0.0)):
    mesh = pv.Icosphere(radius=1.0, nsub=subdivisions)
    directions = np.asarray(mesh.points, dtype=np.float64)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    faces = np.asarray(mesh.faces).reshape(-1, 4)[:, 1:].astype(np.int64)
    return directions * radius_mm + center, faces


@pytest.fixture(scope="session")
def make_sphere():
    """A function that makes the skin of a sphere of 20 * 4^n faces."""

    def make(subdivisions, radius_mm=RADIUS_MM, center=(0.0, 0.0, 0.0)):
        return Skin.from_mesh(*icosphere(subdivisions, radius_mm, center))

    return make


@pytest.fixture(scope="session")
def coarse_sphere(make_sphere):
    """5120 faces."""
    return make_sphere(4)


@pytest.fixture(scope="session")
def fine_sphere(make_sphere):
    """81 920 faces."""
    return make_sphere(6)


def make_egg(subdivisions):
    vertices, faces = icosphere(subdivisions, 1.0)
    nose = np.exp(-8 * ((vertices - [0.1, 0.95, -0.2]) ** 2).sum(axis=1))
    ear = np.exp(-20 * ((vertices - [0.98, 0.0, 0.1]) ** 2).sum(axis=1))
    radius = 1 + 0.25 * nose + 0.2 * ear
    return Skin.from_mesh(
        vertices * radius[:, None] * [72.0, 95.0, 110.0] + [3.0, -5.0, 8.0], faces
    )


@pytest.fixture(scope="session")
def egg():
    """A head without any symmetry: an ellipsoid with a nose and an ear, 5120 faces."""
    return make_egg(4)


@pytest.fixture(scope="session")
def fine_egg():
    """The same with 81 920 faces."""
    return make_egg(6)


def camera_at(azimuth_deg, elevation_deg=0.0, name="A", sod_mm=SOD_MM, size=600):
    """A camera whose principal ray points (RAS) along a longitude and latitude to the origin."""
    a, b = math.radians(azimuth_deg), math.radians(elevation_deg)
    forward = np.array([-math.sin(a) * math.cos(b), math.cos(a) * math.cos(b), math.sin(b)])
    down = -np.array([math.sin(a) * math.sin(b), -math.cos(a) * math.sin(b), math.cos(b)])
    cam_from_world = np.eye(4)
    cam_from_world[:3, :3] = np.stack([np.cross(down, forward), down, forward])
    cam_from_world[2, 3] = sod_mm
    focal_px, middle_px = SID_MM / SPACING_MM, (size - 1) / 2
    K = np.array([[focal_px, 0, middle_px], [0, focal_px, middle_px], [0, 0, 1.0]])
    return Camera(K, cam_from_world, size, size, name=name, pixel_spacing_mm=SPACING_MM)


@pytest.fixture(scope="session")
def make_camera():
    """A function that makes a camera; its primary and secondary angles are the arguments."""
    return camera_at


@pytest.fixture(scope="session")
def rig():
    """Two views, 60 degrees apart."""
    return Rig((camera_at(20.0, 5.0, "A"), camera_at(80.0, -10.0, "B")))


@pytest.fixture(scope="session")
def cone():
    """A function that makes a round field of a half-angle about the image's middle."""

    def make(half_angle_deg, size=600):
        middle_px = np.full(2, (size - 1) / 2)
        radius_px = SID_MM / SPACING_MM * math.tan(math.radians(half_angle_deg))
        return Field.circle(middle_px, radius_px, "given")

    return make
