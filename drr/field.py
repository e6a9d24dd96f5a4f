"""Finding the x-ray field in a frame: the outline beyond which nothing is exposed.

Lines are scanned inward from each side of the frame. The first clear step to brighter is an edge
point, if nothing happened before it. Edges of collimators are circles and straight blades: those
that explain the points are found by random sampling, then fitted to the half-signal positions.

Scatter makes an image intensifier's circle visible around blades that stand inside of it. So
blades are sought again within the outline, its border carried outward (`field_blades`).
"""

from typing import NamedTuple

import cv2
import numpy as np
import shapely
from jaxtyping import Float, Int, Real
from torch import Tensor

from .collimation import frame_polygon
from .field_blades import blades_within
from .field_edges import Edge, edge_points, find_edges, refined

REDUCED_PX = 160  # longer side of the copy on which edges are sought
SMALLEST_SHARE = 0.06  # of the frame: a smaller field is not believed
CIRCLE_SHOWN = 0.52  # share of a circle that must show an edge; of none there, 0.5 at the most
BLADE_SHOWN = 0.75  # the same of a blade; bone shows up to 0.7
CLEAR = 6.0  # times the noise: the least step at which an edge is suspected
BORDER_PX = 2  # of the reduced copy, left out inside of an outline


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
    edges = [
        edge
        for edge, (on, of) in zip(*_edges_in(frame), strict=True)
        if on >= (CIRCLE_SHOWN if edge.radius > 0 else BLADE_SHOWN) * of
    ]
    outline, source = intersection(edges, width, height), "detected"
    if outline is None:
        edges, outline, source = [], frame_polygon(width, height), "assumed"
    within = _blades_within(frame, outline)
    inner = intersection([*edges, *within], width, height) if within else None
    return FieldOutline(outline, source) if inner is None else FieldOutline(inner, "detected")


def _edges_in(
    frame: Float[np.ndarray, "height width"],
) -> tuple[list[Edge], Int[np.ndarray, "edge 2"]]:
    """Edges of the full frame, and at how many places of how many each shows."""
    height, width = frame.shape
    scale = min(1.0, REDUCED_PX / max(width, height))
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    small = cv2.GaussianBlur(cv2.medianBlur(small, 3), (0, 0), 0.7)
    edges = find_edges(edge_points(small, CLEAR), max(size))
    scales = np.array([size[0] / width, size[1] / height])
    edges = [edge.scaled(1 / scales.mean()) for edge in edges]
    return refined(edges, frame, step_px=1 / scales.mean())


def _blades_within(
    frame: Float[np.ndarray, "height width"], outline: Float[np.ndarray, "point 2"]
) -> list[Edge]:
    """Blades inside of an outline, whose border is carried outward before they are sought."""
    height, width = frame.shape
    border = BORDER_PX * max(1.0, max(width, height) / REDUCED_PX)
    beyond = np.full((height, width), 255, np.uint8)
    core = shapely.Polygon(outline).buffer(-border)
    if not isinstance(core, shapely.Polygon) or core.is_empty:
        return []
    cv2.fillPoly(beyond, [np.rint(core.exterior.coords).astype(np.int32)], 0)
    _, nearest = cv2.distanceTransformWithLabels(
        beyond, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest, kept = np.asarray(nearest, np.intp), beyond == 0
    values = np.zeros(int(nearest.max()) + 1, np.float32)
    values[nearest[kept]] = frame[kept]
    return blades_within(np.where(kept, frame, values[nearest]), core)


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
