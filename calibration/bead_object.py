"""The calibration object: where its beads are, in its own frame, and what they are called.

Read are our points csv (a header with x, y, z and name) and XMALab's framespec (a free header
line, then `x,y,z[,name]`) with its `.ref` (`<id, from 1> <name>`). Neither stores the unit.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .length_unit import MM_PER_UNIT, checked_unit
from .number_lines import is_number, shown, text_lines

MOST_BEADS = 2000
FLAT = 1e-3
"""An object is flat where it is thinner than this share of its length."""


@dataclass(frozen=True, eq=False)
class BeadObject:
    """Beads with unique names; ValueError on fewer than four, on one line, or twice in a place."""

    points_mm: Float[np.ndarray, "bead 3"]
    names: tuple[str, ...]

    def __post_init__(self):
        """ValueError on what is no calibration object."""
        points, names = self.points_mm, self.names
        if len(names) != len(points):
            raise ValueError(f"{len(points)} beads have {len(names)} names; each needs one")
        if not 4 <= len(points) <= MOST_BEADS:
            raise ValueError(
                f"an object of {len(points)} beads; a calibration needs 4 to {MOST_BEADS}"
            )
        if not np.isfinite(points).all():
            bad = names[int(np.flatnonzero(~np.isfinite(points).all(1))[0])]
            raise ValueError(f"bead {bad!r} has a coordinate that is not finite")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two beads have the name {twice[0]!r}")
        gap = np.linalg.norm(points[:, None] - points, axis=-1) + np.diag([np.inf] * len(points))
        if gap.min() < 1e-6 * max(float(gap[np.isfinite(gap)].max()), 1e-300):
            first, second = np.unravel_index(int(gap.argmin()), gap.shape)
            raise ValueError(f"beads {names[first]!r} and {names[second]!r} are at the same place")
        if self.extents_mm[1] < FLAT * self.extents_mm[0]:
            raise ValueError("all beads of the object lie on one line, which fixes no camera")

    def __len__(self) -> int:
        """The number of beads."""
        return len(self.names)

    @property
    def extents_mm(self) -> Float[np.ndarray, "3"]:
        """Root mean square extents along the principal axes, largest first."""
        centred = self.points_mm - self.points_mm.mean(0)
        return np.linalg.svd(centred, compute_uv=False) / np.sqrt(len(centred))

    @property
    def flat(self) -> bool:
        """Whether all beads lie in one plane."""
        return bool(self.extents_mm[2] < FLAT * self.extents_mm[0])


def read_bead_object(
    path: str | Path, *, unit: str | None = None, ref: str | Path | None = None
) -> BeadObject:
    """The object of a points csv or an XMALab framespec, in mm.

    Args:
        unit: "mm", "cm" or "m": that of the file, which does not store it.
        ref: XMALab's `.ref`, whose names replace those of the beads it lists.

    Raises:
        FileNotFoundError: no such file.
        ValueError: with file and line, what is not a row of beads, or no calibration object.
    """
    path = Path(path)
    mm = MM_PER_UNIT[checked_unit(unit, path, "a bead file", tuple(MM_PER_UNIT))]
    lines = text_lines(path, "bead file")
    order, scale, first = _header(lines[0] if lines else "", path)
    points, names = [], []
    for number, line in enumerate(lines[first:], first + 1):
        if not line:
            continue
        point, name = _bead(line, order, f"{path}:{number}")
        points.append(point)
        names.append(name or str(len(points)))
        if len(points) > MOST_BEADS:
            raise ValueError(f"{path}:{number}: more than {MOST_BEADS} beads; is it a bead file?")
    if ref is not None:
        for index, name in read_reference_names(ref, len(points)).items():
            names[index] = name
    try:
        beads_mm = np.array(points, dtype=np.float64).reshape(-1, 3) * scale * mm
        return BeadObject(beads_mm, tuple(names))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def checkerboard_object(columns: int, rows: int, square_mm: float) -> BeadObject:
    """The inner corners of a checkerboard as an object: x along a row, y down the columns."""
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    flat = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1) * square_mm
    return BeadObject(flat, tuple(f"{i},{j}" for j in range(rows) for i in range(columns)))


def read_reference_names(path: str | Path, beads: int) -> dict[int, str]:
    """Names of beads by their index from 0, from XMALab's `.ref`; it needs at least four."""
    path, found = Path(path), {}
    for number, line in enumerate(text_lines(path, "reference file"), 1):
        if not line:
            continue
        parts = re.fullmatch(r"(\d{1,6})\s+(\S.*)", line, re.ASCII)
        if parts is None or not 1 <= int(parts[1]) <= beads:
            raise ValueError(
                f"{path}:{number}: expected a bead's number from 1 to {beads} and its name, "
                f"found {shown(line)}"
            )
        found[int(parts[1]) - 1] = parts[2]
    if len(found) < 4:
        raise ValueError(f"{path}: names {len(found)} beads, a reference file has at least 4")
    return found


def _header(line: str, path: Path) -> tuple[list[int], Float[np.ndarray, "3"], int]:
    """Columns of x, y, z and name (-1: none), a scale by axis, and the index of the first row."""
    cells = [cell.strip() for cell in line.split(",")]
    lower = [cell.lower() for cell in cells]
    if {"x", "y", "z"} <= set(lower):
        if strange := [cell for cell in lower if cell not in ("x", "y", "z", "name", "")]:
            raise ValueError(f"{path}:1: unknown column {strange[0]!r}; known: x, y, z, name")
        order = [lower.index(axis) for axis in ("x", "y", "z")]
        return [*order, lower.index("name") if "name" in lower else -1], np.ones(3), 1
    if len(cells) >= 3 and all(map(is_number, cells[:3])):
        return [0, 1, 2, 3], np.ones(3), 0
    scales = [re.fullmatch(r"(?:white)?\s*s(.*)", cell) for cell in cells[:3]]
    if len(scales) == 3 and all(found and is_number(found[1]) for found in scales):
        return [0, 1, 2, 3], np.array([float(found[1]) for found in scales if found]), 1
    return [0, 1, 2, 3], np.ones(3), 1


def _bead(line: str, order: list[int], where: str) -> tuple[list[float], str]:
    """A row's coordinates and name."""
    cells = [cell.strip() for cell in line.split(",")]
    wanted = [cells[i] if i < len(cells) else "" for i in order[:3]]
    if len(cells) > 4 or not all(map(is_number, wanted)):
        raise ValueError(
            f"{where}: expected x, y, z as finite numbers [, name], found {shown(line)}"
        )
    name = cells[order[3]] if 0 <= order[3] < len(cells) else ""
    return [float(cell) for cell in wanted], name
