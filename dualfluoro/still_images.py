"""PNG, TIFF (multi-page too) and other still images as a sequence of grey frames."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

UNREADABLE = (OSError, SyntaxError, EOFError, Image.DecompressionBombError)
WHITE = {"uint8": 255.0, "uint16": 65535.0, "int32": 65535.0}
Opened = tuple[tuple[str, ...], Callable[[int], np.ndarray], np.ndarray | None]


def open_stills(files: list[Path]) -> Opened:
    """Names, a reader by index, and no times, of one multi-page file or of one image a file."""
    pages = _pages(files[0]) if len(files) == 1 else 1
    if pages > 1:
        names = tuple(f"{files[0]} (page {page})" for page in range(pages))
        return names, lambda index: read_still(files[0], index), None
    return tuple(map(str, files)), lambda index: read_still(files[index], 0), None


def read_still(path: Path, page: int) -> np.ndarray:
    """Grey values from 0 to 1, float32; ValueError, naming the file, where it is damaged."""
    try:
        with Image.open(path) as image:
            image.seek(page)
            if image.mode not in ("L", "I", "F") and not image.mode.startswith("I;16"):
                image = image.convert("L")  # colour, palette or bilevel
            values = np.asarray(image)
    except UNREADABLE as error:
        raise ValueError(f"{path}: the image cannot be read, is it cut off? ({error})") from None
    if values.dtype == np.float32:
        return values
    values = values.astype(values.dtype.newbyteorder("="))
    return values.astype(np.float32) / np.float32(WHITE[values.dtype.name])


def _pages(path: Path) -> int:
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1)
    except UNREADABLE as error:
        raise ValueError(f"{path}: the image cannot be read ({error})") from None
