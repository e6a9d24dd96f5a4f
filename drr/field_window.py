"""The square window around the field that networks look through.

Frames of any size come down to the pixels of a network, by the same steps in training and in use.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float

NETWORK_PX = 128
"""Side of the landmark network's input."""
MARGIN = 0.04
"""Rim around the field, a share of its longer side."""


@dataclass(frozen=True)
class Window:
    """The square of a frame that the network sees: the edge of its upper left corner, its side."""

    left_px: float
    top_px: float
    side_px: float
    quarter_turns: int = 0
    size_px: int = NETWORK_PX
    """Pixels of the network along each side."""

    def network_from_frame(self, uv_px: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Network pixels of frame pixels."""
        uv = (uv_px - [self.left_px, self.top_px] + 0.5) * (self.size_px / self.side_px) - 0.5
        for _ in range(self.quarter_turns % 4):
            uv = np.stack([uv[..., 1], self.size_px - 1 - uv[..., 0]], axis=-1)
        return uv

    def frame_from_network(self, uv: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Frame pixels of network pixels."""
        for _ in range(self.quarter_turns % 4):
            uv = np.stack([self.size_px - 1 - uv[..., 1], uv[..., 0]], axis=-1)
        return (uv + 0.5) * (self.side_px / self.size_px) - 0.5 + [self.left_px, self.top_px]


def window_around(
    polygon_px: Float[np.ndarray, "corner 2"], quarter_turns: int = 0, size_px: int = NETWORK_PX
) -> Window:
    """The square window around a field's outline.

    Raises:
        ValueError: the outline has no area.
    """
    low, high = polygon_px.min(0), polygon_px.max(0)
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    if not side > 0:
        raise ValueError(f"the field's outline has no area: corners from {low} to {high} px")
    left, top = (low + high - side) / 2 + 0.5
    return Window(float(left), float(top), side, quarter_turns, size_px)


def look_through(
    image: Float[np.ndarray, "height width"], window: Window
) -> Float[np.ndarray, "side side"]:
    """The window's content, area-averaged; zero outside the image."""
    size = window.size_px
    scale = size / window.side_px
    reduce = max(1, int(1 / scale))
    small = image
    if reduce > 1:
        height, width = (size // reduce * reduce for size in image.shape)
        blocks = image[:height, :width].reshape(height // reduce, reduce, width // reduce, reduce)
        small = np.ascontiguousarray(blocks.mean((1, 3)), dtype=np.float32)
    frame_px = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # three places fix the affine map
    source = (frame_px + 0.5) / reduce - 0.5
    target = replace(window, quarter_turns=0).network_from_frame(frame_px)
    affine = cv2.getAffineTransform(source.astype(np.float32), target.astype(np.float32))
    seen = cv2.warpAffine(small, affine, (size, size), flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray(np.rot90(seen, window.quarter_turns))


def field_mask(
    polygon_px: Float[np.ndarray, "corner 2"], window: Window
) -> Float[np.ndarray, "side side"]:
    """The field's outline filled in the network's window, 0 to 1."""
    corners = np.rint(window.network_from_frame(polygon_px) * 16).astype(np.int32)
    mask = np.zeros((window.size_px, window.size_px), np.uint8)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_8, 4)
    return mask.astype(np.float32) / 255
