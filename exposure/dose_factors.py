"""Factors from incident air kerma to the kerma and dose at the skin: backscatter and medium.

Both are for flat slabs of water under fields of 5 to 35 cm and overstate a head, which is round
and 15 cm wide. Outside of the tables there is no factor: it is None, and said why.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

SIDES_CM = (5.0, 10.0, 20.0, 25.0, 35.0)
KVP_RANGE = (50.0, 150.0)
HVL_RANGE_MM_AL = (1.78, 12.48)
BACKSCATTER_SOURCE = (
    "backscatter factors of water slabs, Benmakhlouf et al. 2013, doi 10.1088/0031-9155/58/2/247, "
    "eq. 8; cubic spline between field sides of 5, 10, 20, 25 and 35 cm"
)
MEDIUM_SOURCE = (
    "mass energy-absorption coefficients water to air, Benmakhlouf et al. 2011, "
    "doi 10.1088/0031-9155/56/22/012, as tabulated by PySkinDose 25.1.1; the nearest kVp, "
    "then the nearest half-value layer and field side"
)

# Rows: powers 0, 1, 2 of kVp, for powers 0, 1, 2 of the HVL (mm Al); columns: the field sides.
COEFFICIENTS = np.array(
    [
        [[1.00870e0, 9.29969e-1, 8.65442e-1, 8.58665e-1, 8.57065e-1],
         [2.35816e-3, 4.08549e-3, 5.36739e-3, 5.51579e-3, 5.55933e-3],
         [-9.48937e-6, -1.66271e-5, -2.21494e-5, -2.27532e-5, -2.28004e-5]],
        [[1.03143e-1, 1.53605e-1, 1.72418e-1, 1.70826e-1, 1.66418e-1],
         [-1.04881e-3, -1.45187e-3, -1.46088e-3, -1.38540e-3, -1.28180e-3],
         [3.59731e-6, 5.05312e-6, 5.17430e-6, 4.91192e-6, 4.53036e-6]],
        [[-7.31303e-3, -9.32427e-3, -8.30138e-3, -7.64330e-3, -6.81574e-3],
         [7.93272e-5, 9.40568e-5, 7.13576e-5, 6.13126e-5, 4.94197e-5],
         [-2.74296e-7, -3.28449e-7, -2.54885e-7, -2.21399e-7, -1.79074e-7]],
    ]
)  # fmt: skip


class Refused(NamedTuple):
    """Why there is no factor."""

    reason: str


def backscatter_factor(
    kvp: float | int, hvl_mm_al: float | int, side_cm: float | int
) -> float | Refused:
    """Kerma at the surface of a water slab over that without it (Benmakhlouf 2013, eq. 8)."""
    if refused := out_of_range(kvp, hvl_mm_al, side_cm):
        return refused
    return float(CubicSpline(SIDES_CM, _at_sides(float(kvp), float(hvl_mm_al)))(side_cm))


def medium_factor(
    kvp: float | int, hvl_mm_al: float | int, side_cm: float | int
) -> float | Refused:
    """Dose to water over kerma in air at the skin, skin taken as water (Benmakhlouf 2011)."""
    if refused := out_of_range(kvp, hvl_mm_al, side_cm):
        return refused
    table = _water_to_air()
    rows = table[table[:, 0] == table[np.abs(table[:, 0] - kvp).argmin(), 0]]
    row = rows[np.abs(rows[:, 1] - hvl_mm_al).argmin()]
    return float(row[2 + int(np.abs(np.array(SIDES_CM) - side_cm).argmin())])


def out_of_range(kvp: float | int, hvl_mm_al: float | int, side_cm: float | int) -> Refused | None:
    """What of the three lies outside of the tables, None where all are inside."""
    for value, (low, high), what in (
        (kvp, KVP_RANGE, "kVp"),
        (hvl_mm_al, HVL_RANGE_MM_AL, "mm Al half-value layer"),
        (side_cm, (SIDES_CM[0], SIDES_CM[-1]), "cm field side"),
    ):
        if not low <= value <= high:
            return Refused(f"{value:.4g} {what} is outside of the tables, {low:g} to {high:g}")
    return None


def _at_sides(kvp: float, hvl_mm_al: float) -> Float[np.ndarray, "side=5"]:
    """The polynomial at the five tabulated field sides."""
    powers = np.array([1.0, kvp, kvp * kvp])
    layers = np.array([1.0, hvl_mm_al, hvl_mm_al * hvl_mm_al])
    return np.einsum("h,k,hks->s", layers, powers, COEFFICIENTS)


@cache
def _water_to_air() -> Float[np.ndarray, "row 7"]:
    """kVp, half-value layer (mm Al), and the ratio at each of the five field sides."""
    path = Path(__file__).parent / "tables" / "water_to_air.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return np.array([[float(cell) for cell in row] for row in list(csv.reader(file))[1:]])
