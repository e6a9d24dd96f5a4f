"""Geometry files of RTK: XML with nine parameters and a 3x4 matrix a projection.

The matrix maps world mm to detector mm, M = [shift] [perspective] T(-source offset) M_R with
M_R = Rz(-in-plane) Rx(-out-of-plane) Ry(-gantry). The world is IEC 61217's, its origin the
isocentre, not the CT's. Not stored: the unit, and the images' origin, spacing and size. Rows of the
images grow with +y, so that they must be flipped: `image[::-1]`.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .camera import Camera
from .euler_angles import angles_zxy, rotation_zxy
from .length_unit import MM_PER_UNIT, PLACES, checked_unit
from .lens_terms import lens_terms
from .rig import Rig
from .rigid import Rigid
from .rtk_xml import rtk_projections

UNITS = tuple(PLACES)
KIND = "an RTK geometry file"
FLIP = np.diag([1.0, -1.0, -1.0])
Pair = tuple[float | int, float | int]
MATRIX_TOLERANCE = 1e-3
"""Of RTK's own reader, in the units of the matrix."""


@dataclass(frozen=True)
class DetectorImage:
    """What the header of RTK's projection images says: (x, y) in mm, the size in pixels."""

    origin_mm: Pair
    spacing_mm: Pair
    width: int
    height: int


def read_rtk(path: str | Path, image: DetectorImage | None, unit: str | None = None) -> Rig:
    """The cameras of all projections, named proj-000, ...; `unit` is that of the file's lengths."""
    path = Path(path)
    projections = rtk_projections(path)
    if image is None:
        raise ValueError(
            f"{path}: {KIND} does not store the images' origin, spacing and size; give those of "
            "the projection images' header"
        )
    _check_image(image)
    mm_per_unit = MM_PER_UNIT[checked_unit(unit, path, KIND, UNITS)]
    cameras = []
    for number, (parameters, M) in enumerate(projections):
        where = f"{path}: projection {number}"
        expected = matrix_of(parameters)
        if np.abs(M - expected).max() > MATRIX_TOLERANCE:
            raise ValueError(
                f"{where}: the matrix and the nine parameters disagree by "
                f"{np.abs(M - expected).max():.3g}; one of them was changed"
            )
        try:
            cameras.append(_camera(parameters, mm_per_unit, image, f"proj-{number:03d}"))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    warnings.warn(f"{path}: the images' rows must be flipped: image[::-1]", stacklevel=2)
    return Rig(tuple(cameras))


def rtk_text(rig: Rig, spacing_mm: Pair | None = None) -> str:
    """The geometry file of a rig, in mm, for images centred on (0, 0) whose rows are flipped.

    `spacing_mm` is along x and y, those of the cameras if left out; warns of the image header that
    goes with the file. ValueError without a spacing.
    """
    text = (
        '<?xml version="1.0"?>\n<!DOCTYPE RTKGEOMETRY>\n<RTKThreeDCircularGeometry version="3">\n'
    )
    for camera in rig:
        own = camera.pixel_spacing_mm
        spacing = (own, own) if spacing_mm is None and own is not None else spacing_mm
        if spacing is None:
            raise ValueError(
                f"camera {camera.name!r} has no pixel spacing; RTK's geometry needs it in mm"
            )
        image = centred_image(camera, spacing)
        _check_image(image)
        parameters = _parameters(camera, image)
        text += "  <Projection>\n"
        text += "".join(f"    <{name}>{x!r}</{name}>\n" for name, x in parameters.items())
        rows = "".join(
            f"      {' '.join(map(repr, row))}\n" for row in matrix_of(parameters).tolist()
        )
        text += f"    <Matrix>\n{rows}    </Matrix>\n  </Projection>\n"
        lens_terms(camera, KIND, 0)
    return text + "</RTKThreeDCircularGeometry>\n"


def centred_image(camera: Camera, spacing_mm: Pair) -> DetectorImage:
    """The image header that `rtk_text` assumes: centred on (0, 0)."""
    sx, sy = spacing_mm
    origin = (-(camera.width - 1) / 2 * sx, -(camera.height - 1) / 2 * sy)
    return DetectorImage(origin, spacing_mm, camera.width, camera.height)


