"""PNG, TIFF (multi-page too) and other still images as a sequence of grey frames."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from .tiff_pages import page_count

TIFF = (".tif", ".tiff")
WHITE = {"uint8": 255.0, "uint16": 65535.0, "int32": 65535.0}
LARGEST_PIXELS = 1 << 26
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
"""Tags of TIFF."""
WHITE_IS_ZERO, SIGNED = 0, 2
Opened = tuple[tuple[str, ...], Callable[[int], np.ndarray], np.ndarray | None]


def open_stills(files: list[Path]) -> Opened:
    """Names, a reader by index, and no times, of one multi-page file or of one image a file.

    Raises:
        ValueError: several files of which the first has pages; a file that cannot be read.
    """
    pages = _pages(files[0])
    if len(files) == 1 and pages > 1:
        names = tuple(f"{files[0]} (page {page})" for page in range(pages))
        return names, _Pages(files[0]).read, None
    if pages > 1:
        raise ValueError(
            f"{files[0]}: {pages} pages, and {len(files)} files: a view is one multi-page file, or "
            "one image a file"
        )
    return tuple(map(str, files)), lambda index: read_still(files[index], 0), None


def read_still(path: Path, page: int) -> np.ndarray:
    """Grey values from 0 to 1, float32; ValueError, naming the file, where it is damaged."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with Image.open(path) as image:
            return _page(image, page)
    except Exception as error:  # whatever broken bytes make Pillow stumble over
        raise _unreadable(path, error) from None


class _Pages:
    """Reads pages of a file that stays open: each is found again at once, forwards or backwards."""

    def __init__(self, path: Path):
        self.path = path
        self.image: Image.Image | None = None

    def read(self, index: int) -> np.ndarray:
        """Grey values from 0 to 1, float32."""
        try:
            if self.image is None:
                self.image = Image.open(self.path)
            return _page(self.image, index)
        except Exception as error:  # whatever broken bytes make Pillow stumble over
            self.image = None
            raise _unreadable(self.path, error) from None


def _unreadable(path: Path, error: Exception) -> ValueError:
    reason = str(error) or type(error).__name__
    return ValueError(f"{path}: the image cannot be read, is it cut off? ({reason})")


def _page(image: Image.Image, page: int) -> np.ndarray:
    """One page as grey values; what is below the range of its bits stays 0, and 1 is its top."""
    image.seek(page)
    width, height = image.size
    if not 0 < width * height <= LARGEST_PIXELS:
        raise ValueError(f"{width} x {height} pixels are no fluoroscope's image")
    tags = getattr(image, "tag_v2", {})
    if image.mode not in ("L", "I", "F") and not image.mode.startswith("I;16"):
        values = np.asarray(image.convert("L"))  # colour, palette or bilevel
    else:
        values = np.asarray(image)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise ValueError("it holds values that are not finite")
        return values.astype(np.float32)
    values = values.astype(values.dtype.newbyteorder("="))
    grey = values.astype(np.float32)
    bits = _first(tags.get(BITS), 0)
    if _first(tags.get(SAMPLE_FORMAT), 1) == SIGNED and bits == 16:
        grey = grey + 32768
    white = 4095.0 if bits == 12 else WHITE[values.dtype.name]
    grey = grey / np.float32(white)
    inverted = image.mode != "L" and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO  # Pillow turns 8 bit
    return 1 - grey if inverted else grey


def _first(value: object, otherwise: int) -> int:
    """A TIFF tag's first number."""
    found = value[0] if isinstance(value, tuple) and value else value
    return found if isinstance(found, int) else otherwise


def _pages(path: Path) -> int:
    if path.suffix.lower() in TIFF:
        return page_count(path)
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1)
    except Exception as error:  # whatever broken bytes make Pillow stumble over
        raise ValueError(f"{path}: the image cannot be read ({error})") from None
