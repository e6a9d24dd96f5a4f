"""Where a ray crosses a triangle mesh, in float64 and without doubles at edges and vertices.

Each triangle is seen along the ray, and its winding number about the ray decides whether it is hit.
An edge counts by a half-open rule that gives exactly the opposite number to the neighbour on its
other side, so on a closed mesh every entry has its exit, also through a vertex or along an edge.
"""

import math
from dataclasses import dataclass
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Bool, Float, Int

FACES_PER_CELL = 64
TOUCH_MM = 1e-7  # a ray that is inside for less than this has touched the mesh, not crossed it


@dataclass(frozen=True)
class FaceCells:
    """The faces of a mesh grouped by place, so that most of them are never tried on a ray."""

    faces: Int[np.ndarray, "face 3"]
    number: Int[np.ndarray, "face"]
    start: Int[np.ndarray, "cell_end"]
    center: Float[np.ndarray, "cell 3"]
    radius_mm: Float[np.ndarray, "cell"]


@dataclass(frozen=True)
class Crossings:
    """Where one ray crosses the mesh, nearest first; only points in front of its origin."""

    distance_mm: Float[np.ndarray, "crossing"]
    face: Int[np.ndarray, "crossing"]
    entering: Bool[np.ndarray, "crossing"]

    @property
    def paired(self) -> bool:
        """True when the ray goes in and out in turn and ends outside: each entry has its exit."""
        expected = np.arange(len(self.entering)) % 2 == 0
        return len(self.entering) % 2 == 0 and bool(np.array_equal(self.entering, expected))

    def length_inside_mm(self, until_mm: float = math.inf) -> float:
        """The length of the ray inside the mesh, up to a distance from its origin (mm)."""
        until_mm = min(until_mm, float(np.max(self.distance_mm, initial=0.0)))
        left_mm = np.maximum(until_mm - self.distance_mm, 0.0)
        return float(np.sum(np.where(self.entering, left_mm, -left_mm)))


