import numpy as np
import pytest
from scipy import ndimage

from drr.morphology import distance_mm, filled, largest, opened, pieces


def blobs():
    return ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(24, 18, 30)), 2) > 0.02


def test_distances_are_those_of_scipy():
    expected = 1.5 * ndimage.distance_transform_edt(~blobs())
    assert distance_mm(blobs(), 1.5) == pytest.approx(expected, abs=1e-4)


def test_nothing_is_infinitely_far_from_everything():
    assert np.isinf(distance_mm(np.zeros((3, 4, 5), bool), 1.0)).all()


def test_holes_are_those_that_scipy_fills_slice_by_slice():
    mask = blobs()
    expected = mask.copy()
    for axis in range(3):
        for n in range(mask.shape[axis]):
            here = (*[slice(None)] * axis, n)
            expected[here] |= ndimage.binary_fill_holes(mask[here])
    assert np.array_equal(filled(mask), expected)


def test_a_tube_open_at_both_ends_is_filled():
    tube = np.zeros((9, 9, 9), bool)
    tube[2:7, 2:7] = True
    tube[4, 4] = False
    assert filled(tube)[4, 4].all()


def test_an_opening_takes_plates_and_leaves_balls():
    mask = np.zeros((30, 30, 30), bool)
    mask[:, :, 25:27] = True
    i, j, k = np.indices(mask.shape)
    ball = (i - 14) ** 2 + (j - 14) ** 2 + (k - 12) ** 2 <= 8**2
    left = opened(mask | ball, 4.0, 1.0)
    assert not left[:, :, 25:].any()
    assert left[ball].mean() > 0.95


def test_the_largest_piece_has_the_most_voxels():
    mask = np.zeros((6, 6, 6), bool)
    mask[0, 0, 0] = mask[4, 4, 3:6] = True
    assert np.array_equal(largest(mask), (np.arange(6) >= 3) & mask)
    assert pieces(mask)[1].tolist() == [212, 1, 3]
    assert not largest(np.zeros((2, 2, 2), bool)).any()
