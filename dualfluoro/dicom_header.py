"""The header of a DICOM image, and where its frames lie; no pixels are read.

What names a person is neither kept nor shown.
"""

import struct
import warnings
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .dicom_fragments import Fragment, frame_fragments

LARGEST_PIXELS = 1 << 26
MOST_FRAMES = 1_000_000
PIXELS = (0x7FE0, 0x0010)
UNDEFINED = 0xFFFFFFFF
LONG_LENGTH = (b"OB", b"OW", b"OL", b"OV", b"UN")
DEFLATED = "1.2.840.10008.1.2.1.99"
UNCOMPRESSED = ((1, "MONOCHROME1", 0), (1, "MONOCHROME2", 0), (3, "RGB", 0))
"""Samples a pixel, what they are, and whether colours lie in planes of their own."""
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


class StoredFrames(NamedTuple):
    """The frames of one file, as they are stored."""

    path: Path
    count: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    syntax: Any
    """pydicom's UID of the transfer syntax."""
    pixels_at: int
    """Where uncompressed pixels begin."""
    fragments: tuple[tuple[Fragment, ...], ...] | None
    """Of each frame, where they are compressed."""

    @property
    def frame_bytes(self) -> int:
        """Of an uncompressed frame."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8


def read_stored_frames(path: Path) -> tuple[StoredFrames, Any]:
    """Where the frames of a file lie, and its header, a pydicom Dataset.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no DICOM, no image, or less in the file than its header promises.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    import pydicom

    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            with warnings.catch_warnings():  # they would show what is in the file
                warnings.simplefilter("ignore")
                header = pydicom.dcmread(file, stop_before_pixels=True)
                return _stored_frames(path, file, header, size), header
        except Exception as error:  # whatever broken bytes make pydicom stumble over
            raise ValueError(
                f"{path}: not a DICOM file that can be read ({_said(error)})"
            ) from None


def first_frame(header: Any) -> Any:
    """The header with what an Enhanced XA or RF file says of its first frame on the top level."""
    return frame_header(header, 0)


def frame_header(header: Any, frame: int) -> Any:
    """The header with what an Enhanced XA or RF file says of one frame on the top level."""
    from pydicom.dataset import Dataset

    flat = Dataset()
    shared, per_frame = GROUPS
    for name, number in ((per_frame, frame), (shared, 0)):
        for group in (header.get(name) or [])[number : number + 1]:
            for element in group:
                if element.VR == "SQ" and element.value:
                    flat.update({e.tag: e for e in element.value[0] if e.tag not in flat})
    flat.update({e.tag: e for e in header if e.keyword not in GROUPS})
    return flat


def _said(error: Exception) -> str:
    """Our own words; of others' errors the kind alone, as they may show what is in the file."""
    return str(error) if type(error) is ValueError else type(error).__name__


def _stored_frames(path: Path, file: BinaryIO, header: Any, size: int) -> StoredFrames:
    if "Rows" not in header or "BitsStored" not in header:
        raise ValueError("a DICOM file without an image")
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None or syntax == DEFLATED:
        raise ValueError("it does not say how its pixels are encoded, or all of it is deflated")
    rows, columns, allocated, stored = (
        _whole(header, name) for name in ("Rows", "Columns", "BitsAllocated", "BitsStored")
    )
    count = _whole(header, "NumberOfFrames", 1) or 1
    high = _whole(header, "HighBit", stored - 1)
    photometric = str(header.get("PhotometricInterpretation") or "MONOCHROME2")
    if not 0 < rows * columns <= LARGEST_PIXELS or not 0 < count <= MOST_FRAMES:
        raise ValueError(f"{count} frames of {columns} x {rows} pixels are no fluoroscope's")
    if allocated not in (8, 16, 32) or not 0 < stored <= high + 1 <= allocated:
        raise ValueError(f"bits allocated, stored, high are {allocated}, {stored}, {high}")
    if photometric == "PALETTE COLOR":
        raise ValueError("colours of a palette are no grey values")
    samples = _whole(header, "SamplesPerPixel", 1)
    compressed = bool(syntax.is_encapsulated)
    planes = _whole(header, "PlanarConfiguration", 0) and samples > 1
    if not compressed and (samples, photometric, planes) not in UNCOMPRESSED:
        raise ValueError(f"{samples} samples a pixel, {photometric}, are no grey values or RGB")
    pixels_at, length = _pixel_element(file, explicit=compressed or not syntax.is_implicit_VR,
                                       big=not syntax.is_little_endian)  # fmt: skip
    found = StoredFrames(
        path=path,
        count=count,
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=_whole(header, "PixelRepresentation", 0) == 1,
        photometric=photometric,
        syntax=syntax,
        pixels_at=pixels_at,
        fragments=frame_fragments(file, pixels_at, size, count) if compressed else None,
    )
    if not compressed:
        _check_length(found, length, size)
    return found


def _check_length(found: StoredFrames, length: int, size: int) -> None:
    there = min(length, size - found.pixels_at)
    if found.count * found.frame_bytes > there:
        raise ValueError(
            f"its header promises {found.count} frames of {found.columns} x {found.rows} pixels, "
            f"the file holds {there // found.frame_bytes}; is it cut off?"
        )


def _pixel_element(file: BinaryIO, *, explicit: bool, big: bool) -> tuple[int, int]:
    """Where the pixels begin, and their length; the file stands before them."""
    begin = file.tell()
    order = ">" if big else "<"
    raw = file.read(12)
    if len(raw) < 12 or struct.unpack(f"{order}HH", raw[:4]) != PIXELS:
        raise ValueError("it holds no pixels")
    if not explicit:
        return begin + 8, struct.unpack(f"{order}I", raw[4:8])[0]
    if raw[4:6] not in LONG_LENGTH:
        raise ValueError("its pixels are of no kind that is known")
    return begin + 12, struct.unpack(f"{order}I", raw[8:12])[0]


def _whole(header: Any, name: str, otherwise: int | None = None) -> int:
    value = header.get(name)
    if value is None and otherwise is not None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} is no whole number")
    return int(value)
