"""Slices at uneven distances: which are missing, and the even stack between them.

A series may change its distance on the way (fine through the skull base, coarse above): all of
the head was scanned, and values between slices are interpolated linearly. A single missing slice is
made up in the same way, if its neighbours are near; more than one is refused.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

EVEN_MM = 0.1
"""Slices this near to even places stand evenly (positions are rounded)."""
EVEN_SHARE = 0.5
"""... if no gap differs from the median by more than this share of it."""
ALIKE = 0.25
"""Gaps alike, or a whole number of them, to this share."""
WIDEST_MM = 5.0
"""Across more than this, or a tenth more than a slice's thickness, nothing is interpolated."""
MOST_SLICES = 4000


class Missing(NamedTuple):
    """Slices that are not there after slice n."""

    after: int
    count: int


def are_even(places_mm: Float[np.ndarray, "slice"]) -> bool:
    """Whether ascending places are even but for rounding."""
    gaps = np.diff(places_mm)
    even = np.linspace(places_mm[0], places_mm[-1], len(places_mm))
    middle = np.median(gaps)
    return bool(
        np.abs(places_mm - even).max() <= EVEN_MM
        and np.abs(gaps - middle).max() <= EVEN_SHARE * middle
    )


def missing_slices(places_mm: Float[np.ndarray, "slice"]) -> list[Missing]:
    """Where one gap is twice its neighbours or more, and they agree."""
    gaps = np.diff(places_mm)
    found = []
    for n, gap in enumerate(gaps):
        beside = gaps[[m for m in (n - 1, n + 1) if 0 <= m < len(gaps)]]
        if not len(beside) or np.ptp(beside) > ALIKE * beside.min():
            continue
        share = gap / beside.mean()
        if share > 2 - 2 * ALIKE and abs(share - round(share)) <= ALIKE:
            found.append(Missing(n, round(share) - 1))
    return found


def check_complete(
    places_mm: Float[np.ndarray, "slice"], thickness_mm: float | None, names: list[str]
) -> tuple[str, ...]:
    """What is to be said of uneven slices; ValueError where too much of the head is missing."""
    gaps = np.diff(places_mm)
    widest_mm = max(WIDEST_MM, 1.1 * (thickness_mm or 0.0))
    missing = missing_slices(places_mm)
    if sum(m.count for m in missing) > 1 or gaps.max() > widest_mm:
        holes = missing or [Missing(int(gaps.argmax()), 0)]
        listed = "; ".join(
            f"{f'{m.count} between' if m.count else 'between'} {places_mm[m.after]:.2f} and "
            f"{places_mm[m.after + 1]:.2f} mm (after {names[m.after]})"
            for m in holes[:4]
        )
        raise ValueError(
            f"slices are missing: {listed}{', ...' if len(holes) > 4 else ''}; gaps are "
            f"{gaps.min():.2f} to {gaps.max():.2f} mm (median {np.median(gaps):.2f}). Export the "
            "whole series again"
        )
    if missing:
        low, high = places_mm[missing[0].after : missing[0].after + 2]
        return (f"one slice is missing, at {(low + high) / 2:.2f} mm: it was interpolated",)
    return (
        f"the slices are {gaps.min():.2f} to {gaps.max():.2f} mm apart: they were interpolated "
        "to even distances",
    )


def evened(
    slices: Real[np.ndarray, "slice a b"], places_mm: Float[np.ndarray, "slice"]
) -> tuple[Real[np.ndarray, "slice2 a b"], float]:
    """The stack at even distances, linear between neighbours, and that distance (mm)."""
    gaps = np.diff(places_mm)
    finest_mm = max(gaps.min(), np.median(gaps) / 2)
    count = round((places_mm[-1] - places_mm[0]) / finest_mm) + 1
    if count > MOST_SLICES:
        raise ValueError(f"the slices stand too unevenly: {gaps.min():.3f} to {gaps.max():.3f} mm")
    wanted = np.linspace(places_mm[0], places_mm[-1], count)
    below = np.clip(np.searchsorted(places_mm, wanted, side="right") - 1, 0, len(gaps) - 1)
    share = ((wanted - places_mm[below]) / gaps[below]).astype(np.float32)
    even = np.empty((count, *slices.shape[1:]), slices.dtype)
    for n, (k, w) in enumerate(zip(below, share, strict=True)):
        mixed = (1 - w) * slices[k] + w * slices[k + 1]
        even[n] = np.rint(mixed) if slices.dtype == np.int16 else mixed
    return even, float(wanted[1] - wanted[0])
