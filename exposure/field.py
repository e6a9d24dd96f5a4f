"""The exposed field of one image: its outline in undistorted pixels, and where that came from."""

import math
from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Float, Num

from calibration import Camera

SOURCES = ("detected", "header", "given", "assumed")
CIRCLE_CORNERS = 180


@dataclass(frozen=True, eq=False)
class Field:
    """An ordered outline (undistorted pixels) that encloses the exposed part of an image.

    `exposed` is False for an image that was recorded with the tube off.
    """

    outline_px: Float[np.ndarray, "corner 2"]
    source: str
    exposed: bool

    def __init__(self, outline_px: Num[np.ndarray, "corner 2"], source: str, exposed: bool = True):
        """Raises ValueError on an outline that encloses nothing or crosses itself."""
        if source not in SOURCES:
            raise ValueError(f"a field's source is one of {', '.join(SOURCES)}; found {source!r}")
        outline = np.array(outline_px, dtype=np.float64)
        if len(outline) > 1 and np.array_equal(outline[0], outline[-1]):
            outline = outline[:-1]
        if len(outline) < 3 or not np.isfinite(outline).all():
            raise ValueError(
                f"a field's outline needs 3 or more finite corners: {outline.tolist()}"
            )
        polygon = shapely.Polygon(outline)
        if not polygon.is_valid or polygon.area == 0:
            reason = shapely.is_valid_reason(polygon)
            raise ValueError(
                f"a field's outline must enclose an area without crossing itself: {reason}"
            )
        object.__setattr__(self, "outline_px", outline)
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "exposed", exposed)

    @staticmethod
    def whole_image(camera: Camera) -> "Field":
        """All of the image to its pixels' outer edges, where no field is known."""
        right, bottom = camera.width - 0.5, camera.height - 0.5
        corners = [[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]]
        return Field(np.array(corners), "assumed")

    @staticmethod
    def circle(center_px: Num[np.ndarray, "2"], radius_px: float, source: str) -> "Field":
        """A polygon of 180 corners with exactly the circle's area, off it by 1e-4 of the radius."""
        step = 2 * math.pi / CIRCLE_CORNERS
        reach_px = radius_px * math.sqrt(step / math.sin(step))
        angle = step * np.arange(CIRCLE_CORNERS)
        return Field(center_px + reach_px * np.stack([np.cos(angle), np.sin(angle)], -1), source)
