"""A folder of images or volumes with `landmarks.csv`: what a landmark model is trained on.

    image,landmark,x,y        2D: pixels of the image, (0, 0) is the centre of the top-left one
    image,landmark,x,y,z      3D: mm in the frame `ct` (RAS), as the volume's own file places it

A landmark without a row is not known in that image. A row with empty coordinates says the same.
"""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

TABLE = "landmarks.csv"
MOST_ROWS = 5_000_000
MOST_LANDMARKS = 2_000
LONGEST_NAME = 1000
FARTHEST = 1e6


@dataclass(frozen=True)
class LandmarkFolder:
    """Files, names, and the places of all landmarks, NaN where one is not known."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    world: Float[np.ndarray, "image landmark dim"]
    """Pixels (2D) or mm in `ct` (3D)."""

    @property
    def dim(self) -> int:
        """2 for images, 3 for volumes."""
        return self.world.shape[-1]


def read_landmark_folder(folder: Path | str) -> LandmarkFolder:
    """The table of a folder, in natural order of the images; landmarks in order of appearance.

    Raises:
        FileNotFoundError: no folder, no table, or an image of the table is missing.
        ValueError: a row is wrong; says the file, the line, and what was expected.
    """
    folder = Path(folder)
    table = folder / TABLE
    if not table.is_file():
        raise FileNotFoundError(
            f"{table}: there is no such file; a folder to train on holds images or volumes and "
            f"{TABLE} with the columns image,landmark,x,y (pixels) or image,landmark,x,y,z (ct mm)"
        )
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows, dim = _rows(csv.reader(file, strict=True), table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{table}: not a table of comma-separated text: {error}") from None
    images = sorted({image for image, _ in rows}, key=_natural)
    names = tuple(dict.fromkeys(name for _, name in rows))
    if len(names) > MOST_LANDMARKS:
        raise ValueError(f"{table}: {len(names)} different landmarks, at most {MOST_LANDMARKS}")
    world = np.full((len(images), len(names), dim), np.nan)
    image_of, name_of = ({k: n for n, k in enumerate(keys)} for keys in (images, names))
    for (image, name), (_, point) in rows.items():
        world[image_of[image], name_of[name]] = point
    unknown = [name for n, name in enumerate(names) if np.isnan(world[:, n]).any(axis=-1).all()]
    if unknown:
        raise ValueError(f"{table}: landmark {unknown[0]!r} has no coordinates in any image")
    first_line = {image: line for (image, _), (line, _) in reversed(rows.items())}
    for image in images:
        if not (folder / image).exists():
            raise FileNotFoundError(
                f"{table}, line {first_line[image]}: there is no {image!r} in {folder}"
            )
    return LandmarkFolder(tuple(folder / image for image in images), names, world)


def _rows(reader, table: Path) -> tuple[dict, int]:
    """By image and landmark: line and point; and the number of dimensions."""
    header = [cell.strip().lower() for cell in next(reader, [])]
    if header not in (["image", "landmark", *"xy"], ["image", "landmark", *"xyz"]):
        raise ValueError(
            f"{table}, line 1: expected image,landmark,x,y or image,landmark,x,y,z, found "
            f"{','.join(header)[:80]!r}"
        )
    rows: dict[tuple[str, str], tuple[int, list[float]]] = {}
    for cells in reader:
        where = f"{table}, line {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise ValueError(f"{where}: expected {len(header)} cells, found {len(cells)}")
        image, name = cells[0].strip(), cells[1].strip()
        _check_names(image, name, where)
        if (image, name) in rows:
            raise ValueError(
                f"{where}: {name!r} of {image!r} was given before, in line {rows[image, name][0]}"
            )
        rows[image, name] = (reader.line_num, _point(cells[2:], where))
        if len(rows) > MOST_ROWS:
            raise ValueError(f"{where}: more than {MOST_ROWS} rows")
    if not rows:
        raise ValueError(f"{table}: there are no rows below the header")
    return rows, len(header) - 2


def _check_names(image: str, name: str, where: str) -> None:
    if not image or not name:
        raise ValueError(f"{where}: the image and the landmark must have names")
    if max(len(image), len(name)) > LONGEST_NAME:
        raise ValueError(f"{where}: a name has more than {LONGEST_NAME} characters")
    if "\0" in image or Path(image).is_absolute() or ".." in Path(image).parts:
        raise ValueError(f"{where}: {image!r} is not a file inside the folder")


def _point(cells: list[str], where: str) -> list[float]:
    if not any(cell.strip() for cell in cells):
        return [math.nan] * len(cells)
    try:
        point = [float(cell) for cell in cells]
    except ValueError:
        raise ValueError(f"{where}: expected numbers, found {','.join(cells)[:60]!r}") from None
    if not all(abs(value) < FARTHEST for value in point):
        raise ValueError(f"{where}: expected finite coordinates, found {','.join(cells)[:60]!r}")
    return point


def _natural(name: str) -> list:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]
