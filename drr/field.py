"""Finding the x-ray field in a frame: the outline beyond which nothing is exposed.

Lines are scanned inward from each side of the frame. The first clear step to brighter is an edge
point, if nothing happened before it. Edges of collimators are circles and straight blades: those
that explain the points are found by random sampling, then fitted to the half-signal positions.
"""

from typing import NamedTuple

import cv2
import numpy as np
import shapely
from jaxtyping import Float, Real
from torch import Tensor

from .collimation import frame_polygon
from .field_edges import Edge, edge_points, find_edges, refined

REDUCED_PX = 160  # longer side of the copy on which edges are sought
SMALLEST_SHARE = 0.06  # of the frame: a smaller field is not believed
COVERED = 0.6  # share of the outline that must show an edge; without a field it is below 0.3


class FieldOutline(NamedTuple):
    """The field's outline (n, 2) px, and whether it was "detected" or "assumed" (all the frame)."""

    polygon_px: Float[np.ndarray, "point 2"]
    source: str


def find_field(
    image: Real[np.ndarray | Tensor, "height width"], transmission: bool = True
) -> FieldOutline:
    """The field at half of the signal, to a fraction of a pixel; the frame where no edge shows.

    Args:
        image: any scale and depth.
        transmission: whether brighter means more x-rays; else the inverse.
    """
    frame = np.asarray(image).astype(np.float32)
    if min(frame.shape) < 16 or not np.isfinite(frame).all():
        raise ValueError(f"a frame has at least 16 x 16 finite pixels, found {frame.shape}")
    if not transmission:
        frame = -frame
    height, width = frame.shape
    assumed = FieldOutline(frame_polygon(width, height), "assumed")
    scale = min(1.0, REDUCED_PX / max(width, height))
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    small = cv2.GaussianBlur(cv2.medianBlur(small, 3), (0, 0), 0.7)
    edges = find_edges(edge_points(small), max(size))
    scales = np.array([size[0] / width, size[1] / height])
    edges = [edge.scaled(1 / scales.mean()) for edge in edges]
    edges, covered = refined(edges, frame, step_px=1 / scales.mean())
    outline = intersection(edges, width, height)
    if outline is None or covered < COVERED:
        return assumed
    return FieldOutline(outline, "detected")


def intersection(edges: list[Edge], width: int, height: int) -> Float[np.ndarray, "point 2"] | None:
    """The outline inside of all edges and the frame; None where that is nothing or everything."""
    frame = shapely.Polygon(frame_polygon(width, height))
    region = frame
    for edge in edges:
        region = region.intersection(shapely.Polygon(edge.region(width + height)))
    if not isinstance(region, shapely.Polygon):
        return None
    share = region.area / frame.area
    if not SMALLEST_SHARE < share < 0.995:
        return None
    return np.array(region.exterior.coords)[:-1]
