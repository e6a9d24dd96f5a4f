"""Rigs and bead objects with a known truth, projected by OpenCV (benchmarks/bead_images.py)."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from calibration.bead_object import BeadObject
from calibration.bundle_projection import RigState, Sightings
from calibration.pose_fit import SpotImage
from calibration.rig_start import CalibrationView

FILE = Path(__file__).parents[2] / "benchmarks" / "bead_images.py"


@pytest.fixture(scope="session")
def bead_images() -> ModuleType:
    """The drawing of calibration images, which knows nothing of our camera."""
    spec = importlib.util.spec_from_file_location("bead_images", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bead_images"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def state_of():
    """The true rig as the solver writes it."""

    def state(truth) -> RigState:
        K, cam, moves = truth.K, truth.cam_from_world, truth.world_from_object
        return RigState(
            K[:, [0, 1], [0, 1]],
            K[:, :2, 2],
            np.zeros((len(K), 5)),
            cam[:, :3, :3],
            cam[:, :3, 3],
            moves[:, :3, :3],
            moves[:, :3, 3],
        )

    return state


@pytest.fixture(scope="session")
def object_of():
    def bead_object(truth) -> BeadObject:
        return BeadObject(truth.points_mm, tuple(truth.names))

    return bead_object


@pytest.fixture(scope="session")
def sightings_from():
    """All beads that are not hidden, with noise, labelled."""

    def sightings(truth, noise_px=0.1) -> Sightings:
        random = np.random.default_rng(truth.seed)
        rows = [[], [], [], []]
        for v in range(len(truth.K)):
            for p in range(len(truth.world_from_object)):
                beads = np.flatnonzero(~truth.hidden[v, p])
                pixels = truth.projected(v, p)[beads]
                pixels = pixels + random.normal(size=pixels.shape) * noise_px
                for row, values in zip(
                    rows, (beads * 0 + v, beads * 0 + p, beads, pixels), strict=True
                ):
                    row.append(values)
        return Sightings(*map(np.concatenate, rows))

    return sightings


@pytest.fixture(scope="session")
def views_of(bead_images):
    """What a detector finds, without labels: seen beads and three spots that are none."""

    def views(truth, *, focal_error=1.05, given=True, references=None, noise_px=0.1, false=3):
        random = np.random.default_rng(truth.seed)
        size, result = bead_images.SIZE, []
        for v in range(len(truth.K)):
            images = []
            for p in range(len(truth.world_from_object)):
                uv = truth.projected(v, p)[~truth.hidden[v, p]]
                uv = uv + random.normal(size=uv.shape) * noise_px
                uv = uv[((uv > 5) & (uv < size - 6)).all(1)]
                uv = np.vstack([uv, random.uniform(100, size - 100, (false, 2))])
                uv = uv[random.permutation(len(uv))]
                depth = truth.cam_from_object(v, p)[2, 3]
                radius = truth.K[v, 0, 0] / depth * truth.bead_diameter_mm / 2
                images.append(SpotImage(uv, np.full(len(uv), radius), size, size))
            files = tuple(f"{'ABC'[v]}_{p + 1}.png" for p in range(len(images)))
            focal = truth.K[v, 0, 0] * focal_error if given else None
            named = (references or {}).get(v, ())
            result.append(CalibrationView("ABC"[v], tuple(images), files, focal, named))
        return result

    return views
