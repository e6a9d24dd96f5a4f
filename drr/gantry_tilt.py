"""Slices of a tilted gantry made one upright stack.

The corners of such slices run along a slanted line. Each slice is shifted in its own plane, by
whole pixels exactly and by the rest with a windowed sinc (Lanczos, three lobes).
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Real

from .hounsfield import PADDING_HU
from .volume import Volume

LOBES = 3
STRAIGHT_MM = 0.1
"""Slices that drift no more than this over the whole stack are not tilted."""
SQUARE = 1e-3


def upright(volume: Volume) -> Volume:
    """The same CT on perpendicular axes, said in its notes; itself where it has them already.

    The slices are those along the coarsest axis whose planes are right-angled.

    Raises:
        ValueError: no two of the axes are perpendicular: such a grid is no stack of slices.
    """
    steps, spacing_mm = volume.ct_from_voxel[:3, :3], volume.spacing_mm
    axes = steps / spacing_mm
    cosines = np.abs([axes[:, n - 2] @ axes[:, n - 1] for n in range(3)])  # of the other two axes
    lengths_mm = spacing_mm * (np.array(volume.shape) - 1)
    if (cosines * lengths_mm.max() <= STRAIGHT_MM).all():
        return volume
    right_angled = np.flatnonzero(cosines < SQUARE)
    if not len(right_angled):
        raise ValueError(
            "the axes of the voxels are not perpendicular and not those of tilted slices either: "
            f"{steps.round(4).tolist()}; resample the CT to perpendicular axes"
        )
    along = int(right_angled[spacing_mm[right_angled].argmax()])
    first, second = (n for n in range(3) if n != along)
    plane = axes[:, [first, second]]
    drift_mm = plane.T @ steps[:, along]
    count = volume.shape[along]
    offsets = np.arange(count)[:, None] * drift_mm / spacing_mm[[first, second]]
    straight, corner = straightened(np.moveaxis(volume.data_hu, along, 0), count, offsets)
    ct_from_voxel = volume.ct_from_voxel.copy()
    ct_from_voxel[:3, along] -= plane @ drift_mm
    ct_from_voxel[:3, 3] += ct_from_voxel[:3, [first, second]] @ corner
    return Volume(
        np.moveaxis(straight, 0, along),
        ct_from_voxel,
        (*volume.notes, tilt_note(drift_mm, ct_from_voxel[:3, along])),
    )


def tilt_note(drift_mm: Float[np.ndarray, "2"], step_mm: Float[np.ndarray, "3"]) -> str:
    """How far a stack was tilted, in words."""
    angle = np.degrees(np.arctan2(np.linalg.norm(drift_mm), np.linalg.norm(step_mm)))
    return f"the gantry was tilted by {angle:.1f} deg: the slices were shifted to stand upright"


def straightened(
    slices: Iterable[Real[np.ndarray, "a b"]], count: int, offsets: Float[np.ndarray, "slice 2"]
) -> tuple[Real[np.ndarray, "slice a2 b2"], Float[np.ndarray, "2"]]:
    """The slices shifted by their own offsets (pixels), and where the new corner is (pixels).

    The frame grows so that nothing is lost; what it adds is padding.
    """
    low = np.floor(offsets.min(axis=0) + 1e-6).astype(int)
    room = np.ceil(offsets.max(axis=0) - 1e-6).astype(int) - low
    straight = np.empty((0, 0, 0), np.int16)
    for n, (hu, offset) in enumerate(zip(slices, offsets - low, strict=True)):
        if n == 0:
            shape = count, hu.shape[0] + room[0], hu.shape[1] + room[1]
            straight = np.full(shape, PADDING_HU, hu.dtype)
        if hu.dtype != straight.dtype:
            straight, hu = straight.astype(np.float32, copy=False), hu.astype(np.float32)
        same = not offset.any() and hu.shape == straight.shape[1:]
        straight[n] = hu if same else shifted(hu, offset, straight.shape[1:])
    return straight, low.astype(float)


def shifted(
    hu: Real[np.ndarray, "a b"], offset: Float[np.ndarray, "2"], shape: tuple[int, ...]
) -> Real[np.ndarray, "a2 b2"]:
    """A slice laid into padding at an offset of so many pixels, none of them negative."""
    whole = np.rint(offset).astype(int)
    canvas = np.full((shape[0] + 2, shape[1] + 2), PADDING_HU, np.float32)
    a, b = whole + 1
    canvas[a : a + hu.shape[0], b : b + hu.shape[1]] = hu
    for axis, part in enumerate(offset - whole):
        if abs(part) > SQUARE:
            canvas = _moved_by_part(canvas, axis, float(part))
    canvas = np.clip(canvas[1:-1, 1:-1], min(hu.min(), PADDING_HU), hu.max())
    return np.rint(canvas).astype(hu.dtype) if hu.dtype == np.int16 else canvas


def _moved_by_part(
    image: Float[np.ndarray, "a b"], axis: int, part: float
) -> Float[np.ndarray, "a b"]:
    """The image moved along an axis by less than a pixel; padding comes in."""
    taps = np.arange(-LOBES, LOBES + 1)
    reach = taps + part
    weights = np.sinc(reach) * np.sinc(reach / LOBES) * (np.abs(reach) < LOBES)
    weights = (weights / weights.sum()).astype(np.float32)
    empty = np.float32(PADDING_HU)
    width = [(0, 0), (0, 0)]
    width[axis] = (LOBES, LOBES)
    padded = np.pad(image - empty, width)
    moved = np.full(image.shape, empty)
    for n, weight in enumerate(weights):
        window = [slice(None)] * 2
        window[axis] = slice(n, n + image.shape[axis])
        moved += weight * padded[tuple(window)]
    return moved
