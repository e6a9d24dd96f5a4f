"""The header of a Vision Research `.cine`: size, depth, where each image lies, when it was taken.

The layout is that of the maker's "Cine File Format": little endian; the file header (44 bytes)
points at a Windows bitmap header, at the camera's set-up with tagged blocks behind it, and at a
table with the place of each image. Every place is checked against the file's length.
"""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

FILE_HEADER = struct.Struct("<2sHHHiIiIIIIII")
BITMAP_HEADER = struct.Struct("<IiiHHIIiiII")
SETUP_MARK_AT, SETUP_LENGTH_AT = 140, 142
FLIP_H_AT, FLIP_V_AT, FRAME_RATE_AT, ROTATE_AT, REAL_BITS_AT = 756, 760, 768, 884, 896
SETUP_BYTES = 900
IMAGE_TIMES = 1002
"""Type of the tagged block with a TIME64 an image."""
FLAG_BITS = 0b11
"""Of a time's fraction: the camera's event and lock signals, not time."""
PACKED = {256: "packed 10 bit", 1024: "packed 12 bit"}
LARGEST_PIXELS = 1 << 26


class CineHeader(NamedTuple):
    """What is needed to read the images of a file."""

    width: int
    height: int
    bits: int
    """Of a stored value: 8 or 16."""
    white: int
    """The greatest value that the camera gives."""
    row_bytes: int
    bottom_up: bool
    offsets: np.ndarray
    """Where each image's annotation begins."""
    times_s: np.ndarray | None
    """Since the first image; None where the file has neither times nor a rate."""
    shown_otherwise: bool
    """The maker's viewer shows the images flipped or turned."""


def read_cine_header(path: Path) -> CineHeader:
    """The header of a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no cine, colour, packed or compressed images, or places outside the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            return _header(file, size)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _header(file: BinaryIO, size: int) -> CineHeader:
    raw = file.read(FILE_HEADER.size)
    if len(raw) < FILE_HEADER.size or raw[:2] != b"CI":
        raise ValueError("not a .cine of a Phantom camera")
    fields = FILE_HEADER.unpack(raw)
    compression, version, count = fields[2], fields[3], fields[7]
    bitmap_at, setup_at, offsets_at = fields[8:11]
    if compression != 0:
        kind = {1: "JPEG", 2: "raw colour"}.get(compression, f"kind {compression}")
        raise ValueError(f"its images are stored as {kind}: save it as a grey .cine of 16 bit")
    width, height, bits, row_bytes, bottom_up = _bitmap(_at(file, bitmap_at, BITMAP_HEADER.size))
    offsets = _offsets(file, size, offsets_at, count, wide=version > 0)
    last = int(offsets.max()) + 8 + height * row_bytes
    if offsets.min() < FILE_HEADER.size or last > size:
        raise ValueError(
            f"its {count} images of {width} x {height} pixels do not lie within its {size} bytes; "
            "is it cut off?"
        )
    setup = _setup(file, setup_at)
    real_bits = _u32(setup, REAL_BITS_AT) if bits == 16 else 0
    times_s = _image_times(file, setup_at, offsets_at, setup, count)
    if times_s is None and 0 < (rate_hz := _u32(setup, FRAME_RATE_AT)) < 1e8:
        times_s = np.arange(count) / rate_hz
    turned = (_u32(setup, place) for place in (FLIP_H_AT, FLIP_V_AT, ROTATE_AT))
    return CineHeader(
        width=width,
        height=height,
        bits=bits,
        white=2 ** (real_bits if 8 <= real_bits <= 16 else bits) - 1,
        row_bytes=row_bytes,
        bottom_up=bottom_up,
        offsets=offsets,
        times_s=times_s,
        shown_otherwise=any(turned),
    )


def _bitmap(raw: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, bits a value, bytes a row, and whether the first row is the lowest."""
    fields = BITMAP_HEADER.unpack(raw)
    width, height, bits, compression, image_bytes = (*fields[1:3], fields[4], *fields[5:7])
    if compression in PACKED:
        raise ValueError(
            f"its values are {PACKED[compression]}, which is not read: save it with 16 bit (in "
            "Phantom Camera Control: Save Cine As, not packed)"
        )
    if compression != 0 or bits not in (8, 16):
        raise ValueError(
            f"expected grey values of 8 or 16 bit, found {bits} bit, compression {compression}"
        )
    bottom_up, height = height > 0, abs(height)
    if width <= 0 or not 0 < width * height <= LARGEST_PIXELS:
        raise ValueError(f"{width} x {height} pixels are no camera's image")
    plain, padded = width * bits // 8, (width * bits + 31) // 32 * 4
    if image_bytes not in (0, height * plain, height * padded):
        raise ValueError(
            f"an image of {width} x {height} pixels of {bits} bit cannot have {image_bytes} bytes"
        )
    return width, height, bits, padded if image_bytes == height * padded else plain, bottom_up


def _offsets(file: BinaryIO, size: int, at: int, count: int, *, wide: bool) -> np.ndarray:
    """The table of the images' places."""
    each = 8 if wide else 4
    if count < 1 or at + count * each > size:
        raise ValueError(f"its table of {count} images does not lie within its {size} bytes")
    raw = _at(file, at, count * each)
    return np.frombuffer(raw, "<u8" if wide else "<u4").astype(np.uint64)


def _setup(file: BinaryIO, at: int) -> bytes:
    """The camera's set-up as far as it is used; empty where it is not marked as such."""
    file.seek(at)
    raw = file.read(SETUP_BYTES)
    return raw if raw[SETUP_MARK_AT:SETUP_LENGTH_AT] == b"ST" else b""


def _u32(raw: bytes, at: int) -> int:
    """A number of the set-up, 0 where it is too short for it."""
    return struct.unpack_from("<I", raw, at)[0] if len(raw) >= at + 4 else 0


def _image_times(
    file: BinaryIO, setup_at: int, offsets_at: int, setup: bytes, count: int
) -> np.ndarray | None:
    """Seconds since the first image, from the tagged block between set-up and table."""
    if len(setup) < SETUP_LENGTH_AT + 2:
        return None
    at = setup_at + struct.unpack_from("<H", setup, SETUP_LENGTH_AT)[0]
    while at + 8 <= offsets_at:
        block_bytes, kind = struct.unpack("<IH2x", _at(file, at, 8))
        if block_bytes < 8 or at + block_bytes > offsets_at:
            return None
        if kind == IMAGE_TIMES and block_bytes - 8 >= 8 * count:
            stamps = np.frombuffer(file.read(8 * count), "<u4").reshape(count, 2).astype(np.int64)
            fraction, second = stamps[:, 0] & ~FLAG_BITS, stamps[:, 1]
            return (second - second[0]) + (fraction - fraction[0]) / 2**32
        at += block_bytes
    return None


def _at(file: BinaryIO, at: int, count: int) -> bytes:
    """So many bytes from a place; ValueError where the file ends before."""
    file.seek(at)
    raw = file.read(count)
    if len(raw) < count:
        raise ValueError(f"it ends before byte {at + count}, to which its header points")
    return raw
