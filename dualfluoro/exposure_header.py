"""What an XA or RF image's own header says of its beam: collimator, angles, distances, KAP.

It is a cross-check, and the field of an image in which none is found. What it contradicts in
itself is told in `conflicts`.
"""

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely

from calibration import Camera

from .exposure_collimator import collimator_px, undistorted_outline

BEYOND = 0.1  # of a field's area: more of it outside of the collimator is a conflict


class ImageHeader(NamedTuple):
    """Of one file; None where the header is silent. Angles are the equipment's, as stored."""

    field_px: np.ndarray | None
    primary_deg: float | None
    secondary_deg: float | None
    source_detector_mm: float | None
    source_patient_mm: float | None
    """Source to the middle of the field of view, typically the isocentre; never to the skin."""
    kvp: float | None
    kap_Gycm2: float | None
    entrance_mGy: float | None
    conflicts: tuple[str, ...]


@functools.lru_cache(maxsize=16)
def read_header(path: Path, frame: int = 0) -> ImageHeader:
    """The header of one frame of a DICOM image; ValueError where it is none."""
    from .dicom_header import frame_header

    try:
        about = path.stat()
        data = _dataset(path, about.st_mtime_ns, about.st_size)
        return header_of(frame_header(data, frame))
    except FileNotFoundError:
        raise
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # whatever broken bytes make pydicom stumble over
        raise ValueError(f"{path}: not a DICOM file ({type(error).__name__})") from None


@functools.lru_cache(maxsize=2)
def _dataset(path: Path, changed_ns: int, size: int) -> Any:
    """A file's header, read once for all of its frames."""
    import pydicom

    return pydicom.dcmread(path, stop_before_pixels=True)


def header_of_frame(files: Sequence[Path], frame: int) -> ImageHeader | None:
    """The header of a view's frame, a file for all frames or one a frame; None if not DICOM."""
    from .frames import is_dicom

    if not is_dicom(files[0]):
        return None
    return read_header(files[0], frame) if len(files) == 1 else read_header(files[frame])


def collimator_of(
    files: Sequence[Path], frame: int, camera: Camera, *, distorted: bool
) -> np.ndarray | None:
    """The collimator's outline of a frame in undistorted pixels, None where no header has one."""
    header = header_of_frame(files, frame)
    if header is None or header.field_px is None or not distorted:
        return None if header is None else header.field_px
    return undistorted_outline(header.field_px, camera)


def header_provenance(
    files: Sequence[Path], camera: Camera, field_px: np.ndarray | None, *, distorted: bool
) -> dict[str, object] | None:
    """What the first frame's header says, and whether the field fits it; None if not DICOM."""
    header = header_of_frame(files, 0)
    if header is None:
        return None
    conflicts = list(header.conflicts)
    collimator_px = collimator_of(files, 0, camera, distorted=distorted)
    if field_px is not None and collimator_px is not None:
        field = shapely.Polygon(field_px)
        beyond = field.difference(shapely.Polygon(collimator_px)).area / field.area
        if beyond > BEYOND:
            conflicts.append(
                f"{100 * beyond:.0f} % of the field lies outside of the collimator (0018,1700)"
            )
    told: dict[str, object] = dict(header._asdict())
    told |= {"field_px": collimator_px, "conflicts": conflicts}
    return told | {"angles": "the equipment's, as in the file; the maker's sign"}


def header_of(data: Any) -> ImageHeader:
    """What a dataset says; (0018,115E) is in dGy cm2, (0040,8302) in mGy."""
    secondary = _number(data, "PositionerSecondaryAngle")
    detector = _number(data, "DistanceSourceToDetector")
    patient = _number(data, "DistanceSourceToPatient")
    conflicts = []
    if secondary is not None and abs(secondary) > 90:
        conflicts.append(f"(0018,1511) secondary angle {secondary:g} deg is beyond DICOM's +-90")
    if detector is not None and patient is not None and not 0 < patient < detector:
        conflicts.append(f"(0018,1111) {patient:g} mm is not within (0018,1110) {detector:g} mm")
    magnification = _number(data, "EstimatedRadiographicMagnificationFactor")
    if (
        magnification
        and detector
        and patient
        and abs(magnification * patient / detector - 1) > 0.02
    ):
        conflicts.append(
            f"(0018,1114) magnification {magnification:g} is not {detector:g} / {patient:g}"
        )
    kap = _number(data, "ImageAndFluoroscopyAreaDoseProduct")
    field_px = None
    try:
        field_px = collimator_px(data)
    except (TypeError, ValueError) as error:
        conflicts.append(f"{error}; it is not used")
    return ImageHeader(
        field_px=field_px,
        primary_deg=_number(data, "PositionerPrimaryAngle"),
        secondary_deg=secondary,
        source_detector_mm=detector,
        source_patient_mm=patient,
        kvp=_number(data, "KVP"),
        kap_Gycm2=None if kap is None else kap / 10,
        entrance_mGy=_number(data, "EntranceDoseInmGy"),
        conflicts=tuple(conflicts),
    )


def _number(data: Any, name: str) -> float | None:
    """A finite number of the header; None where it is missing or empty."""
    value = data.get(name)
    if value is None or value == "":
        return None
    number = float(value)
    return number if math.isfinite(number) else None
