from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
import torch

from drr.collimation import Collimation
from drr.film import film, transmission, typical_signal, with_glare, with_noise, with_scatter
from drr.fluoroscope import Fluoroscope

IDEAL = Fluoroscope(
    hardening=0.0,
    scatter_to_primary=0.0,
    glare=0.0,
    focal_blur_sd_px=0.0,
    detector_blur_sd_px=0.0,
    photons_per_px=1e12,
    electronic_sd=0.0,
    black_level=0.0,
    log_compression=0.0,
    vignetting=0.0,
    bits=16,
)


def slab(size: int = 64) -> np.ndarray:
    """A wedge from 1 to 4 in attenuation, with a dense bar."""
    wedge = np.tile(np.linspace(1, 4, size, dtype=np.float32), (size, 1))
    wedge[size // 2 : size // 2 + 4] += 1
    return wedge


def test_an_ideal_fluoroscope_obeys_beer_and_lambert():
    L = slab()
    image = film(L, IDEAL, None, np.random.default_rng(0))
    expected = np.exp(-L) / np.exp(-L.astype(float).mean()) / IDEAL.white_level
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, atol=2e-5)  # a step of 16 bits is 1.5e-5


def test_a_hardening_beam_is_less_attenuated_at_depth():
    soft = replace(IDEAL, hardening=0.05, attenuation_scale=1.2)
    L = np.array([[0.0, 1.0, 5.0]], dtype=np.float32)
    expected = np.exp(-1.2 * L / (1 + 0.05 * 1.2 * L))
    np.testing.assert_allclose(transmission(L, soft), expected, rtol=1e-5)


def test_scatter_over_primary_in_the_field_is_as_asked():
    primary = np.exp(-slab())
    mask = Collimation.circle((31.5, 31.5), 25.0).mask(64, 64)
    both = with_scatter(primary * mask, mask, replace(IDEAL, scatter_to_primary=0.7))
    ratio = ((both - primary * mask) * mask).sum() / (primary * mask * mask).sum()
    assert ratio == pytest.approx(0.7, rel=1e-3)


def test_glare_fills_the_dark_and_spares_the_mean():
    signal = np.exp(-slab())
    glaring = with_glare(signal, replace(IDEAL, glare=0.2))
    assert glaring.mean() == pytest.approx(signal.mean(), rel=0.03)  # reduced copy, reflected edge
    assert glaring.min() > signal.min() and glaring.max() < signal.max()


def test_the_noise_has_the_variance_of_the_quanta():
    noisy_machine = replace(IDEAL, photons_per_px=100.0, electronic_sd=0.05)
    signal = np.full((300, 300), 2.0, dtype=np.float32)
    noisy = with_noise(signal, noisy_machine, np.random.default_rng(1))
    assert noisy.mean() == pytest.approx(2.0, rel=2e-3)
    assert noisy.var() == pytest.approx(2.0 / 100 + 0.05**2, rel=0.02)


def test_brightness_control_makes_the_exposure_irrelevant():
    L = slab()
    once, thicker = (film(x, IDEAL, None, np.random.default_rng(0)) for x in (L, L + 2))
    np.testing.assert_allclose(once, thicker, atol=1e-4)


def test_the_typical_signal_counts_the_field_alone():
    mask = Collimation.circle((31.5, 31.5), 20.0).mask(64, 64)
    signal = np.where(mask > 0, np.float32(0.3), np.float32(1e-5))
    assert typical_signal(signal, mask) == pytest.approx(0.3, rel=1e-3)
    assert typical_signal(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)) > 0


@pytest.mark.parametrize("seed", range(12))
def test_no_look_inverts_the_image(seed: int):
    rng = np.random.default_rng(seed)
    look = replace(Fluoroscope.randomised(rng), wires=0, beads=0, blocks=0, shading=0.0)
    disc = np.hypot(*np.mgrid[-32:32, -32:32]) < 14
    L = np.where(disc, 3.0, 1.5).astype(np.float32)
    image = film(L, look, None, rng)
    assert image.min() >= 0 and image.max() <= 1
    assert image[disc].mean() < image[~disc].mean()


def test_a_blanked_display_is_black_outside_of_the_field():
    mask = Collimation.circle((31.5, 31.5), 20.0).mask(64, 64)
    look = replace(Fluoroscope(), blanked=True, scatter_to_primary=1.0)
    image = film(slab(), look, mask, np.random.default_rng(0))
    assert image[0, 0] == 0 and image[31, 31] > 0


def test_metal_in_the_beam_stays_where_it_is_from_frame_to_frame():
    look = replace(IDEAL, wires=3, beads=4, blocks=1, pattern_seed=5)
    L = np.ones((64, 64), np.float32)
    one, two = (film(L, look, None, np.random.default_rng(n)) for n in range(2))
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert one.min() < 0.7 * one.max()


def test_grey_values_have_the_depth_asked_for():
    image = film(slab(), replace(Fluoroscope(), bits=8), None, np.random.default_rng(0))
    np.testing.assert_allclose(image * 255, np.rint(image * 255), atol=1e-3)


def test_torch_line_integrals_and_boolean_masks_are_taken():
    image = film(torch.ones(8, 9), Fluoroscope(), np.ones((8, 9), bool), np.random.default_rng(0))
    assert image.shape == (8, 9)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"field_mask is \(5, 4\), expected .*\(4, 5\)"):
        film(
            np.ones((4, 5), np.float32),
            IDEAL,
            np.ones((5, 4), np.float32),
            np.random.default_rng(0),
        )


def test_a_training_image_is_filmed_in_milliseconds():
    rng = np.random.default_rng(0)
    looks = [Fluoroscope.randomised(rng) for _ in range(10)]
    L = slab(128)
    times = []
    for look in looks:
        start = perf_counter()
        film(L, look, None, rng)
        times.append(perf_counter() - start)
    assert np.median(times) < 0.02  # 1 to 2 ms alone; room for a busy machine
