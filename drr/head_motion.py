"""Jaw and neck moved against the cranium in a CT, with the landmarks: so that nobody trusts them.

`with_neck_bent` needs only the CT's anatomy, `with_jaw_opened` (head_jaw.py) a label map of the
mandible. Both leave every voxel of the cranium as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Num
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from .anatomy import HeadAnatomy
from .deformation import as_type_of, compiled, trilinear
from .head_jaw import with_jaw_opened
from .head_posture import turned_back
from .head_solids import Number, ramp
from .morphology import distance_mm, pieces
from .volume import Volume, moved

__all__ = ["NeckBend", "neck_bend", "unbent_points", "with_jaw_opened", "with_neck_bent"]
STILL_MM, BENT_MM = 4.0, 90.0  # from the head: nothing moves nearer, all of the turn farther off
BELOW_MM = 80.0  # over so much under the skull base the bend begins
FACE_BEFORE_PIVOT_MM = 30.0  # bone in front of it is jaw and face, not neck
SMALLEST_FACE_VOXELS = 50
PIVOT_BELOW_CAVITY_MM = 6.0
LARGEST_BEND_DEG = 40.0
LEAST_VOLUME, FOLD_STEP, FLESH_HU = 0.15, 3, -300.0  # determinant, grid voxels, what is not air
Landmarks = Mapping[str, Float[np.ndarray, "3"]]


@dataclass(frozen=True, eq=False)
class NeckBend:
    """A point of the bent neck was where it is turned back to about the pivot.

    Args:
        turn: rotation vector of the lowest neck against the head, rad, ct axes.
        share: of that turn, on a grid of its own, 0 in the head.
    """

    turn: Float[np.ndarray, "3"]
    pivot_ct: Float[np.ndarray, "3"]
    share: Float[np.ndarray, "i j k"]
    ct_from_share: Float[np.ndarray, "4 4"]


def with_neck_bent(
    volume: Volume,
    landmarks: Landmarks,
    anatomy: HeadAnatomy,
    *,
    flexion_deg: Number = 0.0,
    turn_deg: Number = 0.0,
    tilt_deg: Number = 0.0,
) -> tuple[Volume, dict[str, Float[np.ndarray, "3"]]]:
    """The CT with the neck bent smoothly under the skull base, and its landmarks (ct, mm).

    Cranium, face and jaw stay as they are; the turn grows with the distance from them. The CT's
    axes are taken for the head's.

    Args:
        flexion_deg: chin toward the chest; turn_deg: face to the right; tilt_deg: right ear to
            the right shoulder; of the head against the lowest neck.

    Raises:
        ValueError: the CT is no head, an angle is above 40 degrees in all, or the bend folds flesh.
    """
    bend = neck_bend(anatomy, flexion_deg=flexion_deg, turn_deg=turn_deg, tilt_deg=tilt_deg)
    least = least_volume(bend, volume)
    if least < LEAST_VOLUME:
        raise ValueError(
            f"the bend would fold the neck's flesh (volumes shrink to {least:.2f}); bend it less "
            f"than by {np.rad2deg(np.linalg.norm(bend.turn)):.0f} degrees in this direction"
        )
    data = np.ascontiguousarray(volume.data_hu, dtype=np.float32)
    new = np.empty_like(data)
    share_from_voxel = np.linalg.inv(bend.ct_from_share) @ volume.ct_from_voxel
    _bend(data, volume.ct_from_voxel, volume.voxel_from_ct, share_from_voxel, *_plain(bend), new)
    places = {name: _bent_point(bend, point) for name, point in landmarks.items()}
    return Volume(as_type_of(new, volume), volume.ct_from_voxel), places


def neck_bend(
    anatomy: HeadAnatomy,
    *,
    flexion_deg: Number = 0.0,
    turn_deg: Number = 0.0,
    tilt_deg: Number = 0.0,
) -> NeckBend:
    """How the neck of a head is bent; ValueError as for `with_neck_bent`."""
    if not anatomy.is_head or anatomy.cavity is None:
        raise ValueError("the CT shows no endocranial cavity: is it a CT of a head?")
    turn = np.deg2rad(np.array([flexion_deg, -tilt_deg, turn_deg], dtype=np.float64))
    if not np.linalg.norm(turn) <= np.deg2rad(LARGEST_BEND_DEG):
        raise ValueError(
            f"the neck can be bent by {LARGEST_BEND_DEG:g} degrees in all, found flexion "
            f"{flexion_deg}, turn {turn_deg} and tilt {tilt_deg}"
        )
    pivot = _pivot_ct(anatomy)
    voxel_mm = float(np.linalg.norm(anatomy.ct_from_voxel[:3, 0]))
    head = anatomy.cranium | anatomy.cavity | _face(anatomy, pivot)
    heights = sum(
        anatomy.ct_from_voxel[2, a] * np.arange(n).reshape([-1 if b == a else 1 for b in range(3)])
        for a, n in enumerate(head.shape)
    )
    below = ramp(pivot[2] - heights - anatomy.ct_from_voxel[2, 3], 0, BELOW_MM)
    share = ramp(distance_mm(head, voxel_mm), STILL_MM, BENT_MM) * below
    return NeckBend(turn, pivot, share.astype(np.float32), anatomy.ct_from_voxel)


def unbent_points(bend: NeckBend, points_ct: Num[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Where points of the bent neck were."""
    angle = float(np.linalg.norm(bend.turn))
    if angle == 0:
        return points_ct.astype(np.float64)
    places = moved(np.linalg.inv(bend.ct_from_share), points_ct)
    share = map_coordinates(bend.share, places.T, order=1, mode="nearest", output=np.float64)
    back = turned_back(
        (points_ct[:, 0], points_ct[:, 1], points_ct[:, 2]),
        bend.pivot_ct,
        bend.turn / angle,
        share * angle,
    )
    return np.stack(back, axis=1)


