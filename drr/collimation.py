"""Collimation: the outline of the x-ray field in the image, round, bladed or both."""

from dataclasses import dataclass
from typing import no_type_check

import cv2
import numpy as np
import shapely
from jaxtyping import Float
from numba import njit

CIRCLE_POINTS = 128  # a chord leaves its arc by 0.03 % of the radius
ROWS_PER_PX = 4  # vertical samples; horizontally the covered share of a pixel is exact


@dataclass(frozen=True, eq=False)
class Collimation:
    """The field: a polygon whose edge falls from 1 to 0 like a Gaussian's integral.

    Args:
        polygon_px: the half-signal outline, (0, 0) = centre of the top-left pixel; it may leave
            the image, and need not be convex.
        edge_sd_px: width of the penumbra, the standard deviation of its derivative.
    """

    polygon_px: Float[np.ndarray, "point 2"]
    edge_sd_px: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what encloses no area."""
        if len(self.polygon_px) < 3 or not np.isfinite(self.polygon_px).all():
            raise ValueError(
                f"a field outline needs at least 3 finite points, found {len(self.polygon_px)}"
            )
        if self.edge_sd_px < 0:
            raise ValueError(f"edge_sd_px must not be negative, found {self.edge_sd_px}")

    @classmethod
    def whole_frame(cls, width: int, height: int) -> "Collimation":
        """All pixels of the frame, to their outer edges."""
        return cls(frame_polygon(width, height))

    @classmethod
    def circle(
        cls, centre_px: tuple[float, float], radius_px: float, edge_sd_px: float = 0.0
    ) -> "Collimation":
        """A round field, as an image intensifier shows it."""
        return cls(circle_polygon(centre_px, radius_px), edge_sd_px)

    def mask(self, width: int, height: int) -> Float[np.ndarray, "height width"]:
        """Share of the beam that reaches each pixel, float32 in [0, 1], 0.5 on the outline."""
        polygon = np.ascontiguousarray(self.polygon_px, dtype=np.float64)
        covered = _coverage(polygon, width, height)
        if self.edge_sd_px > 0:
            covered = cv2.GaussianBlur(
                covered, (0, 0), self.edge_sd_px, borderType=cv2.BORDER_REPLICATE
            )
        return np.clip(covered, 0.0, 1.0)


def frame_polygon(width: int, height: int) -> Float[np.ndarray, "4 2"]:
    """Outer corners of the frame, from the top left clockwise in the image."""
    u, v = width - 0.5, height - 0.5
    return np.array([[-0.5, -0.5], [u, -0.5], [u, v], [-0.5, v]])


def circle_polygon(
    centre_px: tuple[float, float], radius_px: float
) -> Float[np.ndarray, "point 2"]:
    """Points on a circle, clockwise in the image."""
    angle = np.arange(CIRCLE_POINTS) * (2 * np.pi / CIRCLE_POINTS)
    return np.asarray(centre_px) + radius_px * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def random_collimation(rng: np.random.Generator, width: int, height: int) -> Collimation:
    """A field drawn broadly: whole frame, round, blades, or round and blades, often off-centre."""
    kind = rng.choice(["frame", "round", "blades", "both"], p=[0.2, 0.3, 0.25, 0.25])
    edge_sd_px = float(rng.uniform(0.0, 0.012) * width)
    if kind == "frame":
        return Collimation.whole_frame(width, height)
    if kind == "round":
        return Collimation(_random_circle(rng, width, height), edge_sd_px)
    if kind == "blades":
        return Collimation(_random_blades(rng, width, height), edge_sd_px)
    circle = shapely.Polygon(_random_circle(rng, width, height))
    both = circle.intersection(shapely.Polygon(_random_blades(rng, width, height)))
    if not isinstance(both, shapely.Polygon) or both.area < 0.1 * width * height:
        both = circle
    return Collimation(np.array(both.exterior.coords)[:-1], edge_sd_px)


def _random_circle(
    rng: np.random.Generator, width: int, height: int
) -> Float[np.ndarray, "point 2"]:
    """A circle of 45 to 120 % of the frame, its centre up to an eighth of the frame off."""
    side = min(width, height)
    radius = 0.5 * side * rng.uniform(0.45, 1.2)
    centre = _random_centre(rng, width, height, spread=0.12)
    return circle_polygon((centre[0], centre[1]), radius)


def _random_blades(rng: np.random.Generator, width: int, height: int) -> Float[np.ndarray, "4 2"]:
    """A rectangle of 35 to 120 % of the frame, each side by itself, often a little rolled."""
    half = 0.5 * np.array([width, height]) * rng.uniform(0.35, 1.2, size=2)
    roll = rng.choice([0.0, rng.uniform(-0.15, 0.15), rng.uniform(-np.pi / 4, np.pi / 4)])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    return _random_centre(rng, width, height, spread=0.15) + corners @ turn


def _random_centre(
    rng: np.random.Generator, width: int, height: int, spread: float
) -> Float[np.ndarray, "2"]:
    """The frame's centre moved by up to `spread` of its size."""
    size = np.array([width, height])
    return (size - 1) / 2 + rng.uniform(-spread, spread, size=2) * size


@njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _coverage(polygon, width, height):
    """Share of each pixel inside the polygon, even-odd rule."""
    covered = np.zeros((height, width), dtype=np.float32)
    crossings = np.empty(len(polygon))
    weight = np.float32(1.0 / ROWS_PER_PX)
    for sub_row in range(height * ROWS_PER_PX):
        v = (sub_row + 0.5) / ROWS_PER_PX - 0.5
        count = 0
        for n in range(len(polygon)):
            u0, v0 = polygon[n - 1]
            u1, v1 = polygon[n]
            if (v0 <= v) != (v1 <= v):
                crossings[count] = u0 + (v - v0) * (u1 - u0) / (v1 - v0)
                count += 1
        spans = np.sort(crossings[:count])
        for s in range(0, count - 1, 2):
            left, right = max(spans[s], -0.5), min(spans[s + 1], width - 0.5)
            for column in range(int(np.floor(left + 0.5)), min(int(right + 0.5) + 1, width)):
                share = min(right, column + 0.5) - max(left, column - 0.5)
                if share > 0:
                    covered[sub_row // ROWS_PER_PX, column] += weight * np.float32(share)
    return covered
