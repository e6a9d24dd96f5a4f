"""Landmarks of any CT without annotation: points spread over the cranium's bone."""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from drr.anatomy import HeadAnatomy


def spread_landmarks(anatomy: HeadAnatomy, count: int = 64) -> dict[str, Float[np.ndarray, "3"]]:
    """`count` points (ct, mm) on the surface of the rigid bone, as far from each other as can be.

    Jaw and spine are left out, because they move against the cranium. The choice is deterministic:
    farthest-point sampling from the point farthest from the centroid. Named s00, s01, ...

    Raises:
        ValueError: the bone's surface has fewer points than asked for.
    """
    surface = _surface_ct(anatomy.cranium, anatomy.ct_from_voxel)
    if len(surface) < count:
        raise ValueError(
            f"the CT's bone has {len(surface)} surface points, {count} landmarks were asked for: "
            "is it a CT of bone, in HU?"
        )
    distance = np.linalg.norm(surface - surface.mean(0), axis=1)
    chosen = [int(distance.argmax())]
    distance = np.full(len(surface), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, np.linalg.norm(surface - surface[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    return {f"s{number:02d}": surface[index] for number, index in enumerate(chosen)}


def _surface_ct(
    mask: Bool[np.ndarray, "i j k"], ct_from_voxel: Float[np.ndarray, "4 4"]
) -> Float[np.ndarray, "point 3"]:
    """Centres (ct, mm) of the mask's voxels that touch its outside."""
    voxels = np.argwhere(mask & ~np.asarray(ndimage.binary_erosion(mask), bool))
    return voxels @ ct_from_voxel[:3, :3].T + ct_from_voxel[:3, 3]
