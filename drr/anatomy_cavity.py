"""The endocranial cavity: the largest soft space that bone encloses all round.

From a voxel of the brain nearly every line meets bone, also where the CT is cut (a line that leaves
the CT is no witness); from the neck, the mouth or an orbit many lines leave the head. A ball then
rolls through that space: it does not fit through the foramen magnum.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from .morphology import distance_mm, largest, opened, pieces
from .volume import moved

ENCLOSED_SHARE = 0.85  # of the lines that are witnesses
WITNESSES = 9  # of 26; the rest may leave the CT where it is cut
BALL_MM = 12.0
CANAL_BALL_MM = 5.0
CANAL_SHARE = 0.75
CANAL_FROM_CORE_MM = (10.0, 16.0)
CANAL_BEHIND_FRONT_MM = 55.0
CANAL_OFF_MIDDLE_MM = 30.0  # leaves out the pockets under the temporal lobes
CANAL_VOXELS = 30
CORE_BALL_MM = 20.0  # wider than any foramen magnum: stays above the base
SMALLEST_MM3 = 150e3
LARGEST_MM3 = 2500e3
Mask = Bool[np.ndarray, "i j k"]


class Endocranium(NamedTuple):
    """The cavity, its core that ends above the foramen magnum, and where the canal leaves it."""

    cavity: Bool[np.ndarray, "i j k"]
    core: Bool[np.ndarray, "i j k"]
    canal_ct: Float[np.ndarray, "3"] | None  # just below the foramen; None where the CT ends above


def find_endocranium(
    bone: Mask, head: Mask, ct_from_voxel: Float[np.ndarray, "4 4"]
) -> Endocranium | None:
    """The cavity on the bone's grid of even voxels; None where there is none of a head's size.

    `head` is the bone and all soft tissue: a line that leaves it through air leaves the head.
    """
    voxel_mm = float(np.linalg.norm(ct_from_voxel[:3, 0]))
    share = ndimage.uniform_filter(enclosure(bone, head), 3)
    soft = head & ~bone
    cavity = largest(opened(soft & (share >= ENCLOSED_SHARE), BALL_MM, voxel_mm))
    core = largest(opened(cavity, CORE_BALL_MM, voxel_mm))
    if not SMALLEST_MM3 <= int(cavity.sum()) * voxel_mm**3 <= LARGEST_MM3 or not core.any():
        return None
    canal = opened(soft & (share >= CANAL_SHARE), CANAL_BALL_MM, voxel_mm)
    from_core = distance_mm(core, voxel_mm)
    canal &= (from_core > CANAL_FROM_CORE_MM[0]) & (from_core < CANAL_FROM_CORE_MM[1])
    return Endocranium(cavity, core, _lowest_behind(canal, core, ct_from_voxel))


def _lowest_behind(
    canal: Mask, core: Mask, ct_from_voxel: Float[np.ndarray, "4 4"]
) -> Float[np.ndarray, "3"] | None:
    """The middle of the lowest of the pieces in the rear, near the midline, below the cavity."""
    front = moved(ct_from_voxel, np.argwhere(core))[:, 1].max()
    middle = moved(ct_from_voxel, np.argwhere(core).mean(axis=0))
    labels, sizes = pieces(canal)
    found = [
        moved(ct_from_voxel, np.array(ndimage.center_of_mass(labels == label)))
        for label in np.flatnonzero(sizes >= CANAL_VOXELS)
        if label > 0
    ]
    behind = [
        p
        for p in found
        if front - p[1] > CANAL_BEHIND_FRONT_MM
        and abs(p[0] - middle[0]) < CANAL_OFF_MIDDLE_MM
        and p[2] < middle[2]
    ]
    return min(behind, key=lambda p: p[2]) if behind else None


def enclosure(bone: Mask, head: Mask) -> Float[np.ndarray, "i j k"]:
    """Share of the 26 lines to the neighbours' directions that meet bone inside the head.

    Lines that leave the grid inside the head count neither way; 0 where too few are left.
    """
    hits = np.zeros(bone.shape, np.float32)
    misses = np.zeros(bone.shape, np.float32)
    for i, j, k in itertools.product((-1, 0, 1), repeat=3):
        if i or j or k:
            hit, cut = line_ends(bone, head, (i, j, k))
            hits += hit
            misses += ~(hit | cut)
    witnesses = hits + misses
    return np.where(witnesses >= WITNESSES, hits / np.maximum(witnesses, 1), 0).astype(np.float32)


def line_ends(bone: Mask, head: Mask, direction: tuple[int, int, int]) -> tuple[Mask, Mask]:
    """Where a line in that direction meets bone, and where it meets none and is cut in the head."""
    axis = next(a for a in range(3) if direction[a])
    side = tuple(int(d) for d in np.delete(direction, axis))
    bone, head = np.moveaxis(bone, axis, 0), np.moveaxis(head, axis, 0)
    hit, cut = bone.copy(), head & ~bone  # right where the next voxel is off the grid
    order = range(len(bone))
    for n in list(reversed(order) if direction[axis] > 0 else order)[1:]:
        here, ahead = on_grid_slices(side)
        hit[n][here] |= hit[n + direction[axis]][ahead]
        cut[n][here] = ~hit[n][here] & cut[n + direction[axis]][ahead]
    return np.moveaxis(hit, 0, axis), np.moveaxis(cut, 0, axis)


def on_grid_slices(side: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The voxels whose neighbour to that side is on the grid, and those neighbours."""
    here = tuple(slice(1, None) if d < 0 else slice(None, -1 if d > 0 else None) for d in side)
    ahead = tuple(slice(1, None) if d > 0 else slice(None, -1 if d < 0 else None) for d in side)
    return here, ahead
