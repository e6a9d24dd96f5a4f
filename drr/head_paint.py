"""Painting: structures laid over each other, later ones over earlier ones, become HU."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from .head_solids import Number, Point, Solid

AIR_HU = -1000.0
COARSE = 2  # where coordinates bend, every so manieth is looked at


class Part(NamedTuple):
    """A structure: where it is, what it is made of, and what it moves with.

    Args:
        group: "soft", "cranium", "mandible" or "spine"; holes belong to what they are in.
        hu: a value, or a function of x, y, z and the signed distance.
        is_bone: whether it counts as bone where landmarks are sought.
    """

    group: str
    solid: Solid
    hu: Number | Callable[..., np.ndarray]
    is_bone: bool = False


def paint(
    parts: Sequence[Part],
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    edge_mm: Number,
    value: Callable[[Part], float | Callable[..., np.ndarray]] = lambda part: part.hu,
    background: float = AIR_HU,
    canvas: np.ndarray | None = None,
) -> np.ndarray:
    """Values at points of the mean head, blended over `edge_mm` (may be 0) about each surface.

    Args:
        x: coordinates in mm, broadcast against y and z.
        value: what of a part is painted; HU unless told.
        canvas: is painted upon, where it is given.
    """
    if canvas is None:
        canvas = np.full(np.broadcast_shapes(x.shape, y.shape, z.shape), background, np.float32)
    for part in parts:
        window = _window(part.solid, (x, y, z), edge_mm)
        if window is None:
            continue
        u, v, w = (c[_within(c, window)] for c in (x, y, z))
        distance = part.solid.distance(u, v, w)
        if edge_mm == 0:
            share = (distance <= 0).astype(np.float32)
        else:
            share = np.clip(np.float32(0.5) - distance / np.float32(edge_mm), 0, 1)
        new = value(part)
        if callable(new):
            new = new(u, v, w, distance)
        view = canvas[window]
        view += share * (new - view)
    return canvas


def _window(solid: Solid, coordinates: tuple, edge_mm: Number) -> tuple[slice, ...] | None:
    """The part of the canvas where the solid may be; None where it is nowhere."""
    window = [slice(0, 0)] * 3
    for axis in (2, 1, 0):  # most parts are above or below
        c = coordinates[axis]
        step = COARSE if c.ndim == 3 and min(c.shape) > COARSE else 1
        if step > 1:
            c = c[::step, ::step, ::step]
        margin = edge_mm * (1 if step == 1 else 3 * step)
        near = (c >= solid.low[axis] - margin) & (c <= solid.high[axis] + margin)
        others = tuple(n for n in range(c.ndim) if n != axis)
        hits = np.flatnonzero(near.any(axis=others) if c.ndim > 1 else near)
        if len(hits) == 0:
            return None
        first, last = int(hits[0]) * step, int(hits[-1]) * step
        window[axis] = slice(max(first - step + 1, 0), last + step)
    if coordinates[0].ndim == 1:  # a list of points has one axis: keep what all three want
        start, stop = max(s.start for s in window), min(s.stop for s in window)
        return (slice(start, stop),) if start < stop else None
    return tuple(window)


def _within(c: np.ndarray, window: tuple[slice, ...]) -> tuple[slice, ...]:
    """The window on an array that is one long in the axes it does not vary along."""
    return tuple(s if n > 1 else slice(None) for s, n in zip(window, c.shape, strict=True))


def bone_hu(
    cortex_mm: Number, cortical_hu: Number, cancellous_hu: Number
) -> Callable[..., np.ndarray]:
    """Bone of a dense shell around a spongy core."""
    return partial(_bone_hu, cortex_mm, cortical_hu, cancellous_hu)


def _bone_hu(cortex_mm, cortical_hu, cancellous_hu, x, y, z, distance):
    core = np.clip(-distance - cortex_mm + 0.5, 0, 1)
    return np.float32(cortical_hu) + core * np.float32(cancellous_hu - cortical_hu)


def cellular_hu(cell_mm: Number, inside_hu: Number, wall_hu: Number) -> Callable[..., np.ndarray]:
    """Cells with thin walls between, as the air cells of the mastoid and the ethmoid."""
    return partial(_cellular_hu, cell_mm, inside_hu, wall_hu)


def _cellular_hu(cell_mm, inside_hu, wall_hu, x, y, z, distance):
    k = np.float32(2 * np.pi / (2 * cell_mm))
    wave = np.sin(k * x) * np.cos(k * y) + np.sin(k * y) * np.cos(k * z)
    wave = np.abs(wave + np.sin(k * z) * np.cos(k * x))  # a gyroid: zero on the walls
    wall = np.clip(1.4 - wave / 0.25, 0, 1)
    return np.float32(inside_hu) + wall * np.float32(wall_hu - inside_hu)


def bone_share(parts: Sequence[Part], points_mean: np.ndarray) -> np.ndarray:
    """Share of bone (0 to 1) at points (n, 3) of the mean head, sharp to 0.1 mm."""
    x, y, z = (np.ascontiguousarray(c, dtype=np.float32) for c in points_mean.T)
    return paint(parts, x, y, z, 0.1, value=lambda part: float(part.is_bone), background=0.0)


def first_bone(parts: Sequence[Part], start: Point, toward: Point) -> np.ndarray:
    """The point (3,) of the mean head where a straight line first meets bone, exact to 0.02 mm.

    Raises:
        ValueError: the line meets none.
    """
    a, b = np.asarray(start, float), np.asarray(toward, float)
    for step_mm in (0.25, 0.01):
        count = int(np.linalg.norm(b - a) / step_mm) + 2
        points = a + np.linspace(0, 1, count)[:, None] * (b - a)
        hits = np.flatnonzero(bone_share(parts, points) >= 0.5)
        if len(hits) == 0:
            raise ValueError(f"no bone between {start} and {toward}")
        a, b = points[max(hits[0] - 1, 0)], points[hits[0]]
    return (a + b) / 2
