"""A column of numbers beside a trial: times, kerma."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float


def read_column(path: Path, name: str, count: int) -> Float[np.ndarray, "frame"]:
    """The finite numbers of a column, a row a frame; a column `frame`, if any, must count from 0.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no such column, other cells than numbers, more or fewer rows than frames, or
            rows that say that they are other frames.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; it must hold a column {name}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
            values = np.array([float(row[name]) for row in rows])
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ValueError(f"{path}: expected a column {name} of numbers, a row a frame") from None
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(
            f"{path}: expected {count} finite numbers in {name}, one a frame; found {len(values)}"
        )
    for row, cells in enumerate(rows):
        frame = (cells.get("frame") or "").strip()
        if frame.isdecimal() and (frame.lstrip("0") or "0") != str(row):
            raise ValueError(
                f"{path}:{row + 2}: frame is {frame[:20]}, expected {row}; they count from 0"
            )
    return values
