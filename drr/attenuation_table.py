"""Mass attenuation of the materials in the beam, from a table of 1 keV bins.

`benchmarks/make_attenuation_tables.py` makes the table, and says where its numbers come from.
"""

from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

TABLES = Path(__file__).parent / "tables"
MATERIALS = ("water", "bone", "iodine", "metal")
"""The order of material images: water-like tissue, cortical bone (ICRU 44), iodine, iron."""
BONE_G_CM3 = 1.92  # cortical bone, ICRU 44
NOMINAL_KEV = 64.0
"""Where water has 0.0200 / mm: the energy at which HU are turned into attenuation."""


@cache
def energies_kev() -> Float[np.ndarray, "kev"]:
    """The middles of the bins, 5.5 to 119.5 keV."""
    return _columns()["kev"]


def mass_attenuation(name: str) -> Float[np.ndarray, "kev"]:
    """Mean of mu / rho over each bin, cm2 / g; "air_absorption" is mu_en / rho.

    Args:
        name: one of MATERIALS, or "aluminium", "copper", "csi", "air_absorption".

    Raises:
        ValueError: the table has no such column.
    """
    columns = _columns()
    if name == "kev" or name not in columns:
        known = ", ".join(n for n in columns if n != "kev")
        raise ValueError(f"no attenuation of {name!r} is tabulated; known are {known}")
    return columns[name]


def nominal_mass_attenuation(name: str) -> float:
    """The mu / rho at NOMINAL_KEV, cm2 / g."""
    log = np.interp(NOMINAL_KEV, energies_kev(), np.log(mass_attenuation(name)))
    return float(np.exp(log))


@cache
def relative_attenuation() -> Float[np.ndarray, "material=4 kev"]:
    """Attenuation of each of MATERIALS in each bin over that at NOMINAL_KEV."""
    rows = [mass_attenuation(m) / nominal_mass_attenuation(m) for m in MATERIALS]
    return np.stack(rows).astype(np.float32)


@cache
def _columns() -> dict[str, np.ndarray]:
    path = TABLES / "mass_attenuation_cm2_per_g.csv"
    names = path.read_text().splitlines()[0].split(",")
    return dict(zip(names, np.loadtxt(path, delimiter=",", skiprows=1).T.copy(), strict=True))
