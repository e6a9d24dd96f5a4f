"""Pictures of a frame with what the pose says should be seen there: the bone's edge, the field."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from calibration import Camera, Rigid
from drr import Projector

WIDTH_PX = 640
EDGE_MM = 1.5  # a ray through this much cranium is inside of its shadow
BONE_BGR, FIELD_BGR = (0, 159, 230), (233, 180, 86)


def overlay(
    image: Float[np.ndarray, "height width"],
    camera: Camera,
    cranium: Projector,
    world_from_ct: Rigid,
    field_px: Float[np.ndarray, "corner 2"] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """The frame, local contrast raised, with the cranium's outline (orange) and the field (blue).

    Colours are in OpenCV's order, blue first; the colour-blind tell them apart too.
    """
    scale = WIDTH_PX / camera.width
    large = camera.resized(scale)
    shown = cv2.resize(
        _stretched(image), (large.width, large.height), interpolation=cv2.INTER_CUBIC
    )
    picture = cv2.cvtColor(shown, cv2.COLOR_GRAY2BGR)
    cam_from_ct = camera.cam_from_world @ world_from_ct
    bone_mm = cranium.render(large.K, large.width, large.height, cam_from_ct).numpy()
    for outline in bone_outlines(bone_mm):
        _draw(picture, outline, BONE_BGR)
    if field_px is not None:
        _draw(picture, (field_px + 0.5) * scale - 0.5, FIELD_BGR)
    return picture


def bone_outlines(bone_mm: Float[np.ndarray, "h w"]) -> list[Float[np.ndarray, "point 2"]]:
    """Closed outlines (px) of the bone's shadow in an image of its thickness along the rays."""
    inside = (bone_mm > EDGE_MM).astype(np.uint8)
    found, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [outline[:, 0].astype(np.float64) for outline in found if len(outline) > 30]


def _draw(picture: np.ndarray, outline_px: np.ndarray, color: tuple[int, int, int]) -> None:
    """A closed line at sub-pixel positions."""
    points = np.round(outline_px * 16).astype(np.int32)
    cv2.polylines(picture, [points], True, color, 1, cv2.LINE_AA, shift=4)


def _stretched(image: np.ndarray) -> np.ndarray:
    """8-bit grey values over the range that the image uses, local contrast raised."""
    low, high = np.quantile(image, [0.005, 0.995])
    grey = np.clip(255 * (image - low) / max(high - low, 1e-6), 0, 255).astype(np.uint8)
    return cv2.createCLAHE(3.0, (6, 6)).apply(grey)
