"""Lines of numbers in the text files of other programs; every complaint names file and line.

LF, CRLF, a UTF-8 byte-order mark and blanks at a line's end make no difference. Lines count
from 1.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path

LARGEST_BYTES = 1 << 28
"""No camera or motion file comes near 256 MiB; a larger one is a mistake, not read."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def text_lines(path: Path, kind: str) -> list[str]:
    """The stripped lines of a text file, without the blank ones at its end; raises as below."""
    return [line.strip() for line in indented_lines(path, kind)]


def indented_lines(path: Path, kind: str) -> list[str]:
    """The lines of a text file with their indentation, without the blank ones at its end.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not text in UTF-8, or larger than any of its kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such {kind}")
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{path}: not a {kind}, it is larger than {LARGEST_BYTES >> 20} MiB")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a {kind}, expected text in UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{path}: not a {kind}, expected text, found a byte of zero")
    lines = [line.rstrip() for line in re.split(r"\r\n|\n|\r", text)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def is_number(cell: str) -> bool:
    """Whether a cell is a finite decimal number, as C programs write it."""
    return bool(NUMBER.fullmatch(cell)) and math.isfinite(float(cell))


def number_cells(line: str, count: int, where: str) -> list[str]:
    """The comma-separated cells of a line, each a finite number; ValueError where they are not."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != count or not all(map(is_number, cells)):
        expected = f"{count} finite numbers, comma separated" if count > 1 else "one finite number"
        raise ValueError(f"{where}: expected {expected}, found {shown(line)}")
    return cells


def image_side(cell: str, where: str) -> int:
    """A width or height in whole pixels; ValueError where it is none that an image has."""
    if not re.fullmatch(r"\d{1,6}", cell, re.ASCII):
        raise ValueError(f"{where}: expected a whole number of pixels, found {shown(cell)}")
    return int(cell)


def number_or_nan_cells(cells: Sequence[str], where: str) -> list[str]:
    """The cells of a row, "nan" where one contains that; ValueError on what is no number."""
    found = []
    for cell in cells:
        if NUMBER.fullmatch(cell) and math.isfinite(float(cell)):
            found.append(cell)
        elif "nan" in cell.lower():
            found.append("nan")
        else:
            raise ValueError(f"{where}: expected a number or NaN, found {shown(cell)}")
    return found


def shown(text: str) -> str:
    """The text in quotes, cut where it is long, for the end of a message."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def joined(values: Sequence[float]) -> str:
    """Numbers with every digit that matters, comma separated."""
    return ",".join(repr(float(value)) for value in values)
