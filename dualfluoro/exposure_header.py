"""What an XA or RF image's own header says of its beam: collimator, angles, distances, KAP.

DICOM counts pixels from 1, points as (row, column); outlines here are (u, v) from 0. The display
shutter (0018,16xx) is no collimator and is not read.
"""

import functools
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .trial import View

CIRCLE_CORNERS = 180
SUFFIXES = {".dcm", ".dicom", ".ima"}


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
def read_header(path: Path) -> ImageHeader:
    """The header of a DICOM image; ValueError where it is none."""
    import pydicom

    from .dicom_header import first_frame

    try:
        data = pydicom.dcmread(path, stop_before_pixels=True)
        return header_of(first_frame(data))
    except FileNotFoundError:
        raise
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # whatever broken bytes make pydicom stumble over
        raise ValueError(f"{path}: not a DICOM file ({type(error).__name__})") from None


def collimator_of(view: View) -> np.ndarray | None:
    """The collimator's outline of a view recorded as DICOM in undistorted pixels, else None.

    The header counts raw pixels: it says nothing of an image that is yet to be undistorted.
    """
    if view.distorted or view.frames.suffix.lower() not in SUFFIXES or not view.frames.is_file():
        return None
    return read_header(view.frames).field_px


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
    return ImageHeader(
        field_px=collimator_px(data),
        primary_deg=_number(data, "PositionerPrimaryAngle"),
        secondary_deg=secondary,
        source_detector_mm=detector,
        source_patient_mm=patient,
        kvp=_number(data, "KVP"),
        kap_Gycm2=None if kap is None else kap / 10,
        entrance_mGy=_number(data, "EntranceDoseInmGy"),
        conflicts=tuple(conflicts),
    )


def collimator_px(data: Any) -> np.ndarray | None:
    """The collimator's outline (n, 2): rectangle, circle or polygon, as is named first.

    PS3.3 C.8.7.3: (0018,1700) and what follows it. None where there is none.
    """
    shapes = data.get("CollimatorShape") or []
    shapes = [shapes] if isinstance(shapes, str) else list(shapes)
    if not shapes:
        return None
    shape = str(shapes[0]).upper()
    if shape == "RECTANGULAR":
        names = ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
        edges = [_number(data, f"Collimator{name}Edge") for name in names]
        if any(edge is None for edge in edges):
            raise ValueError("a rectangular collimator (0018,1700) without its four edges")
        left, right, upper, lower = (float(edge or 0) - 1 for edge in edges)
        return np.array([[left, upper], [right, upper], [right, lower], [left, lower]])
    if shape == "CIRCULAR":
        center, radius = (
            data.get("CenterOfCircularCollimator"),
            data.get("RadiusOfCircularCollimator"),
        )
        if center is None or radius is None or len(center) != 2 or not float(radius) > 0:
            raise ValueError("a circular collimator (0018,1700) without its centre and radius")
        angle = 2 * math.pi * np.arange(CIRCLE_CORNERS) / CIRCLE_CORNERS
        middle = np.array([float(center[1]) - 1, float(center[0]) - 1])
        return middle + float(radius) * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    corners = data.get("VerticesOfThePolygonalCollimator")
    if shape != "POLYGONAL" or corners is None or len(corners) < 6 or len(corners) % 2:
        raise ValueError(f"a collimator (0018,1700) {shape!r} without its outline")
    return np.array(corners, dtype=np.float64).reshape(-1, 2)[:, ::-1] - 1


def _number(data: Any, name: str) -> float | None:
    """A finite number of the header; None where it is missing or empty."""
    value = data.get(name)
    if value is None or value == "":
        return None
    number = float(value)
    return number if math.isfinite(number) else None