def _bent_point(bend: NeckBend, point: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Where a point has gone, by fixed-point steps."""
    new = np.asarray(point, dtype=np.float64)
    for _ in range(200):
        step = point - unbent_points(bend, new[None])[0]
        new = new + step
        if np.abs(step).max() < 1e-9:
            break
    return new


def _pivot_ct(anatomy: HeadAnatomy) -> Float[np.ndarray, "3"]:
    """Between the occipital condyles: a little under the lowest part of the cavity."""
    assert anatomy.cavity is not None
    cavity_ct = moved(anatomy.ct_from_voxel, np.argwhere(anatomy.cavity))
    lowest = cavity_ct[:, 2].min()
    return cavity_ct[cavity_ct[:, 2] < lowest + 6].mean(0) - [0, 0, PIVOT_BELOW_CAVITY_MM]


def _face(anatomy: HeadAnatomy, pivot_ct: Float[np.ndarray, "3"]) -> Bool[np.ndarray, "i j k"]:
    """Jaw and upper face: the pieces of bone beside the cranium that lie before the spine."""
    labels, sizes = pieces(anatomy.bone & ~anatomy.cranium)
    before = np.zeros(len(sizes), bool)
    for label in np.flatnonzero(sizes >= SMALLEST_FACE_VOXELS):
        if label > 0:
            middle = moved(anatomy.ct_from_voxel, np.argwhere(labels == label).mean(0))
            before[label] = middle[1] > pivot_ct[1] + FACE_BEFORE_PIVOT_MM
    return before[labels]


def least_volume(bend: NeckBend, volume: Volume) -> float:
    """The smallest Jacobian determinant of the map back where there is flesh, on a coarse grid."""
    grid = [np.arange(0, n, FOLD_STEP, dtype=np.float64) for n in bend.share.shape]
    shape = tuple(len(axis) for axis in grid)
    if min(shape) < 2:
        return 1.0
    voxels = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)
    old = unbent_points(bend, moved(bend.ct_from_share, voxels))
    at = volume.voxels(old)
    hu = map_coordinates(volume.data_hu, at.T, order=1, mode="nearest", output=np.float32)
    first = tuple(slice(0, n - 1) for n in shape)
    old = old.reshape(*shape, 3)
    slopes = np.stack([np.diff(old, axis=a)[first] for a in range(3)], axis=-1) / FOLD_STEP
    size = np.linalg.det(slopes @ np.linalg.inv(bend.ct_from_share[:3, :3]))
    return float(size[hu.reshape(shape)[first] > FLESH_HU].min(initial=1.0))


def _plain(bend: NeckBend) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """What the compiled loop takes: pivot, axis, angle and share."""
    angle = float(np.linalg.norm(bend.turn))
    axis = Rotation.from_rotvec(bend.turn).as_rotvec() / max(angle, 1e-12)
    return bend.pivot_ct, axis, angle, bend.share


@compiled
@no_type_check
def _bend(data, ct_from_voxel, voxel_from_ct, share_from_voxel, pivot, axis, angle, share, new):
    """Fill `new` with data at the places turned back; where nothing turns, with data itself."""
    n_i, n_j, n_k = data.shape
    place, at, v = np.empty(3), np.empty(3), np.empty(3)
    for i in range(n_i):
        for j in range(n_j):
            for k in range(n_k):
                for n in range(3):
                    row = share_from_voxel[n]
                    place[n] = row[0] * i + row[1] * j + row[2] * k + row[3]
                part = trilinear(
                    share, np.float32(place[0]), np.float32(place[1]), np.float32(place[2])
                )
                if part == 0:
                    new[i, j, k] = data[i, j, k]
                    continue
                for n in range(3):
                    row = ct_from_voxel[n]
                    v[n] = row[0] * i + row[1] * j + row[2] * k + row[3] - pivot[n]
                cos, sin = np.cos(part * angle), np.sin(-part * angle)
                along = (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]) * (1 - cos)
                for n in range(3):
                    a, b = (n + 1) % 3, (n + 2) % 3
                    cross = axis[a] * v[b] - axis[b] * v[a]
                    at[n] = v[n] * cos + cross * sin + axis[n] * along + pivot[n]
                for n in range(3):
                    row = voxel_from_ct[n]
                    place[n] = row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]
                new[i, j, k] = trilinear(
                    data, np.float32(place[0]), np.float32(place[1]), np.float32(place[2])
                )
