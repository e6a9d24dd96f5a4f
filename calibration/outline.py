"""A convex outline in the plane: what lies in it, and its point nearest to one outside."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull, QhullError

MOST_CORNERS = 500
Points = Float[np.ndarray, "n 2"]
Corners = Float[np.ndarray, "corner 2"]


def outline_of(points: Points) -> Corners:
    """The corners of the convex hull, x turning towards y; ValueError where it has no area."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        raise ValueError(f"{len(points)} points on a line, or fewer than 3, have no area") from None


def checked_outline(corners: Corners) -> Corners:
    """The corners, if they go round a convex area, x turning towards y."""
    if not 3 <= len(corners) <= MOST_CORNERS:
        raise ValueError(f"an outline has 3 to {MOST_CORNERS} corners, found {len(corners)}")
    if not np.isfinite(corners).all() or np.abs(corners).max() > 1e6:
        raise ValueError("an outline's corners must be finite numbers within 1e6")
    sides = np.roll(corners, -1, axis=0) - corners
    turn = _cross(sides, np.roll(sides, -1, axis=0))
    whole = np.arctan2(turn, (sides * np.roll(sides, -1, axis=0)).sum(axis=1)).sum()
    if turn.min() < -1e-6 * np.abs(turn).max() or not np.isclose(whole, 2 * np.pi):
        raise ValueError("an outline's corners must go once round a convex area, from x towards y")
    return corners


def within(outline: Corners, points: Points) -> Bool[np.ndarray, "n"]:
    """Which points lie in the outline or on it; NaN does not."""
    inside = np.asarray(np.isfinite(points).all(axis=1))
    for corner, side in zip(outline, np.roll(outline, -1, axis=0) - outline, strict=True):
        inside &= _cross(side[None], points - corner) >= -1e-9 * np.hypot(*side)
    return inside


def nearest_inside(outline: Corners, points: Points) -> Points:
    """The points themselves, or where outside the outline the nearest point on it."""
    outside = np.flatnonzero(~within(outline, points))
    nearest = points.copy()
    if not len(outside):
        return nearest
    p = points[outside]
    best = np.full(len(p), np.inf)
    for corner, side in zip(outline, np.roll(outline, -1, axis=0) - outline, strict=True):
        along = np.clip((p - corner) @ side / max(side @ side, 1e-300), 0, 1)
        foot = corner + along[:, None] * side
        distance = ((p - foot) ** 2).sum(axis=1)
        closer = distance < best
        best = np.where(closer, distance, best)
        nearest[outside[closer]] = foot[closer]
    return nearest


def _cross(a, b):
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
