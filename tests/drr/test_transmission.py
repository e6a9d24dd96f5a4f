from time import perf_counter

import numpy as np
import pytest

from drr.attenuation_table import energies_kev, mass_attenuation, nominal_mass_attenuation
from drr.materials import areal_density_g_cm2
from drr.spectrum import spectrum
from drr.transmission import Beam, detector_weights, effective_attenuation, looked_up

BEAMS = [Beam(50, 2.5, 0, 100), Beam(80, 3, 0.1, 180), Beam(120, 2.5, 0, 180), Beam(60, 3, 0.9)]


def directly(line_integrals: dict[str, float], beam: Beam) -> float:
    """-ln of the signal share, energy by energy, from masses behind a cm2; another way round."""
    masses = {m: areal_density_g_cm2(np.array([L]), m)[0] for m, L in line_integrals.items()}
    columns = {m: mass_attenuation(m) for m in line_integrals}
    screen = mass_attenuation("csi") * beam.csi_mg_cm2 / 1000
    signal = nothing = 0.0
    kev, photons = spectrum(beam.kvp, beam.al_mm, beam.cu_mm)
    for n, (energy, count) in enumerate(zip(kev, photons, strict=True)):
        stopped = count * energy * (1 - np.exp(-screen[n]))
        depth = sum(columns[m][n] * mass for m, mass in masses.items())
        signal += stopped * np.exp(-depth)
        nothing += stopped
    return -np.log(signal / nothing)


@pytest.mark.parametrize("beam", BEAMS)
def test_a_wedge_of_water_hardens_the_beam_as_direct_integration_says(beam: Beam):
    wedge = np.linspace(0, 9, 40, dtype=np.float32)[None, None]
    expected = [directly({"water": float(L)}, beam) for L in wedge[0, 0]]
    np.testing.assert_allclose(effective_attenuation(wedge, beam)[0], expected, atol=1e-4)
    np.testing.assert_allclose(looked_up(wedge, beam)[0], expected, atol=3e-4)
    slope = np.diff(expected)
    assert (np.diff(slope) < 0).all()  # each millimetre takes less than the one before


@pytest.mark.parametrize("beam", BEAMS)
def test_four_materials_are_summed_as_direct_integration_says(beam: Beam):
    L = np.array([1.7, 2.1, 0.3, 0.4], np.float32)
    names = ("water", "bone", "iodine", "metal")
    expected = directly(dict(zip(names, L.tolist(), strict=True)), beam)
    assert effective_attenuation(L[:, None], beam)[0] == pytest.approx(expected, abs=1e-4)
    assert looked_up(L[:, None, None], beam)[0, 0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("beam, error", [*((b, 8e-4) for b in BEAMS), (Beam(50, 1, 0), 1.4e-3)])
def test_the_table_of_water_and_bone_keeps_its_word(beam: Beam, error: float):
    draw = np.random.default_rng(0).uniform(0, 10, size=(2, 100, 100)).astype(np.float32)
    draw[:, ::2] **= 3
    draw[:, ::2] /= 100  # thin ones, where the curve bends most
    found, exact = looked_up(draw, beam), effective_attenuation(draw, beam)
    assert np.abs(found - exact).max() < error
    assert np.abs(looked_up(draw[:1], beam) - effective_attenuation(draw[:1], beam)).max() < 4e-4


def test_beyond_the_table_it_goes_on():
    far = np.array([15.0, 12.0], np.float32)[:, None, None]
    for beam in BEAMS:
        expected = effective_attenuation(far, beam)
        np.testing.assert_allclose(looked_up(far, beam), expected, rtol=2e-3)
        assert np.isfinite(looked_up(1e4 * far, beam)).all()


def test_open_air_takes_nothing_and_noise_below_zero_is_air():
    for count in (1, 2, 4):
        air = np.zeros((count, 2, 3), np.float32)
        assert np.abs(looked_up(air, BEAMS[0])).max() < 1e-6
        assert np.abs(looked_up(air - 1e-3, BEAMS[0])).max() < 1e-6


def test_harder_beams_see_less_of_bone_beside_water():
    L = np.array([2.0, 2.0], np.float32)
    bone, water = (
        [float(effective_attenuation(np.diag(L)[[0, 1], n, None], b)[0]) for b in BEAMS[:3]]
        for n in (1, 0)
    )
    excess = np.array(bone) / water
    assert excess[0] > excess[1] > 1 and excess[0] > excess[2]


def test_the_screen_answers_to_energy_and_its_edges():
    weights = detector_weights(Beam(80, 3, 0, 180))
    assert weights.sum() == pytest.approx(1)
    kev, photons = spectrum(80, 3, 0)
    response = weights[15:70] / (photons * kev)[15:70]  # the share that it absorbs
    assert response.max() / response.min() < 4
    assert response[kev[15:70] == 36.5] > 1.15 * response[kev[15:70] == 32.5]
    assert energies_kev()[weights.argmax()] > 36


def test_tables_and_lookup_are_fast():
    images = np.random.default_rng(0).uniform(0, 6, (2, 128, 128)).astype(np.float32)
    looked_up(images, BEAMS[0])
    times = []
    for n in range(15):
        start = perf_counter()
        looked_up(images, Beam(60 + n, 3, 0.1))  # a new beam each: with making its table
        times.append(perf_counter() - start)
    assert np.median(times) < 0.003  # 0.2 ms alone; room for a busy machine


def test_beams_and_images_that_are_none_are_refused():
    with pytest.raises(ValueError, match="csi_mg_cm2 must be above 0, found 0"):
        detector_weights(Beam(csi_mg_cm2=0))
    with pytest.raises(ValueError, match="nothing is left of the beam: Beam"):
        detector_weights(Beam(50, 1e5))
    for wrong in (np.zeros((5, 2, 2), np.float32), np.zeros((0, 2, 2), np.float32)):
        with pytest.raises(ValueError, match="expected 1 to 4 images"):
            looked_up(wrong, BEAMS[0])


def test_areal_density_is_what_a_slab_weighs():
    cm = 3.0
    L = np.array([cm * nominal_mass_attenuation("water")])
    assert areal_density_g_cm2(L, "water")[0] == pytest.approx(3.0)
    with pytest.raises(ValueError, match="material must be one of"):
        areal_density_g_cm2(L, "lead")
