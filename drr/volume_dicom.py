"""One DICOM series of CT slices to a `Volume` with perpendicular axes and even slices.

What had to be changed or left out on the way is in the volume's notes.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from .dicom_pixels import slices_hu
from .dicom_series import one_series
from .dicom_slices import Slice
from .gantry_tilt import STRAIGHT_MM, straightened, tilt_note
from .slice_spacing import are_even, check_complete, evened
from .volume import Volume
from .volume_files import RAS_FROM_LPS

ONE_PLACE_MM = 1e-3
OFF_THE_LINE_MM = 0.1


def read_dicom_series(folder: Path) -> Volume:
    """The only series in a folder; ValueError where it is not one stack of slices."""
    slices, notes = one_series(folder)
    slices, copies = _in_order(slices)
    if copies:
        notes += (f"left out: {copies} copies of slices that are there already",)
    if len(slices) < 2:
        raise ValueError("a CT needs at least 2 slices, found 1")
    return _stacked(slices, notes)


def _normal(found: Slice) -> Float[np.ndarray, "3"]:
    return np.cross(*found.orientation)


def _in_order(slices: list[Slice]) -> tuple[list[Slice], int]:
    """The slices along their normal without true copies; ValueError on two at one place."""
    normal = _normal(slices[0])
    ordered = sorted(slices, key=lambda found: float(found.position_lps @ normal))
    kept, copies = ordered[:1], 0
    for found in ordered[1:]:
        if (found.position_lps - kept[-1].position_lps) @ normal > ONE_PLACE_MM:
            kept.append(found)
            continue
        one, other = slices_hu([kept[-1], found])
        if not np.array_equal(one, other):
            raise ValueError(
                f"two different slices at one place: {kept[-1].name} and {found.name}; the series "
                "holds more than one scan (contrast, time, energy): keep one of them"
            )
        copies += 1
    return kept, copies


def _stacked(slices: list[Slice], notes: tuple[str, ...]) -> Volume:
    """Ordered slices on perpendicular axes at even distances."""
    first = slices[0]
    row, column = first.orientation
    step_mm = first.spacing_mm  # down, across
    positions = np.array([found.position_lps for found in slices]) - first.position_lps
    places_mm = positions @ _normal(first)
    drift_mm = positions @ first.orientation.T  # along a row, down a column
    even = are_even(places_mm)
    if not even:
        start = first.position_lps @ _normal(first)
        names = [found.name for found in slices]
        notes += check_complete(places_mm + start, first.thickness_mm, names)
    slope, off_mm = _slanted(places_mm, drift_mm)
    if off_mm > OFF_THE_LINE_MM:
        raise ValueError(
            f"the slices stand up to {off_mm:.2f} mm beside a straight line: the series is not one "
            "stack"
        )
    if np.abs(slope * places_mm[-1]).max() > STRAIGHT_MM:
        offsets = (drift_mm / step_mm[::-1])[:, ::-1]  # rows, columns
        notes += (tilt_note(slope, np.array([0, 0, 1.0])),)
    else:
        offsets = np.zeros_like(drift_mm)
    stack, corner = straightened(slices_hu(slices), len(slices), offsets)
    gap_mm = places_mm[-1] / (len(slices) - 1)
    if not even:
        stack, gap_mm = evened(stack, places_mm)
    lps_from_voxel = np.eye(4)
    lps_from_voxel[:3, 0] = row * step_mm[1]
    lps_from_voxel[:3, 1] = column * step_mm[0]
    lps_from_voxel[:3, 2] = _normal(first) * gap_mm
    lps_from_voxel[:3, 3] = first.position_lps + lps_from_voxel[:3, :2] @ corner[::-1]
    return Volume(stack.transpose(2, 1, 0), RAS_FROM_LPS @ lps_from_voxel, notes)


def _slanted(
    places_mm: Float[np.ndarray, "slice"], drift_mm: Float[np.ndarray, "slice 2"]
) -> tuple[Float[np.ndarray, "2"], float]:
    """The drift per mm of the line from the first slice to the last, and the most beside it."""
    slope = drift_mm[-1] / places_mm[-1]
    return slope, float(np.abs(drift_mm - places_mm[:, None] * slope).max())
