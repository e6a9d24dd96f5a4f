"""calibration.toml: the object, the grid, and the images of every view."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .calibration_references import read_references
from .toml_table import TomlTable, line_of, nearest

if TYPE_CHECKING:
    from calibration.bead_object import BeadObject

KEYS = ["unit", "lens_terms", "object", "grid", "view"]
UNITS = ("mm", "cm", "m")
INTENSITIES = ("transmission", "attenuation")
LATTICES = ("square", "hexagonal")
MOST_CORNERS = 200
LENS_TERMS = (0, 1, 2, 4, 5)


@dataclass(frozen=True)
class GridPlate:
    """A perforated or beaded plate on the detector's face."""

    pitch_mm: float
    lattice: str


@dataclass(frozen=True)
class CalibrationImages:
    """The files of one view; `references` are where named beads were seen in an image, raw px."""

    name: str
    object: tuple[Path, ...]
    grid: Path | None
    grid_after: Path | None
    transmission: bool
    sid_mm: float | None
    pixel_spacing_mm: float | None
    references: tuple[dict[str, tuple[float, float]], ...]


@dataclass(frozen=True, eq=False)
class CalibrationFile:
    """A calibration.toml with absolute paths. `checkerboard` counts inner corners (columns, rows)
    where the object is one; beads have a diameter."""

    path: Path
    bead_object: "BeadObject"
    bead_diameter_mm: float | None
    checkerboard: tuple[int, int] | None
    lens_terms: int
    grid: GridPlate | None
    views: tuple[CalibrationImages, ...]


def load_calibration(path: str | Path) -> CalibrationFile:
    """What a calibration.toml says.

    Raises:
        FileNotFoundError: it, or a file that it names, is not there.
        ValueError: with file and line: a key that is unknown, missing, or of the wrong kind.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "calibration.toml"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; it describes a calibration")
    path = path.absolute()
    content = _parsed(path)
    table, grid = _table(path, content, "object"), _grid(path, content)
    bead_object, diameter, checkerboard = _object(table, content)
    lens_terms = _lens_terms(path, content)
    found = content.get("view", [])
    if not isinstance(found, list) or not all(isinstance(view, dict) for view in found):
        raise ValueError(f"{path}: a view is written as [[view]], with two brackets")
    if not found:
        raise ValueError(f"{path}: there is no [[view]]; write one for each fluoroscope")
    views = tuple(
        _view(TomlTable(path, "view", view, i), bead_object, grid) for i, view in enumerate(found)
    )
    _check_views(path, views)
    if lens_terms and any(view.grid for view in views):
        raise ValueError(
            f"{path}: lens_terms are for views without a grid, whose images are undistorted already"
        )
    return CalibrationFile(path, bead_object, diameter, checkerboard, lens_terms, grid, views)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # tomllib's own, and numbers of 4300 digits
        raise ValueError(f"{path}: not TOML: {error}") from None
    for key in content:
        if key not in KEYS:
            line = line_of(path, key, None, None) or line_of(path, "", None, key)
            place = f"{path}:{line}" if line else f"{path}"
            raise ValueError(f"{place}: unknown table or key {key!r}{nearest(key, KEYS)}")
    return content


def _table(path: Path, content: dict[str, Any], name: str) -> TomlTable:
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"{path}: {name!r} is no table; write [{name}], with one pair of brackets")
    return TomlTable(path, name, found)


def _lens_terms(path: Path, content: dict[str, Any]) -> int:
    found = content.get("lens_terms", 0)
    if isinstance(found, bool) or found not in LENS_TERMS:
        raise ValueError(
            f"{path}: lens_terms counts the terms k1, k2, p1, p2, k3 of a lens: one of "
            f"{', '.join(map(str, LENS_TERMS))}; found {found!r}"
        )
    return found


def _object(table: TomlTable, content: dict[str, Any]):
    """The object, its beads' diameter, and its corners."""
    from calibration.bead_object import checkerboard_object, read_bead_object

    points, corners = table.get("points", str), table.get("checkerboard", list)
    square_mm = _positive(table, "square_mm")
    diameter = _positive(table, "bead_diameter_mm")
    table.finish()
    if (points is None) == (corners is None):
        raise ValueError(
            f'{table.where()} needs either points = "cube.csv" (x,y,z,name) with bead_diameter_mm, '
            "or checkerboard = [9, 6] (inner corners) with square_mm"
        )
    if corners is not None:
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in corners)
        if len(corners) != 2 or not whole or not all(3 <= n <= MOST_CORNERS for n in corners):
            raise ValueError(
                f"{table.where('checkerboard')} must be two numbers of inner corners, 3 to "
                f"{MOST_CORNERS}, such as [9, 6]; found {corners!r}"
            )
        if square_mm is None:
            raise ValueError(f"{table.where()} needs square_mm, the side of the board's squares")
        board = checkerboard_object(corners[0], corners[1], square_mm)
        return board, None, (corners[0], corners[1])
    if diameter is None:
        raise ValueError(f"{table.where()} needs bead_diameter_mm; write for example: 2.0")
    unit = content.get("unit")
    if unit not in UNITS:
        found = "there is none" if unit is None else f"found {unit!r}"
        raise ValueError(
            f'{table.path}: the unit of {points} is needed: write unit = "mm" ("cm", "m") at the '
            f"top; {found}"
        )
    file = _existing(table, "points", table.path.parent / str(points))
    ref = file.with_suffix(".ref")
    beads = read_bead_object(file, unit=unit, ref=ref if ref.is_file() else None)
    return beads, diameter, None


