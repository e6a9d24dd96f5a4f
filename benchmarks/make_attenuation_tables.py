"""Make the tables of `drr/tables/` and the reference half-value layers of the tests.

    pip install "xraydb==4.5.8" "spekpy==2.5.4"
    python benchmarks/make_attenuation_tables.py

Mass attenuation, coherent scatter included, is that of Elam, Ravel and Sieber (2002, Radiat.
Phys. Chem. 63, doi:10.1016/S0969-806X(01)00227-4) in xraydb, as means over bins of 1 keV. Spectra
and the mass energy absorption of air are SpekPy's (Poludniowski et al. 2021, doi:10.1002/mp.14945):
tungsten, 12 degrees, unfiltered, photons / (cm2 keV mAs) at 1 m.
"""

import csv
from pathlib import Path

import numpy as np
import spekpy
import xraydb

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "drr" / "tables"
REFERENCE = ROOT / "tests" / "drr" / "spekpy_half_value_layers.csv"
FIRST_KEV, LAST_KEV = 5, 120
KVP = range(50, 121)
ANODE_DEG = 12.0
PER_BIN = 20  # energies that a bin's mean is taken over: the K edges lie inside of bins

# mass fractions: ICRU report 44 (bone), stoichiometry (water, caesium iodide)
COMPOSITION = {
    "water": {"H": 0.111898, "O": 0.888102},
    "bone": dict(
        H=0.034, C=0.155, N=0.042, O=0.435, Na=0.001, Mg=0.002, P=0.103, S=0.003, Ca=0.225
    ),
    "iodine": {"I": 1.0},
    "metal": {"Fe": 1.0},
    "aluminium": {"Al": 1.0},
    "copper": {"Cu": 1.0},
    "csi": {"Cs": 0.511549, "I": 0.488451},
}
MACHINES = [  # kV, mm Al, mm Cu
    *[(kvp, 2.5, 0.0) for kvp in range(50, 121, 10)],
    (80, 3.1, 0.0),
    (80, 3.0, 0.1),
    (80, 3.0, 0.3),
    (60, 3.0, 0.9),
    (110, 3.0, 0.2),
    (73, 4.0, 0.0),
]


def main() -> None:
    edges = np.arange(FIRST_KEV, LAST_KEV)
    offsets = (np.arange(PER_BIN) + 0.5) / PER_BIN
    fine_kev = edges[:, None] + offsets
    kev = edges + 0.5
    columns = {name: mixture(parts, fine_kev).mean(1) for name, parts in COMPOSITION.items()}
    air = spekpy.Spek(kvp=80, th=ANODE_DEG).muen_air_data
    columns["air_absorption"] = (
        air.get_muen_over_rho_air(fine_kev.ravel()).reshape(fine_kev.shape).mean(1)
    )
    with (TABLES / "mass_attenuation_cm2_per_g.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["kev", *columns])
        for n, energy in enumerate(kev):
            rows.writerow([energy, *(f"{column[n]:.6g}" for column in columns.values())])
    fluence = np.zeros((len(KVP), len(kev)), np.float32)
    for row, kvp in enumerate(KVP):
        energies, photons = spekpy.Spek(kvp=kvp, th=ANODE_DEG, dk=1.0).get_spectrum()
        kept = energies > FIRST_KEV
        fluence[row, : kept.sum()] = photons[kept]
        assert np.allclose(energies[kept], kev[: kept.sum()])
    np.savez_compressed(
        TABLES / "tungsten_spectra.npz", kvp=np.array(KVP), kev=kev, fluence=fluence
    )
    with REFERENCE.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["kvp", "al_mm", "cu_mm", "half_value_layer_mm_al"])
        for kvp, al_mm, cu_mm in MACHINES:
            beam = spekpy.Spek(kvp=kvp, th=ANODE_DEG).filter("Al", al_mm).filter("Cu", cu_mm)
            rows.writerow([kvp, al_mm, cu_mm, f"{beam.get_hvl1():.4f}"])


def mixture(parts: dict[str, float], kev: np.ndarray) -> np.ndarray:
    """Mass attenuation in cm2 / g of a mixture given by mass fractions."""
    flat = sum(
        share * xraydb.mu_elam(element, kev.ravel() * 1e3) for element, share in parts.items()
    )
    return np.reshape(flat, kev.shape)


if __name__ == "__main__":
    main()
