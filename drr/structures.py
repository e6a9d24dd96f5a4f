"""Radiographs of single structures: a label map gives one image a label."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from .projector import Intrinsics, Pose, Projector
from .volume import Volume

AIR_HU = -1000


def structure_projectors(
    volume: Volume,
    labels: Integer[np.ndarray, "i j k"],
    chosen: Iterable[int] | None = None,
    mu_water_per_mm: float = 0.02,
) -> dict[int, Projector]:
    """A projector of what carries each label, cut to its bounding box.

    Rendering is linear in the attenuation, so that the images of all labels add up to the image
    of the whole, and none costs more than its own box.

    Args:
        labels: one label a voxel; as large as the volume.
        chosen: the labels wanted; all that occur, without it.

    Raises:
        ValueError: the label map has another shape, or a chosen label does not occur in it.
    """
    if labels.shape != volume.shape:
        raise ValueError(f"the label map has shape {labels.shape}, the volume {volume.shape}")
    wanted = np.unique(labels) if chosen is None else chosen
    return {int(x): _projector_of(volume, labels == x, int(x), mu_water_per_mm) for x in wanted}


def render_structures(
    projectors: Mapping[int, Projector], K: Intrinsics, width: int, height: int, cam_from_ct: Pose
) -> Float[Tensor, "label height width"]:
    """Line integrals of each structure, dimensionless, in the mapping's order."""
    return torch.stack([p.render(K, width, height, cam_from_ct) for p in projectors.values()])


def _projector_of(volume: Volume, mask, label: int, mu_water_per_mm: float) -> Projector:
    """The volume's part in the mask, in air."""
    filled = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not filled[0].size:
        raise ValueError(f"label {label} does not occur in the label map")
    box = tuple(slice(int(f[0]), int(f[-1]) + 1) for f in filled)
    data_hu = np.where(mask[box], volume.data_hu[box], np.asarray(AIR_HU, volume.data_hu.dtype))
    ct_from_voxel = np.array(volume.ct_from_voxel)
    ct_from_voxel[:3, 3] += ct_from_voxel[:3, :3] @ [f[0] for f in filled]
    return Projector(Volume(data_hu, ct_from_voxel), mu_water_per_mm)
