from dataclasses import replace

import numpy as np
import pytest

from drr.fluoroscope import Fluoroscope
from drr.lag import with_lag

LOOK = Fluoroscope(lag_share=0.2, lag_frames=2.5)
DECAY = np.exp(-1 / 2.5)


def lagged(values, look: Fluoroscope = LOOK) -> np.ndarray:
    frames = [np.full((2, 3), v, np.float32) for v in values]
    return np.array([frame[0, 0] for frame in with_lag(frames, look)])


def test_when_the_beam_stops_the_asked_share_is_left_and_falls_exponentially():
    found = lagged([1] * 3 + [0] * 8)
    np.testing.assert_allclose(found[:3], 1)
    np.testing.assert_allclose(found[3:], 0.2 * DECAY ** np.arange(8), rtol=1e-5)


def test_when_the_beam_starts_the_same_share_is_missing():
    found = lagged([0] * 2 + [1] * 8)
    np.testing.assert_allclose(found[2:], 1 - 0.2 * DECAY ** np.arange(8), rtol=1e-5)


def test_no_signal_is_lost_over_time():
    flash = lagged([0, 1] + [0] * 60)
    assert flash.sum() == pytest.approx(1, rel=1e-5)


def test_a_still_scene_and_no_lag_change_nothing():
    np.testing.assert_allclose(lagged([0.3] * 5), 0.3)
    values = [0.1, 0.7, 0.2]
    np.testing.assert_allclose(lagged(values, replace(LOOK, lag_share=0.0)), values)


def test_a_share_equal_to_the_decay_is_the_recursive_filter_and_smooths_noise_as_it_does():
    k = 0.6
    look = replace(LOOK, lag_share=k, lag_frames=-1 / np.log(k))
    noise = np.random.default_rng(0).standard_normal((40, 100, 100)).astype(np.float32)
    found = list(with_lag(noise, look))
    y = noise[0]
    for n in range(1, 40):
        y = k * y + (1 - k) * noise[n]
        np.testing.assert_allclose(found[n], y, atol=1e-4)
    assert found[-1].var() == pytest.approx((1 - k) / (1 + k), rel=0.05)


def test_an_empty_film_stays_empty():
    assert list(with_lag([], LOOK)) == []
