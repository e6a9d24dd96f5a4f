"""The rows of a batch on disk: a file a trial, so that runs on many machines share no file.

Every run brings what is there together in batch.csv.
"""

import csv
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from calibration.atomic import whole, write_json

from .batch_task import WAITING, TrialRow

ROWS = "batch_rows"
COLUMNS = tuple(field.name for field in fields(TrialRow))
LONGEST_NAME = 80


def row_file(folder: Path, trial: str) -> Path:
    """Where a batch keeps the row of a trial of that name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", trial)[-LONGEST_NAME:].lstrip(".")
    mark = hashlib.sha256(trial.encode()).hexdigest()[:8]
    return folder / ROWS / f"{plain}-{mark}.json"


def write_row(folder: Path, row: TrialRow) -> None:
    """Keep the row of one trial."""
    write_json(row_file(folder, row.trial), asdict(row))


def read_rows(folder: Path, trials: Sequence[str]) -> list[TrialRow]:
    """A row for each of the trials, whichever run made it; `waiting` where there is none yet."""
    return [_read_row(folder, trial) for trial in trials]


def _read_row(folder: Path, trial: str) -> TrialRow:
    try:
        content = json.loads(row_file(folder, trial).read_text(encoding="utf-8"))
        row = TrialRow(**content)
    except (OSError, ValueError, TypeError):  # none yet, or of another version
        return TrialRow(trial, WAITING)
    return row if row.trial == trial else TrialRow(trial, WAITING)


def write_table(path: Path, rows: Sequence[TrialRow]) -> None:
    """Write batch.csv, whole or not at all; cells that are not known are empty."""
    with whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(["" if cell is None else cell for cell in asdict(row).values()])


def screen_table(rows: Sequence[TrialRow]) -> str:
    """The rows as lines of text."""
    heads = ("trial", "status", "frames", "ok", "doubtful", "lost", "sd deg", "sd mm", "s")
    cells = [heads, *(_screen_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _screen_cells(row: TrialRow) -> tuple[str, ...]:
    counts = (row.frames, row.ok, row.doubtful, row.lost)
    return (
        row.trial,
        row.status,
        *("" if count is None else str(count) for count in counts),
        figure(row.sd_rotation_deg),
        figure(row.sd_translation_mm),
        figure(row.seconds, 0),
    )


def figure(value: float | None, digits: int = 3) -> str:
    """A number for people; empty where it is not known."""
    return "" if value is None else f"{value:.{digits}f}"
