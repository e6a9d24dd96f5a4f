import numpy as np
import pytest
import torch

from calibration import Camera, Rigid
from drr import Volume, render
from dualfluoro.ray_march import (
    MU_WATER_PER_MM,
    Panel,
    attenuation_per_mm,
    line_integrals,
    moved_panel,
)
from dualfluoro.simulate import draw_look, film, head_motion, stations

CENTRE = np.array([3.0, -20.0, 40.0])


def ball(spacing_mm=1.5, radius_mm=40.0):
    """Water in air: int16 HU and its affine."""
    n = 70
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = -spacing_mm * (n - 1) / 2
    i, j, k = (np.indices((n, n, n)) - (n - 1) / 2) * spacing_mm
    inside = np.clip((radius_mm - np.sqrt(i**2 + j**2 + k**2)) / spacing_mm + 0.5, 0, 1)
    return (1000 * inside - 1000).astype(np.int16), affine


def test_the_chords_of_a_ball_are_right():
    data, affine = ball()
    source = np.array([0, 0, -600.0])
    panel = Panel(source, np.array([-30.0, 0, 300]), np.array([30.0, 0, 0]), np.array([0, 30.0, 0]))
    found = line_integrals(attenuation_per_mm(data), affine, panel, 3, 1)[0] / MU_WATER_PER_MM
    off_mm = 600 * np.sin(np.arctan2([30.0, 0, 30], 900))
    np.testing.assert_allclose(found, 2 * np.sqrt(40.0**2 - off_mm**2), rtol=0.01)


def test_a_ray_that_misses_the_volume_sees_nothing():
    data, affine = ball()
    panel = Panel(np.array([0, 0, -600.0]), np.array([900.0, 0, 300]), np.eye(3)[0], np.eye(3)[1])
    assert line_integrals(attenuation_per_mm(data), affine, panel, 2, 2).max() == 0


def test_it_leaves_the_number_of_threads_of_torch_as_it_is():
    data, affine = ball()
    panel = Panel(np.array([0, 0, -600.0]), np.array([-30.0, 0, 300]), *np.eye(3)[:2])
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    line_integrals(attenuation_per_mm(data), affine, panel, 4, 40)
    assert torch.get_num_threads() == before + 1
    torch.set_num_threads(before)


def test_the_simulator_and_the_renderer_agree_though_they_share_no_code():
    data, affine = ball()
    station = stations(np.random.default_rng(3), 64)[1]
    world_from_ct = head_motion(np.random.default_rng(4), np.zeros(3), np.array([0.1]))[0]
    panel = moved_panel(np.linalg.inv(world_from_ct), station.panel_world)
    marched = line_integrals(attenuation_per_mm(data), affine, panel, 64, 64)
    camera = Camera(station.K, station.cam_from_world, 64, 64)
    cam_from_ct = Rigid.from_matrix(station.cam_from_world @ world_from_ct)
    rendered = render(Volume(data, affine), camera, cam_from_ct, MU_WATER_PER_MM).numpy()
    assert np.sqrt(np.mean((marched - rendered) ** 2)) < 0.01 * rendered.mean()


def test_the_rig_says_where_a_point_of_the_panel_is_seen():
    for station in stations(np.random.default_rng(5), 256):
        camera = Camera(station.K, station.cam_from_world, 256, 256)
        panel = station.panel_world
        point = panel.corner + 20 * panel.step_right + 200 * panel.step_down
        np.testing.assert_allclose(camera.project(point).numpy(), [20, 200], atol=1e-9)
        np.testing.assert_allclose(camera.center_world.numpy(), panel.source, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_head_moves_smoothly_and_stays_between_the_machines(seed):
    times_s = np.arange(30) / 30
    motion = head_motion(np.random.default_rng(seed), CENTRE, times_s)
    faces = motion[:, :3, 1]
    yaw = np.degrees(np.arctan2(-faces[:, 0], faces[:, 1]))
    assert 15 < np.abs(yaw).max() <= 26
    centre = motion[:, :3, :3] @ CENTRE + motion[:, :3, 3]
    assert np.abs(centre).max() < 45
    assert np.abs(np.diff(centre, axis=0)).max() < 6


def test_a_film_is_bright_where_nothing_is_and_black_outside_of_the_field():
    rng = np.random.default_rng(6)
    look = draw_look(rng, 128)
    shadow = np.zeros((128, 128), np.float32)
    shadow[40:90, 40:90] = 3
    image = film(shadow, look, rng)
    assert image.dtype == np.uint16
    assert image[64, 64] < 0.6 * image[64, 20]
    assert image[1, 1] < 0.1 * image[64, 20]
