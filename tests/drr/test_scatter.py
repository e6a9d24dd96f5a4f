from dataclasses import replace

import cv2
import numpy as np
import pytest

from drr.collimation import Collimation
from drr.fluoroscope import Fluoroscope
from drr.scatter import scatter, with_glare

LOOK = Fluoroscope(scatter_to_primary=0.7, scatter_sd_share=0.1)
OPEN = np.ones((64, 64), np.float32)


def behind(attenuation: np.ndarray, mask: np.ndarray, look: Fluoroscope = LOOK) -> np.ndarray:
    attenuation = attenuation.astype(np.float32)
    return scatter(np.exp(-attenuation) * mask, attenuation, mask, look)


def wedge() -> np.ndarray:
    """From 0 to 4 in attenuation, with a dense bar."""
    p = np.tile(np.linspace(0, 4, 64), (64, 1))
    p[32:36] += 1
    return p


@pytest.mark.parametrize("asked", [0.05, 0.7, 2.0])
def test_scatter_over_primary_behind_the_head_is_as_asked(asked: float):
    mask = Collimation.circle((31.5, 31.5), 25.0).mask(64, 64)
    primary = np.exp(-wedge()) * mask
    found = behind(wedge(), mask, replace(LOOK, scatter_to_primary=asked))
    taken = mask - primary
    assert (taken * found).sum() / (taken * primary).sum() == pytest.approx(asked, rel=1e-3)


def test_behind_a_wide_slab_it_is_the_plain_ratio():
    found = behind(np.full((64, 64), 2.5), OPEN)
    np.testing.assert_allclose(found, 0.7 * np.exp(-2.5), rtol=1e-4)


def test_open_air_scatters_nothing_and_lead_neither():
    p = np.zeros((64, 64))
    p[:, 20:24] = 1.5  # the head: a post
    p[:, 44:60] = 50.0  # lead
    narrow = replace(LOOK, scatter_sd_share=0.05)
    found = behind(p, OPEN, narrow)
    post, beside_lead, air = found[:, 20:24].mean(), found[:, 42].mean(), found[:, 36].mean()
    assert beside_lead < 0.02 * post and air < 0.02 * post  # a blur of the primary fails here
    assert behind(np.zeros((64, 64)), OPEN).max() == 0


def test_it_is_the_kernel_superposition_of_p_exp_minus_p():
    p = wedge()
    p[10:20, 10:20] = 0
    source = (p * np.exp(-p)).astype(np.float32)
    expected = cv2.GaussianBlur(source, (0, 0), 6.4, borderType=cv2.BORDER_REFLECT_101)
    found = behind(p, OPEN)
    ratio = found / expected
    assert ratio.std() / ratio.mean() < 0.03  # it is made on a reduced copy


def test_nothing_is_scattered_where_nothing_is_asked():
    assert behind(wedge(), OPEN, replace(LOOK, scatter_to_primary=0.0)).max() == 0


def test_glare_fills_the_dark_and_spares_the_mean():
    signal = np.exp(-wedge()).astype(np.float32)
    glaring = with_glare(signal, replace(LOOK, glare=0.2))
    assert glaring.mean() == pytest.approx(signal.mean(), rel=0.03)  # reduced copy, reflected edge
    assert glaring.min() > signal.min() and glaring.max() < signal.max()
    assert with_glare(signal, replace(LOOK, glare=0.0)) is signal


def test_behind_an_opaque_disc_the_glare_is_what_is_left():
    disc = (np.hypot(*np.mgrid[-32:32, -32:32]) > 6).astype(np.float32)
    found = with_glare(disc, replace(LOOK, glare=0.1))
    spread = 1 - np.exp(-0.5 * (6 / 16) ** 2)  # of the kernel of 16 px that the disc blocks
    assert found[32, 32] == pytest.approx(0.1 * (1 - spread), rel=0.05)
