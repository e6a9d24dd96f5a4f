"""The skin map as a picture: the head from six sides, coloured by what its skin received.

Drawn without OpenGL, by the rasteriser that finds the patches, so it needs no display.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from calibration.atomic import whole

from .raster import faces_in_box, first_hits
from .skin_map import SkinMap

SIDE_PX, MARGIN_PX, BAR_PX = 360, 28, 90
UNEXPOSED, CUT, PAPER = 150.0, 90.0, 255
VIEWS = {
    "from the front": ((-1, 0, 0), (0, -1, 0)),
    "from the back": ((1, 0, 0), (0, 1, 0)),
    "from above": ((1, 0, 0), (0, 0, -1)),
    "left side": ((0, -1, 0), (1, 0, 0)),
    "right side": ((0, 1, 0), (-1, 0, 0)),
    "from below": ((-1, 0, 0), (0, 0, 1)),
}
"""The image's right and the direction of looking, in `skull`."""


class Shown(NamedTuple):
    """What the colours mean: values of the faces and their name with its unit."""

    values: Float[np.ndarray, "face"]
    label: str


def shown_of(skin_map: SkinMap) -> Shown:
    """The most that is known: kerma, else the sum of k_isq, else the number of frames."""
    if skin_map.kerma_sum_mGy.any():
        return Shown(skin_map.kerma_sum_mGy, "incident air kerma, mGy")
    if skin_map.k_isq_sum.any():
        return Shown(skin_map.k_isq_sum, "sum of k_isq (relative)")
    return Shown(skin_map.frames_hit.sum(axis=0).astype(np.float64), "frames hit, all views")


def skin_picture(skin_map: SkinMap) -> UInt8[np.ndarray, "height width 3"]:
    """The head from six sides with one scale of colours; blue first, as OpenCV has it."""
    shown = shown_of(skin_map)
    top = max(float(shown.values.max()), 1e-12)
    tiles = [_tile(skin_map, shown.values / top, name) for name in VIEWS]
    picture = np.vstack([np.hstack(tiles[:3]), np.hstack(tiles[3:])])
    return np.hstack([picture, _bar(len(picture), top, shown.label)])


def write_skin_picture(path: str | Path, skin_map: SkinMap) -> None:
    """Write the picture as a PNG, whole or not at all."""
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"{path}: the picture is a PNG; end its name in .png")
    encoded = cv2.imencode(".png", skin_picture(skin_map))[1]
    with whole(path) as unfinished:
        unfinished.write_bytes(encoded.tobytes())


def _tile(skin_map: SkinMap, share: np.ndarray, name: str) -> np.ndarray:
    """One side of the head: grey skin, exposed faces in colour, shaded by their slope."""
    skin = skin_map.head.skin
    right, forward = (np.array(v, dtype=np.float64) for v in VIEWS[name])
    axes = np.stack([right, np.cross(forward, right), forward])
    skull_from_ct = skin_map.head.skull_from_ct.matrix().numpy()
    turn = axes @ skull_from_ct[:3, :3]
    xyz = skin.vertices_ct @ turn.T
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    middle, half = (low + high) / 2, float((high - low)[:2].max()) / 2 * 1.04
    xyw = np.column_stack([xyz[:, :2], high[2] - xyz[:, 2] + 1.0])
    box = (middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half)
    front = faces_in_box(skin.faces, xyw, box)
    face, _ = first_hits(skin.faces, front, xyw, box, SIDE_PX)
    tile = np.full((SIDE_PX + MARGIN_PX, SIDE_PX, 3), PAPER, np.uint8)
    on, at = face >= 0, face[face >= 0]
    slope = -(skin.face_vectors[at] @ turn[2]) / skin.area_mm2[at]
    color = cv2.applyColorMap(
        np.round(255 * share[at]).astype(np.uint8)[:, None], cv2.COLORMAP_PLASMA
    )[:, 0].astype(np.float64)
    color[share[at] <= 0] = UNEXPOSED
    color[skin.on_cut[at]] = CUT
    tile[MARGIN_PX:][on] = np.clip(color * (0.45 + 0.55 * slope)[:, None], 0, 255)
    _write(tile, name, (8, 19))
    return tile


def _bar(height: int, top: float, label: str) -> np.ndarray:
    """The scale of colours with its ends in numbers, and its label along it."""
    bar = np.full((height, BAR_PX, 3), PAPER, np.uint8)
    first, last = 60, height - 40
    ramp = np.linspace(255, 0, last - first).round().astype(np.uint8)[:, None]
    bar[first:last, 12:32] = cv2.applyColorMap(ramp, cv2.COLORMAP_PLASMA)
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        _write(bar, f"{part * top:.3g}", (36, round(last - part * (last - first)) + 4))
    lying = np.full((BAR_PX, height, 3), PAPER, np.uint8)
    _write(lying, label, (height // 2 - 4 * len(label), BAR_PX - 8))
    standing = cv2.rotate(lying, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return np.minimum(bar, standing)


def _write(picture: np.ndarray, text: str, at: tuple[int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
