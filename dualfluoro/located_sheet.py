"""A sheet of images with the landmarks that were found in them: a PNG to look at."""

from pathlib import Path

import cv2
import numpy as np

from calibration.atomic import whole
from drr import Volume

from .located import Located

TILE_PX = 480
COLUMNS = 4
MOST_TILES = 24
IN_FIELD, OUTSIDE = (80, 220, 255), (90, 90, 255)  # blue, green, red
SLAB_MM = 2.0


def write_sheet(path: Path, located: list[Located]) -> Path:
    """Each landmark's place with a circle of two deviations; volumes from front and side."""
    tiles = [tile for item in located if item.source is not None for tile in _tiles(item)]
    tiles = tiles[:MOST_TILES] or [np.zeros((TILE_PX, TILE_PX, 3), np.uint8)]
    height, width = np.max([tile.shape[:2] for tile in tiles], axis=0)
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for n, tile in enumerate(tiles):
        v, u = n // columns * height, n % columns * width
        sheet[v : v + tile.shape[0], u : u + tile.shape[1]] = tile
    with whole(path) as unfinished:
        if not cv2.imwrite(str(unfinished), sheet):
            raise OSError(f"{path}: the picture cannot be written")
    return path


def _tiles(item: Located) -> list[np.ndarray]:
    if isinstance(item.source, Volume):
        return [_projected(item, item.source, across) for across in (1, 0)]
    assert item.source is not None and item.uv_px is not None and item.sd_px is not None
    return [_drawn(item.source, item.uv_px, item.sd_px, item)]


def _projected(item: Located, volume: Volume, across: int) -> np.ndarray:
    """The bone along an axis of RAS: 1 is the front view, 0 the side view."""
    from detector.patch_image import image_3d

    assert item.xyz_mm is not None and item.sd_mm is not None
    even = image_3d(volume, SLAB_MM)
    bone = np.clip(even.values.numpy() - 0.9, 0, None).mean(axis=across)
    kept = [axis for axis in range(3) if axis != across]
    index = even.index(item.xyz_mm)[:, kept]
    height = bone.shape[1]
    uv = np.stack([index[:, 0], height - 1 - index[:, 1]], axis=1)
    return _drawn(bone.T[::-1], uv, item.sd_mm / SLAB_MM, item)


def _drawn(grey: np.ndarray, uv: np.ndarray, sd: np.ndarray, item: Located) -> np.ndarray:
    low, high = np.percentile(grey, (0.5, 99.5))
    shown = np.clip((grey - low) / max(float(high - low), 1e-9), 0, 1)
    scale = TILE_PX / max(grey.shape)
    size = [max(1, round(scale * n)) for n in grey.shape[::-1]]
    small = cv2.resize((255 * shown).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    tile = np.repeat(small[..., None], 3, axis=-1)
    for (u, v), spread, inside in zip(
        (uv + 0.5) * scale - 0.5, sd * scale, item.in_field, strict=True
    ):
        if not (np.abs([u, v]) < 10 * TILE_PX).all():
            continue
        color, place = (IN_FIELD if inside else OUTSIDE), (round(u), round(v))
        cv2.circle(tile, place, max(2, min(TILE_PX, round(2 * spread))), color, 1, cv2.LINE_AA)
        cv2.circle(tile, place, 1, color, -1, cv2.LINE_AA)
    name = item.name if item.recognised else f"{item.name}: not recognised"
    cv2.putText(tile, name[:44], (8, len(tile) - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.5, IN_FIELD, 1)
    return tile
