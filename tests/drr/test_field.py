from dataclasses import replace
from pathlib import Path
from time import process_time

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
    for _ in range(4):
        start = process_time()
        find_field(image)
        times.append(process_time() - start)
    assert min(times) < 0.2  # 30 ms alone, without type checks; caches are shared


def test_real_round_fields_are_found():
    folder = DATA / "calibration/ball_plate"
    if not folder.exists():
        pytest.skip("shared/data is not beside this checkout")
    for path in sorted(folder.glob("*.jpg"))[::2]:
        found = find_field(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        assert found.source == "detected", path.name
        area = shapely.Polygon(found.polygon_px).area
        assert 0.74 < area / 1024**2 < 0.80  # the round field fills the square frame: pi / 4


def anatomy(size: int = 512) -> np.ndarray:
    v, u = np.mgrid[:size, :size].astype(float)
    return 0.6 + 0.2 * np.sin(u / 23) * np.cos(v / 31)


def intensifier(image: np.ndarray, noise_sd: float = 0.004) -> np.ndarray:
    """An image in a circle on black, with noise."""
    v, u = np.mgrid[:512, :512].astype(float)
    circle = np.clip((245 - np.hypot(u - 255, v - 257)) / 3 + 0.5, 0, 1)
    noise = np.random.default_rng(0).normal(0, noise_sd, (512, 512))
    return (circle * image + noise).astype(np.float32)


def bladed(left: float, roll_deg: float, gamma: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Anatomy between four blades, a glow that fades behind them; the film and its corners."""
    v, u = np.mgrid[:512, :512].astype(float)
    c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    along, across = c * (u - 255) + s * (v - 257), c * (v - 257) - s * (u - 255)
    outside = np.maximum(abs(along - 10) - 125, abs(across + 30) - 115)
    inside = np.clip(0.5 - outside / 3, 0, 1)
    glow = left * 0.6 * np.exp(-outside.clip(0) / 100)
    corners = np.array([[-115.0, -145], [135, -145], [135, 85], [-115, 85]])
    corners_px = corners @ np.array([[c, s], [-s, c]]) + [255, 257]
    film = intensifier((inside * anatomy() * (1 - left) + glow) ** gamma, noise_sd=0.008)
    return film, corners_px


@pytest.mark.parametrize(
    ("left", "roll_deg", "gamma"),
    [(0.0, 0.0, 1.0), (0.3, 0.0, 1.0), (0.5, 12.0, 1.0), (0.6, -7.0, 0.5), (0.7, 20.0, 0.5)],
)
def test_blades_within_a_circle_that_scatter_shows_are_found(left, roll_deg, gamma):
    """With 0.7 of the signal and gamma 0.5, the step is a sixth of the grey value."""
    film, corners_px = bladed(left, roll_deg, gamma)
    found = find_field(film).polygon_px
    assert len(found) == 4
    gap_px = np.linalg.norm(found[:, None] - corners_px[None], axis=-1).min(axis=0)
    assert gap_px.max() < 1.5


def test_blades_are_found_in_an_image_of_another_size():
    film, corners_px = bladed(0.5, 12.0)
    large = cv2.resize(film, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    found = find_field(large).polygon_px
    gap_px = np.linalg.norm(found[:, None] - 2 * corners_px[None] - 0.5, axis=-1).min(axis=0)
    assert gap_px.max() < 3


def test_a_single_blade_leaves_the_rest_of_the_circle():
    v = np.mgrid[:512, :512][0].astype(float)
    step = np.clip((v - 120) / 3 + 0.5, 0, 1)
    found = find_field(
        intensifier(anatomy() * 0.4 * step + 0.3 * np.exp((v - 120).clip(-200, 0) / 100))
    )
    assert found.polygon_px[:, 1].min() == pytest.approx(120, abs=1)
    assert found.polygon_px[:, 1].max() == pytest.approx(502, abs=1)


def test_an_undistorted_image_that_ends_beyond_the_field_keeps_the_fields_edge():
    """Its grid ends raggedly in the glare outside of the field; beyond it all is zero."""
    v, u = np.mgrid[:512, :512].astype(float)
    from_middle = np.hypot(u - 258, v - 250)
    turn = np.arctan2(v - 250, u - 258)
    field = np.clip((235 - from_middle) / 3 + 0.5, 0, 1)
    soft = np.clip(0.65 + (235 - from_middle) / 60, 0.0, 1.0)
    image = 0.12 + 0.88 * field * soft
    image += np.random.default_rng(0).normal(0, 0.003, image.shape)
    image[from_middle > 250 + 4 * np.cos(24 * turn)] = 0.0
    found = find_field(image.astype(np.float32))
    away = np.linalg.norm(found.polygon_px - [258, 250], axis=1)
    inner = ((found.polygon_px > 2) & (found.polygon_px < 509)).all(axis=1)
    assert found.source == "detected"
    assert np.abs(away[inner] - 235).max() < 2.5


def blurred_edge(distance_px: np.ndarray, width_px: float) -> np.ndarray:
    return 0.35 + 0.55 / (1 + np.exp(-distance_px / width_px))


V, U = np.mgrid[:512, :512].astype(float)
NOT_BLADES = {
    "soft, as the skin of a neck": blurred_edge(U - 330, 9.0),
    "curved, as the vault": blurred_edge(np.hypot(U - 255, V - 800) - 560, 1.0),
    "sharp, but only half as long": np.where(V > 257, blurred_edge(U - 330, 1.0), 0.6),
    "the flat end of a CT, anatomy below": np.where(
        V < 130, 1.0, 0.3 * (1 + 0.3 * np.sin(U / 9) * np.cos(V / 11))
    ),
    "a wire, dark on bright": 0.9 - 0.4 * np.exp(-(((U - 300) / 2.5) ** 2)),
}


@pytest.mark.parametrize("name", NOT_BLADES)
@pytest.mark.parametrize("noise_sd", [0.0, 0.01])
def test_what_is_no_blade_is_left_in_the_field(name: str, noise_sd: float):
    found = find_field(intensifier(NOT_BLADES[name], noise_sd))
    assert shapely.Polygon(found.polygon_px).area == pytest.approx(np.pi * 245**2, rel=0.01)


def test_a_head_within_a_circle_is_not_taken_for_a_blade():
    v, u = np.mgrid[:512, :512].astype(float)
    head = 0.9 - 0.6 * np.clip(1.2 - np.hypot((u - 300) / 190, (v - 400) / 260) ** 4, 0, 1)
    found = find_field(intensifier(head, 0.0))
    assert shapely.Polygon(found.polygon_px).area == pytest.approx(np.pi * 245**2, rel=0.01)
