"""The jaw opened in a CT whose mandible is labelled: rigid bone, flesh stretched between.

The mandible is cut out, flesh is laid in its place and drawn after it, and the bone is set in where
it has gone. So no bone is doubled; that of cranium and spine keeps its voxels.
"""

from collections.abc import Collection, Mapping

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy import ndimage
from scipy.spatial.transform import Rotation

from .anatomy import bone_threshold_hu
from .deformation import as_type_of
from .head_landmark_names import MANDIBLE_LANDMARKS
from .head_posture import GLIDE_MM, WIDEST_DEG
from .head_solids import Number
from .morphology import distance_mm
from .volume import Volume, moved

LARGEST_OPENING_DEG = 35.0
REAR_SHARE = 0.3  # of the jaw's length: its highest points there are the condyles
ROOM_MM = 45.0  # around the jaw, where flesh may move
COARSE_MM = 2.0  # grid of the distances
FLESH_HU, LEAST_FLESH_HU = 40.0, -300.0
FILL_SD_MM = 5.0
EDGE_MM = 1.5  # the bone's blurred edge goes with it
Mask = Bool[np.ndarray, "i j k"]


def with_jaw_opened(
    volume: Volume,
    landmarks: Mapping[str, Float[np.ndarray, "3"]],
    mandible: Shaped[np.ndarray, "..."],
    opening_deg: Number,
    *,
    still: Shaped[np.ndarray, "..."] | None = None,
    moving: Collection[str] = MANDIBLE_LANDMARKS,
) -> tuple[Volume, dict[str, Float[np.ndarray, "3"]]]:
    """The CT with its jaw opened by an angle, and its landmarks (ct, mm).

    The CT's axes are taken for the head's.

    Args:
        mandible: which voxels are mandible with its teeth; as large as the volume.
        still: voxels that must stay as they are, such as the cranium's; all bone but the mandible
            that is dense enough stays anyway.
        moving: the landmarks that go with the jaw.

    Raises:
        ValueError: a map has another shape, or shows no jaw with two condyles, or the angle is
            not 0 to 35 degrees.
    """
    for name, mask in (("mandible", mandible), ("still", still)):
        if mask is not None and mask.shape != volume.shape:
            raise ValueError(f"the map {name} has shape {mask.shape}, the volume {volume.shape}")
    if not 0 <= opening_deg <= LARGEST_OPENING_DEG:
        raise ValueError(f"opening_deg must be 0 to {LARGEST_OPENING_DEG:g}, found {opening_deg}")
    jaw = mandible.astype(bool)
    kept = np.zeros(volume.shape, bool) if still is None else still.astype(bool) & ~jaw
    motion = jaw_motion(volume, jaw, opening_deg)
    places = {
        name: moved(motion, point) if name in moving else np.array(point, dtype=np.float64)
        for name, point in landmarks.items()
    }
    if opening_deg == 0:
        return volume, places
    box = _room(volume, jaw, motion)
    here = volume.cropped(tuple(s.start for s in box), tuple(s.stop for s in box))
    threshold_hu = bone_threshold_hu(volume.data_hu)
    data = np.array(volume.data_hu)
    data[box] = as_type_of(_opened(here, jaw[box], kept[box], motion, threshold_hu), volume)
    return Volume(data, volume.ct_from_voxel), places


def jaw_motion(volume: Volume, jaw: Mask, opening_deg: Number) -> Float[np.ndarray, "4 4"]:
    """The rigid motion of the jaw (ct, mm) that opens it: a turn about the condyles, which glide.

    Raises:
        ValueError: the jaw has not a condyle on each side.
    """
    left, right = condyles_ct(volume, jaw)
    axis = (right - left) / np.linalg.norm(right - left)
    turn = Rotation.from_rotvec(-np.deg2rad(opening_deg) * axis).as_matrix()
    middle = (left + right) / 2
    motion = np.eye(4)
    motion[:3, :3] = turn
    motion[:3, 3] = middle + GLIDE_MM * (opening_deg / WIDEST_DEG) - turn @ middle
    return motion


