"""Shapes of masks on a grid with voxels of one size: distance, holes, pieces."""

from typing import cast

import numpy as np
import SimpleITK as sitk
from jaxtyping import Bool, Float, Int
from scipy import ndimage


def distance_mm(mask: Bool[np.ndarray, "i j k"], voxel_mm: float) -> Float[np.ndarray, "i j k"]:
    """How far a voxel's centre is from the mask's nearest, 0 within; infinite where it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask, np.uint8))
    signed = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=False
    )
    return np.maximum(sitk.GetArrayFromImage(signed), 0) * np.float32(voxel_mm)


def opened(
    mask: Bool[np.ndarray, "i j k"], radius_mm: float, voxel_mm: float
) -> Bool[np.ndarray, "i j k"]:
    """What a ball of that radius reaches inside the mask; beyond the grid the mask goes on."""
    eroded = distance_mm(~mask, voxel_mm) > radius_mm
    return distance_mm(eroded, voxel_mm) <= radius_mm


def labelled(
    mask: Bool[np.ndarray, "..."], neighbours: Bool[np.ndarray, "..."] | None = None
) -> tuple[Int[np.ndarray, "..."], int]:
    """Labels of the connected pieces from 1 on, 0 outside, and how many there are."""
    return cast(tuple[np.ndarray, int], ndimage.label(mask, neighbours))


def filled(mask: Bool[np.ndarray, "i j k"]) -> Bool[np.ndarray, "i j k"]:
    """The mask with every hole that it encloses in a slice along any of the three axes."""
    full = mask.copy()
    for axis in range(3):
        in_slice = np.indices((3, 3, 3))[axis] == 1
        neighbours = ndimage.generate_binary_structure(3, 1) & in_slice
        labels, count = labelled(~mask, neighbours)
        outside = np.zeros(count + 1, bool)
        for other in {0, 1, 2} - {axis}:
            outside[np.take(labels, [0, -1], axis=other)] = True
        outside[0] = False
        full |= (labels > 0) & ~outside[labels]
    return full


def pieces(
    mask: Bool[np.ndarray, "i j k"],
) -> tuple[Int[np.ndarray, "i j k"], Int[np.ndarray, "label"]]:
    """Labels of the connected pieces from 1 on, and how many voxels each label has (0: outside)."""
    labels, count = labelled(mask)
    return labels, np.bincount(labels.ravel(), minlength=count + 1)


def largest(mask: Bool[np.ndarray, "i j k"]) -> Bool[np.ndarray, "i j k"]:
    """The piece with the most voxels; empty where the mask is."""
    labels, sizes = pieces(mask)
    if len(sizes) == 1:
        return mask
    return labels == 1 + int(np.argmax(sizes[1:]))
