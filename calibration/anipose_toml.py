"""Calibration files of anipose and Pose2Sim: TOML, one table a camera.

Axes, pixels and cam_from_world are ours; the rotation is a Rodrigues vector in rad. Not stored: the
unit (anipose uses mm, Pose2Sim m) and the pixel spacing.
"""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import numpy as np
import torch

from .camera import Camera
from .length_unit import PLACES, checked_unit, mm_of_text, text_of_mm
from .lens_terms import lens_terms
from .number_lines import image_side, is_number, joined, text_lines
from .rig import Rig
from .rigid import Rigid

UNITS = tuple(PLACES)
KIND = "an anipose or Pose2Sim file"


def read_anipose(path: str | Path, unit: str | None = None) -> Rig:
    """The rig of the tables that hold a matrix; `unit` is mm, cm or m, there is no default."""
    path = Path(path)
    try:
        tables = tomllib.loads("\n".join(text_lines(path, "TOML file")), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError, ValueError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: not a camera file, its brackets are nested too deep") from None
    cameras = {
        key: table for key, table in tables.items() if isinstance(table, dict) and "matrix" in table
    }
    if not cameras:
        raise ValueError(f"{path}: not {KIND}, there is no table with a matrix in it")
    unit = checked_unit(unit, path, KIND, UNITS)
    return Rig(
        tuple(_camera(f"{path}: [{key}]", key, table, unit) for key, table in cameras.items())
    )


def anipose_text(rig: Rig, unit: str) -> str:
    """The TOML file of a rig: tables cam_0, cam_1, ... and anipose's empty metadata."""
    checked_unit(unit, "the file to be written", KIND, UNITS)
    text = ""
    for number, camera in enumerate(rig):
        terms = lens_terms(camera, KIND, 14) or [0.0] * 5
        name = json.dumps(camera.name, ensure_ascii=False).replace("\x7f", "\\u007f")
        lengths = ", ".join(text_of_mm(x, unit) for x in camera.cam_from_world.t.tolist())
        rows = ", ".join(f"[{joined(row)}]" for row in camera.K.tolist())
        text += (
            f"[cam_{number}]\nname = {name}\nsize = [{camera.width}, {camera.height}]\n"
            f"matrix = [{rows}]\ndistortions = [{joined(terms)}]\n"
            f"rotation = [{joined(camera.cam_from_world.log()[3:].tolist())}]\n"
            f"translation = [{lengths}]\n\n"
        )
    return text + "[metadata]\nadjusted = false\nerror = 0.0\n"


def _camera(where: str, key: str, table: dict, unit: str) -> Camera:
    if table.get("fisheye", False) is not False:
        raise ValueError(f"{where}: fisheye cameras are not read; a fluoroscope is none")
    width, height = _size(where, table.get("size"))
    matrix = table["matrix"]
    if not isinstance(matrix, list) or len(matrix) != 3:
        raise ValueError(f"{where} matrix must be 3 rows of 3 numbers, found {matrix!r:.60}")
    K = np.array([_numbers(where, "matrix", row, 3) for row in matrix], dtype=np.float64)
    _check_size(where, K, width, height)
    vector = _numbers(where, "rotation", table.get("rotation"), 3)
    cells = _numbers(where, "translation", table.get("translation"), 3)
    t_mm = torch.tensor([mm_of_text(cell, unit) for cell in cells], dtype=torch.float64)
    twist = torch.tensor([0.0, 0.0, 0.0, *map(float, vector)], dtype=torch.float64)
    found = table.get("distortions", [])
    terms = [float(x) for x in _numbers(where, "distortions", found, len(found or []))]
    distortion = {"model": "opencv", "coefficients": terms} if any(terms) else None
    name = table.get("name", key)
    try:
        return Camera(
            K,
            Rigid(Rigid.exp(twist).R, t_mm),
            width,
            height,
            name=name if isinstance(name, str) and name else key,
            distortion=distortion,
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _numbers(where: str, key: str, values: object, count: int) -> list[str]:
    """The finite numbers of a list, as texts; ValueError where it is another."""
    if isinstance(values, list) and len(values) == count:
        texts = [str(x) for x in values if isinstance(x, int | Decimal) and type(x) is not bool]
        if len(texts) == count and all(map(is_number, texts)):
            return texts
    raise ValueError(f"{where} {key} must be {count} finite numbers, found {values!r:.60}")


def _size(where: str, size: object) -> tuple[int, int]:
    if not isinstance(size, list) or len(size) != 2 or any(type(side) is not int for side in size):
        raise ValueError(f"{where} size must be [width, height] in pixels, found {size!r:.60}")
    width, height = (image_side(str(side)[:7], f"{where} size") for side in size)
    return width, height


def _check_size(where: str, K: np.ndarray, width: int, height: int) -> None:
    """ValueError where the principal point fits the size only with its sides exchanged."""
    cx, cy = float(K[0, 2]), float(K[1, 2])

    def contradicts(w: int, h: int) -> bool:
        return abs(cx - w / 2) > w / 2 or abs(cy - h / 2) > h / 2

    if contradicts(width, height) and not contradicts(height, width):
        raise ValueError(
            f"{where} size is [{width}, {height}] but the principal point is ({cx:.6g}, "
            f"{cy:.6g}), more than half an image from its centre: size is [width, height]; "
            f"write [{height}, {width}]"
        )
