"""A bone in real film is met again from starts a few mm and deg off, and not by its mirror image.

Needs ../shared/data/wrist, which is no part of the repository; skips without it.
"""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from calibration import Rigid

pytest.importorskip("registration.bone_model", reason="the model of a single bone is not there yet")
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/wrist"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real film in {DATA}")
FOUND = np.array(
    [
        [-0.955967, 0.290399, 0.042383, 107.497673],
        [-0.007506, -0.168564, 0.985662, 158.499961],
        [0.29338, 0.941942, 0.163321, 75.314182],
        [0, 0, 0, 1],
    ]
)
"""world_from_ct of the radius in frame 0002, looked at on both films (docs/real_film.md)."""


@pytest.fixture(scope="module")
def wrist():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("real_film_wrist")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def films(wrist):
    return wrist.wrist_radiographs("0002")


def test_starts_on_either_side_end_at_one_pose(wrist, films):
    from registration.bone_model import bone_model
    from registration.refine_pose import refine_pose
    from registration.twist import distance_between, moved_rigid

    model, found = bone_model(wrist.bone_volume("radius")), Rigid.from_matrix(FOUND)
    for twist in ([2.0, -1.5, 2.0, 0.03, 0.03, -0.02], [-2.0, 2.0, -1.0, -0.03, 0.01, 0.04]):
        start = moved_rigid(found, np.array(twist), model.centre_ct)
        end = refine_pose(films, model, start, 1)
        mm, deg = distance_between(found, end.world_from_ct, model.centre_ct)
        assert mm < 0.15 and deg < 0.3  # a voxel is 0.40 x 0.40 x 0.63 mm, a pixel 0.15 mm
        assert end.converged and end.similarity.min() > 0.8


def test_a_mirrored_bone_fits_worse(wrist, films):
    from registration.bone_model import bone_model
    from registration.refine_pose import refine_pose

    model = bone_model(wrist.bone_volume("radius", mirrored=True))
    assert refine_pose(films, model, Rigid.from_matrix(FOUND), 1).similarity.mean() < 0.75
