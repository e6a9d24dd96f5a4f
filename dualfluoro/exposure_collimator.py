"""The collimator that an XA or RF image's header describes, as an outline in undistorted pixels.

DICOM counts pixels from 1, points as (row, column); outlines here are (u, v) from 0. The display
shutter (0018,16xx) is no collimator and is not read.
"""

import math
from typing import Any

import numpy as np
import shapely

from calibration import Camera

CIRCLE_CORNERS = 180
STEP_PX = 8.0  # between points of a straight side that a distortion bends
EDGES = ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")


def collimator_px(data: Any) -> np.ndarray | None:
    """The outline (n, 2), raw pixels: where all shapes that are named agree; None without any.

    PS3.3 C.8.7.3: (0018,1700) and what follows it. Raises ValueError where a shape is named and
    not described, or where nothing is left open.
    """
    shapes = data.get("CollimatorShape") or []
    shapes = [shapes] if isinstance(shapes, str) else list(shapes)
    outlines = [_outline(data, str(shape).strip().upper()) for shape in shapes if shape]
    if len(outlines) < 2:
        outline = outlines[0] if outlines else None
    else:
        common = shapely.intersection_all([shapely.Polygon(outline) for outline in outlines])
        if not isinstance(common, shapely.Polygon) or common.is_empty:
            raise ValueError("the shapes of its collimator (0018,1700) have no area in common")
        outline = np.array(common.exterior.coords)[:-1]
    if outline is not None and not (np.isfinite(outline).all() and shapely.Polygon(outline).area):
        raise ValueError("its collimator (0018,1700) encloses nothing")
    return outline


def undistorted_outline(outline_px: np.ndarray, camera: Camera) -> np.ndarray | None:
    """A raw outline in undistorted pixels, its sides bent as the image is; None where unseen."""
    ends = np.roll(outline_px, -1, axis=0)
    points = []
    for start, end in zip(outline_px, ends, strict=True):
        count = max(1, math.ceil(float(np.linalg.norm(end - start)) / STEP_PX))
        points.append(start + np.arange(count)[:, None] / count * (end - start))
    found = camera.undistorted(np.concatenate(points)).numpy()
    return found if np.isfinite(found).all() else None


def _outline(data: Any, shape: str) -> np.ndarray:
    """One shape's outline, raw pixels from 0."""
    if shape == "RECTANGULAR":
        edges = [data.get(f"Collimator{name}Edge") for name in EDGES]
        if any(edge is None or edge == "" for edge in edges):
            raise ValueError("a rectangular collimator (0018,1700) without its four edges")
        left, right, upper, lower = (float(edge) - 1 for edge in edges)
        if not (left < right and upper < lower):
            raise ValueError(
                f"a collimator whose edges cross: left {left + 1:g}, right {right + 1:g}, "
                f"upper {upper + 1:g}, lower {lower + 1:g} (0018,1702 to 1708)"
            )
        return np.array([[left, upper], [right, upper], [right, lower], [left, lower]])
    if shape == "CIRCULAR":
        center = data.get("CenterOfCircularCollimator")
        radius = data.get("RadiusOfCircularCollimator")
        if center is None or radius in (None, "") or len(center) != 2 or not float(radius) > 0:
            raise ValueError("a circular collimator (0018,1700) without its centre and radius")
        angle = 2 * math.pi * np.arange(CIRCLE_CORNERS) / CIRCLE_CORNERS
        middle = np.array([float(center[1]) - 1, float(center[0]) - 1])
        return middle + float(radius) * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    corners = data.get("VerticesOfThePolygonalCollimator")
    if shape != "POLYGONAL" or corners is None or len(corners) < 6 or len(corners) % 2:
        raise ValueError(f"a collimator (0018,1700) {shape!r} without its outline")
    outline = np.array(corners, dtype=np.float64).reshape(-1, 2)[:, ::-1] - 1
    if not shapely.Polygon(outline).is_valid:
        raise ValueError("a polygonal collimator (0018,1720) whose outline crosses itself")
    return outline
