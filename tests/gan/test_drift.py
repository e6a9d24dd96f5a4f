"""Drift is measured to a part of a pixel, whatever the grey values do, and its absence as none."""

import numpy as np
import pytest
from scipy import ndimage

from gan import drift_between


@pytest.fixture(scope="module")
def pictures(pictures_of):
    return pictures_of(5, 12, film=False, side=128)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.0, 0.0), (0.5, -0.75), (-1.25, 1.0)])
def test_a_known_shift_is_found_through_another_look(pictures, shift):
    rng = np.random.default_rng(3)
    moved = np.stack([ndimage.shift(p, (shift[1], shift[0])) for p in pictures.attenuation])
    seen = (0.3 * moved + 0.4 + 0.01 * rng.standard_normal(moved.shape)).astype(np.float32)
    found = drift_between(pictures, seen * pictures.mask)
    expected = 2 * np.hypot(*shift)  # at 256 x 256
    assert found.median_px == pytest.approx(expected, abs=0.15)
    np.testing.assert_allclose(found.bias_px, 2 * np.array(shift), atol=0.2)
    assert found.lost < 0.1


def test_what_is_gone_is_lost(pictures):
    rng = np.random.default_rng(3)
    found = drift_between(pictures, rng.standard_normal(pictures.mask.shape).astype(np.float32))
    assert found.lost > 0.9


def test_a_picture_that_shows_nothing_has_no_places(pictures):
    empty = drift_between(pictures.take(np.arange(0)), pictures.attenuation[:0])
    assert empty.places == 0 and empty.median_px == np.inf
