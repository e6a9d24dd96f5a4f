"""The head alone: couch, cushions and head rest taken out of a CT.

Two things set a couch apart. It goes on unchanged along the scan: its columns are filled from the
first slice to the last, and are not those of the middle of the head. And its shells are
thin: an opening cuts them off, and ears and nose, being small, are put back.

A couch runs along the slices' axis; under a tilted gantry, along the z axis of the scanner.
"""

import numpy as np
from jaxtyping import Bool, Float, Real
from scipy import ndimage

from .hounsfield import PADDING_HU
from .label_map import PlacedMask, placed_on
from .morphology import distance_mm, filled, labelled
from .resample import nearest_mask
from .volume import Volume

TISSUE_ABOVE_HU = -300
EMPTY_HU = -1000
GRID_MM = 2.0
FILLED_SHARE = 0.95  # of the slices, in a couch's column
WIDE_MM = 150.0
DENSER_HU = 100.0  # than nearly all of the couch: bone
SURFACE_BELOW_HU = 0
OPENING_MM = 5.0
REGROWN_MM = 6.0
SMALL_MM = 80.0  # an ear, a nose; couches are larger
MARGIN_MM = 4.0  # the skin's soft edge
TILTED_DEG = 2.0
PADDING_BELOW_HU = -1020  # what was not scanned is -1024
Mask = Bool[np.ndarray, "i j k"]


def without_couch(volume: Volume) -> Volume:
    """The same CT with everything but the head, and the air in it, at -1000 HU."""
    coarse = volume.resampled(GRID_MM)
    return kept_alone(volume, head_mask(coarse), coarse.ct_from_voxel)


def kept_alone(
    volume: Volume, head: Bool[np.ndarray, "a b c"], ct_from_mask: Float[np.ndarray, "4 4"]
) -> Volume:
    """The CT within a mask on a coarser grid with the same axes, and -1000 HU around it."""
    keep = nearest_mask(head, ct_from_mask, volume.shape, volume.ct_from_voxel)
    data_hu = np.where(keep, volume.data_hu, volume.data_hu.dtype.type(EMPTY_HU))
    return Volume(data_hu, volume.ct_from_voxel, volume.notes, volume.fingerprint)


def head_mask(coarse: Volume) -> Bool[np.ndarray, "i j k"]:
    """The head with its cavities and the edge of its skin, on a grid with voxels of GRID_MM."""
    tissue = coarse.data_hu > TISSUE_ABOVE_HU
    if not tissue.any():
        raise ValueError(f"the CT holds no tissue, nothing is above {TISSUE_ABOVE_HU} HU")
    couch = _couch(coarse, tissue)
    tissue &= ~couch
    core = _core(tissue)
    head = tissue & (distance_mm(core, GRID_MM) <= REGROWN_MM)
    head = _with_small_parts(head, tissue)
    return (distance_mm(filled(head), GRID_MM) <= MARGIN_MM) & ~couch


def _couch(coarse: Volume, tissue: Mask) -> Mask:
    """What runs along the slices' axis, and along the scanner's z where that is another one."""
    axis = int(np.argmax(np.abs(coarse.ct_from_voxel[2, :3])))
    couch = _couch_along(coarse.data_hu, np.ones_like(tissue), axis)
    upright = abs(coarse.ct_from_voxel[2, axis]) / coarse.spacing_mm[axis]
    if np.degrees(np.arccos(min(upright, 1.0))) > TILTED_DEG:
        level = _level(coarse)
        found = _couch_along(level.data_hu, level.data_hu > PADDING_BELOW_HU, 2)
        placed = PlacedMask(found, level.ct_from_voxel)
        couch |= placed_on(placed, coarse.shape, coarse.ct_from_voxel)
    return couch


def _level(coarse: Volume) -> Volume:
    """The CT on a grid along the scanner's own axes, padded where it was not scanned."""
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in coarse.shape])).reshape(3, 8).T
    corners = coarse.points_ct(ends)
    count = np.ceil(np.ptp(corners, axis=0) / GRID_MM).astype(int) + 1
    ct_from_voxel = np.diag([GRID_MM, GRID_MM, GRID_MM, 1.0])
    ct_from_voxel[:3, 3] = corners.min(axis=0)
    voxel_from_level = coarse.voxel_from_ct @ ct_from_voxel
    data_hu = ndimage.affine_transform(
        coarse.data_hu.astype(np.float32, copy=False),
        voxel_from_level[:3, :3],
        voxel_from_level[:3, 3],  # type: ignore[arg-type]
        output_shape=tuple(count),
        order=1,
        cval=PADDING_HU,
    )
    return Volume(data_hu, ct_from_voxel)


def _couch_along(data_hu: Real[np.ndarray, "i j k"], scanned: Mask, axis: int) -> Mask:
    """The couch's columns and its blurred surface, less what is as dense as a head pressed in."""
    tissue = data_hu > TISSUE_ABOVE_HU
    columns = _couch_columns(tissue, scanned, axis)
    if not columns.any():
        return np.zeros_like(tissue)
    surface = np.asarray(ndimage.binary_dilation(columns), bool) & ~columns
    inside, around = (np.expand_dims(c, axis) & scanned for c in (columns, surface))
    densest_hu = np.percentile(data_hu[inside], 95) + DENSER_HU
    return (inside & (data_hu < densest_hu)) | (around & (data_hu < SURFACE_BELOW_HU))


def _couch_columns(tissue: Mask, scanned: Mask, axis: int) -> Bool[np.ndarray, "a b"]:
    """Columns along the scan filled throughout, wide or cut by the edge, and not the head."""
    count = scanned.sum(axis=axis)
    columns = tissue.sum(axis=axis) >= FILLED_SHARE * np.maximum(count, count.max() / 2)
    labels, _ = labelled(columns)
    deepest = np.unravel_index(np.argmax(_depth_mm(tissue)), tissue.shape)
    head = labels[tuple(np.delete(deepest, axis))]
    couch = np.zeros_like(columns)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        extent_mm = GRID_MM * max(side.stop - side.start for side in box)
        at_edge = any(
            side.start == 0 or side.stop == size
            for side, size in zip(box, columns.shape, strict=True)
        )
        if label != head and (at_edge or extent_mm > WIDE_MM):
            couch |= labels == label
    return couch


def _core(tissue: Bool[np.ndarray, "i j k"]) -> Bool[np.ndarray, "i j k"]:
    """The opened tissue around its deepest point, which couches, being flat, do not hold."""
    depth_mm = _depth_mm(tissue)
    eroded = depth_mm > OPENING_MM
    if not eroded.any():
        return tissue
    labels, _ = labelled(eroded)
    return distance_mm(labels == labels.flat[np.argmax(depth_mm)], GRID_MM) <= OPENING_MM


def _depth_mm(tissue: Bool[np.ndarray, "i j k"]) -> Float[np.ndarray, "i j k"]:
    """How far inside a voxel lies, cavities counted as tissue."""
    return distance_mm(~filled(tissue), GRID_MM)


def _with_small_parts(
    head: Bool[np.ndarray, "i j k"], tissue: Bool[np.ndarray, "i j k"]
) -> Bool[np.ndarray, "i j k"]:
    """The head and what hangs on it that is not larger than an ear."""
    labels, _ = labelled(tissue & ~head)
    touching = np.unique(labels[np.asarray(ndimage.binary_dilation(head), bool)])
    boxes = ndimage.find_objects(labels)
    small = [
        label
        for label in touching[touching > 0]
        if GRID_MM * max(side.stop - side.start for side in boxes[label - 1]) <= SMALL_MM
    ]
    return head | np.isin(labels, small)
