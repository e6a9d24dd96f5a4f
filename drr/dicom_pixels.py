"""The Hounsfield units of DICOM images, one after the other.

Bits beside the stored ones are left out, padding is air, and MONOCHROME1 changes nothing, being
about display. Compressed images are decoded by GDCM (in SimpleITK), from copies without names.
"""

import struct
import tempfile
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from jaxtyping import Bool, Integer, Real
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID, CTImageStorage, RLELossless

from .dicom_slices import Slice
from .hounsfield import PADDING_HU, hounsfield

LARGEST_SIDE = 16384
OTHER_TAGS = ("PixelData", "NumberOfFrames", "PixelPaddingValue", "PixelPaddingRangeLimit")
PIXEL_TAGS = ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")


def slices_hu(slices: list[Slice]) -> Iterator[Real[np.ndarray, "row column"]]:
    """The HU of each slice, int16 where that is exact; a file with many is opened once.

    Raises:
        ValueError: pixels that are missing, cut short, in colour, or compressed beyond us.
    """
    opened: tuple[Path, Dataset] | None = None
    for found in slices:
        if opened is None or opened[0] != found.path:
            opened = found.path, _opened(found.path)
        words = _words(found, opened[1])
        padding = _padding(words, opened[1])
        hu = hounsfield(_stored(words, opened[1]), found.slope, found.intercept)
        hu[padding] = PADDING_HU
        yield hu


def _opened(path: Path) -> Dataset:
    try:
        with warnings.catch_warnings():  # they would show what is in the file
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path)
            for tag in (*PIXEL_TAGS, *OTHER_TAGS):
                dataset.get(tag)  # decoded now, not when asked for
        if not isinstance(dataset.get("PixelData"), bytes):
            raise ValueError("it holds no pixels")
        if dataset.get("SamplesPerPixel", 1) != 1:
            raise ValueError("it is in colour: not a CT slice")
        allocated, stored, high, signed = (_bits(dataset, tag) for tag in PIXEL_TAGS)
        if allocated not in (8, 16, 32) or not 0 < stored <= high + 1 <= allocated or signed > 1:
            raise ValueError(
                f"bits allocated, stored, high and sign are {allocated}, {stored}, {high}, {signed}"
            )
        return dataset
    except Exception as error:  # whatever broken bytes make pydicom stumble over
        reason = str(error) if type(error) is ValueError else type(error).__name__
        raise ValueError(f"{path.name} cannot be read ({reason})") from error


def _bits(dataset: Dataset, tag: str) -> int:
    value = dataset.get(tag)
    if not isinstance(value, int):
        raise ValueError(f"it has no {tag}")
    return value


def _words(found: Slice, dataset: Dataset) -> Integer[np.ndarray, "row column"]:
    """The words of one image as unsigned integers of their allocated size."""
    rows, columns = found.size
    if not 0 < rows <= LARGEST_SIDE or not 0 < columns <= LARGEST_SIDE:
        raise ValueError(f"{found.name} has {rows} rows and {columns} columns: not a CT slice")
    size = rows * columns * dataset.BitsAllocated // 8
    start = (found.frame or 0) * size
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not isinstance(syntax, UID):
        raise ValueError(f"{found.name} does not say how its pixels are encoded")
    if syntax.is_encapsulated:
        return _decoded(found, dataset)
    if len(dataset.PixelData) < start + size:
        raise ValueError(
            f"{found.name} cannot be read: it holds {len(dataset.PixelData)} bytes of pixels, "
            f"expected {start + size} or more; the file was cut short"
        )
    order = "<" if syntax.is_little_endian else ">"
    kind = np.dtype(f"{order}u{dataset.BitsAllocated // 8}")
    words = np.frombuffer(dataset.PixelData, kind, rows * columns, start)
    return words.astype(kind.newbyteorder("="), copy=False).reshape(rows, columns)


def _decoded(found: Slice, dataset: Dataset) -> Integer[np.ndarray, "row column"]:
    """A compressed image of a file."""
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        count = max(1, int(dataset.get("NumberOfFrames") or 1))
        frame = get_frame(dataset.PixelData, found.frame or 0, number_of_frames=count)
        bits = {tag: dataset[tag].value for tag in PIXEL_TAGS}
        return decompressed([frame], syntax, found.size, bits)
    except (RuntimeError, ValueError, TypeError, IndexError, EOFError, OSError) as error:
        raise ValueError(
            f"{found.name} cannot be read: its pixels are compressed as {syntax.name}, for which "
            "there is no decoder here, or they are damaged; export the series uncompressed"
        ) from error


