"""References: where a user saw beads that have a name, a csv image,name,u,v in raw pixels."""

import csv
import io
from pathlib import Path

from .toml_table import nearest


def read_references(
    path: Path, images: list[str], names: tuple[str, ...]
) -> tuple[dict[str, tuple[float, float]], ...]:
    """From a csv image,name,u,v: for each image the beads that the user named, in its raw pixels.

    ValueError, with file and line, on an unknown column, image or bead, and on other cells.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a csv, expected text in UTF-8") from None
    rows = list(csv.reader(io.StringIO(text)))
    header = [cell.strip() for cell in rows[0]] if rows else []
    if header != ["image", "name", "u", "v"]:
        raise ValueError(f"{path}:1: expected the header image,name,u,v; found {','.join(header)}")
    known = {Path(file).name: index for index, file in enumerate(images)}
    known |= {file: index for index, file in enumerate(images)}
    found: tuple[dict[str, tuple[float, float]], ...] = tuple({} for _ in images)
    for number, row in enumerate(rows[1:], 2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        where = f"{path}:{number}"
        if len(cells) != 4:
            raise ValueError(f"{where}: expected image,name,u,v; found {len(cells)} cells")
        image, name = cells[:2]
        if image not in known:
            raise ValueError(f"{where}: no object image {image!r}{nearest(image, set(known))}")
        if name not in names:
            raise ValueError(f"{where}: no bead {name!r}{nearest(name, list(names)[:200])}")
        if name in found[known[image]]:
            raise ValueError(f"{where}: bead {name!r} is named twice in {image}")
        found[known[image]][name] = _pixel(cells[2:], where)
    return found


def _pixel(cells: list[str], where: str) -> tuple[float, float]:
    try:
        u, v = float(cells[0]), float(cells[1])
    except ValueError:
        u = v = float("nan")
    if not (abs(u) < 1e6 and abs(v) < 1e6):
        raise ValueError(f"{where}: u and v must be pixels, found {cells[0]!r}, {cells[1]!r}")
    return u, v
