"""The spectrum of a tungsten tube, and the half-value layer that tells its hardness."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar

from .attenuation_table import TABLES, energies_kev, mass_attenuation

LOWEST_KVP, HIGHEST_KVP = 50.0, 120.0
ALUMINIUM_G_CM3, COPPER_G_CM3 = 2.699, 8.96


class Spectrum(NamedTuple):
    """Photons / (cm2 keV mAs) at 1 m from the focus, in bins of 1 keV with middles `kev`."""

    kev: Float[np.ndarray, "kev"]
    photons: Float[np.ndarray, "kev"]


def spectrum(kvp: float | int, al_mm: float | int = 2.5, cu_mm: float | int = 0.0) -> Spectrum:
    """The filtered beam of a tungsten anode of 12 degrees; unfiltered it is SpekPy's.

    Args:
        kvp: tube voltage in kV, constant in time, 50 to 120.
        al_mm: all filtration that counts as aluminium, inherent and added.
        cu_mm: copper beside it.

    Raises:
        ValueError: the voltage is outside of the table, or a filter is not a thickness.
    """
    if not LOWEST_KVP <= kvp <= HIGHEST_KVP:
        raise ValueError(f"kvp must be within {LOWEST_KVP:g} and {HIGHEST_KVP:g}, found {kvp}")
    if not (0 <= al_mm < np.inf and 0 <= cu_mm < np.inf):
        raise ValueError(f"filters must be 0 mm or more, found {al_mm} mm Al, {cu_mm} mm Cu")
    row = min(int(kvp - LOWEST_KVP), int(HIGHEST_KVP - LOWEST_KVP) - 1)
    share = kvp - LOWEST_KVP - row
    below, above = _unfiltered()[row : row + 2]
    filtered = below + share * (above - below)
    filtered *= np.exp(-al_mm * _per_mm("aluminium") - cu_mm * _per_mm("copper"))
    return Spectrum(energies_kev(), filtered)


def air_kerma(beam: Spectrum) -> float:
    """Kerma of the beam in air, uGy / mAs at 1 m: the sum of photons * energy * mu_en / rho."""
    joule_kg_per_kev_g = 1.602176634e-16 * 1e3
    kev_per_g = (beam.photons * beam.kev * mass_attenuation("air_absorption")).sum()
    return float(kev_per_g * joule_kg_per_kev_g * 1e6)


def half_value_layer_mm_al(beam: Spectrum) -> float:
    """The aluminium, in mm, that halves the air kerma.

    Raises:
        ValueError: there is no beam.
    """
    whole = air_kerma(beam)
    if not whole > 0:
        raise ValueError("a beam without photons has no half-value layer")

    def excess(al_mm: float) -> float:
        left = beam.photons * np.exp(-al_mm * _per_mm("aluminium"))
        return air_kerma(Spectrum(beam.kev, left)) - whole / 2

    return float(root_scalar(excess, bracket=(0.0, 100.0)).root)


@cache
def _per_mm(filter_name: str) -> Float[np.ndarray, "kev"]:
    """Attenuation of a filter, 1 / mm."""
    density = {"aluminium": ALUMINIUM_G_CM3, "copper": COPPER_G_CM3}[filter_name]
    return mass_attenuation(filter_name) * density / 10


@cache
def _unfiltered() -> Float[np.ndarray, "kvp kev"]:
    """One row a kilovolt, from LOWEST_KVP to HIGHEST_KVP."""
    with np.load(TABLES / "tungsten_spectra.npz") as file:
        return file["fluence"].astype(np.float64)