def condyles_ct(volume: Volume, jaw: Mask) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the left and right condyle: the tops of the rear of each half of the jaw."""
    if not jaw.any():
        raise ValueError("the mandible's map is empty")
    points = volume.points_ct(np.argwhere(jaw).astype(np.float64))
    back, front = points[:, 1].min(), points[:, 1].max()
    rear = points[points[:, 1] < back + REAR_SHARE * (front - back)]
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    tops = []
    for half in (rear[rear[:, 0] < middle], rear[rear[:, 0] > middle]):
        if len(half) == 0:
            raise ValueError("the mandible's map has no ramus on one side")
        top = half[half[:, 2] > half[:, 2].max() - 8.0]
        tops.append(top.mean(0))
    if tops[1][0] - tops[0][0] < 40:
        raise ValueError(
            f"the mandible's condyles lie {tops[1][0] - tops[0][0]:.0f} mm apart: is the map that "
            "of a whole mandible, and x the way to the right?"
        )
    return tops[0], tops[1]


def _room(volume: Volume, jaw: Mask, motion: np.ndarray) -> tuple[slice, slice, slice]:
    """The box of voxels around the closed and the open jaw."""
    points = volume.points_ct(np.argwhere(jaw).astype(np.float64))
    both = volume.voxels(np.concatenate([points, moved(motion, points)]))
    margin = ROOM_MM / volume.spacing_mm
    low = np.clip(np.floor(both.min(0) - margin), 0, None).astype(int)
    high = np.minimum(np.ceil(both.max(0) + margin).astype(int) + 1, volume.shape)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k


def _opened(
    here: Volume, jaw: Mask, kept: Mask, motion: Float[np.ndarray, "4 4"], threshold_hu: float
) -> Float[np.ndarray, "i j k"]:
    """HU of the box with the jaw open, float32."""
    data = here.data_hu.astype(np.float32)
    reach = _within(jaw, EDGE_MM, here)
    dense = (data > threshold_hu) & ~jaw
    apart = dense & ~reach  # the rest is a rim of the jaw, or bone that nearly touches it
    bone = kept | apart | (dense & _within(apart, 1.4 * EDGE_MM, here))
    moving = jaw | (reach & ~bone)
    flesh = _filled(data, moving | _within(bone, EDGE_MM, here), here)
    bare = np.where(moving, data, flesh)  # the jaw in flesh alone
    voxel_from_old = here.voxel_from_ct @ np.linalg.inv(motion) @ here.ct_from_voxel
    share = _share(here, jaw, bone, motion)
    result = _sampled(flesh, voxel_from_old, share)
    near_bone = _within(bone, EDGE_MM, here) & ~moving
    result[near_bone] = data[near_bone]
    whole = np.ones_like(share)
    opaque = _sampled(moving.astype(np.float32), voxel_from_old, whole)
    opaque[bone] = 0  # the cranium keeps its voxels, also where the jaw runs into it
    return result + opaque * (_sampled(bare, voxel_from_old, whole) - result)


def _share(here: Volume, jaw: Mask, bone: Mask, motion: np.ndarray) -> Float[np.ndarray, "i j k"]:
    """How much of the jaw's motion each place makes: 1 at the open jaw, 0 at bone and far off."""
    steps = np.maximum(np.rint(COARSE_MM / here.spacing_mm).astype(int), 1)
    coarse = tuple(slice(None, None, int(n)) for n in steps)
    ct_from_coarse = here.ct_from_voxel @ np.diag([*steps, 1.0])
    shape = bone[coarse].shape
    even_mm = float((here.spacing_mm * steps).mean())
    places = np.moveaxis(np.indices(shape, dtype=np.float64), 0, -1).reshape(-1, 3)
    back = here.voxel_from_ct @ np.linalg.inv(motion) @ ct_from_coarse
    at = np.rint(moved(back, places)).astype(int)
    inside = ((at >= 0) & (at < jaw.shape)).all(-1)
    open_jaw = np.zeros(len(at), bool)
    open_jaw[inside] = jaw[tuple(at[inside].T)]
    from_jaw = distance_mm(open_jaw.reshape(shape), even_mm)
    from_bone = distance_mm(bone[coarse], even_mm)
    fading = np.clip(1 - from_jaw / ROOM_MM, 0, 1)
    share = np.where(np.isinf(from_bone), 1, from_bone / np.maximum(from_bone + from_jaw, 1e-3))
    voxels = np.indices(here.shape, dtype=np.float32) / steps[:, None, None, None]
    return ndimage.map_coordinates(
        (share * fading).astype(np.float32), voxels, order=1, mode="nearest"
    )


def _filled(
    data: Float[np.ndarray, "i j k"], hidden: Mask, here: Volume
) -> Float[np.ndarray, "i j k"]:
    """The data with flesh like that around in the place of bone."""
    known = (~hidden & (data > LEAST_FLESH_HU)).astype(np.float32)
    sd = FILL_SD_MM / here.spacing_mm
    weight = ndimage.gaussian_filter(known, sd) + 1e-4
    mean = (ndimage.gaussian_filter(known * data, sd) + 1e-4 * FLESH_HU) / weight
    return np.where(hidden, mean, data)


def _within(mask: Mask, reach_mm: float, here: Volume) -> Mask:
    """The mask grown by so much: a ball, in voxels of any shape."""
    reach = np.ceil(reach_mm / here.spacing_mm).astype(int)
    offsets = np.indices((2 * reach + 1).tolist()).T - reach
    ball = ((offsets * here.spacing_mm) ** 2).sum(-1).T <= reach_mm**2
    return np.asarray(ndimage.binary_dilation(mask, ball), bool)


def _sampled(
    data: Float[np.ndarray, "i j k"],
    voxel_from_old: Float[np.ndarray, "4 4"],
    share: Float[np.ndarray, "i j k"],
) -> Float[np.ndarray, "i j k"]:
    """Data at voxels that have gone back by a share of a rigid motion, slice by slice."""
    result = np.empty_like(data)
    step = voxel_from_old - np.eye(4)
    j, k = np.meshgrid(*[np.arange(n, dtype=np.float64) for n in data.shape[1:]], indexing="ij")
    for i in range(data.shape[0]):
        places = [
            place + share[i] * (row[0] * i + row[1] * j + row[2] * k + row[3])
            for place, row in zip((np.full_like(j, i), j, k), step[:3], strict=True)
        ]
        result[i] = ndimage.map_coordinates(data, places, order=1, mode="nearest")
    return result
