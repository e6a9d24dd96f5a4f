"""Toy pictures: discs and bars in a round field, in two looks that share nothing but the shapes."""

import cv2
import numpy as np
import pytest

from gan import Pictures

SIDE = 64


def drawn_shapes(rng: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """Smooth shapes, 0 to 1."""
    picture = np.zeros((side, side), np.float32)
    for _ in range(4):
        centre = tuple(int(x) for x in rng.integers(side // 4, 3 * side // 4, 2))
        cv2.circle(picture, centre, int(rng.integers(side // 12, side // 5)), 1.0, 2)
        end = tuple(int(x) for x in rng.integers(side // 6, 5 * side // 6, 2))
        cv2.line(picture, centre, end, 0.7, 2)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def made_pictures(seed: int, count: int, film: bool, side: int = SIDE) -> Pictures:
    """Radiographs, or films: brighter, flatter, and blurred."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    mask = (np.hypot(rows, columns) < 0.45 * side).astype(np.float32)
    made = []
    for _ in range(count):
        picture = 2 * drawn_shapes(rng, side) - 1
        if film:
            picture = 0.5 * cv2.GaussianBlur(picture, (0, 0), 1.0) + 0.6
        made.append(picture.astype(np.float32) * mask)
    return Pictures(np.stack(made), np.stack([mask] * count))


@pytest.fixture(scope="session")
def films() -> Pictures:
    return made_pictures(1, 40, film=True)


@pytest.fixture(scope="session")
def radiographs() -> Pictures:
    return made_pictures(2, 40, film=False)


@pytest.fixture(scope="session")
def pictures_of():
    """Pictures by seed, count, look and side."""
    return made_pictures