def matrix_of(parameters: Mapping[str, float]) -> np.ndarray:
    """RTK's 3x4 matrix of nine parameters: world to detector coordinates, in the file's unit."""
    p = parameters
    sid, sdd = p["SourceToIsocenterDistance"], p["SourceToDetectorDistance"]
    source = np.array([p["SourceOffsetX"], p["SourceOffsetY"]])
    shift = np.eye(3)
    shift[:2, 2] = source - [p["ProjectionOffsetX"], p["ProjectionOffsetY"]]
    perspective = np.array([[-sdd, 0.0, 0, 0], [0, -sdd, 0, 0], [0, 0, 1, -sid]])
    moved = np.eye(4)
    moved[:3, :3] = _rotation(p)
    moved[:2, 3] = -source
    return shift @ perspective @ moved


def _rotation(parameters: Mapping[str, float]) -> np.ndarray:
    names = ("InPlaneAngle", "OutOfPlaneAngle", "GantryAngle")
    return rotation_zxy(-np.array([parameters[name] for name in names]))


def _camera(
    parameters: Mapping[str, float], mm_per_unit: float, image: DetectorImage, name: str
) -> Camera:
    lengths = {key: value * mm_per_unit for key, value in parameters.items()}
    sdd, (sx, sy) = lengths["SourceToDetectorDistance"], image.spacing_mm
    if not sdd > 0:
        raise ValueError(
            f"SourceToDetectorDistance must be positive, found {sdd:g} (0 is a parallel geometry)"
        )
    sox, soy = lengths["SourceOffsetX"], lengths["SourceOffsetY"]
    cx = (sox - lengths["ProjectionOffsetX"] - image.origin_mm[0]) / sx
    up = (soy - lengths["ProjectionOffsetY"] - image.origin_mm[1]) / sy
    K = np.array([[sdd / sx, 0, cx], [0, sdd / sy, image.height - 1 - up], [0, 0, 1]])
    source = np.array([sox, soy, lengths["SourceToIsocenterDistance"]])
    cam_from_world = Rigid(FLIP @ _rotation(parameters), -FLIP @ source)
    spacing = sx if sx == sy else None
    return Camera(K, cam_from_world, image.width, image.height, name=name, pixel_spacing_mm=spacing)


def _parameters(camera: Camera, image: DetectorImage) -> dict[str, float]:
    """The nine parameters, lengths in mm; ValueError where the spacings do not fit fx and fy."""
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    (sx, sy), (ox, oy) = image.spacing_mm, image.origin_mm
    if abs(fx * sx - fy * sy) > 1e-9 * fx * sx:
        raise ValueError(
            f"camera {camera.name!r} has fx {fx:.8g} and fy {fy:.8g}: RTK holds one distance to "
            f"the detector, so the pixel spacings must be in the ratio {fy:.8g} to {fx:.8g}, "
            f"for example {sx:.8g} and {fx * sx / fy:.12g} mm"
        )
    rotation = FLIP @ camera.cam_from_world.R.numpy()
    in_plane, out_of_plane, gantry = (-angles_zxy(rotation) % 360).tolist()
    sox, soy, sid = (-FLIP @ camera.cam_from_world.t.numpy()).tolist()
    return {
        "GantryAngle": gantry,
        "OutOfPlaneAngle": out_of_plane,
        "InPlaneAngle": in_plane,
        "SourceToIsocenterDistance": sid,
        "SourceOffsetX": sox,
        "SourceOffsetY": soy,
        "SourceToDetectorDistance": fx * sx,
        "ProjectionOffsetX": sox - ox - cx * sx,
        "ProjectionOffsetY": soy - oy - (camera.height - 1 - cy) * sy,
    }


def _check_image(image: DetectorImage) -> None:
    numbers = (*image.origin_mm, *image.spacing_mm)
    if not np.isfinite(numbers).all() or min(image.spacing_mm) <= 0:
        raise ValueError(
            f"origin and spacing must be finite, the spacing positive; found {numbers}"
        )
