"""What the header of an XA or RF recording says against the trial that uses it."""

from pathlib import Path
from typing import Any

from calibration import Camera

from .dicom_header import first_frame, read_stored_frames
from .exposure_header import header_of

SAME_SHARE = 0.05
TURNING_DEG = 0.5


def header_notes(path: Path, camera: Camera, *, transmission: bool) -> list[str]:
    """In words, what does not fit: grey values, turned images, a moving arm, spacing, distance."""
    _, header = read_stored_frames(path)
    try:
        data = first_frame(header)
        notes = [*_turned(data), *_grey(data, transmission), *_moving(data)]
        notes += [*_geometry(data, camera), *header_of(data).conflicts]
    except Exception as error:  # whatever broken bytes make pydicom stumble over
        return [f"{path}: parts of its header cannot be read ({type(error).__name__})"]
    return [f"{path}: {note}" for note in notes]


def _turned(data: Any) -> list[str]:
    turn_deg = _numbers(data, "FieldOfViewRotation")
    flipped = str(data.get("FieldOfViewHorizontalFlip") or "").upper() == "YES"
    if not any(turn_deg) and not flipped:
        return []
    words = [f"turned by {turn_deg[0]:g} deg"] if any(turn_deg) else []
    words += ["flipped"] if flipped else []
    return [
        f"the image was {' and '.join(words)} after the detector, and is read as it is stored; the "
        "images of the calibration must be stored the same way"
    ]


def _grey(data: Any, transmission: bool) -> list[str]:
    """PixelIntensityRelationshipSign: 1 where higher values are more x-rays, else -1."""
    sign = _numbers(data, "PixelIntensityRelationshipSign")[:1]
    if sign not in ([1.0], [-1.0]):
        return []
    turned = str(data.get("PhotometricInterpretation") or "") == "MONOCHROME1"
    brighter_is_more = (sign == [1.0]) != turned
    if brighter_is_more == transmission:
        return []
    says = "transmission" if brighter_is_more else "attenuation"
    return [f'its header says intensity = "{says}", trial.toml the opposite, which is taken']


def _moving(data: Any) -> list[str]:
    """Angles against the first frame's, by frame."""
    for name in ("PositionerPrimaryAngleIncrement", "PositionerSecondaryAngleIncrement"):
        angles_deg = _numbers(data, name)
        if angles_deg and max(angles_deg) - min(angles_deg) > TURNING_DEG:
            return [
                f"the arm turns by {max(angles_deg) - min(angles_deg):.3g} deg during the "
                "recording; the rig has one pose for each camera"
            ]
    return []


def _geometry(data: Any, camera: Camera) -> list[str]:
    notes = []
    spacing_mm = _numbers(data, "ImagerPixelSpacing")
    known_mm = camera.pixel_spacing_mm
    if known_mm and spacing_mm and abs(spacing_mm[0] / known_mm - 1) > SAME_SHARE:
        notes.append(
            f"pixels of {spacing_mm[0]:g} mm by its header, of {known_mm:g} mm by the rig, which "
            "is taken"
        )
    sid_mm = _numbers(data, "DistanceSourceToDetector")
    if known_mm and sid_mm and sid_mm[0] > 0:
        rig_mm = float(camera.K[0, 0]) * known_mm
        if abs(sid_mm[0] / rig_mm - 1) > SAME_SHARE:
            notes.append(
                f"source to detector {sid_mm[0]:g} mm by its header, {rig_mm:.0f} mm by the rig, "
                "which is taken"
            )
    return notes


def _numbers(data: Any, name: str) -> list[float]:
    """A tag's numbers; none where it is missing or empty."""
    value = data.get(name)
    if value is None or value == "":
        return []
    many = hasattr(value, "__iter__") and not isinstance(value, str)
    return [float(x) for x in (value if many else [value])]