def decompressed(
    fragments: list[bytes],
    syntax: UID,
    size: tuple[int, int],
    bits: dict[str, int],
    photometric: str = "MONOCHROME2",
) -> Integer[np.ndarray, "row column ..."]:
    """The words of a compressed image, by way of a file that holds its pixels and nothing else.

    Args:
        size: rows and columns.
        bits: the values of BitsAllocated, BitsStored, HighBit and PixelRepresentation.
        photometric: one of colour gives an image with three values a pixel.

    Raises:
        ValueError, RuntimeError: no decoder, or damaged.
    """
    encoded = b"".join(fragments)
    if syntax == RLELossless:
        _check_rle(encoded, bits["BitsAllocated"] // 8)
    alone = Dataset()
    alone.file_meta = FileMetaDataset()
    alone.file_meta.TransferSyntaxUID = syntax
    alone.file_meta.MediaStorageSOPClassUID = alone.SOPClassUID = CTImageStorage
    alone.file_meta.MediaStorageSOPInstanceUID = alone.SOPInstanceUID = UID("1.2")
    alone.Rows, alone.Columns = size
    grey = photometric.startswith("MONOCHROME")
    alone.SamplesPerPixel = 1 if grey else 3
    alone.PhotometricInterpretation = "MONOCHROME2" if grey else photometric
    if not grey:
        alone.PlanarConfiguration = 0
    for tag, value in bits.items():
        setattr(alone, tag, value)
    alone.PixelData = encapsulate([encoded])
    with tempfile.TemporaryDirectory() as folder:
        alone.save_as(Path(folder) / "slice.dcm", enforce_file_format=True)
        image = sitk.ReadImage(str(Path(folder) / "slice.dcm"), imageIO="GDCMImageIO")
    values = sitk.GetArrayFromImage(image)[0]
    if values.shape[:2] != size or values.dtype.kind not in "iu":
        raise ValueError(f"decoded to {values.shape}, {values.dtype}")
    return values.astype(f"u{bits['BitsAllocated'] // 8}")


def _check_rle(encoded: bytes, bytes_a_value: int) -> None:
    """ValueError where the segments are not in the image: GDCM ends the process with none at all.

    PS3.5 G.5: their number, and where each begins, in 16 words.
    """
    words = struct.unpack("<16I", encoded[:64]) if len(encoded) >= 64 else (0,) * 16
    count, places = words[0], words[1 : words[0] + 1]
    if count not in (bytes_a_value, 3 * bytes_a_value) or not all(
        64 <= a < b for a, b in pairwise((*places, len(encoded)))
    ):
        raise ValueError(f"{count} segments of run lengths, which do not lie in the image")


def _padding(
    words: Integer[np.ndarray, "row column"], dataset: Dataset
) -> Bool[np.ndarray, "row column"]:
    """Which pixels hold the padding, as whole words: it may be wider than the stored bits."""
    first, last = (dataset.get(tag) for tag in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    ends = [_word(end, dataset) for end in (first, last) if end is not None]
    if first is None or None in ends:
        return np.zeros(words.shape, bool)
    kind = words.dtype.str.replace("u", "i") if dataset.PixelRepresentation else words.dtype.str
    low, high = np.sort(np.array(ends, words.dtype).view(kind))[[0, -1]]
    return (words.view(kind) >= low) & (words.view(kind) <= high)


def _word(value: object, dataset: Dataset) -> int | None:
    """A padding value as an unsigned word; None where it is none."""
    if isinstance(value, bytes):
        value = int.from_bytes(value[:4], "little")
    return value % 2**dataset.BitsAllocated if isinstance(value, int) else None


def _stored(
    words: Integer[np.ndarray, "row column"], dataset: Dataset
) -> Integer[np.ndarray, "row column"]:
    return stored_values(
        words, dataset.BitsStored, dataset.HighBit, signed=bool(dataset.PixelRepresentation)
    )


def stored_values(
    words: Integer[np.ndarray, "..."], bits: int, high_bit: int, *, signed: bool
) -> Integer[np.ndarray, "..."]:
    """The stored bits of unsigned words, the highest of them at `high_bit`."""
    if bits == 8 * words.dtype.itemsize:
        return words.view(words.dtype.str.replace("u", "i")) if signed else words
    low = high_bit + 1 - bits
    values = (words >> np.array(low, words.dtype)) & np.array(2**bits - 1, words.dtype)
    if not signed:
        return values
    sign = 2 ** (bits - 1)
    return (values.astype(np.int64) ^ sign) - sign