def _grid(path: Path, content: dict[str, Any]) -> GridPlate | None:
    if "grid" not in content:
        return None
    table = _table(path, content, "grid")
    pitch, lattice = _positive(table, "pitch_mm"), table.get("lattice", str) or "square"
    table.finish()
    if pitch is None:
        raise ValueError(f"{table.where()} needs the key 'pitch_mm'; write for example: 10.0")
    if lattice not in LATTICES:
        raise ValueError(
            f"{table.where('lattice')} must be one of {', '.join(LATTICES)}; found {lattice!r}"
        )
    return GridPlate(pitch, lattice)


def _view(table: TomlTable, bead_object: "BeadObject", grid: GridPlate | None):
    name = table.require("name", str, 'name = "A"')
    files = table.require("object", list, f'object = ["{name}_cube_1.png"]')
    if not files or not all(isinstance(file, str) for file in files):
        raise ValueError(
            f"{table.where('object')} must list image files, one a position; found {files!r}"
        )
    folder, images = table.path.parent, {key: table.get(key, str) for key in ("grid", "grid_after")}
    intensity = table.get("intensity", str) or "transmission"
    sid_mm, spacing_mm = _positive(table, "sid_mm"), _positive(table, "pixel_spacing_mm")
    references = table.get("references", str)
    table.finish()
    if intensity not in INTENSITIES:
        raise ValueError(
            f"{table.where('intensity')} must be one of {', '.join(INTENSITIES)}; "
            f"found {intensity!r}"
        )
    for key, file in images.items():
        if file is not None and grid is None:
            raise ValueError(
                f"{table.where(key)} needs a table [grid] with pitch_mm, the distance of its holes"
            )
    if images["grid_after"] is not None and images["grid"] is None:
        raise ValueError(f"{table.where('grid_after')} goes with `grid`, the image before")
    paths = {
        key: None if file is None else _existing(table, key, folder / file)
        for key, file in images.items()
    }
    found = tuple(_existing(table, "object", folder / file) for file in files)
    if references is None:
        named: tuple[dict[str, tuple[float, float]], ...] = tuple({} for _ in found)
    else:
        file = _existing(table, "references", folder / references)
        named = read_references(file, files, bead_object.names)
    return CalibrationImages(
        name, found, paths["grid"], paths["grid_after"], intensity == "transmission",
        sid_mm, spacing_mm, named,
    )  # fmt: skip


def _check_views(path: Path, views: tuple[CalibrationImages, ...]) -> None:
    names = [view.name for view in views]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: two [[view]] tables have the name {twice[0]!r}")
    if len({len(view.object) for view in views}) > 1:
        found = ", ".join(f"{view.name!r} has {len(view.object)}" for view in views)
        raise ValueError(
            f"{path}: images with one index belong to one position in all views, so that all "
            f"views have as many; {found}"
        )


def _positive(table: TomlTable, key: str) -> float | None:
    value = table.get(key, float)
    if value is not None and value <= 0:
        raise ValueError(f"{table.where(key)} must be above 0, found {value:g}")
    return value


def _existing(table: TomlTable, key: str, file: Path) -> Path:
    if not file.is_file():
        raise FileNotFoundError(f"{table.where(key)}: there is no file {file}")
    return file
