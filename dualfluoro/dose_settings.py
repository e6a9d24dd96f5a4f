"""What a trial.toml says of the tubes' output: numbers or columns of a CSV, by view.

```toml
[exposure]
reference_distance_mm = 600.0
reference_point = "15 cm from the isocentre towards the source, calibration of 2026-03-02"
kerma_mGy = { A = 0.02, B = "kerma_B.csv" }     # per frame, at the reference distance
kap_Gycm2 = { A = 0.004 }                       # kerma-area product per frame
kvp = { A = 80.0, B = 80.0 }
filtration_al_mm = { A = 3.1, B = 3.1 }         # all that counts as aluminium, inherent too
filtration_cu_mm = { A = 0.2 }
support_transmission = { A = 0.8 }              # share that table or head rest lets through
```
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .toml_table import TomlTable, nearest

if TYPE_CHECKING:
    from exposure import TubeOutput

Given = float | Path
LEAST = {"kvp": 40.0, "support_transmission": 0.01}
MOST = {
    "kerma_mGy": 1000.0,
    "kap_Gycm2": 100.0,
    "kvp": 150.0,
    "support_transmission": 1.0,
    "filtration_al_mm": 50.0,
    "filtration_cu_mm": 5.0,
}
PART_OF = {
    "kerma_mGy": "kerma_mGy",
    "kap_Gycm2": "kap_Gycm2",
    "kvp": "kvp",
    "filtration_al_mm": "al_mm",
    "filtration_cu_mm": "cu_mm",
    "support_transmission": "support_transmission",
}
"""The key in the file, and the part of `exposure.TubeOutput`."""


@dataclass(frozen=True)
class DoseSettings:
    """By key of the file, then by view: a number for all frames, or the path of a CSV."""

    given: dict[str, dict[str, Given]]
    reference_point: str | None


def dose_of(table: TomlTable, folder: Path, names: Sequence[str]) -> DoseSettings:
    """The settings of [exposure] for the views of these names; ValueError where they are none."""
    given = {}
    for key in PART_OF:
        parts = table.get(key, dict) or {}
        for name in parts:
            if name not in names:
                raise ValueError(
                    f"{table.where(key)}: no view {name!r}{nearest(name, list(names))}"
                )
        given[key] = {name: _given(table, folder, key, value) for name, value in parts.items()}
    return DoseSettings(given, table.get("reference_point", str))


def outputs_of(settings: DoseSettings, count: int) -> "list[dict[str, TubeOutput]]":
    """The tubes' outputs, one mapping a frame; a frame without kerma had its tube off.

    Raises:
        FileNotFoundError: a CSV is not there.
        ValueError: it has other rows than one a frame, or a value that no tube gives out.
    """
    from exposure import TubeOutput

    columns: dict[str, dict[str, list[float]]] = {}
    for key, views in settings.given.items():
        for name, value in views.items():
            columns.setdefault(name, {})[key] = _column(key, value, count)
    return [
        {
            name: TubeOutput(
                on=parts.get("kerma_mGy", [1.0] * count)[i] > 0,
                **{PART_OF[key]: column[i] for key, column in parts.items()},
            )
            for name, parts in columns.items()
        }
        for i in range(count)
    ]


def dose_provenance(
    settings: DoseSettings, report: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Which of the tubes' numbers are known, where they come from, and the tables that are used."""
    from exposure.dose_factors import BACKSCATTER_SOURCE, MEDIUM_SOURCE

    told = {key: sorted(views) for key, views in settings.given.items() if views}
    kerma = "the trial's file" if {"kerma_mGy", "kap_Gycm2"} & set(told) else None
    kerma = "the dose report" if report is not None else kerma
    return {
        "kerma": kerma or "none given: relative values only",
        "known_by_view": told,
        "report": report,
        "backscatter": BACKSCATTER_SOURCE,
        "medium": MEDIUM_SOURCE,
        "half_value_layer": "from kVp and filtration, spectra of SpekPy 2.5.4 (12 degree anode)",
        "support": "the user's own transmission; 1 where none is given",
    }


def _given(table: TomlTable, folder: Path, key: str, value: object) -> Given:
    """A number for all frames, or the path of a CSV with a row a frame."""
    if isinstance(value, str):
        return folder / value
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not LEAST.get(key, 0.0) <= value <= MOST.get(key, 1e6)
    ):
        unit = key.rsplit("_", 1)[-1] if "_" in key else "kV"
        raise ValueError(
            f"{table.where(key)} must be a number of {unit} ({LEAST.get(key, 0.0):g} to "
            f"{MOST.get(key, 1e6):g}) or a CSV, found {value!r}"
        )
    return float(value)


def _column(key: str, value: Given, count: int) -> list[float]:
    """A value a frame; ValueError, naming the file, where one is out of range."""
    from .csv_column import read_column

    if not isinstance(value, Path):
        return [value] * count
    column = read_column(value, key, count)
    low, high = LEAST.get(key, 0.0), MOST.get(key, math.inf)
    wrong = (column < low) | (column > high)
    if wrong.any():
        at = int(wrong.argmax())
        beyond = f"{low:g} or above" if high == math.inf else f"within {low:g} and {high:g}"
        raise ValueError(
            f"{value}: {key} must be {beyond} in every frame; frame {at} has {column[at]:g}"
        )
    return column.tolist()
