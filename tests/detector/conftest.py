"""A small head-like volume, its landmarks, and a network that trains in seconds."""

import sys
from functools import partial

import numpy as np
import pytest

from detector import Shape
from detector.head_shapes import family_landmarks
from detector.views import view_sequence
from drr.volume import Volume


@pytest.fixture(scope="session")
def volume():
    """A lopsided bony shell of 160 mm with a dense nose: 4 mm voxels."""
    x, y, z = np.meshgrid(*[np.arange(-88, 90, 4.0)] * 3, indexing="ij")
    radius = np.sqrt((x / 70) ** 2 + (y / 85) ** 2 + (z / 78) ** 2)
    hu = np.where(radius < 1, 40.0, -1000.0)
    hu[(radius > 0.88) & (radius < 1)] = 900
    hu[(np.abs(x - 10) < 12) & (np.abs(y - 70) < 14) & (np.abs(z) < 12)] = 1800
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -88
    return Volume(hu.astype(np.float32), affine)


@pytest.fixture(scope="session")
def landmarks():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(6, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return {f"s{n:02d}": 75 * direction for n, direction in enumerate(directions)}


@pytest.fixture(scope="session")
def family_points():
    """The landmarks of twenty digital heads, ct mm."""
    return family_landmarks(range(1, 21))


@pytest.fixture(scope="session")
def tiny():
    return Shape(landmarks=6, depth=5, width=8, slope=12.0, growth=2.0, group=8, features=16)


@pytest.fixture
def small_blocks(monkeypatch):
    """Eight radiographs are rendered before the first is seen, in place of 96."""
    for name in ("training", "train_detector"):
        drawn = partial(view_sequence, block=8)
        monkeypatch.setattr(sys.modules[f"detector.{name}"], "view_sequence", drawn)
