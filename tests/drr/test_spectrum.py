import csv
from pathlib import Path

import numpy as np
import pytest

from drr.attenuation_table import energies_kev, mass_attenuation, relative_attenuation
from drr.spectrum import Spectrum, air_kerma, half_value_layer_mm_al, spectrum

REFERENCE = Path(__file__).parent / "spekpy_half_value_layers.csv"
MACHINES = [tuple(map(float, row.values())) for row in csv.DictReader(REFERENCE.open())]


@pytest.mark.parametrize("kvp, al_mm, cu_mm, expected_mm", MACHINES)
def test_half_value_layers_are_those_of_spekpy(kvp, al_mm, cu_mm, expected_mm):
    found = half_value_layer_mm_al(spectrum(kvp, al_mm, cu_mm))
    assert found == pytest.approx(expected_mm, rel=0.005)  # finer bins, other tables of aluminium


def test_kerma_and_half_value_layer_follow_spekpy_where_it_is_installed():
    spekpy = pytest.importorskip("spekpy", reason="spekpy makes the tables; it is not needed else")
    for kvp, al_mm, cu_mm in [(64, 3.5, 0.05), (113, 2.7, 0.25)]:
        theirs = spekpy.Spek(kvp=kvp, th=12).filter("Al", al_mm).filter("Cu", cu_mm)
        ours = spectrum(kvp, al_mm, cu_mm)
        assert half_value_layer_mm_al(ours) == pytest.approx(theirs.get_hvl1(), rel=0.005)
        assert air_kerma(ours) == pytest.approx(theirs.get_kerma(), rel=0.015)


@pytest.mark.parametrize(
    "name, kev, cm2_per_g",
    [  # NIST XCOM / Hubbell and Seltzer (1995): between bins, where no edge is near
        ("water", 60.0, 0.2059),
        ("water", 100.0, 0.1707),
        ("bone", 40.0, 0.6655),
        ("bone", 80.0, 0.2229),
        ("iodine", 60.0, 7.579),
        ("metal", 60.0, 1.205),
        ("aluminium", 30.0, 1.128),
        ("copper", 60.0, 1.593),
    ],
)
def test_attenuation_is_that_of_nist(name, kev, cm2_per_g):
    log = np.interp(kev, energies_kev(), np.log(mass_attenuation(name)))
    assert np.exp(log) == pytest.approx(cm2_per_g, rel=0.01)


def test_edges_are_where_they_belong():
    kev = energies_kev()
    for name, edges in {"iodine": [33.17], "csi": [33.17, 35.98]}.items():
        rise = np.diff(mass_attenuation(name)) > 0
        upper = kev[1:][rise]
        assert all((np.abs(upper - edge) < 1.6).any() for edge in edges)
        assert all((np.abs(edge - np.array(edges)) < 1.6).any() for edge in upper)


def test_attenuation_is_one_at_the_nominal_energy():
    at_64 = relative_attenuation()[:, [58, 59]].mean(axis=1)  # 63.5 and 64.5 keV
    np.testing.assert_allclose(at_64, 1, atol=2e-3)


def test_one_energy_has_its_own_half_value_layer():
    kev = energies_kev()
    photons = (kev == 60.5).astype(float)
    expected_mm = 10 * np.log(2) / (mass_attenuation("aluminium")[55] * 2.699)
    assert half_value_layer_mm_al(Spectrum(kev, photons)) == pytest.approx(expected_mm, rel=1e-9)


def test_no_photon_has_more_than_the_tube_gives_it():
    for kvp in (50, 77.25, 120):
        beam = spectrum(kvp)
        assert beam.photons[beam.kev > kvp + 1].sum() == 0
        assert (beam.photons >= 0).all() and beam.photons.sum() > 0


def test_voltages_between_whole_ones_are_between_them():
    layers = [half_value_layer_mm_al(spectrum(kvp)) for kvp in (80, 80.5, 81)]
    assert layers[0] < layers[1] < layers[2]


@pytest.mark.parametrize("kvp", [49.9, 120.1, np.nan, -80, np.inf])
def test_voltages_outside_of_the_table_are_refused(kvp: float):
    with pytest.raises(ValueError, match="kvp must be within 50 and 120, found"):
        spectrum(kvp)


@pytest.mark.parametrize("al_mm, cu_mm", [(-1, 0), (2, -0.1), (np.nan, 0), (2, np.inf)])
def test_filters_that_are_no_thickness_are_refused(al_mm: float, cu_mm: float):
    with pytest.raises(ValueError, match="filters must be 0 mm or more"):
        spectrum(80, al_mm, cu_mm)


def test_an_empty_beam_and_an_unknown_material_are_refused():
    with pytest.raises(ValueError, match="no half-value layer"):
        half_value_layer_mm_al(Spectrum(energies_kev(), np.zeros(115)))
    with pytest.raises(ValueError, match="no attenuation of 'lead' is tabulated; known are water"):
        mass_attenuation("lead")
