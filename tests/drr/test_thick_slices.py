import numpy as np
import pytest

from drr.thick_slices import fine_weights, refined
from drr.volume import Volume

AFFINE = np.array([[0.0, -0.9, 0, 12], [-0.8, 0, 0, -7], [0, 0, -5.0, 300], [0, 0, 0, 1]])


def smooth_hu(z_mm):
    """Of a head that changes over some 12 mm."""
    return 400 * np.sin(z_mm / 7) + 200 * np.cos(z_mm / 4.5)


def means(spacing_mm, count, start_mm=0.0):
    """The exact means of `smooth_hu` over slices, from its integral."""
    edges = start_mm + spacing_mm * np.arange(count + 1)
    integral = -2800 * np.cos(edges / 7) + 900 * np.sin(edges / 4.5)
    return np.diff(integral) / spacing_mm


def test_fine_slices_add_up_to_the_thick_ones():
    data = np.random.default_rng(0).normal(0, 300, (3, 4, 9)).astype(np.float32)
    data[0, 0, 0], data[0, 0, 1] = 3000, -1000
    fine = refined(Volume(data, AFFINE))
    back = fine.data_hu.reshape(3, 4, 9, 4).mean(axis=3)
    assert back[1:] == pytest.approx(data[1:], abs=2e-2)  # the first row is clipped to the range


def test_a_smooth_head_comes_back_better_than_by_lines():
    thick = np.tile(means(5.0, 20), (2, 2, 1)).astype(np.float32)
    thick[1, 1, ::2], thick[1, 1, 1::2] = -1000, 1000  # what comes out stays between these
    fine = refined(Volume(thick, AFFINE)).data_hu[0, 0]
    truth = means(1.25, 80)
    places = (np.arange(80) + 0.5) / 4 - 0.5
    linear = np.interp(places, np.arange(20), thick[0, 0])
    inner = slice(20, -20)  # away from the ends, where the spline is straight
    off, off_linear = (np.abs(f - truth)[inner].max() for f in (fine, linear))
    assert off < 20 and off < off_linear / 4


def test_slices_stay_in_place_whichever_axis_is_thick():
    data = np.random.default_rng(1).integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    for axis in range(3):
        swapped = np.moveaxis(data, 2, axis)
        affine = AFFINE.copy()
        affine[:3, axis] = [0, 0, -5.0]
        affine[:3, [a for a in range(3) if a != axis]] = AFFINE[:3, :2]
        volume = Volume(swapped, affine)
        fine = refined(volume)
        assert fine.data_hu.dtype == np.int16
        assert fine.spacing_mm[axis] == pytest.approx(1.25)
        assert fine.center_ct == pytest.approx(volume.center_ct)
        expected = refined(Volume(data, AFFINE)).data_hu
        assert np.array_equal(np.moveaxis(fine.data_hu, axis, 2), expected)


def test_air_and_teeth_bound_what_comes_out():
    data = np.full((2, 2, 8), -1000, np.int16)
    data[:, :, 3] = 3000
    fine = refined(Volume(data, AFFINE))
    assert fine.data_hu.min() == -1000 and fine.data_hu.max() == 3000


def test_what_was_done_is_said_and_the_fingerprint_stays():
    volume = Volume(np.zeros((3, 3, 3), np.int16), AFFINE, ("odd",))
    fine = refined(volume)
    assert fine.notes == ("odd", "slices of 5.00 mm were refined to 1.25 mm")
    assert fine.fingerprint == volume.fingerprint


def test_slices_that_are_not_thick_are_left_alone():
    thin = Volume(np.zeros((3, 3, 3), np.int16), np.diag([0.5, 0.5, 2.0, 1]))
    assert refined(thin) is thin
    coarse = Volume(np.zeros((3, 3, 3), np.int16), np.diag([3.0, 3.0, 3.0, 1]))
    assert refined(coarse) is coarse
    alone = Volume(np.zeros((3, 3, 1), np.int16), AFFINE)
    assert refined(alone) is alone


def test_weights_of_a_constant_are_one():
    assert fine_weights(7, 3).sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert fine_weights(7, 1) == pytest.approx(np.eye(7), abs=1e-6)
