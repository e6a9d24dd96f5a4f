"""From the parts of a head to voxels: each part is painted where its motion has brought it."""

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from .head_map import ct_from_mean, mean_from_ct
from .head_paint import AIR_HU, Part, paint
from .head_posture import open_from_closed
from .head_proportions import HeadShape
from .head_solids import Number
from .volume import moved

LABELS = {"soft": 0, "cranium": 1, "mandible": 2, "spine": 3}


def painted(
    shape: HeadShape,
    parts: list[Part],
    axes: list[np.ndarray],
    edge_mm: Number,
    value: Callable[[Part], float | Callable[..., np.ndarray]] = lambda part: part.hu,
    background: float = AIR_HU,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Values on the grid of three ct axes, and its coordinates in the mean head (float32)."""
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    mean = [c.astype(np.float32) for c in mean_from_ct(shape, *grid)]
    canvas = np.full([len(axis) for axis in axes], background, np.float32)
    for group, run in groupby(parts, key=lambda part: part.group):
        if group != "mandible" or not shape.jaw_opening_deg:
            paint(list(run), *mean, edge_mm=edge_mm, value=value, canvas=canvas)
            continue
        jaw = list(run)
        window = _open_jaw_window(shape, jaw, axes)
        here = np.meshgrid(*[a[w] for a, w in zip(axes, window, strict=True)], indexing="ij")
        if here[0].size:
            view = canvas[window]
            closed = _closed_from_open(shape, here)
            paint(jaw, *closed, edge_mm=edge_mm, value=value, canvas=view)
    return canvas, mean


def _open_jaw_window(
    shape: HeadShape, jaw: list[Part], axes: list[np.ndarray]
) -> tuple[slice, ...]:
    """The part of the grid where the open jaw may be."""
    corners = np.stack([[part.solid.low, part.solid.high] for part in jaw])
    low, high = corners[:, 0].min(0) - 2, corners[:, 1].max(0) + 2
    box = np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)
    places = moved(open_from_closed(shape), ct_from_mean(shape, box))
    ends = zip(axes, places.min(0) - 3, places.max(0) + 3, strict=True)
    return tuple(slice(*np.searchsorted(axis, [near, far]).tolist()) for axis, near, far in ends)


def _closed_from_open(shape: HeadShape, here: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Coordinates in the mean head (float32) of ct coordinates, were the mouth closed."""
    back = np.linalg.inv(open_from_closed(shape))
    x, y, z = here
    closed = [row[0] * x + row[1] * y + row[2] * z + row[3] for row in back[:3]]
    return [c.astype(np.float32) for c in mean_from_ct(shape, *closed)]
