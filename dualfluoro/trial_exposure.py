"""The table [exposure] of a trial.toml: what the user knows of the beams."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dose_settings import DoseSettings, dose_of
from .toml_table import TomlTable, nearest


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


def exposure_of(table: TomlTable, folder: Path, names: Sequence[str]) -> ExposureSettings:
    """The settings of a table for the views of these names; ValueError where they make no sense."""
    reference = table.get("reference_distance_mm", float)
    dose = dose_of(table, folder, names)
    structures, labels = _structures(table, folder)
    collimation = table.content.get("collimation", "auto")
    table.taken.add("collimation")
    table.finish()
    if reference is not None and reference <= 0:
        raise ValueError(f"{table.where('reference_distance_mm')} must be above 0 mm")
    if collimation != "auto" and not isinstance(collimation, dict):
        raise ValueError(
            f'{table.where("collimation")} must be "auto" or a polygon in pixels for each view, '
            f"such as {{ A = [[0, 0], [511, 0], [511, 511]] }}; found {collimation!r}"
        )
    fields = {} if collimation == "auto" else collimation
    for name, polygon in fields.items():
        if name not in names:
            raise ValueError(
                f"{table.where('collimation')}: no view {name!r}{nearest(name, list(names))}"
            )
        _check_polygon(f"{table.where('collimation')}: view {name!r}", polygon)
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
    for name, label in (labels or {}).items():
        if isinstance(label, bool) or not isinstance(label, int):
            raise ValueError(
                f"{table.where('structure_labels')}: {name!r} must be a whole number, "
                f"found {label!r}"
            )
    return None if file is None else folder / file, labels or {}


def _check_polygon(where: str, corners: Any) -> None:
    """ValueError where the corners enclose nothing."""
    if not _is_polygon(corners):
        raise ValueError(f"{where} needs three or more [u, v] corners")
    import numpy as np

    from exposure import Field

    try:
        Field(np.array(corners, dtype=np.float64), "given")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


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
