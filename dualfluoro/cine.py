"""A Phantom camera's `.cine` (grey, 8 or 16 bit) as a sequence of frames with their times."""

import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .cine_header import CineHeader, read_cine_header

Opened = tuple[tuple[str, ...], Callable[[int], np.ndarray], np.ndarray | None]


def open_cine(path: Path) -> Opened:
    """Names, a reader by index, and the times of the images (s) since the first.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a grey cine of 8 or 16 bit, or damaged.
    """
    header = read_cine_header(path)
    if header.shown_otherwise:
        warnings.warn(
            f"{path}: the camera's viewer shows these images flipped or turned; they are read as "
            "they are stored: calibrate with images of the same kind",
            stacklevel=2,
        )
    times_s = header.times_s
    if times_s is not None and (np.diff(times_s) <= 0).any():
        warnings.warn(f"{path}: its times do not rise from image to image, left out", stacklevel=2)
        times_s = None
    names = tuple(f"{path} (image {index})" for index in range(len(header.offsets)))
    return names, lambda index: _image(path, header, index), times_s


def _image(path: Path, header: CineHeader, index: int) -> np.ndarray:
    """Grey values from 0 to 1, float32, top row first."""
    needed = header.height * header.row_bytes
    with path.open("rb") as file:
        begin = int(header.offsets[index])
        file.seek(begin)
        annotation = file.read(4)
        skipped = struct.unpack("<I", annotation)[0] if len(annotation) == 4 else 0
        file.seek(begin + skipped)
        raw = file.read(needed)
    if skipped < 8 or len(raw) < needed:
        raise ValueError(f"{path}: image {index} is cut off or damaged")
    rows = np.frombuffer(raw, np.uint8).reshape(header.height, header.row_bytes)
    rows = np.ascontiguousarray(rows[:, : header.width * header.bits // 8])
    values = rows.view("<u2" if header.bits == 16 else np.uint8)
    grey = values.astype(np.float32) / np.float32(header.white)
    return grey[::-1] if header.bottom_up else grey
