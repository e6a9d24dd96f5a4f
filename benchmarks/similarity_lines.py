"""Properties of a similarity measure from its values on random lines through the true pose.

Skerl, Likar, Pernus 2006, doi 10.1109/TMI.2006.871408: N lines in the space of poses, M points on
each within R of the truth; values are brought to 0..1. About the best point of each line:

    ACC   root mean square of its distance from the truth                                     mm
    DO    mean fall of the measure within r of it, over r                                     1/mm
    CR    least distance from it to a minimum of the line, over all lines                     mm
    NOM   minima within r of it, a line's mean
    RON   sum of the rises met on the way out within r, over 2 r, a line's mean               1/mm
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Properties:
    """`cr_mm` is the least over the lines as the paper has it; `cr_median_mm` their median."""

    acc_mm: float
    do_per_mm: float
    cr_mm: float
    cr_median_mm: float
    nom: float
    ron_per_mm: float


def directions(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random unit vectors of the 6-dof space, (count, 6)."""
    found = rng.normal(size=(count, 6))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def places_mm(radius_mm: float, step_mm: float) -> np.ndarray:
    """Odd in number, the truth in the middle."""
    half = round(radius_mm / step_mm)
    return step_mm * np.arange(-half, half + 1)


def properties(values: np.ndarray, step_mm: float, near_mm: float, peak_mm: float) -> Properties:
    """Of the values (frame, line, point) of one measure.

    Each frame's values are brought to 0..1. `near_mm` is r of NOM and RON, `peak_mm` r of DO. The
    best point is refined by a parabola for ACC alone. A line without a minimum ends at its end.
    """
    low = values.min(axis=(1, 2), keepdims=True)
    high = values.max(axis=(1, 2), keepdims=True)
    lines = ((values - low) / np.maximum(high - low, 1e-12)).reshape(-1, values.shape[-1])
    near, peak = round(near_mm / step_mm), round(peak_mm / step_mm)
    middle = lines.shape[1] // 2
    off, falls, reaches, minima, rises = [], [], [], [], []
    for line in lines:
        best = int(np.argmax(line))
        off.append(step_mm * (best + _vertex(line, best) - middle))
        sides = line[best::-1], line[best:]  # each begins at the best point and goes outwards
        falls.append(sum(line[best] - side[min(peak, len(side) - 1)] for side in sides))
        lows = [_minima(side) for side in sides]
        reaches.append(
            min(
                found[0] if len(found) else len(side) - 1
                for found, side in zip(lows, sides, strict=True)
                if len(side) > 1
            )
        )
        minima.append(sum(np.count_nonzero(found <= near) for found in lows))
        rises.append(sum(np.maximum(np.diff(side[: near + 1]), 0).sum() for side in sides))
    reaches_mm = step_mm * np.array(reaches)
    return Properties(
        acc_mm=float(np.sqrt(np.mean(np.square(off)))),
        do_per_mm=float(np.mean(falls)) / (2 * peak_mm),
        cr_mm=float(reaches_mm.min()),
        cr_median_mm=float(np.median(reaches_mm)),
        nom=float(np.mean(minima)),
        ron_per_mm=float(np.mean(rises)) / (2 * near_mm),
    )


def _minima(side: np.ndarray) -> np.ndarray:
    """Indices of what is lower than both neighbours; of a plateau, its first point."""
    inner = side[1:-1]
    return 1 + np.flatnonzero((inner < side[:-2]) & (inner <= side[2:]))


def _vertex(line: np.ndarray, best: int) -> float:
    """Where the parabola through three points has its top, in points from the middle one."""
    if not 0 < best < len(line) - 1:
        return 0.0
    before, at, after = line[best - 1 : best + 2]
    curvature = before - 2 * at + after
    return 0.0 if curvature >= 0 else float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5))
