from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
import torch

from drr.collimation import Collimation
from drr.film import expose, film, film_sequence, read_out, typical_signal, with_noise
from drr.fluoroscope import Fluoroscope, penumbra_sd_mm
from drr.image_distortion import raw_from_undistorted
from drr.transmission import effective_attenuation

IDEAL = Fluoroscope(
    scatter_to_primary=0.0,
    glare=0.0,
    focal_blur_sd_px=0.0,
    detector_blur_sd_px=0.0,
    photons_per_px=1e12,
    electronic_sd=0.0,
    lag_share=0.0,
    black_level=0.0,
    log_compression=0.0,
    vignetting=0.0,
    bits=16,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def slab(size: int = 64) -> np.ndarray:
    """A wedge from 1 to 4 in attenuation, with a dense bar."""
    wedge = np.tile(np.linspace(1, 4, size, dtype=np.float32), (size, 1))
    wedge[size // 2 : size // 2 + 4] += 1
    return wedge


def shown_by_ideal(attenuation: np.ndarray) -> np.ndarray:
    left = np.exp(attenuation.astype(float).mean() - attenuation)
    return np.minimum(left / IDEAL.white_level, 1)


@pytest.mark.parametrize("kvp, density", [(55, 1.0), (110, 1.0), (80, 1.2)])
def test_an_ideal_fluoroscope_shows_the_beam_that_is_left(kvp: float, density: float):
    look = replace(IDEAL, kvp=kvp, attenuation_scale=density)
    L = slab()
    image = film(L, look, None, rng())
    expected = shown_by_ideal(effective_attenuation(density * L[None], look.beam))
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, atol=5e-5, rtol=5e-4)  # 16 bits; the table


def test_material_images_are_filmed_each_with_its_own_attenuation():
    images = np.zeros((4, 32, 32), np.float32)
    images[0], images[1, 8:], images[2, 16:20], images[3, 24:26] = 2, 1.5, 0.4, 0.8
    for count in (1, 2, 3, 4):
        image = film(images[:count], IDEAL, None, rng())
        expected = shown_by_ideal(effective_attenuation(images[:count], IDEAL.beam))
        np.testing.assert_allclose(image, expected, atol=5e-5, rtol=1e-3)


def test_bone_stands_out_less_at_a_higher_voltage():
    images = np.zeros((2, 16, 16), np.float32)
    images[0], images[1, :, 8:] = 2, 1
    contrast = []
    for kvp in (55, 80, 115):
        image = film(images, replace(IDEAL, kvp=kvp), None, rng())
        contrast.append(float(np.log(image[:, :8].mean() / image[:, 8:].mean())))
    assert contrast[0] > contrast[1] > contrast[2] > 0.5


def test_the_noise_has_the_variance_of_the_quanta():
    noisy_machine = replace(IDEAL, photons_per_px=100.0, electronic_sd=0.05)
    signal = np.full((300, 300), 2.0, dtype=np.float32)
    noisy = with_noise(signal, noisy_machine, rng(1))
    assert noisy.mean() == pytest.approx(2.0, rel=2e-3)
    assert noisy.var() == pytest.approx(2.0 / 100 + 0.05**2, rel=0.02)


@pytest.mark.parametrize("sd_px", [1.0, 1.7])
def test_the_screen_colours_the_noise(sd_px: float):
    look = replace(IDEAL, photons_per_px=400.0, detector_blur_sd_px=sd_px)
    noise = read_out(np.ones((400, 400), np.float32), look, rng(2)) - 1
    # white noise through a Gaussian: variance / (4 pi sd^2), correlation exp(-d^2 / (4 sd^2))
    assert noise.var() == pytest.approx(1 / 400 / (4 * np.pi * sd_px**2), rel=0.04)
    for d in (1, 2):
        found = (noise[:, d:] * noise[:, :-d]).mean() / noise.var()
        assert found == pytest.approx(np.exp(-(d**2) / (4 * sd_px**2)), abs=0.03)


def test_the_focal_spot_blurs_the_shadow_and_not_the_noise():
    bar = np.zeros((65, 65), np.float32)
    bar[:, 32] = 0.02  # weak: exp is linear
    sharp, soft = (
        expose(bar, replace(IDEAL, focal_blur_sd_px=sd), None).signal for sd in (0.0, 2.0)
    )
    profile = (soft[32].max() - soft[32]).max() / (sharp[32].max() - sharp[32]).max()
    assert profile == pytest.approx(1 / (2 * np.sqrt(2 * np.pi)), rel=0.02)
    noisy = read_out(np.ones((200, 200), np.float32), replace(IDEAL, photons_per_px=100), rng())
    assert np.corrcoef(noisy[:, 1:].ravel(), noisy[:, :-1].ravel())[0, 1] < 0.02


def test_the_penumbra_is_that_of_similar_triangles():
    edges = 0.6 * (1.5 - 1)  # a spot of 0.6 mm, magnified 1.5 times, is 0.3 mm on the detector
    assert penumbra_sd_mm(0.6, 1.5) == pytest.approx(np.linspace(0, edges, 100001).std(), rel=1e-4)
    assert penumbra_sd_mm(0.6, 1.0) == 0


def test_brightness_control_makes_the_exposure_irrelevant():
    L, darker = slab(), replace(IDEAL, vignetting=0.0)
    once, masked = (film(L, darker, m, rng()) for m in (None, np.full((64, 64), 0.25, np.float32)))
    np.testing.assert_allclose(once, masked, atol=1e-4)


def test_the_typical_signal_counts_the_field_alone():
    mask = Collimation.circle((31.5, 31.5), 20.0).mask(64, 64)
    signal = np.where(mask > 0, np.float32(0.3), np.float32(1e-5))
    assert typical_signal(signal, mask) == pytest.approx(0.3, rel=1e-3)
    assert typical_signal(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)) > 0


