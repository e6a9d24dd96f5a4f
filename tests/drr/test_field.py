from dataclasses import replace
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import pytest
import shapely

from drr.collimation import Collimation, circle_polygon, frame_polygon
from drr.field import find_field
from drr.film import film
from drr.fluoroscope import Fluoroscope

DATA = Path(__file__).parents[2] / "../shared/data"
LINEAR = Fluoroscope(log_compression=0.0, scatter_to_primary=0.1, photons_per_px=500.0, bits=16)


def head_like(size: int) -> np.ndarray:
    """Line integrals of a skull in air, with a dense base that reaches the lower right."""
    v, u = (np.mgrid[:size, :size] / size).astype(np.float32)
    ball = 1 - ((u - 0.5) / 0.33) ** 2 - ((v - 0.45) / 0.38) ** 2
    base = 2.5 * np.exp(-(((u - 0.75) / 0.2) ** 2) - ((v - 0.8) / 0.1) ** 2)
    neck = 2.0 * (np.abs(u - 0.55) < 0.15) * (v > 0.7)
    return (4 * np.sqrt(np.maximum(ball, 0)) + base + neck).astype(np.float32)


def framed(collimation: Collimation, look: Fluoroscope = LINEAR, size: int = 512) -> np.ndarray:
    mask = collimation.mask(size, size)
    return film(head_like(size), look, mask, np.random.default_rng(0))


def overlap(found: np.ndarray, true: np.ndarray, size: int = 512) -> float:
    """Intersection over union inside the frame."""
    frame = shapely.Polygon(frame_polygon(size, size))
    a, b = (shapely.Polygon(p).intersection(frame) for p in (found, true))
    return a.intersection(b).area / a.union(b).area


def test_a_round_field_is_found_to_a_fraction_of_a_pixel():
    true = Collimation.circle((240.3, 261.7), 190.4, edge_sd_px=2.0)
    found = find_field(framed(true, replace(LINEAR, white_level=1e3)))
    assert found.source == "detected"
    distance = np.linalg.norm(found.polygon_px - [240.3, 261.7], axis=1)
    inside = (found.polygon_px > 0).all(axis=1) & (found.polygon_px < 511).all(axis=1)
    error_px = np.abs(distance[inside] - 190.4)  # the head too changes the signal at the edge
    assert error_px.mean() < 0.8 and error_px.max() < 1.5


@pytest.mark.parametrize("blanked", [False, True])
def test_rolled_blades_with_a_round_corner_are_found(blanked: bool):
    blades = np.array([[120.0, 60], [430, 110], [380, 440], [70, 390]])
    circle = shapely.Polygon(circle_polygon((250.0, 250.0), 205.0))
    true = np.array(shapely.Polygon(blades).intersection(circle).exterior.coords)[:-1]
    found = find_field(framed(Collimation(true, 1.5), replace(LINEAR, blanked=blanked)))
    assert found.source == "detected"
    assert overlap(found.polygon_px, true) > 0.975


def test_a_field_cut_by_the_frame_keeps_the_frame_there():
    true = Collimation.circle((300.0, 255.5), 290.0, edge_sd_px=1.0)
    found = find_field(framed(true))
    assert found.source == "detected"
    assert overlap(found.polygon_px, true.polygon_px) > 0.975
    assert found.polygon_px[:, 0].max() == pytest.approx(511.5)


def test_an_attenuation_image_is_the_inverse():
    true = Collimation.circle((256.0, 240.0), 170.0, edge_sd_px=2.0)
    image = framed(true)
    found = find_field(4095 - np.rint(image * 4095), transmission=False)
    assert found.source == "detected"
    np.testing.assert_allclose(found.polygon_px, find_field(image).polygon_px, atol=0.5)


@pytest.mark.parametrize("size", [128, 512])
def test_a_frame_without_an_edge_is_assumed_whole(size: int):
    found = find_field(framed(Collimation.whole_frame(size, size), size=size))
    assert found.source == "assumed"
    np.testing.assert_array_equal(found.polygon_px, frame_polygon(size, size))


def test_a_flat_frame_is_assumed_whole():
    assert find_field(np.full((64, 80), 7, np.uint8)).source == "assumed"


def test_a_frame_that_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"at least 16 x 16 finite pixels, found \(4, 90\)"):
        find_field(np.zeros((4, 90)))
    with pytest.raises(ValueError, match="finite"):
        find_field(np.full((64, 64), np.nan))


def test_finding_a_field_takes_milliseconds():
    image = framed(Collimation.circle((256.0, 240.0), 170.0, edge_sd_px=2.0))
    find_field(image)
    times = []
    for _ in range(5):
        start = perf_counter()
        find_field(image)
        times.append(perf_counter() - start)
    assert min(times) < 0.1  # 12 ms alone, without type checks; room for a busy machine


def test_real_round_fields_are_found():
    folder = DATA / "calibration/ball_plate"
    if not folder.exists():
        pytest.skip("shared/data is not beside this checkout")
    for path in sorted(folder.glob("*.jpg")):
        found = find_field(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        assert found.source == "detected", path.name
        area = shapely.Polygon(found.polygon_px).area
        assert 0.74 < area / 1024**2 < 0.80  # the round field fills the square frame: pi / 4


@pytest.mark.parametrize("left", [0.0, 0.3, 0.5])
def test_blades_within_a_circle_that_scatter_shows_are_found(left):
    """Between blades and circle a share of the signal is left, and fades outward."""
    size, noise = 512, np.random.default_rng(0).normal(0, 0.004, (512, 512))
    v, u = np.mgrid[:size, :size].astype(float)
    circle = np.clip((245 - np.hypot(u - 255, v - 257)) / 3 + 0.5, 0, 1)
    inside = np.ones((size, size))
    for at, low, high in ((u, 140.0, 390.0), (v, 100.0, 330.0)):
        inside *= np.clip((at - low) / 3 + 0.5, 0, 1) * np.clip((high - at) / 3 + 0.5, 0, 1)
    distance = np.maximum(np.maximum(140 - u, u - 390), np.maximum(100 - v, v - 330)).clip(0)
    anatomy = 0.6 + 0.2 * np.sin(u / 23) * np.cos(v / 31)
    image = circle * anatomy * (inside + (1 - inside) * left * np.exp(-distance / 150)) + noise
    found = find_field(image.astype(np.float32))
    low, high = found.polygon_px.min(0), found.polygon_px.max(0)
    np.testing.assert_allclose([*low, *high], [140, 100, 390, 330], atol=2.0)


def test_a_head_within_a_circle_is_not_taken_for_a_blade():
    v, u = np.mgrid[:512, :512].astype(float)
    circle = np.clip((245 - np.hypot(u - 255, v - 257)) / 3 + 0.5, 0, 1)
    head = 0.9 - 0.6 * np.clip(1.2 - np.hypot((u - 300) / 190, (v - 400) / 260) ** 4, 0, 1)
    found = find_field((circle * head).astype(np.float32))
    assert shapely.Polygon(found.polygon_px).area == pytest.approx(np.pi * 245**2, rel=0.01)
