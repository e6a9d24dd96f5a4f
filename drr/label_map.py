"""Masks from a label map: whole numbers on a grid, as segmentation programs write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class PlacedMask(NamedTuple):
    """A mask and where it lies: p_ct = ct_from_voxel @ (i, j, k, 1), mm."""

    mask: Bool[np.ndarray, "i j k"]
    ct_from_voxel: Float[np.ndarray, "4 4"]


def read_labels(path: str | Path, values: Sequence[int] = ()) -> PlacedMask:
    """Where a label map (NIfTI, NRRD, MetaImage) has one of the values; any but 0 if none is given.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no whole numbers, or not the values; says which ones it has.
    """
    from .volume_files import read_stored  # the readers are slow to import

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"label map not found: {path}")
    try:
        stored = read_stored(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    labels = stored.data_hu
    whole = labels if labels.dtype == np.int16 else np.rint(labels)
    if not np.array_equal(labels, whole):
        raise ValueError(f"{path}: a label map holds whole numbers, found fractions")
    present = np.unique(whole).astype(int)
    wanted = list(values) or [value for value in present if value != 0]
    missing = sorted(set(wanted) - set(present.tolist()))
    if missing or not wanted:
        shown = ", ".join(map(str, present[:12])) + (", ..." if len(present) > 12 else "")
        what = f"has no label {', '.join(map(str, missing))}" if missing else "marks nothing"
        raise ValueError(f"{path}: the label map {what}; its labels are {shown}")
    return PlacedMask(np.isin(whole, wanted), stored.ct_from_voxel)


def placed_on(
    placed: PlacedMask, shape: tuple[int, ...], ct_from_voxel: Float[np.ndarray, "4 4"]
) -> Bool[np.ndarray, "a b c"]:
    """The mask on any other grid, each voxel as the nearest of the mask's; False beyond it."""
    mask_from_voxel = np.linalg.inv(placed.ct_from_voxel) @ ct_from_voxel
    a, b = np.mgrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, bool)
    for c in range(shape[2]):
        places = [
            np.rint(row[0] * a + row[1] * b + (row[2] * c + row[3])).astype(int)
            for row in mask_from_voxel[:3]
        ]
        on = np.all(
            [(p >= 0) & (p < n) for p, n in zip(places, placed.mask.shape, strict=True)], axis=0
        )
        inside[..., c][on] = placed.mask[tuple(p[on] for p in places)]
    return inside