@pytest.mark.parametrize("seed", range(12))
def test_no_look_inverts_the_image(seed: int):
    draw = rng(seed)
    look = replace(Fluoroscope.randomised(draw), wires=0, beads=0, blocks=0, shading=0.0)
    disc = np.hypot(*np.mgrid[-32:32, -32:32]) < 14
    L = np.where(disc, 3.0, 1.5).astype(np.float32)
    image = film(L, look, None, draw)
    assert image.min() >= 0 and image.max() <= 1
    assert image[disc].mean() < image[~disc].mean()


def test_randomised_machines_span_voltages_and_filters_and_come_from_the_seed_alone():
    machines = [Fluoroscope.randomised(rng(n)) for n in range(200)]
    assert machines[7] == Fluoroscope.randomised(rng(7))
    kvp = [m.kvp for m in machines]
    assert min(kvp) < 55 and max(kvp) > 115 and min(kvp) >= 50 and max(kvp) <= 120
    assert 40 < sum(m.cu_mm == 0 for m in machines) < 100
    steepness = [effective_attenuation(np.full((1, 1), 3, np.float32), m.beam) for m in machines]
    assert max(steepness) / min(steepness) > 1.25


def test_a_blanked_display_is_black_outside_of_the_field():
    mask = Collimation.circle((31.5, 31.5), 20.0).mask(64, 64)
    look = replace(Fluoroscope(), blanked=True, scatter_to_primary=1.0)
    image = film(slab(), look, mask, rng())
    assert image[0, 0] == 0 and image[31, 31] > 0


def test_distortion_carries_image_and_field_together():
    mask = Collimation.circle((31.5, 31.5), 20.0).mask(64, 64)
    bead = np.ones((64, 64), np.float32)
    bead[31:33, 44:46] = 4
    look = replace(IDEAL, pincushion=0.1, s_turn_rad=0.05)
    image = film(bead, look, mask, rng())
    u, v = raw_from_undistorted(np.array([[44.5, 31.5]]), look, 64, 64)[0]
    assert image[round(v), round(u)] < 0.5 * image[31, 31]
    edge = 20 * (1 + 0.1 * (20 / 32) ** 2)
    assert (image > 0.5 * image[31, 31]).sum() == pytest.approx(np.pi * edge**2, rel=0.02)


def test_metal_in_the_beam_stays_where_it_is_from_frame_to_frame():
    look = replace(IDEAL, wires=3, beads=4, blocks=1, pattern_seed=5)
    L = np.ones((64, 64), np.float32)
    one, two = (film(L, look, None, rng(n)) for n in range(2))
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert one.min() < 0.7 * one.max()
    other = film(L, replace(look, pattern_seed=6), None, rng())
    assert np.abs(other - one).max() > 0.02


