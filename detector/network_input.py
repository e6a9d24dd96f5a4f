"""From a frame to what the network sees: the same steps in training and in use.

The network looks at a square window around the field, 128 x 128 pixels, in four planes: attenuation
(bright bone, standardised), the same with its local mean and contrast taken out (which survives
gamma, scatter and shading), the field, and which way the head is supposed to face.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

INPUT_PX = 128
PLANES = 4
MARGIN = 0.04
"""Rim around the field, a share of its longer side."""
LOCAL_SD_PX = 6.0
DARKEST = 0.02
"""Added to the transmission before the logarithm: what is darker carries no more contrast."""


@dataclass(frozen=True)
class Window:
    """The square of a frame that the network sees: the edge of its upper left corner, its side."""

    left_px: float
    top_px: float
    side_px: float
    quarter_turns: int = 0

    def network_from_frame(self, uv_px: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Network pixels of frame pixels."""
        uv = (uv_px - [self.left_px, self.top_px] + 0.5) * (INPUT_PX / self.side_px) - 0.5
        for _ in range(self.quarter_turns % 4):
            uv = np.stack([uv[..., 1], INPUT_PX - 1 - uv[..., 0]], axis=-1)
        return uv

    def frame_from_network(self, uv: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Frame pixels of network pixels."""
        for _ in range(self.quarter_turns % 4):
            uv = np.stack([INPUT_PX - 1 - uv[..., 1], uv[..., 0]], axis=-1)
        return (uv + 0.5) * (self.side_px / INPUT_PX) - 0.5 + [self.left_px, self.top_px]


def window_around(polygon_px: Float[np.ndarray, "corner 2"], quarter_turns: int = 0) -> Window:
    """The square window around a field's outline."""
    low, high = polygon_px.min(0), polygon_px.max(0)
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    if not side > 0:
        raise ValueError(f"the field's outline has no area: corners from {low} to {high} px")
    left, top = (low + high - side) / 2 + 0.5
    return Window(float(left), float(top), side, quarter_turns)


def look_through(
    image: Float[np.ndarray, "height width"], window: Window
) -> Float[np.ndarray, "128 128"]:
    """The window's content, area-averaged; zero outside the image."""
    scale = INPUT_PX / window.side_px
    reduce = max(1, int(1 / scale))
    small = image
    if reduce > 1:
        height, width = (size // reduce * reduce for size in image.shape)
        blocks = image[:height, :width].reshape(height // reduce, reduce, width // reduce, reduce)
        small = np.ascontiguousarray(blocks.mean((1, 3)), dtype=np.float32)
    frame_px = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # three places fix the affine map
    source = (frame_px + 0.5) / reduce - 0.5
    target = Window(window.left_px, window.top_px, window.side_px).network_from_frame(frame_px)
    affine = cv2.getAffineTransform(source.astype(np.float32), target.astype(np.float32))
    seen = cv2.warpAffine(small, affine, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray(np.rot90(seen, window.quarter_turns))


def field_mask(
    polygon_px: Float[np.ndarray, "corner 2"], window: Window
) -> Float[np.ndarray, "128 128"]:
    """The field's outline filled in the network's window, 0 to 1."""
    corners = np.rint(window.network_from_frame(polygon_px) * 16).astype(np.int32)
    mask = np.zeros((INPUT_PX, INPUT_PX), np.uint8)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_8, 4)
    return mask.astype(np.float32) / 255


def planes_of(
    transmission: Float[np.ndarray, "128 128"], mask: Float[np.ndarray, "128 128"]
) -> Float[np.ndarray, "3 128 128"]:
    """Standardised attenuation, the same with local contrast taken out, and the field."""
    inside = mask > 0.5
    if inside.sum() < 64:
        return np.stack([np.zeros_like(mask), np.zeros_like(mask), mask])
    low, high = np.percentile(transmission[inside], [0.5, 99.5])
    relative = np.clip((transmission - low) / max(high - low, 1e-6), 0, 1.2)
    attenuation = -np.log(relative + DARKEST).astype(np.float32)
    dark, bright = np.percentile(attenuation[inside], [2, 98])
    plain = (attenuation - (dark + bright) / 2) * (2 / max(bright - dark, 1e-3))
    plain = np.clip(plain, -2, 2).astype(np.float32) * mask
    weight = _blurred(mask) + 1e-3
    detail = (plain - _blurred(plain) / weight) * mask
    contrast = np.sqrt(_blurred(detail * detail) / weight)
    detail = np.clip(detail / (contrast + 0.02), -3, 3)
    return np.stack([plain, detail, mask])


def with_facing(
    planes: Float[np.ndarray, "3 128 128"], facing: float
) -> Float[np.ndarray, "4 128 128"]:
    """The planes and a constant one: +1 where the face looks at the source, -1 where away."""
    return np.concatenate([planes, np.full_like(planes[:1], facing)])


def _blurred(plane: Float[np.ndarray, "128 128"]) -> Float[np.ndarray, "128 128"]:
    return cv2.GaussianBlur(plane, (0, 0), LOCAL_SD_PX)