def face_cells(
    vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> FaceCells:
    """The faces in cells of about 64, each with a sphere (mm) that holds them."""
    corners = vertices[faces]
    middle = corners.mean(axis=1)
    sides = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    size = math.sqrt(FACES_PER_CELL * max(float(sides.mean()) / 2, 1e-12))
    cell = np.floor((middle - middle.min(axis=0)) / size).astype(np.int64)
    key = np.asarray(np.ravel_multi_index(tuple(cell.T), tuple(cell.max(axis=0) + 1)))
    number = key.argsort(kind="stable")
    first = np.flatnonzero(np.diff(key[number], prepend=-1))
    low = np.minimum.reduceat(corners.min(axis=1)[number], first)
    high = np.maximum.reduceat(corners.max(axis=1)[number], first)
    radius = np.linalg.norm(high - low, axis=1) / 2
    start = np.append(first, len(faces))
    return FaceCells(np.ascontiguousarray(faces[number]), number, start, (low + high) / 2, radius)


def cross(
    vertices: Float[np.ndarray, "vertex 3"],
    cells: FaceCells,
    origin: Float[np.ndarray, "3"],
    direction: Float[np.ndarray, "3"],
) -> Crossings:
    """All crossings of the ray from `origin` along the unit `direction` with the mesh."""
    frame = _axes_about(direction)
    room = 64
    while True:
        distance, face, turn = np.empty(room), np.empty(room, np.int64), np.empty(room, np.int64)
        found = _crossed(
            vertices,
            cells.faces,
            cells.start,
            cells.center,
            cells.radius_mm,
            origin,
            frame,
            distance,
            face,
            turn,
        )
        if found <= room:
            break
        room = found
    distance, face, turn = distance[:found], cells.number[face[:found]], turn[:found]
    order = np.lexsort(np.stack([turn, distance]))
    keep = _without_touches(distance[order], turn[order])
    return Crossings(distance[order][keep], face[order][keep], turn[order][keep] < 0)


def first_distances_mm(
    vertices: Float[np.ndarray, "vertex 3"],
    cells: FaceCells,
    origin: Float[np.ndarray, "3"],
    directions: Float[np.ndarray, "ray 3"],
) -> Float[np.ndarray, "ray"]:
    """Where each of many rays (unit directions) first touches the mesh; NaN where it never does."""
    return _first_distances(
        vertices, cells.faces, cells.start, cells.center, cells.radius_mm, origin, directions
    )


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _first_distances(vertices, faces, start, center, radius, origin, directions):
    """The least distance of each ray, NaN without any; every cell is tried on all rays at once."""
    nearest = np.full(len(directions), np.inf)
    frames = np.empty((len(directions), 3, 3))
    for ray in range(len(directions)):
        frames[ray] = _axes_about(directions[ray])
    distance, face, turn = np.empty(256), np.empty(256, np.int64), np.empty(256, np.int64)
    for cell in range(len(radius)):
        dx = center[cell, 0] - origin[0]
        dy = center[cell, 1] - origin[1]
        dz = center[cell, 2] - origin[2]
        reach = radius[cell] * (1 + 1e-9) + 1e-6
        least = dx * dx + dy * dy + dz * dz - reach * reach
        for ray in range(len(directions)):
            along = dx * directions[ray, 0] + dy * directions[ray, 1] + dz * directions[ray, 2]
            if along * along < least or along < -reach:
                continue
            found = _crossed_in(
                vertices, faces, start[cell], start[cell + 1], origin, frames[ray],
                distance, face, turn, 0,
            )  # fmt: skip
            for n in range(min(found, len(distance))):
                nearest[ray] = min(nearest[ray], distance[n])
    return np.where(np.isinf(nearest), np.nan, nearest)


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _axes_about(direction):
    """Right-handed unit axes whose third is the direction."""
    x, y, z = direction
    if abs(x) < 0.6:
        u = np.array([0.0, z, -y]) / math.sqrt(y * y + z * z)
    else:
        u = np.array([-z, 0.0, x]) / math.sqrt(x * x + z * z)
    v = np.array([y * u[2] - z * u[1], z * u[0] - x * u[2], x * u[1] - y * u[0]])
    return np.stack((u, v, np.array([x, y, z])))


def _without_touches(distance: np.ndarray, turn: np.ndarray) -> list[int]:
    """The crossings left when entries and exits at one and the same point have cancelled."""
    kept: list[int] = []
    for i in range(len(distance)):
        if kept and turn[kept[-1]] == -turn[i] and distance[i] - distance[kept[-1]] <= TOUCH_MM:
            kept.pop()
        else:
            kept.append(i)
    return kept


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _passes_right(ax, ay, bx, by):
    """+1 or -1 where an edge crosses the half line y = 0, x > 0 upwards or downwards, else 0."""
    if (ay > 0.0) == (by > 0.0):
        return 0
    if by > 0.0:
        return 1 if ax * by - bx * ay > 0.0 else 0
    return -1 if bx * ay - ax * by > 0.0 else 0


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _crossed(vertices, faces, start, center, radius, origin, frame, distance, face, turn):
    """Fill in distance, face and winding number of each crossing in front; return their count."""
    found = 0
    for cell in range(len(radius)):
        dx = center[cell, 0] - origin[0]
        dy = center[cell, 1] - origin[1]
        dz = center[cell, 2] - origin[2]
        along = dx * frame[2, 0] + dy * frame[2, 1] + dz * frame[2, 2]
        reach = radius[cell] * (1 + 1e-9) + 1e-6
        if along < -reach or dx * dx + dy * dy + dz * dz - along * along > reach * reach:
            continue
        found = _crossed_in(
            vertices, faces, start[cell], start[cell + 1], origin, frame,
            distance, face, turn, found,
        )  # fmt: skip
    return found


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _crossed_in(vertices, faces, first, last, origin, frame, distance, face, turn, found):
    """The crossings of one cell's faces, added to those found before; the new count."""
    p = np.empty((3, 3))
    for f in range(first, last):
        for corner in range(3):
            v = faces[f, corner]
            dx = vertices[v, 0] - origin[0]
            dy = vertices[v, 1] - origin[1]
            dz = vertices[v, 2] - origin[2]
            for axis in range(3):
                p[corner, axis] = dx * frame[axis, 0] + dy * frame[axis, 1] + dz * frame[axis, 2]
        winding = _passes_right(p[0, 0], p[0, 1], p[1, 0], p[1, 1])
        winding += _passes_right(p[1, 0], p[1, 1], p[2, 0], p[2, 1])
        winding += _passes_right(p[2, 0], p[2, 1], p[0, 0], p[0, 1])
        if winding == 0:
            continue
        t = _depth_on_axis(p)
        if t > 0.0:
            if found < len(distance):
                distance[found], face[found], turn[found] = t, f, winding
            found += 1
    return found


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _depth_on_axis(p):
    """Depth where the axis x = y = 0 meets a triangle's plane, kept within its corners' depths."""
    ax, ay, az = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1], p[1, 2] - p[0, 2]
    bx, by, bz = p[2, 0] - p[0, 0], p[2, 1] - p[0, 1], p[2, 2] - p[0, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    low = min(p[0, 2], p[1, 2], p[2, 2])
    high = max(p[0, 2], p[1, 2], p[2, 2])
    if nz == 0.0:
        return (low + high) / 2
    t = p[0, 2] + (nx * p[0, 0] + ny * p[0, 1]) / nz
    return min(max(t, low), high)
