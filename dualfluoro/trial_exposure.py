"""The table [exposure] of a trial.toml: what the user knows of the beams."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .toml_table import TomlTable, nearest


@dataclass(frozen=True)
class ExposureSettings:
    """What the user knows of the beams; `field_px` holds outlines in undistorted pixels."""

    reference_distance_mm: float | None
    kerma_mGy: dict[str, float | Path]
    field_px: dict[str, list[list[float]]]


def exposure_of(table: TomlTable, folder: Path, names: Sequence[str]) -> ExposureSettings:
    """The settings of a table for the views of these names; ValueError where they make no sense."""
    reference = table.get("reference_distance_mm", float)
    kerma = table.get("kerma_mGy", dict) or {}
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
    for key, given in (("kerma_mGy", kerma), ("collimation", fields)):
        for name in given:
            if name not in names:
                raise ValueError(
                    f"{table.where(key)}: no view {name!r}{nearest(name, list(names))}"
                )
    for name, polygon in fields.items():
        _check_polygon(f"{table.where('collimation')}: view {name!r}", polygon)
    return ExposureSettings(
        reference_distance_mm=reference,
        kerma_mGy={name: _kerma(table, folder, value) for name, value in kerma.items()},
        field_px={
            name: [[float(u), float(v)] for u, v in corners] for name, corners in fields.items()
        },
    )


def _kerma(table: TomlTable, folder: Path, value: object) -> float | Path:
    """A number for all frames, or the path of a CSV with a row a frame."""
    if isinstance(value, str):
        return folder / value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(
            f"{table.where('kerma_mGy')} must be a number of mGy or a CSV, found {value!r}"
        )
    return float(value)


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
