"""Where the pages of a TIFF begin, found without reading any of them (TIFF 6.0, BigTIFF)."""

import os
import struct
from pathlib import Path

MOST_PAGES = 1_000_000
IMAGEJ_BYTES = 4096


def page_count(path: Path) -> int:
    """The number of pages; 1 for what is no TIFF: its own reader says what it is.

    Raises:
        ValueError: pages that go in a circle, lie outside the file, or are too many; a stack of
            ImageJ above 4 GB, whose pages the TIFF does not name.
    """
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 8:
            return 1
        kind = struct.unpack(f"{order}H", head[2:4])[0]
        if kind == 42:
            at = struct.unpack(f"{order}I", head[4:8])[0]
            count_code, entry_bytes, next_code = "H", 12, "I"
        elif kind == 43 and len(head) == 16:
            at = struct.unpack(f"{order}Q", head[8:16])[0]
            count_code, entry_bytes, next_code = "Q", 20, "Q"
        else:
            return 1
        size = os.fstat(file.fileno()).st_size
        _refuse_imagej_stack(path, file, size)
        codes = f"{order}{count_code}", f"{order}{next_code}"
        return _walked(path, file, at, size, codes, entry_bytes)


def _walked(path: Path, file, at: int, size: int, codes: tuple[str, str], entry_bytes: int) -> int:
    """How many directories follow each other from the first."""
    count_bytes, next_bytes = (struct.calcsize(code) for code in codes)
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) == MOST_PAGES:
            raise ValueError(f"{path}: the pages of the TIFF go in a circle or are too many")
        seen.add(at)
        file.seek(at)
        found = file.read(count_bytes)
        entries = struct.unpack(codes[0], found)[0] if len(found) == count_bytes else 0
        behind = at + count_bytes + entries * entry_bytes
        if not entries or behind + next_bytes > size:
            if len(seen) == 1:
                return 1
            raise ValueError(
                f"{path}: page {len(seen) - 1} of the TIFF lies outside the file; is it cut off?"
            )
        file.seek(behind)
        at = struct.unpack(codes[1], file.read(next_bytes))[0]
    return max(len(seen), 1)


def _refuse_imagej_stack(path: Path, file, size: int) -> None:
    """Above 4 GB ImageJ names the first page alone."""
    if size < 1 << 32:
        return
    file.seek(0)
    if b"ImageJ=" in file.read(IMAGEJ_BYTES):
        raise ValueError(
            f"{path}: a stack of ImageJ above 4 GB, which is no multi-page TIFF: save it as an "
            "image sequence"
        )
