"""Finding the x-ray field in a frame: the outline beyond which nothing is exposed.

Lines are scanned inward from each side of the frame. The first clear step to brighter is an edge
point, if nothing happened before it. Edges of collimators are circles and straight blades: those
that explain the points are found by random sampling, then fitted to the half-signal positions.

Scatter makes an image intensifier's circle visible around blades that stand inside of it. So the
search is made again within the outline, its border carried outward; blades found there count if
they halve the signal or nearly so, which a bone's edge along a whole straight line does not.
"""

from typing import NamedTuple

import cv2
import numpy as np
import shapely
from jaxtyping import Float, Int, Real
from torch import Tensor

from .collimation import frame_polygon
from .field_edges import Edge, edge_points, find_edges, refined

REDUCED_PX = 160  # longer side of the copy on which edges are sought
SMALLEST_SHARE = 0.06  # of the frame: a smaller field is not believed
COVERED = 0.6  # share of the outline that must show an edge; without a field it is below 0.3
COVERED_WITHIN = 0.75  # the same, of blades inside of an outline
BEHIND_A_BLADE = 0.62  # more of the signal than this is not left there
CLEAR, CLEAR_WITHIN = 6.0, 3.0
BORDER_PX = 3  # of the reduced copy, left out inside of an outline


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
    edges, shown = _edges_in(frame)
    outline = intersection(edges, width, height)
    if outline is None or shown[:, 0].sum() < COVERED * shown[:, 1].sum():
        return FieldOutline(frame_polygon(width, height), "assumed")
    within = _blades_within(frame, outline)
    inner = intersection([*edges, *within], width, height) if within else None
    return FieldOutline(outline if inner is None else inner, "detected")


def _edges_in(
    frame: Float[np.ndarray, "height width"], clear: float = CLEAR
) -> tuple[list[Edge], Int[np.ndarray, "edge 2"]]:
    """Edges of the full frame, and at how many places of how many each shows.

    `clear` is the least step, in units of the noise, at which an edge is suspected.
    """
    height, width = frame.shape
    scale = min(1.0, REDUCED_PX / max(width, height))
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    small = cv2.GaussianBlur(cv2.medianBlur(small, 3), (0, 0), 0.7)
    edges = find_edges(edge_points(small, clear), max(size))
    scales = np.array([size[0] / width, size[1] / height])
    edges = [edge.scaled(1 / scales.mean()) for edge in edges]
    return refined(edges, frame, step_px=1 / scales.mean())


def _blades_within(
    frame: Float[np.ndarray, "height width"], outline: Float[np.ndarray, "point 2"]
) -> list[Edge]:
    """Blades inside of an outline; none where what is found there is not clearly an outline."""
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
    carried = np.where(kept, frame, values[nearest])
    edges, shown = _edges_in(carried, CLEAR_WITHIN)
    edges = [e for e, (on, of) in zip(edges, shown, strict=True) if on >= COVERED_WITHIN * of]
    outer = np.zeros((height, width), np.uint8)
    cv2.fillPoly(outer, [np.rint(outline).astype(np.int32)], 1)
    dark = frame[outer == 0]
    black = float(np.median(dark)) if dark.size else float(frame.min())
    reach = border / BORDER_PX * np.array([3.0, -3.0])
    return [e for e in edges if _signal_left(e, carried - black, core, reach) < BEHIND_A_BLADE]


def _signal_left(edge: Edge, signal: np.ndarray, core: shapely.Polygon, reach: np.ndarray) -> float:
    """The signal just outside of a blade over that just inside of it, median; 1 for a circle."""
    if edge.radius > 0:
        return 1.0
    height, width = signal.shape
    corners = edge.region(width + height)[:2]
    along = shapely.LineString(corners).intersection(core)
    if along.is_empty or along.length < 4 * reach[0]:
        return 1.0
    steps = np.linspace(0, along.length, max(8, int(along.length / reach[0])))
    points = np.array([along.interpolate(step).coords[0] for step in steps])
    at = (points + reach[:, None, None] * edge.centre).astype(np.float32)
    outer, inner = cv2.remap(signal, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    return float(np.median(outer / np.maximum(inner, 1e-6)))


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
