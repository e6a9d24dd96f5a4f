"""Landmarks of any CT: on the bone's surface, far apart, always the same."""

import numpy as np
import pytest

from detector import spread_landmarks
from drr.anatomy import HeadAnatomy


def box_anatomy():
    mask = np.zeros((30, 30, 30), bool)
    mask[5:25, 5:25, 5:25] = True
    return HeadAnatomy(mask, mask, None, np.diag([2.0, 2, 2, 1]), False, 300.0)


def test_spread_landmarks_lie_on_the_surface_and_far_apart():
    points = np.array(list(spread_landmarks(box_anatomy(), 20).values()))
    low, high = 10.0, 48.0
    assert ((points == low) | (points == high)).any(-1).all()
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(20)
    assert distances.min() > 12


def test_too_little_bone_is_said():
    with pytest.raises(ValueError, match="surface points, 10000 landmarks were asked for"):
        spread_landmarks(box_anatomy(), 10000)
