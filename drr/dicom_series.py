"""Which images of a folder are the CT: one series, without scouts, screen shots and copies.

What is left out is told in notes; two series are refused: only the user knows which one is meant.
"""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from .dicom_slices import Slice, read_header, slices_of

SAME_ANGLE = 1e-3
FEW = 3  # images at another angle that pass for scouts
DESCRIPTION_CHARACTERS = 60
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def one_series(folder: Path) -> tuple[list[Slice], tuple[str, ...]]:
    """The slices of the only CT series in the folder and below it, and what was left out.

    Raises:
        ValueError: no such series, more than one, or slices that are not of one stack.
    """
    series: dict[str, list[tuple[Path, Dataset]]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or (header := read_header(path)) is None:
            continue
        if kind := _other_than_slice(header):
            left_out[kind] += 1
        else:
            series[str(header.get("SeriesInstanceUID", ""))].append((path, header))
    if not series:
        found = f", only {_counted(left_out)}" if left_out else ""
        raise ValueError(f"the folder holds no DICOM images of a CT{found}")
    if len(series) > 1:
        raise ValueError(
            f"expected one DICOM series, found {len(series)}: "
            + "; ".join(_described(folder, files) for files in series.values())
            + ". Keep the one that is meant in a folder of its own"
        )
    files = next(iter(series.values()))
    slices = [found for path, header in files for found in slices_of(path, header)]
    slices, crossing = _at_one_angle(slices)
    if crossing:
        left_out["images at another angle than the stack (scouts)"] += crossing
    _check_alike(slices)
    return slices, (f"left out: {_counted(left_out)}",) if left_out else ()


def _other_than_slice(header: Dataset) -> str:
    """What an image is, in the plural, if it is no slice of a CT; else nothing."""
    modality = str(header.get("Modality") or "CT").strip()
    if modality != "CT":
        return f"{modality[:16]} images"
    kinds = header.get("ImageType") or []
    if "LOCALIZER" in ([kinds] if isinstance(kinds, str) else list(kinds)):
        return "localisers (scouts)"
    if str(header.get("SOPClassUID", "")).startswith(SECONDARY_CAPTURE):
        return "screen shots"
    return ""


def _counted(left_out: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(left_out.items()))


def _described(folder: Path, files: list[tuple[Path, Dataset]]) -> str:
    """Number, description, size and place of a series; its UID could lead to a person."""
    path, header = files[0]
    description = " ".join(str(header.get("SeriesDescription") or "").split())
    images = sum(max(1, len(h.get("PerFrameFunctionalGroupsSequence") or [])) for _, h in files)
    return (
        f"number {header.get('SeriesNumber')}, {description[:DESCRIPTION_CHARACTERS]!r}, "
        f"{images} images, first {path.relative_to(folder)}"
    )


def _at_one_angle(slices: list[Slice]) -> tuple[list[Slice], int]:
    """The slices with the most frequent orientation, if but a few have another; how many have."""
    groups: list[list[Slice]] = []
    for found in slices:
        for group in groups:
            if np.allclose(group[0].orientation, found.orientation, rtol=0, atol=SAME_ANGLE):
                group.append(found)
                break
        else:
            groups.append([found])
    most = max(groups, key=len)
    others = len(slices) - len(most)
    return (most, others) if others <= min(FEW, len(most) // 5) else (slices, 0)


def _check_alike(slices: list[Slice]) -> None:
    """ValueError unless all slices have the size, spacing and angle of the first."""
    first = slices[0]
    across, down = first.orientation
    lengths = np.linalg.norm(first.orientation, axis=1)
    if abs(across @ down) > SAME_ANGLE or not np.allclose(lengths, 1, rtol=0, atol=SAME_ANGLE):
        raise ValueError(f"image orientation {first.orientation.ravel().tolist()} is not two axes")
    if not (first.spacing_mm > 0).all():
        raise ValueError(f"{first.name}: PixelSpacing must be above 0, found {first.spacing_mm}")
    for found in slices:
        for tag, seen, expected in (
            ("ImageOrientationPatient", found.orientation.ravel(), first.orientation.ravel()),
            ("PixelSpacing", found.spacing_mm, first.spacing_mm),
            ("size (rows, columns)", np.array(found.size), np.array(first.size)),
        ):
            if not np.allclose(seen, expected, rtol=0, atol=SAME_ANGLE):
                raise ValueError(
                    f"{found.name} has {tag} {seen.tolist()}, expected {expected.tolist()} as in "
                    "the first slice: the series is not one stack"
                )
