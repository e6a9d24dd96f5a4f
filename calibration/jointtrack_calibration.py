"""Calibration files of JointTrack and JTML: numbers in mm after a word that says how many.

`JT_INTCALIB` or `JTA_INTCALIB`: principal distance, x offset, y offset, pixel size.
`JTA_INTCALIB_BIPLANE`: those of A, those of B, the origin of B, the axes of B (3x3, by rows), with
p_A = axes p_B + origin. Their camera looks along -z with y upwards; the world is camera A's frame.
Not stored: the size of the images, distortion, half a pixel (whether offset 0 means W/2).
"""

import re
import warnings
from pathlib import Path

import numpy as np

from .camera import Camera
from .lens_terms import lens_terms
from .number_lines import is_number, shown, text_lines
from .rig import Rig
from .rigid import Rigid

HEADERS = {"JT_INTCALIB": 4, "JTA_INTCALIB": 4, "JTA_INTCALIB_BIPLANE": 20}
OURS_FROM_FILE = Rigid(np.diag([1.0, -1.0, -1.0]), np.zeros(3))


def read_jointtrack_calibration(path: str | Path, size_px: tuple[int, int] | None = None) -> Rig:
    """The rig of one camera (A) or two (A, B); `size_px` is (width, height), not stored.

    The principal point is taken as W/2 + x / pixel, H/2 - y / pixel, with a warning: no source says
    whether the centre is W/2 or (W - 1)/2.
    """
    path = Path(path)
    words = re.split(r"[\s,]+", "\n".join(text_lines(path, "JointTrack calibration")).strip())
    words = [word for word in words if word]
    if not words:
        raise ValueError(f"{path}: an empty calibration file")
    if words[0] not in HEADERS:
        raise ValueError(
            f"{path}:1: not a JointTrack calibration, expected {', '.join(HEADERS)}, "
            f"found {shown(words[0])}"
        )
    cells = words[1:]
    if len(cells) != HEADERS[words[0]] or not all(map(is_number, cells)):
        raise ValueError(
            f"{path}: {words[0]} is followed by {HEADERS[words[0]]} finite numbers, "
            f"found {len(cells)}: {shown(' '.join(cells))}"
        )
    if size_px is None:
        raise ValueError(
            f"{path}: a JointTrack calibration does not store the size of its images; "
            "give their width and height in pixels"
        )
    values = np.array(cells, dtype=np.float64)
    cameras = [_camera(path, values[:4], Rigid.identity(), size_px, "A")]
    if len(values) == 20:
        try:
            a_from_b = Rigid(values[11:].reshape(3, 3), values[8:11])
        except ValueError as error:
            raise ValueError(f"{path}: axes of camera B: {error}") from error
        b_from_a = OURS_FROM_FILE @ a_from_b.inverse() @ OURS_FROM_FILE
        cameras.append(_camera(path, values[4:8], b_from_a, size_px, "B"))
    warnings.warn(
        f"{path}: the centre of the image is taken as W/2, H/2; JointTrack does not say whether it "
        "is, or (W-1)/2: half a pixel is unknown",
        stacklevel=2,
    )
    return Rig(tuple(cameras))


def jointtrack_calibration_text(rig: Rig) -> str:
    """The calibration file of one camera or two, with camera A's frame as its world.

    ValueError without a pixel spacing, with fx and fy apart, or for more cameras; warns where a
    world or a distortion is lost.
    """
    if len(rig) > 2:
        raise ValueError(f"a JointTrack calibration holds one or two cameras, not {len(rig)}")
    first = rig.cameras[0]
    if not np.allclose(first.cam_from_world, np.eye(4), atol=1e-12):
        warnings.warn(
            f"a JointTrack calibration has the frame of camera {first.name!r} as its world; where "
            "that stood in the rig's world is lost",
            stacklevel=2,
        )
    numbers = [number for camera in rig for number in _intrinsics(camera)]
    if len(rig) == 2:
        b_from_a = rig.cameras[1].cam_from_world @ first.cam_from_world.inverse()
        a_from_b = OURS_FROM_FILE @ b_from_a.inverse() @ OURS_FROM_FILE
        numbers += [*a_from_b.t.tolist(), *a_from_b.R.flatten().tolist()]
    header = "JT_INTCALIB" if len(rig) == 1 else "JTA_INTCALIB_BIPLANE"
    return "\n".join([header, *(repr(number + 0.0) for number in numbers)]) + "\n"


def _camera(
    path: Path, values: np.ndarray, cam_from_world: Rigid, size_px: tuple[int, int], name: str
) -> Camera:
    (distance, x, y, pixel), (width, height) = values.tolist(), size_px
    if not pixel > 0 or not distance > 0:
        raise ValueError(
            f"{path}: camera {name}: principal distance and pixel size must be positive, found "
            f"{distance:g} and {pixel:g} mm"
        )
    f = distance / pixel
    K = np.array([[f, 0, width / 2 + x / pixel], [0, f, height / 2 - y / pixel], [0, 0, 1]])
    try:
        return Camera(K, cam_from_world, width, height, name=name, pixel_spacing_mm=pixel)
    except ValueError as error:
        raise ValueError(f"{path}: camera {name}: {error}") from error


def _intrinsics(camera: Camera) -> list[float]:
    """Principal distance, offsets and pixel size, mm."""
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    pixel = camera.pixel_spacing_mm
    if pixel is None:
        raise ValueError(
            f"camera {camera.name!r} has no pixel spacing; a JointTrack calibration needs it in mm"
        )
    if abs(fx - fy) > 1e-9 * fx:
        raise ValueError(
            f"camera {camera.name!r} has fx {fx:.8g} and fy {fy:.8g}; a JointTrack calibration "
            "holds one focal length: it cannot be written without moving its pixels"
        )
    lens_terms(camera, "a JointTrack calibration", 0)
    return [fx * pixel, (cx - camera.width / 2) * pixel, (camera.height / 2 - cy) * pixel, pixel]
