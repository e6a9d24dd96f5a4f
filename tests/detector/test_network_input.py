"""The window keeps the pixel rule, turns and returns, and takes gain and gamma out."""

import cv2
import numpy as np
import pytest

from detector.network_input import INPUT_PX, planes_of
from drr.field_window import Window, field_mask, look_through, window_around


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_bright_spot_is_seen_where_the_window_says(turns):
    image = np.zeros((480, 640), np.float32)
    spot = np.array([401.0, 222.0])
    cv2.circle(image, (401, 222), 9, 1.0, -1)
    window = Window(150.3, 20.7, 400.0, turns)
    seen = look_through(image, window)
    rows, columns = np.mgrid[:INPUT_PX, :INPUT_PX]
    centroid = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
    np.testing.assert_allclose(centroid, window.network_from_frame(spot), atol=0.05)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_network_pixels_return_to_the_frame(turns):
    window = Window(-12.5, 33.0, 515.0, turns)
    uv = np.array([[0.0, 0.0], [100.0, 7.5], [-300.0, 900.0]])
    back = window.frame_from_network(window.network_from_frame(uv))
    np.testing.assert_allclose(back, uv, atol=1e-9)


def test_the_window_holds_the_whole_field():
    polygon = np.array([[100.0, 50], [400, 50], [400, 250], [100, 250]])
    corners = window_around(polygon).network_from_frame(polygon)
    assert corners.min() > 0 and corners.max() < INPUT_PX - 1
    np.testing.assert_allclose(corners.mean(0), (INPUT_PX - 1) / 2)


def test_an_outline_without_area_is_refused():
    with pytest.raises(ValueError, match="no area"):
        window_around(np.full((4, 2), 7.0))


def test_gain_and_offset_change_nothing():
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(
        rng.uniform(0.1, 0.9, (INPUT_PX, INPUT_PX)).astype(np.float32), (0, 0), 2
    )
    mask = np.ones_like(image)
    np.testing.assert_allclose(planes_of(image, mask), planes_of(300 * image + 40, mask), atol=2e-3)


def test_a_field_of_a_few_pixels_gives_no_nan():
    image = np.zeros((INPUT_PX, INPUT_PX), np.float32)
    mask = np.zeros_like(image)
    mask[3, 3] = 1
    assert np.isfinite(planes_of(image, mask)).all()
    assert np.isfinite(planes_of(image, np.ones_like(image))).all()


def test_the_mask_fills_the_outline():
    square = np.array([[-0.5, -0.5], [63.5, -0.5], [63.5, 127.5], [-0.5, 127.5]])
    mask = field_mask(square, Window(0.0, 0.0, 128.0))
    assert mask[:, :63].all() and not mask[:, 65:].any()
