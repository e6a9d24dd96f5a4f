"""Landmark files: our own JSON, Slicer's .mrk.json and .fcsv; points come out in ct (RAS, mm)."""

import csv
import json
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float

Points = dict[str, Float[np.ndarray, "3"]]

FORMAT = "dualfluoro-landmarks"
RAS_FROM = {"LPS": np.array([-1.0, -1.0, 1.0]), "RAS": np.ones(3)}
FCSV_SYSTEMS = {"0": "RAS", "RAS": "RAS", "1": "LPS", "LPS": "LPS"}


def read_landmarks(path: Path | str) -> Points:
    """Named points in ct: RAS, mm.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another format, another frame or unit, a name twice, a place not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no landmark file there")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error}") from error
    pairs = _fcsv_points(path, text) if path.suffix == ".fcsv" else _json_points(path, text)
    return _named(path, pairs)


def write_landmarks(path: Path | str, points: Points) -> None:
    """Write `landmarks.json`, whole or not at all."""
    path = Path(path)
    content = {
        "format": FORMAT,
        "version": 1,
        "frame": "ct",
        "unit": "mm",
        "axes": "RAS",
        "points": {name: [float(x) for x in point] for name, point in points.items()},
    }
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(partial, path)


def _json_points(path: Path, text: str) -> list[tuple]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    if isinstance(content, dict) and "markups" in content:
        return _slicer_points(path, content["markups"])
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f'{path}: expected "format": "{FORMAT}", or a Slicer .mrk.json or .fcsv file'
        )
    for key, expected in {"version": 1, "frame": "ct", "unit": "mm", "axes": "RAS"}.items():
        if content.get(key) != expected:
            raise ValueError(f"{path}: {key} is {content.get(key)!r}, expected {expected!r}")
    if not isinstance(content.get("points"), dict):
        raise ValueError(f"{path}: 'points' must be an object of names and [x, y, z]")
    return list(content["points"].items())


def _slicer_points(path: Path, markups) -> list[tuple]:
    """Control points whose status is "defined"; Slicer's others have no place."""
    pairs = []
    for markup in markups if isinstance(markups, list) else []:
        system = markup.get("coordinateSystem")
        if system not in RAS_FROM:
            raise ValueError(f"{path}: coordinateSystem is {system!r}, expected 'LPS' or 'RAS'")
        if markup.get("coordinateUnits", "mm") != "mm":
            raise ValueError(f"{path}: coordinateUnits is {markup['coordinateUnits']!r}, not 'mm'")
        for point in markup.get("controlPoints", []):
            if point.get("positionStatus", "defined") == "defined":
                position = _place(path, point.get("label", ""), point.get("position"))
                pairs.append((point.get("label", ""), list(RAS_FROM[system] * position)))
    return pairs


def _fcsv_points(path: Path, text: str) -> list[tuple]:
    system, pairs = None, []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            name, _, value = line[1:].partition("=")
            if name.strip() == "CoordinateSystem":
                system = FCSV_SYSTEMS.get(value.strip())
                if system is None:
                    raise ValueError(
                        f"{path}:{number}: CoordinateSystem is {value.strip()!r}, "
                        f"expected one of {', '.join(FCSV_SYSTEMS)}"
                    )
        elif line.strip():
            if system is None:
                raise ValueError(f"{path}:{number}: no '# CoordinateSystem = ' line before points")
            cells = next(csv.reader([line]))
            if len(cells) < 12:
                raise ValueError(f"{path}:{number}: {len(cells)} cells, expected 12 or more")
            position = _place(f"{path}:{number}", cells[11], cells[1:4])
            pairs.append((cells[11], list(RAS_FROM[system] * position)))
    return pairs


def _named(path: Path, pairs: list[tuple]) -> Points:
    points: Points = {}
    for name, position in pairs:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{path}: a landmark without a name, at {position}")
        if name in points:
            raise ValueError(f"{path}: landmark {name!r} is there twice")
        points[name] = _place(path, name, position)
    if not points:
        raise ValueError(f"{path}: holds no landmarks")
    return points


def _place(where, name, position) -> Float[np.ndarray, "3"]:
    try:
        place = np.array(position, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: landmark {name!r} is {position!r}, expected [x, y, z]"
        ) from error
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ValueError(f"{where}: landmark {name!r} is {position!r}, expected 3 finite numbers")
    return place
