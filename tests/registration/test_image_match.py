"""The similarity that a pose is judged by: it must not fall with noise, nor rise from nothing."""

import cv2
import numpy as np
import pytest

from registration.image_match import MOST_NOISE, noiseless_correlation

SIZE = 160


def smooth(seed, sd_px=4.0):
    """An image of mean 0 and deviation 1 without pixel-to-pixel noise."""
    image = np.random.default_rng(seed).standard_normal((SIZE, SIZE)).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), sd_px)
    return (image - image.mean()) / image.std()


def noisy(image, share, seed=9):
    """The image with white noise that makes up a share of its variance, which is 1 again."""
    noise = np.random.default_rng(seed).standard_normal(image.shape).astype(np.float32)
    return np.float32((1 - share) ** 0.5) * image + np.float32(share**0.5) * noise


def plain(a, b, weight):
    return float((weight * a * b).sum() / np.sqrt((weight * a * a).sum() * (weight * b * b).sum()))


WEIGHT = np.pad(np.ones((SIZE - 40, SIZE - 40), np.float32), 20)


@pytest.mark.parametrize("match", [1.0, 0.7, 0.4])
def test_without_noise_it_is_the_correlation(match):
    a, b = smooth(1), smooth(2)
    model = np.float32(match) * a + np.float32((1 - match**2) ** 0.5) * b
    assert noiseless_correlation(a, model, WEIGHT) == pytest.approx(
        plain(a, model, WEIGHT), abs=0.01
    )


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
@pytest.mark.parametrize("match", [0.9, 0.5])
def test_noise_in_the_frame_is_taken_out(share, match):
    a, b = smooth(1), smooth(2)
    model = np.float32(match) * a + np.float32((1 - match**2) ** 0.5) * b
    clean = plain(a, model, WEIGHT)
    frame = noisy(a, share)
    assert plain(frame, model, WEIGHT) < 0.95 * clean
    assert noiseless_correlation(frame, model, WEIGHT) == pytest.approx(clean, abs=0.05)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_what_is_not_alike_does_not_become_alike(share):
    for seed in range(5):
        found = noiseless_correlation(noisy(smooth(1), share, seed), smooth(20 + seed), WEIGHT)
        assert abs(found) < 0.3


def test_no_more_than_a_part_of_the_frame_is_ever_called_noise():
    a = smooth(1)
    frame = noisy(a, 0.97)
    most = plain(frame, a, WEIGHT) / np.sqrt(1 - MOST_NOISE)
    assert noiseless_correlation(frame, a, WEIGHT) <= most + 1e-6


def test_where_nothing_counts_it_is_zero():
    assert noiseless_correlation(smooth(1), smooth(1), np.zeros((SIZE, SIZE), np.float32)) == 0
