"""Landmark files: ours (landmarks.json), and those of 3D Slicer (.mrk.json, .fcsv).

Inside, a point is (x, y, z) in the CT's frame: RAS+, mm. Slicer's files say which frame theirs are
in; LPS becomes RAS by turning two signs, and anything else is refused.
"""

import csv
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Num
from torch import Tensor

from calibration.atomic import write_text
from drr.volume import Volume

Point = Float[np.ndarray, "3"]
RAS_FROM_LPS = np.array([-1.0, -1.0, 1.0])
OURS = {
    "format": "dualfluoro-landmarks",
    "version": 1,
    "frame": "ct",
    "unit": "mm",
    "axes": "RAS",
}
MARKUPS_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/"
    "Resources/Schema/markups-schema-v1.0.3.json#"
)
FCSV_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
FCSV_SIGNS = {"0": 1.0, "RAS": 1.0, "LPS": RAS_FROM_LPS}
NEAR_MM = 30.0
"""Landmarks farther from the CT's grid than this belong to another volume or another frame."""


def read_landmarks(path: str | os.PathLike[str]) -> dict[str, Point]:
    """Points (ct, mm) by name, in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not one of the three formats, or says two things.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such landmark file")
    if path.suffix.lower() == ".fcsv":
        return _from_fcsv(path)
    content = _json(path)
    if isinstance(content, dict) and "markups" in content:
        return _from_markups(content, path)
    return _from_ours(content, path)


def read_landmark_deviations(path: str | os.PathLike[str]) -> dict[str, float]:
    """Deviations, mm per axis, of the points that a model found; none in Slicer's files.

    Raises:
        ValueError: a deviation is no positive number, or is that of no point.
    """
    path = Path(path)
    content = {} if path.suffix.lower() == ".fcsv" else _json(path)
    found = content.get("sd_mm", {}) if isinstance(content, dict) else {}
    if not isinstance(found, dict):
        raise ValueError(f"{path}: sd_mm must be an object of name: mm, found {found!r}")
    known = read_landmarks(path) if found else {}
    for name, value in found.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name not in known or not number or not 0 < value < 1e3:
            raise ValueError(
                f"{path}: sd_mm of {name!r} must be above 0 mm, and of one of the points, found "
                f"{value!r}"
            )
    return {name: float(value) for name, value in found.items()}


def write_landmarks(
    path: str | os.PathLike[str],
    points_ct: Mapping[str, Num[np.ndarray | Tensor, "3"]],
    sd_mm: Mapping[str, float] | None = None,
) -> None:
    """Write landmarks.json, or Slicer's .mrk.json or .fcsv by the ending; whole or not at all.

    Args:
        sd_mm: deviations, per axis, of points that were found by a model; landmarks.json has room
            for them.
    """
    path = Path(path)
    points = {name: _checked(name, point, path) for name, point in points_ct.items()}
    if path.name.lower().endswith(".mrk.json"):
        text = _markups_text(points)
    elif path.suffix.lower() == ".fcsv":
        text = _fcsv_text(points, path)
    elif path.suffix.lower() == ".json":
        listed = {name: point.tolist() for name, point in points.items()}
        spread = {"sd_mm": {name: round(sd_mm[name], 2) for name in sd_mm}} if sd_mm else {}
        text = json.dumps({**OURS, "points": listed, **spread}, indent=1) + "\n"
    else:
        raise ValueError(f"{path}: landmarks are written as .json, .mrk.json or .fcsv")
    write_text(path, text)


def check_near_volume(points_ct: Mapping[str, Point], volume: Volume, origin: str) -> None:
    """ValueError, naming the file `origin`, where a point lies far outside of the CT's grid."""
    last = np.array(volume.shape) - 1
    for name, point in points_ct.items():
        voxel = volume.voxels(np.asarray(point, np.float64))
        outside_mm = np.maximum(np.maximum(-voxel, voxel - last), 0) * volume.spacing_mm
        if np.linalg.norm(outside_mm) > NEAR_MM:
            raise ValueError(
                f"{origin}: landmark {name!r} lies {np.linalg.norm(outside_mm):.0f} mm outside of "
                "the CT: the points belong to another volume, or LPS and RAS are swapped"
            )


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a JSON file: {error}") from error
    except KeyError as error:
        raise ValueError(f"{path}: the name {error.args[0]!r} stands there twice") from error


def _unique(pairs: list[tuple[str, object]]) -> dict:
    found: dict = {}
    for key, value in pairs:
        if key in found:
            raise KeyError(key)
        found[key] = value
    return found


