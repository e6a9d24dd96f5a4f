"""Thick slices made fine: each is the mean of what it covers, and stays so.

A cubic spline goes through the running sums of the slices along their axis; its differences are the
means of finer slices, and add up to the thick ones exactly (a histospline, Boneva, Kendall and
Stefanov 1971, doi:10.1111/j.2517-6161.1971.tb00855.x). Plain interpolation would blur each slice a
second time: `benchmarks/thick_slices.py` has the poses found with either.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from .volume import Volume

THICK_MM = 2.1
"""Thinner slices gain nothing: radiographs are matched with voxels of 2 mm."""
THICKER = 1.5
"""... than the other sides of a voxel."""
FINE_MM = 1.25


def refined(volume: Volume) -> Volume:
    """The same CT with fine slices, said in its notes; itself where its slices are not thick."""
    axis = int(np.argmax(volume.spacing_mm))
    thick_mm = float(volume.spacing_mm[axis])
    others_mm = float(np.delete(volume.spacing_mm, axis).max())
    if thick_mm <= max(THICK_MM, THICKER * others_mm) or volume.shape[axis] < 2:
        return volume
    parts = math.ceil(thick_mm / FINE_MM)
    weights = fine_weights(volume.shape[axis], parts).T
    thick = np.moveaxis(volume.data_hu, axis, 2)
    low, high = thick.min(), thick.max()
    fine = np.empty((*thick.shape[:2], weights.shape[1]), thick.dtype)
    for row, fine_row in zip(thick, fine, strict=True):
        means = np.clip(row.astype(np.float32) @ weights, low, high)
        fine_row[:] = np.rint(means) if fine.dtype == np.int16 else means
    ct_from_voxel = volume.ct_from_voxel.copy()
    ct_from_voxel[:3, axis] /= parts
    ct_from_voxel[:3, 3] -= ct_from_voxel[:3, axis] * (parts - 1) / 2
    note = f"slices of {thick_mm:.2f} mm were refined to {thick_mm / parts:.2f} mm"
    return Volume(
        np.moveaxis(fine, 2, axis), ct_from_voxel, (*volume.notes, note), volume.fingerprint
    )


def fine_weights(count: int, parts: int) -> Float[np.ndarray, "fine thick"]:
    """The means of fine slices from those of the thick ones; a natural spline, float32."""
    sums = np.vstack([np.zeros(count), np.tri(count)])  # of each thick slice alone
    spline = CubicSpline(np.arange(count + 1), sums, bc_type="natural")
    edges = np.arange(count * parts + 1) / parts
    return (np.diff(spline(edges), axis=0) * parts).astype(np.float32)
