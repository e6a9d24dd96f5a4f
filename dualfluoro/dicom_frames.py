"""DICOM XA/RF as a sequence of grey frames with their times; nothing else of it is kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

Opened = tuple[tuple[str, ...], Callable[[int], np.ndarray], np.ndarray | None]


def open_dicom(files: list[Path]) -> Opened:
    """Names, a reader by index, and the frame times of one multi-frame file where it has them."""
    headers = [_header(path) for path in files]
    counts = [int(header.get("NumberOfFrames", 1) or 1) for header in headers]
    if len(files) == 1:
        names = tuple(f"{files[0]} (frame {index})" for index in range(counts[0]))
        times_s = _times_s(headers[0], counts[0])
        return names, lambda index: _frame(files[0], headers[0], index), times_s
    if max(counts) > 1:
        raise ValueError(f"{files[0]}: a view is one multi-frame file, or one frame a file")
    return tuple(map(str, files)), lambda index: _frame(files[index], headers[index], 0), None


def _header(path: Path):
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, EOFError) as error:
        raise ValueError(f"{path}: not a DICOM file ({error})") from None
    if "Rows" not in header or "BitsStored" not in header:
        raise ValueError(f"{path}: a DICOM file without an image")
    return header


def _frame(path: Path, header, index: int) -> np.ndarray:
    """Grey values from 0 to 1, bright where the display is bright."""
    from pydicom.pixels.utils import pixel_array

    try:
        pixels = pixel_array(path, index=index)
    except (OSError, EOFError, AttributeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path}: frame {index} cannot be decoded ({error})") from None
    if pixels.ndim == 3:
        pixels = pixels.mean(axis=-1)
    white = float(2 ** int(header.BitsStored) - 1)
    if int(header.get("PixelRepresentation", 0)) == 1:
        pixels = pixels.astype(np.float32) + (white + 1) / 2
    grey = pixels.astype(np.float32) / np.float32(white)
    return 1 - grey if header.PhotometricInterpretation == "MONOCHROME1" else grey


def _times_s(header, count: int) -> np.ndarray | None:
    """From FrameTimeVector or FrameTime (ms); None where there is neither."""
    vector = header.get("FrameTimeVector")
    if vector is not None and count > 1 and len(vector) == count:
        return np.cumsum(np.array(vector, dtype=np.float64)) / 1000
    step_ms = header.get("FrameTime")
    if step_ms is None or not float(step_ms) > 0:
        return None
    return np.arange(count) * float(step_ms) / 1000
