"""A part of the head that the user names: how much of it a beam meets, how far and how deep it is.

A structure is a cloud of points that fill it evenly. A lens is one, too: the points of a sphere, or
of the voxels that were segmented.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from drr import PlacedMask

from .outline import are_inside, edges_by_row

MOST_POINTS = 2000


@dataclass(frozen=True, eq=False)
class Structure:
    """Points (mm, ct) spread evenly over a structure, its centroid and its volume."""

    points_ct: Float[np.ndarray, "point 3"]
    center_ct: Float[np.ndarray, "3"]
    volume_mm3: float

    @staticmethod
    def of_mask(placed: PlacedMask) -> "Structure":
        """The structure that a mask marks; ValueError where it marks nothing."""
        voxels = np.argwhere(placed.mask)
        if len(voxels) == 0:
            raise ValueError("the structure has no voxel")
        affine = placed.ct_from_voxel
        points = voxels @ affine[:3, :3].T + affine[:3, 3]
        chosen = np.random.default_rng(0).permutation(len(points))[:MOST_POINTS]
        volume = len(voxels) * abs(float(np.linalg.det(affine[:3, :3])))
        return Structure(np.ascontiguousarray(points[np.sort(chosen)]), points.mean(0), volume)


def ball_points(radius_mm: float, count: int = 512) -> Float[np.ndarray, "point 3"]:
    """Points spread evenly in a ball about the origin: height in equal steps, azimuth and radius
    by the two irrational steps of a low-discrepancy sequence.
    """
    n = np.arange(count) + 0.5
    turn = 2 * math.pi * 0.7548776662466927 * n
    z = 1 - 2 * n / count
    across = np.sqrt(1 - z * z)
    direction = np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)
    radius = radius_mm * np.cbrt((n * 0.5698402909980532) % 1.0)
    return direction * radius[:, None]


def share_in_field(
    outline: Float[np.ndarray, "corner 2"],
    points_ct: Float[np.ndarray, "point 3"],
    cam_from_ct: Float[np.ndarray, "4 4"],
) -> float:
    """Share of the points whose shadow lies inside the field's outline, (x/z, y/z) in `cam`."""
    return share_inside(outline, points_ct @ cam_from_ct[:3, :3].T + cam_from_ct[:3, 3])


def share_inside(
    outline: Float[np.ndarray, "corner 2"], points_cam: Float[np.ndarray, "point 3"]
) -> float:
    """Share of points whose projection lies inside the outline; none behind the source does."""
    ahead = points_cam[points_cam[:, 2] > 0.0]
    inside = are_inside(edges_by_row(outline), *(ahead[:, :2] / ahead[:, 2:]).T)
    return int(inside.sum()) / len(points_cam)
