"""OpenCV FileStorage YAML: matrices under names that every author chooses anew.

Axes, pixels and cam_from_world are ours. Not stored: the unit, and which matrix is which, so the
reader is told the names. Only the top level is read: matrices of doubles or floats, and scalars.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import torch

from .camera import Camera
from .length_unit import PLACES, checked_unit, mm_of_text, text_of_mm
from .lens_terms import lens_terms
from .number_lines import image_side, indented_lines, is_number, shown
from .rig import Rig
from .rigid import Rigid

UNITS = tuple(PLACES)
PARTS = ("K", "D", "R", "t", "width", "height", "size")
KIND = "an OpenCV FileStorage file"
Matrix = list[list[str]]


def read_opencv_yaml(
    path: str | Path, *, unit: str | None = None, keys: Sequence[Mapping[str, str]] = ()
) -> Rig:
    """The rig of a FileStorage file, its cameras named A, B, ...

    `keys` says for each camera which entry is which: K, and optionally D (distortion), R (3x3, or a
    Rodrigues vector) and t; width and height, or size. A size may be a number in place of a name.
    Without R and t the camera stands at the world's origin. `unit` is mm, cm or m, no default.
    """
    path = Path(path)
    entries = _entries(path)
    if not keys or len(keys) > len(ascii_uppercase):
        raise ValueError(
            f"{path}: {KIND} does not say which matrix is which; name them for each camera, for "
            f"example K=camera_matrix size=image_size; the file has {_listed(entries)}"
        )
    unit = checked_unit(unit, path, KIND, UNITS)
    return Rig(
        tuple(
            _camera(path, entries, chosen, unit, name)
            for chosen, name in zip(keys, ascii_uppercase, strict=False)
        )
    )


def opencv_yaml_text(rig: Rig, unit: str) -> str:
    """The FileStorage file of a rig: K1, D1, R1, t1, width1, height1, then those of camera 2."""
    checked_unit(unit, "the file to be written", KIND, UNITS)
    text = "%YAML:1.0\n---\n"
    for number, camera in enumerate(rig, 1):
        D = lens_terms(camera, KIND, 14)
        R, t = camera.cam_from_world.R, camera.cam_from_world.t.tolist()
        text += _matrix_text(f"K{number}", [[repr(x) for x in row] for row in camera.K.tolist()])
        text += _matrix_text(f"D{number}", [[repr(x)] for x in D or [0.0] * 5])
        text += _matrix_text(f"R{number}", [[repr(x) for x in row] for row in R.tolist()])
        text += _matrix_text(f"t{number}", [[text_of_mm(x, unit)] for x in t])
        text += f"width{number}: {camera.width}\nheight{number}: {camera.height}\n"
    return text


def _matrix_text(name: str, rows: Matrix) -> str:
    data = ",\n       ".join(", ".join(row) for row in rows)
    return (
        f"{name}: !!opencv-matrix\n   rows: {len(rows)}\n   cols: {len(rows[0])}\n   dt: d\n"
        f"   data: [ {data} ]\n"
    )


def _entries(path: Path) -> dict[str, Matrix | str]:
    """The top level: matrices as rows of number texts, everything else as its text."""
    lines = indented_lines(path, "FileStorage file")
    if not lines or not re.match(r"%YAML[: ]1\.", lines[0]):
        found = shown(lines[0]) if lines else "an empty file"
        raise ValueError(f"{path}:1: not {KIND}, expected '%YAML:1.0', found {found}")
    starts = [
        number
        for number, line in enumerate(lines)
        if number and line and line not in ("---", "...") and re.match(r"[^\s#\]}]", line)
    ]
    entries: dict[str, Matrix | str] = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        where = f"{path}:{start + 1}"
        head = re.fullmatch(r"([A-Za-z_][\w.\-]*)\s*:(?:\s+(.*))?", lines[start], re.ASCII)
        if head is None:
            raise ValueError(f"{where}: expected 'name: value', found {shown(lines[start])}")
        if head[1] in entries:
            raise ValueError(f"{where}: the entry {head[1]!r} stands there twice")
        body = " ".join([head[2] or "", *lines[start + 1 : end]]).strip()
        entries[head[1]] = _matrix(body, where) if "!!opencv-matrix" in body[:40] else body
    return entries


def _matrix(body: str, where: str) -> Matrix:
    """The cells of a matrix, checked against its rows and columns."""
    found = re.fullmatch(
        r"!!opencv-matrix\s+rows:\s*(\d{1,6})\s+cols:\s*(\d{1,6})\s+dt:\s*(\S+)\s+"
        r"data:\s*\[(.*)\](?:\s*(?:---|\.\.\.))?",
        body,
        re.ASCII,
    )
    if found is None:
        raise ValueError(f"{where}: expected a matrix with rows, cols, dt and data in brackets")
    rows, columns, dt = int(found[1]), int(found[2]), found[3].strip("\"'")
    if dt not in ("d", "f"):
        raise ValueError(f"{where}: dt must be d or f (one channel of real numbers), found {dt!r}")
    cells = [cell.strip() for cell in found[4].split(",")] if found[4].strip() else []
    if len(cells) != rows * columns:
        raise ValueError(
            f"{where}: {rows} rows of {columns} are {rows * columns} numbers, found {len(cells)}"
        )
    if strange := [cell for cell in cells if not is_number(cell)]:
        raise ValueError(f"{where}: expected finite numbers, found {shown(strange[0])}")
    return [cells[start : start + columns] for start in range(0, len(cells), columns or 1)]


def _camera(path: Path, entries: dict, keys: Mapping[str, str], unit: str, name: str) -> Camera:
    if unknown := set(keys) - set(PARTS):
        raise ValueError(f"unknown part {min(unknown)!r} of a camera; known: {', '.join(PARTS)}")
    if "K" not in keys or ("R" in keys) != ("t" in keys):
        raise ValueError(f"{path}: name K, and R and t both or neither, for camera {name!r}")
    K = np.array(_cells(path, entries, keys["K"], ((3, 3),)), dtype=np.float64)
    width, height = _size(path, entries, keys, name)
    cam_from_world = Rigid.identity()
    if "R" in keys:
        R = _cells(path, entries, keys["R"], ((3, 3), (3, 1), (1, 3)))
        t = _cells(path, entries, keys["t"], ((3, 1), (1, 3)))
        t_mm = np.array([mm_of_text(cell, unit) for row in t for cell in row])
        try:
            cam_from_world = Rigid(_rotation(np.array(R, dtype=np.float64)), t_mm)
        except ValueError as error:
            raise ValueError(f"{path}: {keys['R']}: {error}") from error
    distortion = None
    if "D" in keys:
        terms = [float(cell) for row in _cells(path, entries, keys["D"]) for cell in row]
        distortion = {"model": "opencv", "coefficients": terms} if any(terms) else None
    try:
        return Camera(K, cam_from_world, width, height, name=name, distortion=distortion)
    except ValueError as error:
        raise ValueError(f"{path}: camera {name!r}: {error}") from error


def _rotation(R: np.ndarray) -> np.ndarray:
    """The 3x3 rotation, of a matrix or a Rodrigues vector (rad)."""
    if R.shape == (3, 3):
        return R
    return Rigid.exp(torch.from_numpy(np.concatenate([np.zeros(3), R.ravel()]))).R.numpy()


def _cells(path: Path, entries: dict, key: str, shapes: tuple = ()) -> Matrix:
    """The rows of the matrix of that name, if it has one of the shapes."""
    matrix = entries.get(key)
    if not isinstance(matrix, list):
        raise ValueError(f"{path}: there is no matrix {key!r}; the file has {_listed(entries)}")
    shape = (len(matrix), len(matrix[0]) if matrix else 0)
    if shapes and shape not in shapes:
        expected = " or ".join(f"{rows}x{columns}" for rows, columns in shapes)
        raise ValueError(f"{path}: {key} must be {expected}, found {shape[0]}x{shape[1]}")
    return matrix


def _size(path: Path, entries: dict, keys: Mapping[str, str], name: str) -> tuple[int, int]:
    """Width and height, of a list [w, h], of two entries, or as they were given."""
    if "size" in keys:
        text = entries.get(keys["size"], "")
        cells = text.strip("[] ").split(",") if isinstance(text, str) else []
    else:
        cells = [keys.get("width", ""), keys.get("height", "")]
        cells = [entries.get(cell, cell) for cell in cells]
    if len(cells) != 2 or not all(isinstance(cell, str) and cell for cell in cells):
        raise ValueError(
            f"{path}: the size of the images of camera {name!r} is needed: width= and height= "
            f"(entries or numbers), or size= (an entry [w, h]); the file has {_listed(entries)}"
        )
    width, height = (image_side(str(cell).strip(), f"{path}: size") for cell in cells)
    return width, height


def _listed(entries: dict) -> str:
    if not entries:
        return "no entries"
    names = [
        f"{key} ({len(value)}x{len(value[0]) if value else 0})" if isinstance(value, list) else key
        for key, value in entries.items()
    ]
    return ", ".join(names[:20])
