"""Pictures for the pages about a training: what a network finds in images it was not trained on."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from .report_pictures import QUALITY
from .view_page import webp

TILE_PX, COLUMNS = 300, 4
TRUE_BGR, FOUND_BGR = (233, 180, 86), (0, 159, 230)
KEY = "Blue rings: where the landmark is. Orange crosses: where it was found."


def sheet_of_tiles(tiles: Sequence[np.ndarray]) -> bytes:
    """Tiles (TILE_PX square, blue first) in rows of four, as WebP."""
    blank = np.full((TILE_PX, TILE_PX, 3), 32, np.uint8)
    filled = [*tiles, *[blank] * (-len(tiles) % COLUMNS if len(tiles) > COLUMNS else 0)]
    rows = [np.hstack(filled[n : n + COLUMNS]) for n in range(0, len(filled), COLUMNS)]
    return webp(np.vstack(rows), QUALITY)


def tile_of(
    image: Float[np.ndarray, "h w"],
    true_px: Float[np.ndarray, "n 2"],
    found_px: Float[np.ndarray, "n 2"],
) -> np.ndarray:
    """An image in a square tile, with true and found places; what is NaN or outside is left out."""
    low, high = np.quantile(image, [0.005, 0.995])
    grey = np.clip(255 * (image - low) / max(float(high - low), 1e-9), 0, 255).astype(np.uint8)
    scale = TILE_PX / max(image.shape)
    size = [max(1, round(scale * n)) for n in image.shape[::-1]]
    tile = np.full((TILE_PX, TILE_PX, 3), 32, np.uint8)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
    tile[: size[1], : size[0]] = small[..., None]
    for true, found in zip(true_px, found_px, strict=True):
        both = (np.stack([true, found]) + 0.5) * scale - 0.5
        if not np.isfinite(both).all() or (np.abs(both) > 10 * TILE_PX).any():
            continue
        if not ((both[0] >= 0) & (both[0] < size)).all():
            continue
        a, b = (tuple(round(16 * float(x)) for x in p) for p in both)
        cv2.line(tile, a, b, FOUND_BGR, 1, cv2.LINE_AA, 4)
        cv2.circle(tile, a, 16 * 4, TRUE_BGR, 1, cv2.LINE_AA, 4)
        for du, dv in ((64, 0), (0, 64)):
            ends = (b[0] - du, b[1] - dv), (b[0] + du, b[1] + dv)
            cv2.line(tile, *ends, FOUND_BGR, 1, cv2.LINE_AA, 4)
    return tile


def network_tiles(
    network: nn.Module,
    planes: Float[np.ndarray, "view plane h w"],
    true_px: Float[np.ndarray, "view landmark 2"],
    shown: Bool[np.ndarray, "view landmark"],
) -> list[np.ndarray]:
    """Tiles of radiographs as a landmark network sees them; `shown` are the landmarks drawn."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        found_px = network(torch.from_numpy(planes).to(device)).uv.cpu().numpy()
    hidden = np.where(shown[..., None], true_px, np.nan)
    return [
        tile_of(-p[0], np.asarray(t, np.float64), np.asarray(f, np.float64))
        for p, t, f in zip(planes, hidden, found_px, strict=True)
    ]
