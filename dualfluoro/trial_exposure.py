"""The table [exposure] of a trial.toml: what the user knows of the beams."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dose_settings import DoseSettings, dose_of
from .toml_table import TomlTable, nearest

REFERENCE_MM = 50.0, 5000.0
"""Least and most: beyond them it is a slip of the unit."""
LENSES = ("lens_left", "lens_right")


@dataclass(frozen=True)
class ExposureSettings:
    """What the user knows of the beams; `field_px` holds outlines in undistorted pixels.

    `structures` is a label map; `structure_labels` names its labels, of which `lens_left` and
    `lens_right` are the eyes' lenses.
    """

    reference_distance_mm: float | None
    dose: DoseSettings
    field_px: dict[str, list[list[float]]]
    structures: Path | None
    structure_labels: dict[str, int]

    @property
    def kerma_mGy(self) -> dict[str, float | Path]:
        """By view, a number for all frames or a CSV."""
        return self.dose.given["kerma_mGy"]


def exposure_of(
    table: TomlTable, folder: Path, sizes_px: Mapping[str, tuple[int, int]]
) -> ExposureSettings:
    """The settings of a table for views of these widths and heights, by their names.

    Raises ValueError where they make no sense.
    """
    names = list(sizes_px)
    reference = table.get("reference_distance_mm", float)
    dose = dose_of(table, folder, names)
    structures, labels = _structures(table, folder)
    collimation = table.content.get("collimation", "auto")
    table.taken.add("collimation")
    table.finish()
    if reference is not None and not REFERENCE_MM[0] <= reference <= REFERENCE_MM[1]:
        raise ValueError(
            f"{table.where('reference_distance_mm')} must be within {REFERENCE_MM[0]:g} and "
            f"{REFERENCE_MM[1]:g} mm, found {reference:g}; is it in another unit?"
        )
    if collimation != "auto" and not isinstance(collimation, dict):
        raise ValueError(
            f'{table.where("collimation")} must be "auto" or a polygon in pixels for each view, '
            f"such as {{ A = [[0, 0], [511, 0], [511, 511]] }}; found {collimation!r}"
        )
    fields = {} if collimation == "auto" else collimation
    for name, polygon in fields.items():
        if name not in names:
            raise ValueError(
                f"{table.where('collimation')}: no view {name!r}{nearest(name, names)}"
            )
        _check_polygon(f"{table.where('collimation')}: view {name!r}", polygon, sizes_px[name])
    return ExposureSettings(
        reference_distance_mm=reference,
        dose=dose,
        field_px={
            name: [[float(u), float(v)] for u, v in corners] for name, corners in fields.items()
        },
        structures=structures,
        structure_labels=labels,
    )


def _structures(table: TomlTable, folder: Path) -> tuple[Path | None, dict[str, int]]:
    """The label map and the names of its labels; ValueError where one of them is missing."""
    file, labels = table.get("structures", str), table.get("structure_labels", dict)
    if (file is None) != (labels is None):
        raise ValueError(
            f"{table.where()}: structures and structure_labels go together; write for example: "
            'structures = "labels.nii.gz" and structure_labels = { lens_left = 1, thyroid = 3 }'
        )
    _check_labels(table.where("structure_labels") if labels else "", labels or {})
    return None if file is None else folder / file, labels or {}


def _check_labels(where: str, labels: dict) -> None:
    """ValueError on a label that is no number, 0 or given twice, and on an eye's lens misspelt."""
    names: dict[int, str] = {}
    for name, label in labels.items():
        if isinstance(label, bool) or not isinstance(label, int) or label < 1:
            raise ValueError(
                f"{where}: {name!r} must be a whole number above 0 (0 is the background), "
                f"found {label!r}"
            )
        if label in names:
            raise ValueError(
                f"{where}: {names[label]!r} and {name!r} are both label {label}; "
                "each structure has a label of its own"
            )
        if name.lower().startswith("lens") and name not in LENSES:
            raise ValueError(f"{where}: no lens {name!r}{nearest(name, list(LENSES))}")
        names[label] = name


def _check_polygon(where: str, corners: Any, size_px: tuple[int, int]) -> None:
    """ValueError where the corners enclose nothing, or nothing of the image."""
    if not _is_polygon(corners):
        raise ValueError(f"{where} needs three or more [u, v] corners")
    import numpy as np

    from exposure import Field

    try:
        outline_px = Field(np.array(corners, dtype=np.float64), "given").outline_px
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    low, high = outline_px.min(axis=0), outline_px.max(axis=0)
    if (high <= 0).any() or (low >= np.array(size_px) - 1).any():
        raise ValueError(
            f"{where}: the field, {low.tolist()} to {high.tolist()}, lies beside the image of "
            f"{size_px[0]} x {size_px[1]} pixels"
        )


def _is_polygon(corners: object) -> bool:
    return (
        isinstance(corners, list)
        and len(corners) >= 3
        and all(
            isinstance(corner, list)
            and len(corner) == 2
            and all(isinstance(x, int | float) and not isinstance(x, bool) for x in corner)
            for corner in corners
        )
    )