def _from_ours(content: object, path: Path) -> dict[str, Point]:
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object with landmarks, found a list or value")
    for key, expected in OURS.items():
        if content.get(key) != expected:
            raise ValueError(f"{path}: {key} must be {expected!r}, found {content.get(key)!r}")
    points = content.get("points")
    if not isinstance(points, dict):
        raise ValueError(f"{path}: points must be an object of name: [x, y, z], found {points!r}")
    return _filled({name: _checked(name, point, path) for name, point in points.items()}, path)


def _from_markups(content: dict, path: Path) -> dict[str, Point]:
    points: dict[str, Point] = {}
    for markup in _listed(content, "markups", path):
        system = markup.get("coordinateSystem")
        if system not in ("LPS", "RAS"):
            raise ValueError(f"{path}: coordinateSystem must be LPS or RAS, found {system!r}")
        unit = markup.get("coordinateUnits", "mm")
        if unit != "mm":
            raise ValueError(f"{path}: coordinateUnits must be mm, found {unit!r}")
        sign = RAS_FROM_LPS if system == "LPS" else 1.0
        for number, control in enumerate(_listed(markup, "controlPoints", path)):
            label = str(control.get("label") or control.get("id") or number)
            if control.get("positionStatus", "defined") != "defined":
                _skipped(label, path, str(control["positionStatus"]))
                continue
            _add(points, label, _checked(label, control.get("position"), path) * sign, path)
    return _filled(points, path)


def _listed(content: dict, key: str, path: Path) -> list[dict]:
    entries = content.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path}: {key} must be a list of objects, found {type(entries).__name__}")
    return entries


def _from_fcsv(path: Path) -> dict[str, Point]:
    columns, sign, points = FCSV_COLUMNS.split(","), None, {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error}") from error
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        if line.startswith("#"):
            key, _, value = (part.strip() for part in line[1:].partition("="))
            if key == "CoordinateSystem":
                if value not in FCSV_SIGNS:
                    raise ValueError(
                        f"{where}: CoordinateSystem must be LPS or RAS, found {value!r}"
                    )
                sign = FCSV_SIGNS[value]
            elif key == "columns":
                columns = [name.strip() for name in value.split(",")]
            continue
        if not line.strip():
            continue
        if sign is None:
            raise ValueError(f"{where}: points before the line '# CoordinateSystem = LPS or RAS'")
        cells = next(csv.reader([line]))
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        if not {"x", "y", "z", "label"} <= row.keys():
            raise ValueError(f"{where}: expected the cells {','.join(columns)}, found {line!r}")
        label = row["label"] or row.get("id", "") or str(len(points))
        position = [row["x"], row["y"], row["z"]]
        _add(points, label, _checked(label, position, where) * sign, where)
    return _filled(points, path)


def _add(points: dict[str, Point], label: str, point: Point, where: str | Path) -> None:
    if label in points:
        raise ValueError(f"{where}: the label {label!r} stands there twice: make labels unique")
    points[label] = point


def _checked(name: str, point: object, where: str | Path) -> Point:
    try:
        values = np.asarray(point, np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.zeros(0)
    if values.shape != (3,) or not np.isfinite(values).all():
        raise ValueError(
            f"{where}: landmark {name!r} must be three finite numbers in mm, found {point!r}"
        )
    return values


def _filled(points: dict[str, Point], path: Path) -> dict[str, Point]:
    if not points:
        raise ValueError(f"{path}: there is no landmark in the file")
    return points


def _skipped(label: str, path: Path, status: str) -> None:
    warnings.warn(f"{path}: landmark {label!r} is {status}, not defined: skipped", stacklevel=4)


def _markups_text(points: dict[str, Point]) -> str:
    controls = [
        {
            "id": str(number),
            "label": name,
            "position": (point * RAS_FROM_LPS).tolist(),
            "positionStatus": "defined",
        }
        for number, (name, point) in enumerate(points.items(), 1)
    ]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "controlPoints": controls,
    }
    return json.dumps({"@schema": MARKUPS_SCHEMA, "markups": [markup]}, indent=1) + "\n"


def _fcsv_text(points: dict[str, Point], path: Path) -> str:
    rows = []
    for number, (name, (x, y, z)) in enumerate(points.items()):
        if any(sign in name for sign in ',"\n\r#'):
            raise ValueError(f"{path}: a label in .fcsv has no comma, quote or #, found {name!r}")
        cells = [number, *map(repr, map(float, (x, y, z))), 0, 0, 0, 1, 1, 1, 0, name, "", ""]
        rows.append(",".join(map(str, cells)))
    head = ["# Markups fiducial file version = 5.6", "# CoordinateSystem = RAS"]
    return "\n".join([*head, f"# columns = {FCSV_COLUMNS}", *rows]) + "\n"