def test_vignetting_takes_its_share_in_the_corners():
    flat = np.zeros((65, 65), np.float32)
    signal = expose(flat, replace(IDEAL, vignetting=0.4), None).signal
    assert signal[0, 0] / signal[32, 32] == pytest.approx(0.6, rel=1e-5)
    assert signal[32, 0] / signal[32, 32] == pytest.approx(0.8, rel=1e-5)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_grey_values_have_the_depth_asked_for_and_white_is_where_it_saturates(bits: int):
    image = film(slab(), replace(IDEAL, bits=bits, white_level=2.0), None, rng())
    steps = 2**bits - 1
    np.testing.assert_allclose(image * steps, np.rint(image * steps), atol=0.01)
    attenuation = effective_attenuation(slab()[None], IDEAL.beam)
    bright = shown_by_ideal(attenuation) * IDEAL.white_level > 2.002
    assert bright.any() and (image[bright] == 1).all() and (image[~bright] < 1).any()


def test_a_film_remembers_its_frames_as_the_lag_says():
    look = replace(IDEAL, lag_share=0.25, lag_frames=2.0)
    flat, bar = np.ones((32, 32), np.float32), np.ones((32, 32), np.float32)
    bar[:, 10:12] += 2
    frames = film_sequence([bar, flat, flat, flat], look, None, rng())
    signals = np.array(frames) * look.white_level
    np.testing.assert_allclose(signals[0], expose(bar, look, None).signal, atol=2e-4)
    for n in range(3):
        expected = 1 + 0.25 * np.exp(-n / 2) * (signals[0] - 1)
        np.testing.assert_allclose(signals[n + 1], expected, atol=4e-4)  # steps of 16 bits
    still = film_sequence([bar, bar], look, None, rng())
    np.testing.assert_allclose(still[1], film(bar, look, None, rng()), atol=1e-4)
    assert film_sequence([], look, None, rng()) == []


def test_torch_line_integrals_and_boolean_masks_are_taken():
    image = film(torch.ones(8, 9), Fluoroscope(), np.ones((8, 9), bool), rng())
    assert image.shape == (8, 9)
    assert film(torch.ones(2, 8, 9), Fluoroscope(), None, rng()).shape == (8, 9)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"field_mask is \(5, 4\), expected .*\(4, 5\)"):
        film(np.ones((4, 5), np.float32), IDEAL, np.ones((5, 4), np.float32), rng())


def test_images_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"found \(4,\)"):
        film(np.ones(4, np.float32), IDEAL, None, rng())
    with pytest.raises(ValueError, match="expected 1 to 4 images"):
        film(np.ones((5, 4, 4), np.float32), IDEAL, None, rng())
    for value in (np.nan, np.inf):
        L = np.ones((4, 4), np.float32)
        L[1, 2] = value
        with pytest.raises(ValueError, match="line integrals must be finite"):
            film(L, IDEAL, None, rng())


@pytest.mark.parametrize(
    "wrong, match",
    [
        ({"photons_per_px": 0.0}, "photons_per_px must be above 0, found 0"),
        ({"scatter_to_primary": -1.0}, "scatter_to_primary must be a finite number, not negative"),
        ({"gamma": float("nan")}, "gamma must be a finite number"),
        ({"lag_frames": float("inf")}, "lag_frames must be a finite number"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(wrong: dict, match: str):
    with pytest.raises(ValueError, match=match):
        replace(IDEAL, **wrong)


def test_a_voltage_outside_of_the_table_is_refused():
    with pytest.raises(ValueError, match="kvp must be within 50 and 120, found 150"):
        film(slab(), replace(IDEAL, kvp=150), None, rng())


def test_a_training_image_is_filmed_in_milliseconds():
    draw = rng()
    looks = [Fluoroscope.randomised(draw) for _ in range(10)]
    L = slab(128)
    times = []
    for look in looks:
        start = perf_counter()
        film(L, look, None, draw)
        times.append(perf_counter() - start)
    assert np.median(times) < 0.02  # 1 to 2 ms alone; room for a busy machine
