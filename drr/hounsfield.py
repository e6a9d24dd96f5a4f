"""Stored numbers to Hounsfield units, and whether a CT's numbers look like Hounsfield units.

Air tells: a CT shows some of it, scattered by noise about -1000 HU. What is exactly one value below
it is padding outside the scan circle.
"""

import numpy as np
from jaxtyping import Int, Real, Shaped

LARGEST_HU = 32767
AIR_HU = (-1150, -600)
"""Where the air of a usable CT lies; some voxel is in here."""
SAID_OFF_HU = 50
"""Air this far from -1000 is said."""
PADDING_HU = -1024
"""What padding becomes, and the least that is kept."""
SPIKE = 10.0
"""A value is padding, not air with noise, if it is this much more frequent than its neighbours."""
SHIFTED_SHARE = 0.1
JUDGED_SHARE = 1e-3
"""Air is judged by its median where it fills more than this share of the CT."""


def hounsfield(
    raw: Shaped[np.ndarray, "..."], slope: float, intercept: float
) -> Real[np.ndarray, "..."]:
    """slope * raw + intercept as int16 where that is exact, else as float32."""
    if raw.size == 0 or raw.dtype.kind not in "iuf":
        raise ValueError(f"no CT numbers: shape {raw.shape}, type {raw.dtype}")
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise ValueError(f"HU = slope * stored + intercept cannot be, found {slope}, {intercept}")
    ends = [slope * float(raw.min()) + intercept, slope * float(raw.max()) + intercept]
    whole = slope.is_integer() and intercept.is_integer() and raw.dtype.kind in "iu"
    if whole and -32768 <= min(ends) and max(ends) <= 32767:
        hu = raw.astype(np.int16)  # wraps, as the next two lines do: the sum comes out right
        hu *= np.int64(slope).astype(np.int16)
        hu += np.int64(intercept).astype(np.int16)
        return hu
    hu = raw.astype(np.float32)
    hu *= np.float32(slope)
    hu += np.float32(intercept)
    return hu


def checked_hu(
    data_hu: Real[np.ndarray, "i j k"],
) -> tuple[Real[np.ndarray, "i j k"], tuple[str, ...]]:
    """The data, padding set to -1024 HU in place, and what is odd; ValueError where not in HU."""
    smallest, largest = float(data_hu.min()), float(data_hu.max())
    if largest > LARGEST_HU:
        raise ValueError(f"not in HU: largest value is {largest:g}, expected up to {LARGEST_HU}")
    if largest < AIR_HU[1]:
        raise ValueError(f"not in HU, or empty: largest value is {largest:g}, all of it air")
    notes = _checked_air(_counts(data_hu), smallest)
    if smallest < PADDING_HU:
        data_hu = data_hu if data_hu.flags.writeable else data_hu.copy()
        np.maximum(data_hu, data_hu.dtype.type(PADDING_HU), out=data_hu)
    return data_hu, notes


def _counts(data_hu: Real[np.ndarray, "i j k"]) -> Int[np.ndarray, "65536"]:
    """How many voxels have each whole HU from -32768 on, counted slice by slice."""
    counts = np.zeros(65536, np.int64)
    for n in range(data_hu.shape[2]):
        whole = np.rint(np.clip(data_hu[:, :, n], -32768, 32767)).astype(np.int32)
        counts += np.bincount(whole.ravel() + 32768, minlength=65536)
    return counts


def _checked_air(counts: Int[np.ndarray, "65536"], smallest: float) -> tuple[str, ...]:
    """What is odd about the air; ValueError where there is none near -1000 HU."""
    low, high = AIR_HU
    hu = np.arange(-32768, 32768)
    constant = _spikes(counts) & (hu <= PADDING_HU)
    scanned = np.where(constant, 0, counts)
    air = scanned[hu < high]
    if air.sum() < JUDGED_SHARE * counts.sum():  # air of one value, as drawn CTs have, or cropped
        near = counts[(hu >= low) & (hu <= high)]
        if near.any():
            _check_not_shifted(scanned)
            return ()
        least = hu[scanned > 0].min()
        padded = "" if least == smallest else f" apart from padding of {smallest:g}"
        raise ValueError(f"not in HU: smallest value is {least:g}{padded}; air must be near -1000")
    median = int(hu[hu < high][np.searchsorted(air.cumsum(), air.sum() / 2)])
    if not low <= median:
        raise ValueError(
            f"not in HU: air reads {median} HU, it must be near -1000; was an offset of "
            f"{-1000 - median:g} or so taken off twice?"
        )
    if abs(median + 1000) > SAID_OFF_HU:
        return (f"air reads {median} HU in place of -1000: the scale of this CT is off",)
    return ()


def _check_not_shifted(scanned: Int[np.ndarray, "65536"]) -> None:
    """ValueError where, padding apart, air lies near 24 HU and tissue near 1064."""
    air, tissue = (scanned[n + 32768 - 75 : n + 32768 + 76].sum() for n in (24, 1064))
    if min(air, tissue) > SHIFTED_SHARE * scanned.sum():
        raise ValueError(
            "not in HU: padding apart, the CT shows most around 24 and 1064; was an offset of "
            "-1024 left out?"
        )


def _spikes(counts: Int[np.ndarray, "n"]) -> np.ndarray:
    """Where a value is far more frequent than the four around it together."""
    around = np.zeros(len(counts), np.int64)
    for n in (-2, -1, 1, 2):
        around += np.roll(counts, n)
    return counts > SPIKE * around
