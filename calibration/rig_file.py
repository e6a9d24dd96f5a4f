"""rig.json, the cameras of a rig on disk; `contract.md` has its layout."""

import json
import sys
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from .atomic import write_text
from .camera import Camera
from .uncertainty_entry import RigUncertainty, uncertainty_of

FORMAT, VERSION, UNIT = "dualfluoro-rig", 1, "mm"
RIG_KEYS = ("format", "version", "unit", "cameras")
CAMERA_KEYS = ("name", "width", "height", "K", "cam_from_world")
OPTIONAL_CAMERA_KEYS = ("pixel_spacing_mm", "distortion")
OPTIONAL_RIG_KEYS = ("uncertainty",)


def read_rig(path: str | Path) -> tuple[tuple[Camera, ...], RigUncertainty | None]:
    """The cameras of a rig.json, and how well they are known where it says so.

    Raises:
        ValueError: naming file and place, where it is not such a file.
    """
    content = _parsed(Path(path))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f'{path}: not a rig file, expected a JSON object with "format": "{FORMAT}"'
        )
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path}: version is {content.get('version')!r}, this program reads version {VERSION}; "
            "write the rig again, or update the program"
        )
    _check_keys(f"{path}", content, RIG_KEYS, OPTIONAL_RIG_KEYS)
    if content["unit"] != UNIT:
        raise ValueError(
            f'{path}: unit is {content["unit"]!r}, must be "{UNIT}"; convert the translation of '
            f'every cam_from_world to mm (cm: times 10), then write "unit": "{UNIT}"'
        )
    if not isinstance(content["cameras"], list) or not content["cameras"]:
        raise ValueError(f"{path}: cameras must be a list of at least one camera")
    cameras = tuple(
        _camera(f"{path}: cameras[{i}]", entry) for i, entry in enumerate(content["cameras"])
    )
    if content.get("uncertainty") is None:
        return cameras, None
    names = tuple(camera.name for camera in cameras)
    return cameras, uncertainty_of(f"{path}: uncertainty", content["uncertainty"], names)


def write_cameras(
    path: str | Path, cameras: tuple[Camera, ...], uncertainty: dict | None = None
) -> None:
    """Write the cameras as rig.json, every number exactly; the file appears whole or not at all.

    `uncertainty` is what a calibration knows of its own accuracy, as `uncertainty_entry` has it.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "unit": UNIT,
        "cameras": [_entry(c) for c in cameras],
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    if uncertainty is not None:  # one line, not one a number
        text = f'{text[:-2]},\n "uncertainty": {json.dumps(uncertainty, allow_nan=False)}\n}}'
    write_text(path, text + "\n")


def _parsed(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such rig file") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a rig file, expected JSON text in UTF-8") from None
    except RecursionError:
        raise ValueError(f"{path}: not a rig file, its brackets are nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}"
        ) from None
    except ValueError as error:  # a number of 4300 digits
        raise ValueError(f"{path}: not a rig file: {error}") from None


def _entry(camera: Camera) -> dict:
    return {
        "name": camera.name,
        "width": camera.width,
        "height": camera.height,
        "K": camera.K.tolist(),
        "cam_from_world": camera.cam_from_world.matrix().tolist(),
        "pixel_spacing_mm": camera.pixel_spacing_mm,
        "distortion": camera.distortion,
    }


def _camera(where: str, entry: object) -> Camera:
    """The camera of one entry; ValueError naming the place."""
    if not isinstance(entry, dict):
        raise ValueError(
            f"{where}: expected an object with the keys {', '.join(CAMERA_KEYS)}, found {entry!r}"
        )
    _check_keys(where, entry, CAMERA_KEYS, OPTIONAL_CAMERA_KEYS)
    name = entry["name"]
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}.name: expected a text, found {name!r}")
    for key in ("width", "height"):
        if not _is_number(entry[key]) or entry[key] != int(entry[key]):
            raise ValueError(
                f"{where}.{key}: expected a whole number of pixels, found {entry[key]!r}"
            )
    spacing, distortion = entry.get("pixel_spacing_mm"), entry.get("distortion")
    if spacing is not None and not _is_number(spacing):
        raise ValueError(f"{where}.pixel_spacing_mm: expected a number or null, found {spacing!r}")
    if distortion is not None and not isinstance(distortion, dict):
        raise ValueError(f"{where}.distortion: expected an object or null, found {distortion!r}")
    K = _numbers(f"{where}.K", entry["K"], 3)
    cam_from_world = _numbers(f"{where}.cam_from_world", entry["cam_from_world"], 4)
    try:
        return Camera(
            K,
            cam_from_world,
            width=int(entry["width"]),
            height=int(entry["height"]),
            name=name,
            pixel_spacing_mm=None if spacing is None else float(spacing),
            distortion=distortion,
        )
    except ValueError as error:
        raise ValueError(f"{where} ({name!r}): {error}") from error


def _numbers(where: str, rows, size: int) -> np.ndarray:
    """A square matrix of finite numbers; ValueError naming the place."""
    square = isinstance(rows, list) and len(rows) == size
    if not square or any(not isinstance(row, list) or len(row) != size for row in rows):
        raise ValueError(f"{where}: expected {size} rows of {size} numbers, found {rows!r}")
    if strange := [value for row in rows for value in row if not _is_number(value)]:
        raise ValueError(f"{where}: expected finite numbers, found {strange[0]!r}")
    return np.array(rows, dtype=np.float64)


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max  # a whole number may be beyond what a float holds


def _check_keys(
    where: str, found: dict, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    """ValueError on a key that is unknown, naming the nearest known one, or missing."""
    known = required + optional
    for key in found:
        if key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise ValueError(f"{where}: unknown key {key!r}; the nearest known one is {nearest!r}")
    if missing := [key for key in required if key not in found]:
        raise ValueError(f"{where}: missing {', '.join(missing)}")
