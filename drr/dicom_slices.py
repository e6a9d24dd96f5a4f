"""Where each DICOM image lies and what its numbers mean, from its header; no pixels are read.

A file holds one image, or many (enhanced CT, each with functional groups of its own). No header but
geometry and scale is kept, and no message shows what could name a person.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
from jaxtyping import Float
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

TAGS = (
    "Modality",
    "SOPClassUID",
    "ImageType",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "RescaleSlope",
    "RescaleIntercept",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
CT_CLASSES = (CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
LARGEST_FRAMES = 100_000


class Slice(NamedTuple):
    """One image of a stack; positions are LPS, mm, of the centre of the first pixel."""

    path: Path
    frame: int | None  # of a file with many
    position_lps: Float[np.ndarray, "3"]
    orientation: Float[np.ndarray, "2 3"]  # along a row, and down a column
    spacing_mm: Float[np.ndarray, "2"]  # between rows, between columns
    size: tuple[int, int]  # rows, columns
    thickness_mm: float | None
    slope: float
    intercept: float

    @property
    def name(self) -> str:
        """The file's name, and the frame in it."""
        return self.path.name if self.frame is None else f"{self.path.name} frame {self.frame}"


def read_header(path: Path) -> Dataset | None:
    """The tags above; None where the file is no DICOM. ValueError where it is broken DICOM."""
    with path.open("rb") as stream:
        if stream.read(132)[128:] != b"DICM":
            return None
    try:
        with warnings.catch_warnings():  # they would show what is in the file
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
            header.walk(lambda dataset, element: element.value)  # decoded now, not when asked for
            kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    except Exception as error:  # whatever broken bytes make pydicom stumble over
        raise ValueError(f"{path.name} cannot be read, damaged or cut short") from error
    if "Rows" in header:
        return header
    if kind is None or kind in CT_CLASSES:
        raise ValueError(f"{path.name} cannot be read, cut short before its first row")
    return None  # an index, a report, a plan


def slices_of(path: Path, header: Dataset) -> list[Slice]:
    """The images of a file; ValueError where one of them does not say where it lies."""
    count = _whole(header, "NumberOfFrames", 1)
    if count == 1 and "PerFrameFunctionalGroupsSequence" not in header:
        return [_slice(path, None, header, [header])]
    frames = header.get("PerFrameFunctionalGroupsSequence") or []
    if not 1 <= count <= LARGEST_FRAMES or len(frames) != count:
        raise ValueError(
            f"{path.name} holds {count} frames and says where {len(frames)} of them lie: not an "
            "enhanced CT; convert it to NIfTI"
        )
    shared = header.get("SharedFunctionalGroupsSequence") or [Dataset()]
    return [
        _slice(path, number, header, [*_items(frame), *_items(shared[0])])
        for number, frame in enumerate(frames)
    ]


def _items(groups: Dataset) -> list[Dataset]:
    """The first item of every functional group."""
    return [group.value[0] for group in groups if group.VR == "SQ" and len(group.value)]


def _slice(path: Path, frame: int | None, header: Dataset, places: list[Dataset]) -> Slice:
    """An image whose tags are in the first of the places that has them."""
    name = path.name if frame is None else f"{path.name} frame {frame}"

    def needed(tag: str, count: int) -> np.ndarray:
        found = numbers(places, tag, name)
        if found is None:
            raise ValueError(f"{name} has no {tag}: not a CT slice")
        if found.shape != (count,) or not np.isfinite(found).all():
            raise ValueError(f"{name}: {tag} must be {count} finite numbers, found {found}")
        return found

    def optional(tag: str, otherwise: float) -> float:
        found = numbers(places, tag, name)
        return otherwise if found is None or found.size == 0 else float(found[0])

    thickness_mm = optional("SliceThickness", 0.0)
    size = _whole(header, "Rows", 0), _whole(header, "Columns", 0)
    return Slice(
        path=path,
        frame=frame,
        position_lps=needed("ImagePositionPatient", 3),
        orientation=needed("ImageOrientationPatient", 6).reshape(2, 3),
        spacing_mm=needed("PixelSpacing", 2),
        size=size,
        thickness_mm=thickness_mm if thickness_mm > 0 else None,
        slope=optional("RescaleSlope", 1.0),
        intercept=optional("RescaleIntercept", 0.0),
    )


def numbers(places: list[Dataset], tag: str, name: str) -> Float[np.ndarray, "n"] | None:
    """A tag's numbers from the first of the places that has them; None where none has."""
    for place in places:
        try:
            value = place.get(tag)
            if value is not None and value != "":
                return np.atleast_1d(np.array(value, float))
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"{name}: {tag} is not made of numbers") from error
    return None


def _whole(header: Dataset, tag: str, otherwise: int) -> int:
    found = numbers([header], tag, "the header")
    return otherwise if found is None or not np.isfinite(found[:1]).all() else int(found[0])
