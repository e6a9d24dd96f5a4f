"""One DICOM series of CT slices to a `Volume`.

The slices are laid along the line through their positions, so a tilted gantry comes out as a
sheared grid, exactly, and nothing is resampled. Only geometry and pixels are read.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from jaxtyping import Float, Real
from pydicom.errors import InvalidDicomError

from .volume import Volume
from .volume_files import RAS_FROM_LPS, hounsfield

GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
NEEDED = ("SeriesInstanceUID", "SeriesNumber", "NumberOfFrames", *GEOMETRY)
OFF_THE_LINE_MM = 0.1
UNEVEN = 0.5  # a gap may differ from the median by this share of it (rounded positions)
Slice = tuple[Path, pydicom.Dataset]


def read_dicom_series(folder: Path) -> Volume:
    """The only series in a folder; ValueError where it is not one even stack of slices."""
    slices = _one_series(folder)
    for path, header in slices:
        _check_slice(path, header, slices[0][1])
    first = slices[0][1]
    across, down = np.reshape(np.array(first.ImageOrientationPatient, float), (2, 3))
    if abs(across @ down) > 1e-3 or not np.allclose(
        np.linalg.norm([across, down], axis=1), 1, 1e-3
    ):
        raise ValueError(f"image orientation {list(first.ImageOrientationPatient)} is not two axes")
    positions = np.array([header.ImagePositionPatient for _, header in slices], float)
    order = np.argsort(positions @ np.cross(across, down), kind="stable")
    positions = positions[order]
    gaps_mm = np.diff(positions @ np.cross(across, down))
    _check_gaps(positions, gaps_mm, [slices[n][0].name for n in order])
    lps_from_voxel = np.eye(4)
    lps_from_voxel[:3, 0] = across * float(first.PixelSpacing[1])
    lps_from_voxel[:3, 1] = down * float(first.PixelSpacing[0])
    lps_from_voxel[:3, 2] = (positions[-1] - positions[0]) / (len(positions) - 1)
    lps_from_voxel[:3, 3] = positions[0]
    return Volume(_stack([slices[n][0] for n in order]), RAS_FROM_LPS @ lps_from_voxel)


def _one_series(folder: Path) -> list[Slice]:
    """Path and geometry of every image in the folder and below it."""
    series: dict[str, list[Slice]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(NEEDED))
        except (InvalidDicomError, EOFError):
            continue
        if "Rows" in header:  # else an index, a report, a plan
            series[str(header.get("SeriesInstanceUID", "none"))].append((path, header))
    if not series:
        raise ValueError("the folder holds no DICOM images")
    if len(series) > 1:
        found = "; ".join(
            f"{uid} (number {slices[0][1].get('SeriesNumber')}, {len(slices)} images, "
            f"first {slices[0][0].name})"
            for uid, slices in series.items()
        )
        raise ValueError(f"expected one DICOM series, found {len(series)}: {found}")
    return next(iter(series.values()))


def _check_slice(path: Path, header: pydicom.Dataset, first: pydicom.Dataset) -> None:
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise ValueError(f"{path.name} is a multi-frame DICOM file, expected one slice per file: "
                         "convert it to NIfTI")  # fmt: skip
    missing = [name for name in GEOMETRY if not header.get(name)]
    if missing:
        raise ValueError(f"{path.name} has no {', '.join(missing)}: not a CT slice")
    for name in GEOMETRY[1:]:
        found = np.array(header.get(name), float)
        expected = np.array(first.get(name), float)
        if found.shape != expected.shape or not np.allclose(found, expected, rtol=0, atol=1e-3):
            raise ValueError(f"{path.name} has {name} {found.tolist()}, expected "
                             f"{expected.tolist()} as in the first slice")  # fmt: skip


def _check_gaps(
    positions: Float[np.ndarray, "slice 3"], gaps_mm: Float[np.ndarray, "gap"], names: list[str]
) -> None:
    """ValueError unless the slices stand on one line, evenly."""
    if len(positions) < 2:
        raise ValueError("a CT needs at least 2 slices, found 1")
    if gaps_mm.min() < 1e-3:
        n = int(gaps_mm.argmin())
        raise ValueError(f"two slices at one place: {names[n]} and {names[n + 1]}")
    even = positions[0] + np.linspace(0, 1, len(positions))[:, None] * (
        positions[-1] - positions[0]
    )
    off_mm = np.linalg.norm(positions - even, axis=1).max()
    middle = float(np.median(gaps_mm))
    if off_mm > OFF_THE_LINE_MM or np.abs(gaps_mm - middle).max() > UNEVEN * middle:
        n = int(np.abs(gaps_mm - middle).argmax())
        raise ValueError(
            f"the slices are not evenly spaced: gaps of {gaps_mm.min():.3f} to "
            f"{gaps_mm.max():.3f} mm (median {middle:.3f}), the odd one between {names[n]} and "
            f"{names[n + 1]}; up to {off_mm:.2f} mm off an even line. "
            "A slice is missing, or the series is not one stack"
        )


def _stack(paths: list[Path]) -> Real[np.ndarray, "i j k"]:
    """The slices' HU; ITK applies each slice's own rescale slope and intercept."""
    slices = []
    for path in paths:
        try:
            image = sitk.ReadImage(str(path), imageIO="GDCMImageIO")
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(f"{path.name} cannot be read ({reason})") from error
        if image.GetNumberOfComponentsPerPixel() != 1:
            raise ValueError(f"{path.name} is in colour: not a CT slice")
        slices.append(hounsfield(sitk.GetArrayFromImage(image)[0].T, 1.0, 0.0))
    return np.stack(slices, axis=2)
