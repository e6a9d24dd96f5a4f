"""MayaCam 1.0, the older camera file of XMALab and Autoscoper: five lines of three numbers.

Lines: source in the world; rotation about x, y, z in degrees (applied z, y, x); centre of the image
plane; u0, v0, f; scale, width, height. Pixels count from 1 with y upwards. Not stored: the unit, a
second focal length, distortion.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from .camera import Camera
from .euler_angles import angles_zyx, rotation_zyx
from .length_unit import checked_unit, mm_of_text, text_of_mm
from .lens_terms import lens_terms
from .mayacam import UNITS
from .number_lines import image_side, joined, number_cells, text_lines
from .rig import Rig
from .rigid import Rigid

SCALE = 0.1
SIZE_WHERE_ZERO = 1024
KIND = "a MayaCam 1.0 file"


def read_mayacam1(paths: Sequence[str | Path] | str | Path, unit: str | None = None) -> Rig:
    """The rig of MayaCam 1.0 files, one a camera, named A, B, ...

    `unit` is "mm" or "cm"; there is no default. A size of 0 by 0 is read as 1024 by 1024, with a
    warning.
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if len(files) > len(ascii_uppercase):
        raise ValueError(f"{len(files)} MayaCam files: more cameras than letters to name them")
    unit = checked_unit(unit, ", ".join(map(str, files)), KIND, UNITS)
    return Rig(
        tuple(_camera(path, unit, name) for path, name in zip(files, ascii_uppercase, strict=False))
    )


def mayacam1_text(camera: Camera, unit: str) -> str:
    """The MayaCam 1.0 file of a camera; warns of what is lost: fx and fy apart, distortion."""
    checked_unit(unit, "the MayaCam file to be written", KIND, UNITS)
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    width, height = camera.width, camera.height
    if fx != fy:
        warnings.warn(
            f"camera {camera.name!r}: MayaCam 1.0 holds one focal length; fx {fx:.6g} and fy "
            f"{fy:.6g} became their mean",
            stacklevel=2,
        )
    lens_terms(camera, KIND, 0)
    world_from_file = camera.cam_from_world.R.numpy().T * [1.0, -1.0, -1.0]
    z, y, x = angles_zyx(world_from_file).tolist()
    u0, v0, f = cx + 1, height - cy, -(fx + fy) / 2
    plane = [(width / 2 - u0) * SCALE, (height / 2 - v0) * SCALE, f * SCALE]
    source = [text_of_mm(value, unit) for value in camera.center_world.tolist()]
    size = f"{SCALE},{width},{height}"
    lines = [",".join(source), joined([x, y, z]), joined(plane), joined([u0, v0, f]), size]
    return "\n".join(lines) + "\n"


def _camera(path: Path, unit: str, name: str) -> Camera:
    lines = text_lines(path, "MayaCam 1.0 file")
    if len(lines) != 5:
        raise ValueError(
            f"{path}: a MayaCam 1.0 file has 5 lines of 3 numbers, found {len(lines)} lines"
        )
    source, angles, _, intrinsics, size = (
        number_cells(line, 3, f"{path}:{number}") for number, line in enumerate(lines, 1)
    )
    u0, v0, f = map(float, intrinsics)
    if f >= 0:
        raise ValueError(
            f"{path}:4: the third number is minus the focal length, must be negative, found {f:g}"
        )
    width, height = (image_side(cell, f"{path}:5") for cell in size[1:])
    if width == height == 0:
        width = height = SIZE_WHERE_ZERO
        warnings.warn(
            f"{path}:5: the image size is 0 by 0; {SIZE_WHERE_ZERO} by {SIZE_WHERE_ZERO} is "
            "assumed, as XMALab does",
            stacklevel=4,
        )
    # Columns: the camera's axes in the world, in the file's frame (x right, y up, looking along -z)
    x, y, z = map(float, angles)
    world_from_file = rotation_zyx(np.array([z, y, x]))
    R = (world_from_file * [1.0, -1.0, -1.0]).T
    center_world = np.array([mm_of_text(cell, unit) for cell in source])
    K = np.array([[-f, 0.0, u0 - 1], [0.0, -f, height - v0], [0.0, 0.0, 1.0]])
    try:
        return Camera(K, Rigid(R, -R @ center_world), width, height, name=name)
    except ValueError as error:
        raise ValueError(f"{path}:5: {error}") from error
